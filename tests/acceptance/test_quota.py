"""A usage limit that one session meets holds back everybody who uses the account, until it is over."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from miyabi.sessions import Outcome
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

LIMIT_SECONDS = 6
MARGIN_SECONDS = 6.0
LATE_SECONDS = 0.7
"""A session begins so much later or earlier than was planned, on a computer that does other things too."""


def starts(site: LocalSite) -> list[float]:
    """When the sessions began, in their order, seconds since 1970."""
    return sorted(file.stat().st_mtime for file in (site.claude.parent / "calls").iterdir())


def orchestrate(site: LocalSite, account: str, slots: tuple[int, ...], nodes: list[dict[str, Any]]) -> Command:
    """A run whose machines all have the account, and these slots; no attempt may be burnt."""
    runs = {"limit_margin_seconds": MARGIN_SECONDS, "retry_delay_seconds": 0, "max_attempts": 1}
    site.write_config(runs=runs)
    names = (f"{account}-{site.folder.name}-{number}" for number in range(len(slots)))
    known = [{"name": name, "account": account, "slots": count} for name, count in zip(names, slots, strict=True)]
    machines = [machine.model_copy(update=each) for machine, each in zip(site.machines, known, strict=True)]
    return site.orchestrate(nodes, MIYABI_MACHINES=json.dumps([machine.model_dump() for machine in machines]))


def nodes(count: int) -> list[dict[str, Any]]:
    """Tasks whose first sessions fill the slots until the limit is met."""
    return [{"id": f"t{number}", "prompt": "[[scenario:gate:go]]"} for number in range(count)]


def test_one_limit_is_known_to_all(tmp_path: Path, prefect_server: RealServer) -> None:
    """On other machines, and in another orchestrator, no freed slot is used again; after the reset all goes on."""
    account = tmp_path.parent.name[-30:]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    sites = [make_local_site(tmp_path / name, prefect_server) for name in ("one", "two")]
    with sites[0] as one, sites[1] as two:
        limited = {"id": "limited", "prompt": f"[[scenario:limit:{LIMIT_SECONDS}]]", "priority": 1}
        first = orchestrate(one, account, (2, 1), [limited, *nodes(11)])
        second = orchestrate(two, account, (1, 1), nodes(8))
        eventually(lambda: len(starts(one)) == 3, seconds=150, why=lambda: first.output)
        eventually(lambda: len(starts(two)) == 2, seconds=150, why=lambda: second.output)
        one.open_gate("limit")
        one.open_gate("go")
        two.open_gate("go")
        told = (one.claude.parent / "gates" / "limit").stat().st_mtime
        first.succeeds()
        second.succeeds()
        attempts = [each for each in one.run_folder().results() if each.task == "limited"]
        begun = {"one": starts(one), "two": starts(two)}
    assert [each.outcome for each in attempts] == [Outcome.USAGE_LIMIT, Outcome.SUCCEEDED]
    assert attempts[0].resets_at
    opens = attempts[0].resets_at.timestamp() + MARGIN_SECONDS
    assert sum(map(len, begun.values())) == 21
    for site, times in begun.items():
        slots = 3 if site == "one" else 2
        early = [at for at in times if told < at < opens]  # in slots that were free before it was known
        assert len(early) <= slots, [at - told for at in early]
        assert all(at < (told + opens) / 2 for at in early), [at - told for at in early]
        after = [at for at in times if at >= opens]
        assert after, "nothing waited for the limit"
        step = MARGIN_SECONDS / slots
        spread = [at for at in after if at < opens + MARGIN_SECONDS]
        assert all(later - earlier > step - LATE_SECONDS for earlier, later in pairwise(spread))
