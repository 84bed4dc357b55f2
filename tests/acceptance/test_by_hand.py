from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from miyabi.machines import Machine
from miyabi.runs import Board, TaskState
from miyabi.sessions import Outcome
from tests.support.claude.messages_api import MessagesApi
from tests.support.claude.real import claude_machine, messages_api  # noqa: F401 - a fixture
from tests.support.cli.site import BIN, CommandSite
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.cli.tmux import Tmux
from tests.support.git.repositories import git, make_repository
from tests.support.machines.processes import eventually
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

CANARY = "canary-7c1f09aa53d4"


def node(task: str, *upstreams: str, scenario: str = "write", check: str | None = None) -> dict[str, Any]:
    """A task that has to run on the first of the two machines."""
    prompt = f"Do it. [[scenario:{scenario}]]"
    return {"id": task, "prompt": prompt, "dependencies": upstreams, "requires": ["first"], "check": check}


def prepare_claude(site: Site, task: str) -> None:
    """What a person has answered claude on the first machine once, and for this checkout."""
    answer_claude(site.fleet[0].home / ".claude.json", checkout=site.checkout(task))


def answer_claude(file: Path, *, checkout: Path) -> None:
    """The same in that file of claude's."""
    known = json.loads(file.read_text())
    known["customApiKeyResponses"] = {"approved": ["dummy"], "rejected": []}
    known["projects"] = {str(checkout): {"hasTrustDialogAccepted": True}}
    file.write_text(json.dumps(known | {"hasCompletedOnboarding": True}))


def terminal(site: CommandSite, *words: str) -> Tmux:
    """A person's terminal in the repository, in which a command of ours runs."""
    return Tmux([BIN / "miyabi", *words], environment=site.environment, folder=site.repository)


def has_mended(window: Tmux) -> None:
    """Waits until the model has answered the person."""
    eventually(lambda: window.screen.count("Done. ") == 2, why=lambda: window.screen)


def state(site: Site, task: str) -> TaskState | None:
    """What a task of the run is at by the board, as who works on the run wrote it last."""
    board = Board.read(site.run_folder().status_file)
    return next((row.state for row in board.rows if row.task == task), None) if board else None


def command_lines() -> Sequence[str]:
    """The list of processes, as everybody can read it."""
    files = Path("/proc").glob("[0-9]*/cmdline")
    return [text for file in files if (text := read(file))]


def read(file: Path) -> str:
    """The text of a file, empty where it has gone."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def test_attach_and_retry(site: Site) -> None:
    """A conversation with a red check is gone on with by hand in a slot; then the task and its dependant succeed."""
    site.write_config(sessions={"environment": {"CANARY": CANARY}})
    run = site.orchestrate([node("stuck", check="test -s mended.txt") | {"fix_attempts": 0}, node("below", "stuck")])
    assert run.wait() == 1, run.output
    prepare_claude(site, "stuck")
    with terminal(site, "attach", "r1", "stuck") as window:
        window.shows("Do it. [[scenario:write]]")
        assert site.live(0) == {"stuck"}
        assert "1 of 3 slots taken" in site.start("sessions").succeeds()
        assert not [line for line in command_lines() if CANARY in line]
        refused = site.start("sweep", "r1", "--yes")
        assert (refused.wait(), "left alone, still running: r1.stuck.2" in refused.output) == (1, True)
        window.type("[[scenario:into:mended.txt]]")
        has_mended(window)
        window.type("/exit")
        assert window.wait() == 0, window.screen
        window.shows("stuck: stopped, 2 commits on miyabi/r1/stuck")
    assert not site.live(0)
    byhand = site.run_folder().latest_results()["stuck"]
    assert (byhand.attempt, byhand.outcome, byhand.by_hand) == (2, Outcome.STOPPED, True)
    assert (byhand.cost_usd, byhand.cost_is_partial) == (pytest.approx(0.0016), False)
    assert site.show("stuck", "mended.txt") == "line of stuck"
    assert {row.task: row.outcome for row in site.report().tasks}["stuck"] is Outcome.STOPPED

    with terminal(site, "retry", "r1", "stuck") as window:
        assert window.wait() == 0, window.screen
    results = site.run_folder().results()
    assert [(r.task, r.attempt, r.outcome) for r in results if r.task == "stuck"] == [
        ("stuck", 1, Outcome.CHECK_FAILED),
        ("stuck", 2, Outcome.STOPPED),
        ("stuck", 3, Outcome.SUCCEEDED),
    ]
    assert {r.session_id for r in results if r.task == "stuck"} == {site.conversation("stuck")}
    assert site.report().all_succeeded
    assert "mended.txt" in git(site.repository, "ls-tree", "--name-only", "miyabi/r1/below")


def test_the_terminal_goes(site: Site) -> None:
    """A terminal that is closed ends the session and frees its slot, and nothing is lost; open says where it is."""
    run = site.orchestrate([node("stuck", check="false")])
    assert run.wait() == 1, run.output
    prepare_claude(site, "stuck")
    with terminal(site, "attach", "r1", "stuck") as window:
        window.shows("Do it. [[scenario:write]]")
        again = site.start("stop", "r1", "other")
        assert (again.wait(), again.output.count("\n")) == (2, 1)
        window.type("[[scenario:gate_uncommitted:never]]")
        (site.checkout("stuck") / "draft.txt").write_text("by hand\n")
        window.vanish()
    eventually(lambda: not site.live(0))
    eventually(lambda: "0 of 3 slots taken" in site.start("sessions").succeeds())
    with terminal(site, "stop", "r1") as window:
        window.shows("stuck: stopped, 2 commits on miyabi/r1/stuck")
        assert window.wait() == 0
    assert site.show("stuck", "draft.txt") == "by hand"
    with terminal(site, "open", "r1", "stuck") as window:
        assert window.wait() == 0
        opened = dict(line.split(maxsplit=1) for line in window.screen.splitlines() if line)
    assert opened["ui"].startswith(site.server.url.removesuffix("/api"))
    assert Path(opened["report"]) == site.run_folder().report_file
    assert opened["checkout"].endswith("checkouts/r1/stuck/stuck")


def test_stop_while_the_run_goes_on(site: Site) -> None:
    """One task is stopped and not tried again, then the run is, as by Ctrl-C; all that was done is here."""
    tasks = ("one", "two", "three")
    run = site.orchestrate([node(task, scenario="gate_uncommitted:end") for task in tasks])
    written = [f"*/home/.miyabi/checkouts/r1/{task}/{task}/{task}.txt" for task in tasks]
    eventually(lambda: all(any(site.fleet.folder.glob(file)) for file in written), why=lambda: run.output)
    busy = site.start("retry", "r1", "one")
    assert (busy.wait(), "is being worked on by pid" in busy.output) == (2, True)
    said = site.start("stop", "r1", "one").succeeds()
    assert "one: stopped, 1 commit on miyabi/r1/one" in said
    assert run.runs
    eventually(lambda: site.live(0) == {"two", "three"})
    eventually(lambda: state(site, "one") is TaskState.DONE, why=lambda: run.output)
    done = site.start("stop", "r1", "one")
    assert (done.wait(), "has no session to stop: it is stopped" in done.output) == (2, True)

    said = site.start("stop", "r1").succeeds()
    assert "0 of 3 tasks succeeded" in said
    assert run.wait() == 130, run.output
    assert {row.task: row.outcome for row in site.report().tasks} == dict.fromkeys(tasks, Outcome.STOPPED)
    assert all(site.show(task, f"{task}.txt").startswith(f"task {task}") for task in tasks)
    site.open_gate("end")
    again = site.start("retry", "r1", "two")
    assert again.wait() == 1, again.output  # of the run, of which it is the only one that succeeded
    assert {r.task: r.outcome for r in site.run_folder().latest_results().values()} == {
        "one": Outcome.STOPPED,
        "two": Outcome.SUCCEEDED,
        "three": Outcome.STOPPED,
    }


def test_stop_without_an_orchestrator(site: Site) -> None:
    """Sessions whose orchestrator was killed are ended, and their work is collected, by the command itself, once."""
    run = site.orchestrate([node("one", scenario="gate_uncommitted:end"), node("below", "one")])
    eventually(lambda: any(site.fleet.folder.glob("*/home/.miyabi/checkouts/r1/one/one/one.txt")))
    run.kill()
    refused = site.start("attach", "r1", "one")
    assert (refused.wait(), "needs a terminal" in refused.output) == (2, True)
    with terminal(site, "attach", "r1", "one") as window:
        window.shows("To end it and collect its work: miyabi stop r1 one")
        assert window.wait() == 2
    (before,) = site.flow_runs()
    assert before["state"]["type"] == "RUNNING"
    first, second = sorted(each.succeeds() for each in [site.start("stop", "r1") for _ in range(2)])
    assert "one: stopped, 1 commit on miyabi/r1/one" in first
    assert "nothing of it runs" in second
    assert not site.live(0)
    assert [each["state"]["type"] for each in site.flow_runs()] == ["CANCELLED"]
    assert {row.task: row.outcome for row in site.report().tasks} == {"one": Outcome.STOPPED, "below": Outcome.SKIPPED}
    assert "nothing of it runs" in site.start("stop", "r1").succeeds()


def test_who_goes_on_with_the_run_waits_for_who_is_attached(site: Site) -> None:
    """An orchestrator that comes meanwhile starts nothing beside the person, and goes on from what was done."""
    run = site.orchestrate([node("stuck", check="test -s mended.txt") | {"fix_attempts": 0}])
    assert run.wait() == 1, run.output
    prepare_claude(site, "stuck")
    with terminal(site, "attach", "r1", "stuck") as window:
        window.shows("Do it. [[scenario:write]]")
        again = site.start("orchestrate", "--run", "r1")
        eventually(lambda: state(site, "stuck") is TaskState.RUNNING, why=lambda: again.output)
        second = terminal(site, "attach", "r1", "stuck")
        with second:
            assert second.wait() == 2
            second.shows("run r1 works on task stuck (running). To stop it: miyabi stop r1 stuck")
        window.type("[[scenario:into:mended.txt]]")
        has_mended(window)
        window.type("/exit")
        assert window.wait() == 0, window.screen
    again.succeeds()
    results = [(r.attempt, r.outcome, r.session_id) for r in site.run_folder().results()]
    conversation = site.conversation("stuck")
    assert results == [
        (1, Outcome.CHECK_FAILED, conversation),
        (2, Outcome.STOPPED, conversation),
        (3, Outcome.SUCCEEDED, conversation),
    ]
    assert site.watch.peak[site.workspace(0)] == 1


def test_stop_without_prefect(site: Site) -> None:
    """Where the server cannot be asked the orchestrator is ended as by Ctrl-C."""
    run = site.orchestrate([node("one", scenario="gate_uncommitted:end")])
    eventually(lambda: any(site.fleet.folder.glob("*/home/.miyabi/checkouts/r1/one/one/one.txt")))
    said = site.start("stop", "r1", PREFECT_API_URL="http://127.0.0.1:1/api").succeeds()
    assert "0 of 1 task succeeded" in said
    assert run.wait() == 130, run.output
    assert site.show("one", "one.txt").startswith("task one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here(CommandSite):
    """A repository whose one machine, with one slot, is this computer; claude logs in by a token file."""

    api: MessagesApi

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machine, where claude keeps all that it keeps in a folder of its own."""
        made = claude_machine(f"{self.folder.name[-40:]}-here", base_url=self.api.url, home=self.home, oauth=True)
        own = {name: value for name, value in made.environment.items() if name != "CLAUDE_CODE_OAUTH_TOKEN"}
        gates = {"SCRIPTED_GATES": str(self.folder), "CLAUDE_CONFIG_DIR": str(self.home / "claude")}
        return (made.model_copy(update={"environment": own | gates}),)

    @property
    def home(self) -> Path:
        """That of the machine."""
        return self.folder / "machine"


def test_attach_on_this_computer(tmp_path: Path, prefect_server: RealServer, messages_api: MessagesApi) -> None:
    """Without SSH it is the same: refused while the slot is taken, with the session's login and claude's own folder."""
    site = Here(folder=tmp_path, server=prefect_server, api=messages_api)
    for folder in (tmp_path / "home", site.home):
        folder.mkdir()
    (token := tmp_path / "token").write_text(f"{CANARY}\n")
    token.chmod(0o600)
    make_repository(site.repository)
    site.write_config(sessions={"oauth_token_file": str(token)})
    red = {"id": "stuck", "prompt": "Do it. [[scenario:write]]", "check": "false", "fix_attempts": 0}
    assert site.orchestrate([red]).wait() == 1
    other = site.orchestrate([red | {"id": "other", "prompt": "[[scenario:gate:end]]", "check": "true"}], run="r2")
    answer_claude(site.home / "claude/.claude.json", checkout=site.home / ".miyabi/checkouts/r1/stuck/stuck")
    eventually((site.home / ".miyabi/checkouts/r2/other/other/other.txt").exists, why=lambda: other.output)
    with terminal(site, "attach", "r1", "stuck") as window:
        window.shows("miyabi: 1 of 1 slots are taken by: r2.other.1")
        assert window.wait() == 1
    assert site.run_folder().attempts("stuck").keys() == {1}
    (tmp_path / "end").touch()
    other.succeeds()
    with terminal(site, "attach", "r1", "stuck") as window:
        window.shows("Do it. [[scenario:write]]")
        assert not [line for line in command_lines() if CANARY in line]
        window.type("/exit")
        assert window.wait() == 0, window.screen
    assert site.run_folder().latest_results()["stuck"].by_hand
