"""The merged tree must pass the run's verify commands; who breaks them is found and left out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from miyabi.integration import CommandEnd, LeftOut, LeftOutKind
from miyabi.integration.verify import run_plainly
from miyabi.runs import CheckoutSetup
from miyabi.sessions import integration_branch
from miyabi.settings import IntegrationSettings
from tests.support.git.repositories import git, project, quiet_home, snapshot  # noqa: F401
from tests.support.values.finished_runs import PlayedRun, played, temporary_checkouts  # noqa: F401
from tests.support.values.results import RUN

pytestmark = pytest.mark.usefixtures("temporary_checkouts")


def verified_by(*commands: str, rounds: int = 5, timeout_seconds: float = 60) -> IntegrationSettings:
    """These commands."""
    return IntegrationSettings(verify=commands, verify_rounds=rounds, verify_timeout_minutes=timeout_seconds / 60)


class Counting:
    """Runs commands plainly and keeps what they were run for."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    async def __call__(self, command: str, *, folder: Path, timeout_seconds: float, label: str) -> CommandEnd:
        """See `RunCommand`."""
        self.labels.append(label)
        return await run_plainly(command, folder=folder, timeout_seconds=timeout_seconds, label=label)


async def test_twenty_branches_of_which_three_conflict_and_one_breaks(played: PlayedRun) -> None:
    """The branch holds 16 of 20; the three that conflict and the one that breaks verify are named, and why."""
    for number in range(20):
        files: dict[str, str | None] = {f"src/part{number}.txt": "x\n"}
        if number in {2, 7, 12, 17}:
            files["src/a.txt"] = f"{number}\n2\n3\n"
        if number == 9:
            files["src/broken.txt"] = "x\n"
        await played.task(f"t{number:02}", files)
    counting = Counting()
    broken = "if [ -e src/broken.txt ]; then echo 'FAILED src/broken.txt is there'; exit 3; fi"
    came = await played.integrate(settings=verified_by("true", broken), run_command=counting)
    assert came.tasks == tuple(f"t{n:02}" for n in range(20) if n not in {7, 9, 12, 17})
    assert len(came.merged) == 16
    assert came.verified is True
    reason = "it does not merge with t02: both changed src/a.txt"
    assert came.left_out == (
        LeftOut(task="t07", kind=LeftOutKind.CONFLICT, files=("src/a.txt",), reason=reason),
        LeftOut(
            task="t09",
            kind=LeftOutKind.CHECK,
            reason=f"`{broken}` fails from its merge on (exit status 3): FAILED src/broken.txt is there",
        ),
        LeftOut(task="t12", kind=LeftOutKind.CONFLICT, files=("src/a.txt",), reason=reason),
        LeftOut(task="t17", kind=LeftOutKind.CONFLICT, files=("src/a.txt",), reason=reason),
    )
    assert len(dict.fromkeys(counting.labels)) <= 2 + 5 + 3, "17 merges are bisected in 5 tries"


async def test_the_commands_run_on_the_merged_tree_away_from_the_checkout(
    played: PlayedRun, temporary_checkouts: Path, tmp_path: Path
) -> None:
    """They see the head's files and history in a folder called like the repository, and a remote that leads nowhere."""
    git(played.root, "remote", "add", "origin", "https://someone:s3cret@git.example.com/x.git")
    await played.task("a", {"a.txt": "x"})
    (played.root / "README.md").write_text("changed by the user\n")
    before, output = snapshot(played.root), tmp_path / "output"
    script = f"cat README.md a.txt; (basename $PWD; git log --oneline; git remote -v; git status --short) >{output}"
    came = await played.integrate(settings=verified_by(script))
    lines = output.read_text().splitlines()
    assert lines[0] == "project"
    assert [line.split(" ", 1)[1] for line in lines[1:]] == [
        *("Merge a: Title of a", "work of a", "first"),
        *("(fetch)", "(push)"),
    ]
    assert {line.split()[1] for line in lines[-2:]} == {"/orchestrator/"}
    assert (came.verified, came.verify_commands) == (True, (script,))
    assert came.verify_log.splitlines()[1:] == ["hello", "x"]
    assert snapshot(played.root) == before


async def test_a_culprits_dependants_go_with_it(played: PlayedRun) -> None:
    """What builds on the culprit is left out too; a task that had collided with the culprit is in then."""
    await played.task("bad", {"bad.txt": "x", "src/a.txt": "bad\n2\n3\n"})
    await played.task("on-bad", {"on-bad.txt": "x"}, after=["bad"])
    await played.task("other", {"src/a.txt": "other\n2\n3\n"})
    came = await played.integrate(settings=verified_by("! test -e bad.txt"))
    assert came.tasks == ("other",)
    assert [(out.task, out.kind, out.because_of) for out in came.left_out] == [
        ("bad", LeftOutKind.CHECK, None),
        ("on-bad", LeftOutKind.UPSTREAM, "bad"),
    ]
    assert came.left_out[1].reason == "it builds on bad, which does not pass the verify commands"


async def test_two_that_only_break_it_together(played: PlayedRun) -> None:
    """Of two branches that do not go together the later one is left out, though each passes alone."""
    for task in "abcde":
        await played.task(task, {f"{task}.txt": "x"})
    came = await played.integrate(settings=verified_by("! test -e b.txt || ! test -e d.txt"))
    assert (came.tasks, came.verified) == (("a", "b", "c", "e"), True)


async def test_a_base_that_fails_by_itself_blames_nobody(played: PlayedRun) -> None:
    """Where the base fails, everything stays merged, unverified, and the log says that it was the base."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"})
    came = await played.integrate(settings=verified_by("echo out of order; exit 4"))
    assert (came.tasks, came.left_out, came.verified) == (("a", "b"), (), False)
    assert came.verify_log.startswith("The base fails by itself")
    assert came.verify_log.endswith("$ echo out of order; exit 4\nout of order\n[exit status 4]")


async def test_culprits_are_looked_for_only_so_often(played: PlayedRun) -> None:
    """After so many rounds the rest is reported as it is, not verified."""
    for number in range(6):
        await played.task(f"t{number}", {f"t{number}.txt": "x"})
    came = await played.integrate(settings=verified_by("! ls t*.txt", rounds=3))
    assert came.verified is False
    assert came.tasks == ("t2", "t3", "t4", "t5")
    assert came.verify_log.startswith("It still fails, and no further culprit was looked for:")


async def test_what_fails_now_and_then_is_nobodys_fault(played: PlayedRun, tmp_path: Path) -> None:
    """A command that fails once and then passes leaves nobody out, and the log has both tries."""
    await played.task("a", {"a.txt": "x"})
    await played.task("b", {"b.txt": "x"})
    flaky = f"echo try; test -e {tmp_path}/tried || {{ : >{tmp_path}/tried; exit 1; }}"
    came = await played.integrate(settings=verified_by(flaky))
    assert (came.verified, came.left_out) == (True, ())
    assert "It failed, and was run again:" in came.verify_log


async def test_a_flaky_try_does_not_lead_the_search_astray(played: PlayedRun, tmp_path: Path) -> None:
    """A failure by chance while bisecting is tried again before the wrong task is blamed."""
    for number in range(8):
        await played.task(f"t{number}", {f"t{number}.txt": "x"})
    chance = f"if [ -e t3.txt ] && ! [ -e t7.txt ] && ! [ -e {tmp_path}/hit ]; then : >{tmp_path}/hit; exit 1; fi"
    came = await played.integrate(settings=verified_by(chance, "! test -e t6.txt"))
    assert (tmp_path / "hit").exists()
    assert [out.task for out in came.left_out] == ["t6"]
    assert came.verified is True


async def test_a_command_over_time_fails(played: PlayedRun) -> None:
    """What hangs is ended and counts as failed; the culprit is told with that."""
    await played.task("a", {"a.txt": "x"})
    await played.task("slow", {"slow.txt": "x"})
    came = await played.integrate(settings=verified_by("! test -e slow.txt || sleep 600", timeout_seconds=1))
    assert came.tasks == ("a",)
    assert came.left_out[0].reason.endswith("(exit status 124): ended after 1 s: that is its time limit")


async def test_secrets_stay_out(played: PlayedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands do not get the orchestrator's environment, and what looks like a secret is replaced in the log."""
    secret = "ghp" + "_" + "a1B2c3D4e5F6g7H8i9J0"
    monkeypatch.setenv("GITHUB_TOKEN", secret)
    await played.task("a", {"a.txt": "x"})
    tell = f'env; echo {secret[:8]}{secret[8:]}; [ -z "$GITHUB_TOKEN" ]'
    came = await played.integrate(settings=verified_by(tell))
    assert came.verified is True
    assert secret not in came.model_dump_json()
    assert "[redacted]" in came.verify_log


async def test_much_output_is_cut(played: PlayedRun) -> None:
    """A flood of output, of bytes that are no text too, ends up as the end of it."""
    await played.task("a", {"a.txt": "x"})
    flood = "head -c 3000000 /dev/urandom; seq 100000; echo the end; exit 1"
    came = await played.integrate(settings=verified_by(flood, rounds=1))
    assert came.verified is False
    assert len(came.verify_log) < 21_000
    assert came.verify_log.endswith("99999\n100000\nthe end\n[exit status 1]")


async def test_leftovers_of_a_killed_orchestrator_are_removed(played: PlayedRun, temporary_checkouts: Path) -> None:
    """An old checkout that nobody holds goes, read-only folders in it too; another repository's stays."""
    old = temporary_checkouts / f"miyabi-verify-{played.repository.key}-old" / "project" / "cache"
    old.mkdir(parents=True)
    (old / "module").write_text("x")
    old.chmod(0o500)
    os.utime(old.parents[1], (0, 0))
    others = temporary_checkouts / "miyabi-verify-other-12345678-x"
    others.mkdir()
    os.utime(others, (0, 0))
    await played.task("a", {"a.txt": "x"})
    await played.integrate(settings=verified_by("mkdir made; chmod 500 made"))
    assert others.exists()
    assert not old.exists()
    others.rmdir()


@pytest.mark.parametrize(
    "command", ["git describe --match 'v*'", "git log -1 main", "git diff --stat origin/main", "git log v1..HEAD"]
)
async def test_the_commands_find_what_a_clone_has(played: PlayedRun, command: str) -> None:
    """Tags, the base branch and the remote's are there, as they are where the user builds."""
    git(played.root, "tag", "-am", "one", "v1", played.base)
    await played.task("a", {"a.txt": "x"})
    came = await played.integrate(base_branch="main", settings=verified_by(command))
    assert came.verified is True, came.verify_log


async def test_the_integration_survives_as_json(played: PlayedRun) -> None:
    """What came of it can be kept and read again."""
    await played.task("a", {"a.txt": "x"})
    came = await played.integrate(settings=verified_by("true"))
    assert type(came).model_validate_json(came.model_dump_json()) == came
    assert json.loads(came.model_dump_json())["branch"] == integration_branch(RUN)


async def test_a_checkout_is_set_up_before_it_is_verified(played: PlayedRun, tmp_path: Path) -> None:
    """It gets the copied files, mode 0600, and the set-up is the first of the commands; no value of a file is shown."""
    await played.task("t1", {"t1.txt": "x\n"})
    setup = CheckoutSetup(
        commands=('cp .env "$MIYABI_CACHE/"; cat .env; touch made',),
        files={".env": b"KEY=canary-77aa01\n", "config/x.local": b"x"},
        cache=tmp_path / "cache",
    )
    verify = "test -e made && test $(stat -c %a .env) = 600 && cat .env config/x.local; exit 3"
    came = await played.integrate(settings=verified_by(verify), setup=setup)
    assert came.verify_commands == (*setup.commands, verify)
    assert (tmp_path / "cache/.env").exists()
    assert "canary" not in came.model_dump_json()
    assert came.verify_log.count("KEY=[redacted]") == 2
    bare = await played.integrate(settings=verified_by(), setup=setup)
    assert (bare.verified, bare.verify_commands) == (None, ())
