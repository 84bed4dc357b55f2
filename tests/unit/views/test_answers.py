"""The answers of reading commands as JSON: each keeps its schema, and each field is in the manual."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from miyabi.dag import Dag, simulate, unfinished
from miyabi.doctor import CheckedFleet, CheckedMachine, HealthFinding, Severity
from miyabi.errors import MachineError
from miyabi.machines import Cordon, Machine, Strategy
from miyabi.runs import (
    BudgetRow,
    Forecast,
    MachineFacts,
    MachineReport,
    RunFolder,
    Seen,
    earlier_tasks,
    forecast,
)
from miyabi.sessions import State, Status
from miyabi.views import (
    Address,
    Addresses,
    Answer,
    Machines,
    MachineSessions,
    MachineView,
    Runs,
    RunStatus,
    Schedule,
    Sessions,
    view_schedule,
    view_status,
)
from tests.support.values.results import result, run_folder, small_dag

MANUAL = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
ANSWERS = sorted(Answer.__subclasses__(), key=lambda kind: kind.__name__)
MACHINES = (Machine(name="m1", slots=2),)


def schedule(root: Path) -> Schedule:
    """What is planned of two tasks, one of which is done, after a run with one."""
    text = '{"nodes": [{"id": "a", "status": "done"}, {"id": "b", "dependencies": ["a"]}, {"id": "c"}]}'
    given = unfinished(Dag.from_text(text))
    foreseen: Forecast | None = forecast(
        given.dag, earlier_tasks(root), machines=MACHINES, strategy=Strategy.FILL_FIRST
    )
    assert foreseen
    budget = BudgetRow(setting="run_usd", whose="run", spent=0, limit=5)
    return view_schedule(given, simulate(given.dag, MACHINES), foreseen=foreseen, budgets=(budget,))


def sessions() -> Sessions:
    """A machine with three sessions, one of which has ended, and one that does not answer."""
    found = [
        ("r1.a.1", Status(state=State.RUNNING, out_bytes=7)),
        ("r1.b.0", Status(state=State.RUNNING, sets_up=True)),
        ("r1.c.2", Status(state=State.EXITED)),
    ]
    there = MachineSessions.of(MACHINES[0], found, ended_too=False)
    return Sessions(machines=(there, MachineSessions.unanswered(MACHINES[0], OSError("no route"))))


FACTS = MachineFacts(
    sessions=("r1.a.1",),
    system="Linux",
    git="2.50",
    perl="5.36.0",
    claude="2.1.332",
    login="oauth_token",
    free_mib=7,
    memory_mib=None,
    load=0.5,
    cores=8,
    cordon="cordoned by kazu",
    cordon_until=9.0,
)


def machines(now: float = 5.0) -> Machines:
    """A machine that somebody has taken out, and one that does not answer."""
    cordon = Cordon(machine="m1", drains=True, since=1.0, until=7.0, by="yuki")
    given = [(FACTS, Seen(now), cordon), (FACTS, Seen(now), None), (MachineError("no route"), Seen(1.0, 2.0), None)]
    found = (
        MachineView.of(MACHINES[0], facts, state="away", seen=seen, cordon=kept, now=now) for facts, seen, kept in given
    )
    return Machines(machines=tuple(found))


def checked() -> CheckedFleet:
    """A machine of which something was found, and one that could not be asked."""
    found = HealthFinding(id="umask", severity=Severity.WARNING, what="x", why="y", mend="z")
    known = MachineReport(machine="m1", system="Linux", git="2.50", claude="2.1.332", free_mib=None)
    there = (CheckedMachine.of(MACHINES[0], report, (found,)) for report in (known, None))
    return CheckedFleet(fit=True, machines=tuple(there), fleet=(found,))


def answer(kind: type[Answer], folder: RunFolder) -> Answer:
    """One of that kind, with as many of its fields as may be."""
    made: dict[type[Answer], Callable[[], Answer]] = {
        Schedule: lambda: schedule(folder.repository),
        Sessions: sessions,
        Machines: machines,
        Runs: lambda: Runs.read(folder.repository, most=None),
        CheckedFleet: checked,
        RunStatus: lambda: view_status(folder, settings=None),
        Addresses: lambda: Addresses(run="r1", addresses=(Address(kind="report", address="/r1/report.md"),)),
    }
    return made[kind]()


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_keeps_its_schema(tmp_path: Path, kind: type[Answer]) -> None:
    """What is printed is valid by the schema that is printed, and what lacks a field is not."""
    folder = run_folder(tmp_path, "r1", small_dag({"a": [], "b": ["a"]}), result("a"))
    schema, said = json.loads(kind.json_schema()), json.loads(answer(kind, folder).to_json())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(said)) == []
    assert said["schema_version"] == 1
    for name in said:
        if name in schema["required"]:
            assert not validator.is_valid({each: value for each, value in said.items() if each != name})


def fields(model: type[BaseModel]) -> Iterator[str]:
    """The names of all fields, of the values in it too."""
    schema: dict[str, Any] = model.model_json_schema(mode="serialization")
    for each in (schema, *schema.get("$defs", {}).values()):
        yield from each.get("properties", {})


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_manual_has_each_field(kind: type[Answer]) -> None:
    """No field is printed that nobody can look up."""
    assert [name for name in fields(kind) if f"`{name}`" not in MANUAL] == []


def test_slots_are_taken_by_sessions_alone() -> None:
    """A checkout that is set up ahead holds no slot, and is shown; what has ended is not."""
    there = sessions().machines[0]
    assert (there.taken, [(each.task, each.attempt) for each in there.sessions]) == (1, [("a", 1), ("b", None)])


def test_a_machine_is_out_as_the_server_says_else_as_it_says_itself() -> None:
    """Times are ISO 8601 in UTC; a cordon that is over is none, and what does not answer says nothing."""
    kept, own, away = json.loads(machines().to_json())["machines"]
    assert (kept["cordon"].startswith("drained by yuki"), kept["cordon_until"]) == (True, "1970-01-01T00:00:07Z")
    assert (own["cordon"], own["cordon_until"]) == ("cordoned by kazu", "1970-01-01T00:00:09Z")
    assert [each["cordon"] for each in json.loads(machines(now=9.0).to_json())["machines"]] == ["", "", ""]
    assert (away["used"], away["error"], away["git"]) == (None, "no route", "")
    assert (away["last_seen"], away["away_since"]) == ("1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z")
