"""Conflicts that a session leaves unresolved are found in what it committed and in what was salvaged, by real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.git import Repository, conflict_markers
from miyabi.sessions import SessionPaths
from tests.support.git import repositories
from tests.support.git.repositories import Bench, commit, git, make_repository

bench = repositories.bench
project = repositories.project
quiet_home = repositories.quiet_home

A = "src/a.txt"
SIDE = "git checkout -q -b side; echo theirs >src/a.txt; git commit -qam theirs; git checkout -q -; "
BOTH = f"{SIDE}echo ours >src/a.txt; git commit -qam ours; "
WAYS = {
    "merge": f"{BOTH}git merge -q side",
    "merge_squash": f"{BOTH}git merge -q --squash side",
    "cherry_pick": f"{BOTH}git cherry-pick side",
    "revert": "echo two >src/a.txt; git commit -qam two; echo three >src/a.txt; git commit -qam three; "
    "git revert --no-edit HEAD~1",
    "stash_pop": "echo mine >src/a.txt; git stash -q; echo other >src/a.txt; git commit -qam other; git stash pop -q",
    "stash_apply": "echo mine >src/a.txt; git stash -q; echo o >src/a.txt; git commit -qam o; git stash apply -q",
    "am_3": f"{BOTH}git format-patch -q -1 side --stdout >../one.patch; git am -q -3 ../one.patch",
    "apply_3way": f"{BOTH}git diff side~1 side >../one.diff; git apply --3way ../one.diff",
    "checkout_m": "git checkout -q -b side; echo theirs >src/a.txt; git commit -qam theirs; echo x >src/a.txt; "
    "git checkout -q -m @{-1}",
    "checkout_conflict": f"{BOTH}git merge -q side || git checkout --conflict=diff3 src/a.txt",
    "merge_file": "echo b >../b; echo o >../o; echo ours >src/a.txt; git merge-file src/a.txt ../b ../o",
}
STYLES = ("merge", "diff3", "zdiff3")


async def left(
    bench: Bench, script: str, *, with_index: bool = False, paths: SessionPaths | None = None
) -> tuple[str, ...]:
    """The files that a session of that script leaves unresolved; its commands may fail.

    What its index told when it ended counts only where that is asked for.
    """
    paths = paths or await bench.prepare()
    bench.play(paths, f"set +e; exec >/dev/null 2>&1; {script}; true")
    collected = await bench.collect(paths)
    base = await bench.repository.resolve("main")
    unmerged = collected.unmerged if with_index else ()
    return await conflict_markers.left_by_session(bench.repository.git, collected.head, base=base, unmerged=unmerged)


@pytest.mark.parametrize("end", ["", "; git add -A; git commit -qm done"], ids=["salvaged", "committed"])
@pytest.mark.parametrize("way", WAYS)
async def test_every_way_into_a_conflict_is_seen(bench: Bench, way: str, end: str) -> None:
    """Whichever command left the markers, and whether the session committed them or left that to us."""
    assert await left(bench, WAYS[way] + end) == (A,)


@pytest.mark.parametrize(
    "end", ["git add -A; git rebase --continue", "git add -A; git commit -qm x; git rebase --skip"]
)
async def test_a_rebase_that_goes_on_over_its_markers(bench: Bench, end: str) -> None:
    """A session that commits the markers and lets the rebase come to its end has resolved nothing."""
    assert await left(bench, f"export GIT_EDITOR=true; {BOTH}git rebase -q side; {end}") == (A,)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [1, 4, 6, 8, 100])
async def test_markers_of_any_size_and_style(bench: Bench, size: int, style: str) -> None:
    """The attribute says how long they are, and the user's settings how many sections they have."""
    commit(bench.root, {".gitattributes": f"*.txt conflict-marker-size={size}\n"})
    assert await left(bench, f"git config merge.conflictStyle {style}; {WAYS['merge']}") == (A,)


@pytest.mark.parametrize(
    "script",
    [
        f"echo '*.txt conflict-marker-size=3' >.gitattributes; git add -A; git commit -qm a; {WAYS['merge']}",
        f"echo '*.txt conflict-marker-size=30' >src/.gitattributes; git add -A; git commit -qm a; {WAYS['merge']}",
        f"{WAYS['merge']}; echo '*.txt conflict-marker-size=30' >.gitattributes",
        f"{WAYS['merge']}; echo '*.txt conflict-marker-size=3' >.gitattributes",
        (
            "echo '[attr]short conflict-marker-size=2' >.gitattributes; echo '*.txt short' >src/.gitattributes; "
            f"git add -A; git commit -qm a; {WAYS['merge']}"
        ),
        f'echo "*.txt conflict-marker-size=12" >"$(git rev-parse --git-path info/attributes)"; {WAYS["merge"]}',
        f'echo "*.txt conflict-marker-size=5" >"$(git rev-parse --git-path info/attributes)"; {WAYS["merge"]}',
    ],
    ids=["before", "below", "longer_afterwards", "shorter_afterwards", "macro", "machine_only", "machine_only_short"],
)
async def test_a_session_that_sets_the_size_itself(bench: Bench, script: str) -> None:
    """The attribute may come, go and stay on the machine: markers are found all the same."""
    assert await left(bench, f'mkdir -p "$(git rev-parse --git-path info)"; {script}') == (A,)


@pytest.mark.parametrize("end", ["git rm -q --cached .gitattributes; rm .gitattributes", "echo >.gitattributes"])
async def test_a_size_that_the_session_took_away(bench: Bench, end: str) -> None:
    """What the base says of the size counts too."""
    commit(bench.root, {".gitattributes": "*.txt conflict-marker-size=2\n"})
    assert await left(bench, f"{WAYS['merge']}; {end}") == (A,)


async def test_line_ends_and_nested_conflicts(bench: Bench) -> None:
    """CRLF, a file without a last line end, and conflicts in conflicts are conflicts."""
    crlf = WAYS["merge"].replace("echo theirs", "printf 'theirs\\r\\n'").replace("echo ours", "printf 'ours\\r\\n'")
    assert await left(bench, crlf) == (A,)
    open_end = "printf 'x\\n<<<<<<< HEAD\\na\\n=======\\nb\\n>>>>>>> side' >b.txt"
    paths = await bench.prepare("t2")
    assert await left(bench, open_end, paths=paths) == ("b.txt",)
    twice = f"git config merge.conflictStyle diff3; {WAYS['merge']}; git add -A; git commit -qm m; "
    twice += (
        "git checkout -q -b more HEAD~1; echo third >src/a.txt; git commit -qam t; git checkout -q -; git merge more"
    )
    paths = await bench.prepare("t3")
    assert await left(bench, twice, paths=paths) == (A,)


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< HEAD\none\ntwo\n",
        "one\n>>>>>>> side\n",
        "one\n=======\ntwo\n>>>>>>> side\n",
        "one\n||||||| base\ntwo\n",
    ],
)
async def test_half_a_conflict_is_none_that_is_resolved(bench: Bench, text: str) -> None:
    """Where a session took out some of the markers, the others still tell."""
    assert await left(bench, f"printf '{text}' >src/a.txt") == (A,)


DOCUMENTED = "# How to merge\n\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> side\n"


@pytest.mark.parametrize(
    "script",
    [
        "echo more >>how.md",
        "sed -i.bak s/ours/mine/ how.md; rm how.md.bak",
        "git mv how.md other.md",
        "git mv how.md other.md; echo more >>other.md",
        "cp how.md copy.md",
        "chmod +x how.md",
        "printf 'x\\r\\n' >>how.md; sed -i.bak 's/$/\\r/' how.md; rm how.md.bak",
        "git rm -q how.md; echo x >x",
        "printf 'Title\\n=======\\n\\n<<<<<<\\nx\\n' >a.rst",
        "printf '> a\\n>>>>>>> b\\n>>>>> c\\n' >letter.txt",
        "printf '\\0<<<<<<< HEAD\\n=======\\n>>>>>>> side\\n' >binary",
        f"{WAYS['merge']}; echo both >src/a.txt; git add -A; git commit -qm resolved",
        "git merge -q docs",
        "git merge -q --no-ff docs; echo more >>more.md",
    ],
)
async def test_what_was_there_before_and_what_is_no_conflict(bench: Bench, script: str) -> None:
    """Documentation about conflicts may stay, move and change; headings, letters and binary files are none."""
    commit(bench.root, {"how.md": DOCUMENTED})
    git(bench.root, "checkout", "-q", "-b", "docs")
    docs = commit(bench.root, {"more.md": DOCUMENTED})
    git(bench.root, "checkout", "-q", "main")
    paths = await bench.prepare()
    git(bench.checkout(paths), "fetch", "-q", str(bench.root), f"+{docs}:refs/heads/docs")
    assert await left(bench, script, paths=paths) == ()


@pytest.mark.parametrize(
    "script",
    [
        (
            "echo two >how.md; git commit -qam two; git checkout -q -b side HEAD~1; echo three >how.md; "
            "git commit -qam three; git merge -q -"
        ),
        "cat how.md how.md >x; mv x how.md",
        f"{SIDE}git mv how.md src/b.txt; echo ours >src/a.txt; git commit -qam ours; git merge -q side",
    ],
    ids=["same_file", "once_more", "other_file"],
)
async def test_a_new_conflict_beside_old_markers(bench: Bench, script: str) -> None:
    """That a file had markers before, or another one, hides no new ones."""
    commit(bench.root, {"how.md": DOCUMENTED})
    found = await left(bench, script)
    assert found in {("how.md",), (A,)}


@pytest.mark.parametrize(
    "script",
    [
        (
            "git checkout -q -b side; git rm -q src/a.txt; git commit -qm gone; git checkout -q -; echo x >src/a.txt; "
            "git commit -qam x; git merge -q side"
        ),
        (
            "git checkout -q -b side; git mv src/a.txt one; git commit -qm one; git checkout -q -; "
            "git mv src/a.txt two; git commit -qm two; git merge -q side"
        ),
        f"{BOTH}git rebase -q side",
        f"{BOTH}git cherry-pick side; git checkout -q --detach",
        (
            "git checkout -q -b side; printf '\\0a' >bin; git add bin; git commit -qm a; git checkout -q -; "
            "printf '\\0b' >bin; git add bin; git commit -qm b; git merge -q side"
        ),
    ],
    ids=["modify_delete", "rename_rename", "rebase", "cherry_pick", "binary"],
)
async def test_a_conflict_that_the_branch_does_not_show_is_told_by_the_index(bench: Bench, script: str) -> None:
    """What was unmerged when the session ended counts: files without markers, a rebase that stopped half-way."""
    assert await left(bench, script, with_index=True)


async def test_names_that_nobody_expects(bench: Bench) -> None:
    """Blanks, line breaks, quotes, magic and bytes that are no UTF-8 in a path are only a path."""
    names = ["a b.txt", ":(top)x", "-rf", "ü.txt", "a'b", "*.c", "new\nline"]
    text = "printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n'"
    script = "; ".join(f'{text} >"./{name}"' for name in names)
    assert set(await left(bench, f"{script}; {text} >\"$(printf 'x\\377')\"")) == {*names, "x\ufffd"}


MINE = (
    ("grep.patternType", "perl"),
    ("grep.lineNumber", "true"),
    ("grep.column", "true"),
    ("color.ui", "always"),
    ("core.quotePath", "true"),
    ("submodule.recurse", "true"),
    ("diff.renames", "copies"),
)


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
@pytest.mark.parametrize("is_bare", [False, True])
async def test_any_repository_of_the_user(
    tmp_path: Path, quiet_home: Path, options: tuple[str, ...], *, is_bare: bool
) -> None:
    """Bare or not, whatever its object format, and whatever its settings make of git's output."""
    root = make_repository(tmp_path / "one", files={A: "1\n", "b.txt": "b\n"}, options=options)
    base = git(root, "rev-parse", "HEAD")
    marked = commit(root, {A: "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> side\n", "ü/c": "=======\n", "b.txt": "more\n"})
    if is_bare:
        git(tmp_path, "clone", "-q", "--bare", str(root), "bare.git")
        root = tmp_path / "bare.git"
    for name, value in MINE:
        git(root, "config", name, value)
    repository = await Repository.open(root)
    assert await conflict_markers.unresolved(repository.git, marked, sides=[base]) == (A,)
    assert await conflict_markers.unresolved(repository.git, base, sides=[marked]) == ()


async def test_files_that_are_too_large_to_be_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit is passed over, and those beside it are not."""
    monkeypatch.setattr(conflict_markers, "LARGEST_BYTES", 10_000)
    text = "printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n'"
    script = f"{text} >small; {{ {text}; head -c 20000 /dev/zero | tr '\\0' x; }} >large"
    assert await left(bench, script) == ("small",)
