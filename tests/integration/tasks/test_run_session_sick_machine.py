"""A machine whose claude is logged out in mid-run: it costs one attempt, not one of each task."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.local_site import make_local_site
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

LOGGED_OUT = {
    "type": "result",
    "subtype": "success",
    "is_error": True,
    "num_turns": 1,
    "terminal_reason": "api_error",
    "api_error_status": 401,
    "result": "Not logged in · Please run /login",
}
SICK = f"""#!/bin/sh
case $* in *--version*) echo '2.1.332 (Claude Code)'; exit ;; 'auth status') echo '{{"loggedIn":true}}'; exit ;; esac
cat >/dev/null
echo '{json.dumps(LOGGED_OUT, ensure_ascii=False)}'
exit 1
"""


def test_a_machine_that_is_logged_out(tmp_path: Path, prefect_server: RealServer) -> None:
    """Whoever met it first goes elsewhere, all others never come there, and the report names it."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config(runs={"retry_delay_seconds": 0})
        program = tmp_path / "sick-claude"
        program.write_text(SICK)
        program.chmod(0o755)
        sick = site.machines[0].model_copy(update={"slots": 1, "claude": str(program)})
        fleet = json.dumps([machine.model_dump() for machine in (sick, site.machines[1])])
        tasks = site.write_tasks([{"id": f"t{number}", "prompt": "[[scenario:write]]"} for number in range(6)])
        assert site.start("orchestrate", tasks, "--run", "r1", MIYABI_MACHINES=fleet).wait() == 0
        found = Counter((result.machine, result.outcome) for result in site.run_folder().results())
        warnings = site.report().warnings
    sound = site.machines[1].name
    assert found == {(sick.name, Outcome.NOT_LOGGED_IN): 1, (sound, Outcome.SUCCEEDED): 6}
    assert any(warning.startswith(f"nothing more is sent to {sick.name} for a while: ") for warning in warnings)
