"""A check that does not pass: what it printed last is kept with the result, and told without any secret."""

from __future__ import annotations

import asyncio
import json

from click.testing import CliRunner

from flows.cli.logs import logs
from miyabi.reports import write_report
from miyabi.sessions import Outcome
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture

SECRET = "correct horse battery"  # noqa: S105 - nobody's
SAYS = {"type": "result", "subtype": "success", "is_error": False, "result": f"Done.\n\nIt uses {SECRET}."}
AGENT = f"""#!/bin/sh
cat >/dev/null
echo 1 >a.txt && git add a.txt && git commit -qm a && printf '%s\\n' '{json.dumps(SAYS)}'
"""
CHECK = f"""seq 200; echo '```'; printf '\\033[31m%s\\033[0m\\n' "the password is {SECRET}"; echo 7 fell; exit 3"""


async def test_its_last_lines_are_told(workshop: Workshop) -> None:
    """The real lines stand in report.md and are shown by `miyabi logs`, and a secret that they had does not."""
    workshop.claude.write_text(AGENT)
    live = await workshop.run(workshop.machine(environment={"DB_PASSWORD": SECRET}), check=CHECK)
    result = await (await workshop.attempt(live)).run()
    assert (result.outcome, result.check_exit_status) == (Outcome.CHECK_FAILED, 3)
    last = [*map(str, range(154, 201)), "```", "the password is [redacted]", "7 fell"]
    assert result.check_output.splitlines() == last
    write_report(live.folder)
    report = live.folder.report_file.read_text()
    assert "\n".join(["````text", *last, "````"]) in report
    assert "> Done.  \n>\n> It uses &#91;redacted&#93;.  \n" in report
    asked = ["r1", "a", "-C", str(live.repository.root)]
    shown = await asyncio.to_thread(CliRunner().invoke, logs, asked)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[-50:] == [f"  | {line}" for line in last]
    assert "! the check of a ended with exit status 3 on m1; read check.log" in shown.output
    raw = await asyncio.to_thread(CliRunner().invoke, logs, [*asked, "--raw"])
    assert raw.output.encode() == (live.folder.attempt("a") / "stdout.jsonl").read_bytes()
    told = [report, shown.output, live.folder.report_values_file.read_text(), result.model_dump_json()]
    assert not [text for text in told if "horse" in text]
