"""What the user's git is set up to do changes neither what we collect nor what we merge, here or on a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from miyabi.git.checkout import temporary_checkout
from tests.support.git import repositories
from tests.support.git.repositories import commit, git, make_bench

any_git = repositories.any_git
git_of_names = repositories.git_of_names
project = repositories.project
quiet_home = repositories.quiet_home

EVENTS = (
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "pre-auto-gc",
    "pre-commit",
    "pre-push",
    "reference-transaction",
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What comes of a session whose last file was not committed, and of a merge of its work with other work."""

    salvaged: bool
    commits: int
    in_branch: tuple[str, ...]
    merged: tuple[str, ...]
    checked_out: tuple[str, ...]


EXPECTED = Outcome(
    salvaged=True,
    commits=2,
    in_branch=("README.md", "one", "open", "src/a.txt"),
    merged=("README.md", "one", "open", "other", "src/a.txt"),
    checked_out=("README.md", "one", "open", "other", "src"),
)


async def outcome(project: Path, folder: Path) -> Outcome:
    """What comes of it here."""
    bench = await make_bench(project, folder)
    paths = await bench.prepare()
    bench.play(paths, "save one; echo open >open")
    ended = bench.after(paths)
    collected = await bench.collect(paths)
    changes = await bench.repository.changes("main", collected.head)
    merged = await bench.repository.merge([collected.head, "other"], base="main", message="m")
    async with temporary_checkout(bench.repository, merged, await bench.clone()) as there:
        files = tuple(sorted(file.name for file in there.iterdir() if file.name != ".git"))
    assert "trace" not in ended.stderr
    assert "start_time" not in ended.stderr
    return Outcome(
        salvaged=collected.salvaged and changes.salvaged,
        commits=changes.commits,
        in_branch=tuple(bench.files(collected.head)),
        merged=tuple(bench.files(merged)),
        checked_out=files,
    )


def _set(home: Path, settings: Mapping[str, str]) -> None:
    lines = (f'[{section}]\n\t{key} = "{value}"\n' for (section, key), value in _split(settings))
    (home / ".gitconfig").write_text("".join(lines))


def _split(settings: Mapping[str, str]) -> Iterator[tuple[list[str], str]]:
    return ((name.split("."), value) for name, value in settings.items())


SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"submodule.recurse": "true", "fetch.recurseSubmodules": "on-demand"},
    {"worktree.useRelativePaths": "true"},
    {"trailer.separators": "="},
    {"trailer.separators": "=#"},
    {"init.defaultRefFormat": "reftable"},
    {"trace2.normalTarget": "2", "trace2.eventTarget": "2", "trace2.perfTarget": "2"},
    {"core.hooksPath": "/somewhere", "merge.conflictStyle": "zdiff3", "diff.renames": "copies"},
)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda each: " ".join(each) or "none")
async def test_no_setting_changes_the_outcome(
    any_git: str, project: Path, quiet_home: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    """The same branches, files and marks of a salvage come of a session under every setting."""
    git(project, "branch", "other")
    git(project, "checkout", "-q", "other")
    commit(project, {"other": "x"})
    git(project, "checkout", "-q", "main")
    _set(quiet_home, settings)
    assert await outcome(project, tmp_path / "machine") == EXPECTED


TRACES = ("GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TRACE_REFS", "GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF")


async def _worked_on(project: Path, machine: Path, **environment: str) -> None:
    bench = await make_bench(project, machine)
    paths = await bench.prepare()
    (bench.checkout(paths) / "open").write_text("x")
    bench.after(paths, **environment)
    collected = await bench.collect(paths)
    await bench.repository.changes("main", collected.head)


async def test_no_trace_is_written_that_the_environment_asks_for(
    any_git: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace could hold what is nobody's business; ours go nowhere, on the machine neither."""
    trace = tmp_path / "trace"
    environment = dict.fromkeys(TRACES, str(trace))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    await _worked_on(project, tmp_path / "machine", **environment)
    assert not trace.exists()


async def test_no_trace_is_written_that_the_configuration_asks_for(
    any_git: str, project: Path, quiet_home: Path, tmp_path: Path
) -> None:
    """The same where the user's settings name a file for each kind of trace."""
    trace = tmp_path / "trace"
    _set(quiet_home, dict.fromkeys(("trace2.normalTarget", "trace2.eventTarget", "trace2.perfTarget"), str(trace)))
    await _worked_on(project, tmp_path / "machine")
    assert not trace.exists()


@pytest.mark.parametrize("where", ["home", "repository", "checkout"])
async def test_hooks_of_the_configuration_do_not_run(
    any_git: str, project: Path, quiet_home: Path, tmp_path: Path, where: str
) -> None:
    """Whoever has defined hooks by configuration finds that no command of ours has run one."""
    await _no_hook_runs(project, quiet_home, tmp_path, where=where)


@pytest.mark.parametrize("where", ["home", "repository", "checkout"])
async def test_hooks_that_only_their_names_switch_off(
    git_of_names: None, project: Path, quiet_home: Path, tmp_path: Path, where: str
) -> None:
    """The same with git 2.54, whatever a hook is called."""
    await _no_hook_runs(project, quiet_home, tmp_path, where=where)


async def test_hooks_of_the_environment_do_not_run_either(
    git_of_names: None, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that the user gives by the environment count as before, but for the hooks among them."""
    ran = tmp_path / "ran"
    given = ("hook.x.event", "post-index-change"), ("hook.x.command", f"echo >>{ran}"), ("user.name", "Env")
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(given)))
    for number, (key, value) in enumerate(given):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    bench = await make_bench(project, tmp_path / "machine")
    paths = await bench.prepare()
    (bench.checkout(paths) / "open").write_text("x")
    bench.after(paths)
    assert (await bench.collect(paths)).salvaged
    async with temporary_checkout(bench.repository, "main", await bench.clone()):
        pass
    assert not ran.exists()
    assert (await bench.repository.identity())[0] == "Env"
    words = [word for key, value in given for word in ("-c", f"{key}={value}")]
    git(project, *words, "read-tree", "HEAD")
    assert ran.exists()  # git of its own accord does run it


NAMES = ("a spy.on-{}", "x=y {}", "$(touch {})", "{}.event", "日本 {}", "\\'{}")


async def _no_hook_runs(project: Path, quiet_home: Path, tmp_path: Path, *, where: str) -> None:
    bench = await make_bench(project, tmp_path / "machine")
    commit(project, {"other": "x"}, message="other")
    git(project, "branch", "other")
    git(project, "reset", "-q", "--hard", "HEAD^")
    paths = await bench.prepare()
    bench.play(paths, "save one; echo open >open")
    files = {
        "home": quiet_home / ".gitconfig",
        "repository": project / ".git" / "config",
        "checkout": bench.checkout(paths) / ".git" / "config",
    }
    ran = tmp_path / "ran"
    for number, event in enumerate(EVENTS):
        name = NAMES[number % len(NAMES)].format(event).replace("\\", "\\\\")
        text = f'[hook "{name}"]\n\tevent = {event}\n\tcommand = echo {event} >>{ran}\n'
        with files[where].open("a") as file:
            file.write(text)
    bench.after(paths)
    collected = await bench.collect(paths)
    await bench.prepare("t2")
    merged = await bench.repository.merge([collected.head, "other"], base="main", message="m")
    async with temporary_checkout(bench.repository, merged, await bench.clone()):
        pass
    await bench.repository.delete_branches(await bench.repository.branches("miyabi"))
    await bench.workspace.remove_run("r1")
    assert not ran.exists()


async def test_grafts_cut_no_history(any_git: str, project: Path, tmp_path: Path) -> None:
    """A graft file says that a commit has other parents; what we bring and count is what the commits say."""
    for number in range(3):
        commit(project, {"n": str(number)})
    whole, before = git(project, "rev-list", "--count", "main"), git(project, "rev-parse", "main~1")
    (project / ".git" / "info" / "grafts").write_text(git(project, "rev-parse", "main") + "\n")
    bench = await make_bench(project, tmp_path / "machine")
    paths = await bench.prepare()
    assert git(bench.checkout(paths), "rev-list", "--count", "HEAD") == whole
    changes = await bench.repository.changes(before, "main")
    assert changes.commits == 1


async def test_a_graft_of_another_parent_changes_no_merge(any_git: str, project: Path) -> None:
    """What is merged already stays so, whatever a graft file says."""
    base = git(project, "rev-parse", "main")
    head = commit(project, {"a": "1"})
    (project / ".git" / "info" / "grafts").write_text(head + "\n")
    bench = await make_bench(project, project.parent / "machine")
    assert await bench.repository.merge([head], base=base, message="m") == head
