"""Usage limits in a rehearsed run: those that end soon are waited for, others end what would meet them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from miyabi.session import Outcome
from tests.support.local_site import LocalSite, make_local_site
from tests.support.prefect_server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(120)


def rehearse(site: LocalSite, *, seconds: int, **runs: Any) -> int:
    """The exit code of a rehearsal with one slot, whose first task meets a limit that lasts so long."""
    environment = {"MIYABI_REHEARSAL_LIMIT": "first", "MIYABI_REHEARSAL_LIMIT_SECONDS": str(seconds)}
    site.write_config(sessions={"environment": environment}, runs={"rehearsal_seconds_per_minute": 0} | runs)
    one = [site.machines[0].model_copy(update={"slots": 1}).model_dump()]
    tasks = site.write_tasks([{"id": "first", "priority": 1}, {"id": "second"}])
    command = site.start("orchestrate", tasks, "--run", "r1", "--rehearse", MIYABI_MACHINES=json.dumps(one))
    return command.wait()


def test_a_limit_that_ends_soon_is_waited_for(tmp_path: Any, prefect_server: RealServer) -> None:
    """The machine takes nothing until then; after it both tasks succeed, and the limit has burnt no attempt."""
    with make_local_site(tmp_path, prefect_server) as site:
        assert rehearse(site, seconds=4, limit_margin_seconds=1, retry_delay_seconds=0, max_attempts=1) == 0
        limited, again, second = site.run_folder().results()
    assert [limited.outcome, again.outcome, second.outcome] == [Outcome.USAGE_LIMIT, *[Outcome.SUCCEEDED] * 2]
    assert limited.resets_at
    assert all(each.start and each.start > limited.resets_at for each in (again, second))


def test_a_limit_that_lasts_too_long_ends_what_waits(tmp_path: Any, prefect_server: RealServer) -> None:
    """Nothing else is sent to the account's machines, and each task says why."""
    with make_local_site(tmp_path, prefect_server) as site:
        assert rehearse(site, seconds=7200, limit_patience_hours=1) == 1
        first, second = site.run_folder().results()
        assert any("nothing more is sent to" in warning for warning in site.report().warnings)
    assert (first.outcome, second.outcome, second.start) == (Outcome.USAGE_LIMIT, Outcome.NOT_STARTED, None)
    assert "usage limit" in str(second.error_text)
