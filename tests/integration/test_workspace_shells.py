"""The machine's part in every shell that may be `/bin/sh` somewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from miyabi.host import Completed
from miyabi.local_host import LocalHost
from tests.support import repos
from tests.support.repos import commit, git, make_bench

project = repos.project
quiet_home = repos.quiet_home

SHELLS = (("dash",), ("bash",), ("bash", "--posix"), ("zsh",), ("mksh",), ("ksh",), ("busybox", "sh"))


class ShellHost(LocalHost):
    """This machine, with another shell for our scripts."""

    def __init__(self, shell: Sequence[str]) -> None:
        super().__init__()
        self.shell = shell

    async def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        timeout_seconds: float = 60,
    ) -> Completed:
        """The words, with the other shell."""
        at = list(words).index("/bin/sh")
        words = [*words[:at], *self.shell, *words[at + 1 :]]
        return await super().run(words, stdin=stdin, stdout=stdout, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
async def test_the_whole_way_in_each_shell(project: Path, tmp_path: Path, shell: tuple[str, ...]) -> None:
    """Out, worked on in the ugliest way, salvaged, strays found, home and removed: the same in every shell."""
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} here")
    bench = await make_bench(project, tmp_path / "a machine", host=ShellHost(shell))
    paths = await bench.prepare()
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
    refs = git(bench.mirror, "for-each-ref", "--format=%(refname)").splitlines()
    assert all(ref.startswith("refs/miyabi/known/") for ref in refs)
