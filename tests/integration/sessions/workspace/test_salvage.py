"""What a session leaves uncommitted is collected, whatever state it left git in."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.errors import RemoteFailed
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_bench
from tests.support.machines.shell_host import WITHOUT_RIGHTS, ShellHost

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

LEFT = "echo open >>README.md; echo new >new.txt; rm src/a.txt"


async def test_edits_new_files_and_deletions_are_committed(bench: Bench) -> None:
    """Everything open becomes one commit of ours, marked as a salvage."""
    paths = await bench.prepare()
    bench.play(paths, LEFT)
    collected = await bench.collect(paths)
    assert collected.salvaged
    assert bench.files(collected.head) == ["README.md", "new.txt"]
    text = git(bench.root, "log", "-1", "--format=%an <%ae>%n%B", collected.head)
    assert text.startswith("Water Spider <water-spider@localhost>\nSalvage uncommitted work of t1\n")
    assert (await bench.repository.changes("main", collected.head)).salvaged


async def test_salvage_on_the_machine_needs_no_orchestrator(bench: Bench) -> None:
    """The commit is made at the session's end there; collecting later only brings it."""
    paths = await bench.prepare()
    bench.play(paths, LEFT)
    assert bench.after(paths).returncode == 0
    head = git(bench.checkout(paths), "rev-parse", "HEAD")
    assert git(bench.checkout(paths), "status", "--porcelain") == ""
    assert (await bench.collect(paths)).head == head


async def test_ignored_files_and_the_result_file_stay_out(bench: Bench) -> None:
    """What the repository ignores is not work, and neither is the file that tells us the result."""
    commit(bench.root, {".gitignore": "build/\n"})
    paths = await bench.prepare()
    bench.play(
        paths, "mkdir build .miyabi; echo o >build/o; echo {} >.miyabi/result.json; echo n >.miyabi/notes; echo w >w"
    )
    assert bench.files((await bench.collect(paths)).head) == [
        ".gitignore",
        ".miyabi/notes",
        "README.md",
        "src/a.txt",
        "w",
    ]


async def test_hooks_and_signing_cannot_stop_it(bench: Bench, quiet_home: Path) -> None:
    """Neither a refusing hook nor a missing signing key keeps work from being saved."""
    (quiet_home / "hooks").mkdir()
    for name in ("pre-commit", "commit-msg", "reference-transaction", "post-index-change"):
        (quiet_home / "hooks" / name).write_text("#!/bin/sh\nexit 1\n")
        (quiet_home / "hooks" / name).chmod(0o755)
    paths = await bench.prepare()
    settings = f"[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = /bin/false\n[core]\n\thooksPath = {quiet_home}/hooks\n"
    (quiet_home / ".gitconfig").write_text(settings)
    bench.play(paths, LEFT)
    assert "new.txt" in bench.files((await bench.collect(paths)).head)


async def test_a_stale_lock_does_not_matter(bench: Bench) -> None:
    """Locks of a git that was killed with its session are cleared away."""
    paths = await bench.prepare()
    bench.play(paths, LEFT + "; : >$(git rev-parse --git-path index.lock); : >$(git rev-parse --git-path HEAD.lock)")
    (bench.checkout(paths) / ".git/refs/heads" / f"{paths.branch}.lock").touch()
    assert "new.txt" in bench.files((await bench.collect(paths)).head)


@pytest.mark.parametrize(
    "damage", [": >{index}", "printf nonsense >{index}", "head -c 40 {index} >x; mv x {index}", "rm {index}"]
)
async def test_a_broken_index_is_made_again(bench: Bench, damage: str) -> None:
    """An index that git cannot read costs nothing: the files are what counts."""
    paths = await bench.prepare()
    bench.play(paths, LEFT + "; " + damage.format(index="$(git rev-parse --git-path index)"))
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "new.txt"]
    assert bench.show(f"{collected.head}:README.md") == "hello\nopen"


@pytest.mark.parametrize("verb", ["merge --no-edit side", "cherry-pick side", "rebase side", "revert --no-edit side~1"])
async def test_an_unfinished_merge_is_kept_as_it_is(bench: Bench, verb: str) -> None:
    """Stopped in a conflict, the present state is committed, marks and all, and nothing is aborted."""
    commit(bench.root, {"src/a.txt": "base\n"})
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb side; for n in side side2; do echo $n >src/a.txt; git commit -qam $n; done;"
        "git checkout -q miyabi/r1/t1; echo mine >src/a.txt; git commit -qam mine;"
        f"! git {verb} >/dev/null 2>&1; echo more >more.txt",
    )
    collected = await bench.collect(paths)
    ends = [collected.head, *(_parents(bench, collected.strays) if collected.strays else [])]
    saved = [head for head in ends if "more.txt" in bench.files(head)]
    assert len(saved) == 1
    assert "<<<<<<<" in bench.show(f"{saved[0]}:src/a.txt")
    assert "mine" in git(bench.root, "log", "--format=%s", collected.head)


async def test_a_merge_with_its_conflict_keeps_both_sides(bench: Bench) -> None:
    """The salvage of an unfinished merge has both parents, and is made once only."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git checkout -qb side; echo s >src/a.txt; git commit -qam side; git checkout -q miyabi/r1/t1;"
        "echo m >src/a.txt; git commit -qam mine; ! git merge side >/dev/null",
    )
    collected = await bench.collect(paths)
    assert len(_parents(bench, collected.head)) == 2
    again = paths.model_copy(update={"attempt": 2})
    assert (await bench.collect(again)).head == collected.head


@pytest.mark.parametrize(
    "where", ["git checkout -q --detach", "git checkout -qb feature/mine", "git branch -m renamed"]
)
async def test_a_branch_that_went_on_elsewhere_is_followed(bench: Bench, where: str) -> None:
    """Commits and open files on a detached HEAD or on a branch of the agent's own are the task's work."""
    paths = await bench.prepare()
    bench.play(paths, f"{where}; echo 1 >one; git add one; git commit -qm one; echo 2 >two")
    collected = await bench.collect(paths)
    assert collected.head == git(bench.root, "rev-parse", paths.branch)
    assert bench.files(collected.head) == ["README.md", "one", "src/a.txt", "two"]
    assert collected.strays is None
    assert git(bench.checkout(paths), "rev-parse", "--abbrev-ref", "HEAD") == paths.branch


async def test_a_head_that_went_back_keeps_both(bench: Bench) -> None:
    """Where HEAD was left on an older commit with open files, the branch stays and those files are a stray."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >one; git add one; git commit -qm one; git checkout -q HEAD~1; echo try >try.txt")
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "one", "src/a.txt"]
    assert collected.strays == "miyabi/r1/t1+strays"
    assert "try.txt" in bench.files(collected.strays)


async def test_a_new_root_keeps_both(bench: Bench) -> None:
    """A history begun anew does not push the branch aside."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >one; git add one; git commit -qm one; git checkout -q --orphan alone; echo a >alone.txt")
    collected = await bench.collect(paths)
    assert "alone.txt" not in bench.files(collected.head)
    assert collected.strays
    assert "alone.txt" in bench.files(collected.strays)


@pytest.mark.parametrize(
    "damage",
    [
        "rm -rf .git",
        "rm -rf .git; echo nonsense >.git",
        "rm -rf .git; mkdir .git",
        ": >.git/HEAD",
        "rm .git/HEAD",
        "echo nonsense >.git/HEAD",
        "echo nonsense >.git/config",
        "rm .git/config",
        "git config core.bare true",
        "git config core.worktree /nowhere",
        "git config core.repositoryFormatVersion 99",
        "rm -rf .git/refs",
        "rm -rf .git/objects",
        "rm .git/objects/info/alternates",
        "echo nonsense >.git/packed-refs",
        "git config extensions.worktreeConfig true; git config --worktree core.bare true",
    ],
)
async def test_a_damaged_worktree_is_repaired(bench: Bench, damage: str) -> None:
    """Where git's own files are gone or lead nowhere, the work beside them still is collected."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >one; git add one; git commit -qm one;" + LEFT + ";" + damage)
    assert bench.files((await bench.collect(paths)).head) == ["README.md", "new.txt", "one"]
    assert git(bench.checkout(paths), "status", "--porcelain", check="core." not in damage) == ""


@pytest.mark.parametrize("damage", ["git update-ref -d refs/heads/miyabi/r1/t1", ": >{ref}"])
async def test_a_lost_branch_is_found_again(bench: Bench, damage: str) -> None:
    """Where the branch itself is gone or was emptied, HEAD's log knows where it was."""
    paths = await bench.prepare()
    ref = bench.checkout(paths) / ".git/refs/heads/miyabi/r1/t1"
    bench.play(paths, f"echo 1 >one; git add one; git commit -qm one; echo 2 >two; {damage.format(ref=ref)}")
    collected = await bench.collect(paths)
    assert git(bench.root, "log", "--format=%s", f"main..{collected.head}").splitlines()[1:] == ["one"]
    assert collected.strays is None


async def test_a_removed_folder_deletes_nothing(bench: Bench) -> None:
    """An agent that removed the whole checkout has not thereby deleted every file; that it is gone is told."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >one; git add one; git commit -qm one; cd ..; rm -rf t1")
    collected = await bench.collect(paths)
    assert collected.is_gone
    assert (collected.head, collected.strays) == (git(bench.root, "rev-parse", "main"), None)


@pytest.mark.parametrize(
    "hide", ["git update-index --assume-unchanged README.md", "git update-index --skip-worktree README.md"]
)
async def test_hidden_changes_are_found(bench: Bench, hide: str) -> None:
    """A change that the agent told git not to look at is a change."""
    paths = await bench.prepare()
    bench.play(paths, f"{hide}; echo hidden >README.md")
    assert bench.show(f"{(await bench.collect(paths)).head}:README.md") == "hidden"


async def test_a_sparse_checkout_hides_and_deletes_nothing(bench: Bench) -> None:
    """Files outside of what an agent has checked out are saved where it wrote them, and are there where it did not."""
    paths = await bench.prepare()
    script = "git sparse-checkout set docs 2>/dev/null; mkdir src out; echo new >src/b.txt; echo out >out/c.txt"
    bench.play(paths, script)
    head = (await bench.collect(paths)).head
    assert bench.files(head) == ["README.md", "out/c.txt", "src/a.txt", "src/b.txt"]


async def test_a_filter_that_is_not_there_does_not_stop_it(bench: Bench) -> None:
    """A file whose required filter does not work is saved as it lies there."""
    paths = await bench.prepare()
    bench.play(
        paths,
        "git config filter.big.clean false; git config filter.big.required true;"
        "echo '*.bin filter=big' >.gitattributes; echo data >x.bin; echo other >other.txt",
    )
    collected = await bench.collect(paths)
    assert bench.show(f"{collected.head}:x.bin") == "data"
    assert "other.txt" in bench.files(collected.head)


async def test_files_nobody_may_read_are_saved(project: Path, tmp_path: Path) -> None:
    """Permissions that the agent took away are given back."""
    bench = await make_bench(project, tmp_path / "machine", host=ShellHost(WITHOUT_RIGHTS))
    paths = await bench.prepare()
    bench.play(paths, "mkdir d; echo x >d/x; echo y >y; chmod 0 y d")
    assert {"d/x", "y"} <= set(bench.files((await bench.collect(paths)).head))


@pytest.mark.parametrize("place", ["a new name", ".hidden", "../beside"])
async def test_a_moved_folder_is_found(bench: Bench, place: str) -> None:
    """A checkout that its agent gave another name is collected all the same."""
    paths = await bench.prepare()
    bench.play(paths, f"echo 1 >one; git add one; git commit -qm one; echo 2 >two; cd ..; mv t1 '{place}'")
    collected = await bench.collect(paths)
    assert not collected.is_gone
    assert bench.files(collected.head) == ["README.md", "one", "src/a.txt", "two"]


async def test_a_store_that_was_lost_under_a_session(bench: Bench) -> None:
    """Where the store was removed, and made anew for another task, all of the checkout still is collected."""
    paths = await bench.prepare()
    bench.play(paths, "echo 1 >one; git add one; git commit -qm one; echo 2 >two")
    bench.store.rename(bench.folder / "gone")
    with pytest.raises(RemoteFailed, match="there is no store"):
        await bench.collect(paths)
    await bench.prepare("t2")
    collected = await bench.collect(paths)
    assert bench.files(collected.head) == ["README.md", "one", "src/a.txt", "two"]
    assert git(bench.root, "log", "--format=%s", "main..miyabi/r1/t1").splitlines()[1:] == ["one"]


def _parents(bench: Bench, revision: str) -> list[str]:
    return git(bench.root, "log", "-1", "--format=%P", revision).split()
