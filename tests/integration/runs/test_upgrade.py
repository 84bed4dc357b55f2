"""A run of the build before, cut short with a session that lives, is gone on with by this one.

`tests/cases/upgrade` holds what build 0.1 of commit 4efe42c leaves: its scripts on a machine, and a run's folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from miyabi.attempts import Attempt
from miyabi.git import Repository
from miyabi.github import token_of_environment
from miyabi.machines import Machine
from miyabi.machines.local import LocalHost
from miyabi.runs import RunRequest, start_run, sweep_machine
from miyabi.sessions import Outcome, RemoteSession, State, list_sessions
from miyabi.settings import Settings
from tests.support.git import repositories
from tests.support.git.repositories import git
from tests.support.values.recorded_run import call, copy_filled

project = repositories.project
quiet_home = repositories.quiet_home

CASES = Path(__file__).parents[2] / "cases" / "upgrade"
RESULT = '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"r","total_cost_usd":0.05}'
AGENT = f"""
echo '{{"type":"system","subtype":"init","session_id":"e91f8289-30df-55bc-8a6b-74cb481d4147"}}'
cd "$1" && echo l >l.txt && git add l.txt && git commit -qm l && echo open >open.txt
while [ ! -e "$2" ]; do sleep 0.05; done
echo '{RESULT}'
"""


class EarlierMachine:
    """A machine on which the build before has begun a run."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project, self.folder, self.gate = project, folder, folder / "gate"
        (folder / "bin").mkdir(parents=True)
        self.supervise, self.workspace = (self._install(name) for name in ("supervise", "workspace"))

    def _install(self, name: str) -> str:
        text = (CASES / f"{name}.sh").read_bytes()
        file = self.folder / "bin" / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}.sh"
        file.write_bytes(text)
        return str(file)

    async def begin(self) -> None:
        """Prepares both tasks, ends the first one, starts the session of the second, and leaves the run's folder."""
        repository = await Repository.open(self.project)
        base, bundle = await repository.resolve("main"), self.folder / "bundle"
        await repository.bundle(base, known=(), file=bundle)
        for task in ("done", "live"):
            words = ("prepare", str(self.folder), repository.key, "up", task, "sha1", base, str(bundle.stat().st_size))
            call(self.workspace, *words, stdin=bundle.read_bytes())
        done = self.folder / "worktrees" / "up" / "done"
        (done / "d.txt").write_text("d\n")
        git(done, "add", "d.txt")
        git(done, "commit", "-qm", "d")
        git(self.project, "fetch", "-q", str(done), "HEAD:refs/heads/miyabi/up/done")
        where = f"'{self.folder}' {repository.key} up live up.live.1"
        after = f"/bin/sh {self.workspace} salvage {where} </dev/null\ncd {self.folder}/worktrees/up/live && ls >&2\n"
        live = self.folder / "worktrees" / "up" / "live"
        parts = [f"set -- '{live}' '{self.gate}'\n{AGENT}".encode(), b"prompt", after.encode()]
        limits = ("3", "300", "60", *(str(len(part)) for part in parts))
        call(self.supervise, str(self.folder), "start", "up.live.1", *limits, stdin=b"".join(parts))
        self._leave_folder(base, git(done, "rev-parse", "HEAD"))

    def _leave_folder(self, base: str, head: str) -> None:
        values = {"@BASE@": base, "@HEAD@": head, "@REPOSITORY@": str(self.project), "@WORKSPACE@": str(self.folder)}
        copy_filled(CASES / "run", self.project / ".miyabi" / "runs" / "up", values)


async def test_a_run_of_the_build_before_goes_on(project: Path, quiet_home: Path, tmp_path: Path) -> None:
    """What had succeeded stays; the live session is joined once and collected; what depends on both can start."""
    earlier = EarlierMachine(project, tmp_path / "machine")
    await earlier.begin()
    machine = Machine(name="local", workspace=str(earlier.folder), slots=3)
    overrides = {"machines": [machine.model_dump()]}
    live = await start_run(
        RunRequest(tasks=None, repository=project, run="up", overrides=overrides), token=token_of_environment
    )
    assert (live.results["done"].outcome, list(live.startable())) == (Outcome.SUCCEEDED, ["live", "next"])
    assert live.resume.requires("live") == ("machine:local",)
    spec = await live.spec(live.dag.by_id["live"], attempt=live.resume.attempts("live") + 1)
    joining = asyncio.create_task(Attempt(live=live, spec=spec, machine=machine).run())
    session = RemoteSession(LocalHost("local"), "up.live.1", workspace=machine.workspace)
    assert (await session.status()).state is State.RUNNING
    earlier.gate.touch()
    result = await joining
    assert (result.outcome, result.attempt, result.changes.files) == (Outcome.SUCCEEDED, 1, ("l.txt", "open.txt"))
    assert len(await list_sessions(LocalHost("local"), workspace=machine.workspace)) == 1
    base = await live.worktrees.base_for(live.dag.by_id["next"])
    assert {"d.txt", "l.txt", "open.txt"} <= set(git(project, "ls-tree", "--name-only", base).split())
    checkout = Path(await live.worktrees.checkout(machine, live.dag.by_id["next"]))
    assert checkout == earlier.folder / "checkouts/up/next/next"
    assert (checkout / "open.txt").read_text() == "open\n"
    await live.close()
    repository = await Repository.open(project)
    settings = Settings.load(project, **overrides)
    swept = await sweep_machine(machine, LocalHost("local"), repository, run="up", settings=settings)
    assert swept.is_clean
    left = [
        *earlier.folder.glob("worktrees/*"),
        *earlier.folder.glob("checkouts/*"),
        *earlier.folder.glob("sessions/up*"),
    ]
    assert left == []
