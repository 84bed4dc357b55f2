"""The machine's part in every shell that may be `/bin/sh` somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.sessions.workspace.test_setup import set_up
from tests.support.git import repositories
from tests.support.git.repositories import commit, git, make_bench
from tests.support.machines.shell_host import SHELLS, ShellHost

any_git = repositories.any_git
project = repositories.project
quiet_home = repositories.quiet_home


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_the_whole_way_in_each_shell(any_git: str, project: Path, tmp_path: Path, shell: tuple[str, ...]) -> None:
    """Made, worked on in the ugliest way, salvaged, collected with strays, removed: alike with each shell and git."""
    bench = await make_bench(project, tmp_path / "a machine", host=ShellHost(shell))
    paths = await bench.prepare()
    await bench.workspace.copy(paths, {".env": b"KEY=canary"})
    assert set_up(bench, paths, "exit 3", shell=shell) == 3
    assert set_up(bench, paths, "echo made >made; echo changed >README.md", shell=shell) == 0
    commit(project, {"more": "x"})
    await bench.prepare("t2")
    bench.play(
        paths,
        "save one; git commit -q --amend -m two; echo s >s; git stash -qu; git checkout -qb side;"
        "echo open >'open 開'; mkdir app; cd app; git init -q; save x",
    )
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "app/x", "one", "open 開", "src/a.txt"]
    subjects = git(project, "log", "--format=%s", str(collected.strays)).splitlines()
    assert {"one", "x", "first"} < set(subjects)
    assert await bench.collect(paths) == collected
    await bench.workspace.remove_run("r1")
    refs = git(bench.store, "for-each-ref", "--format=%(refname)").splitlines()
    assert all(ref.startswith("refs/miyabi/known/") for ref in refs)
