"""Random sessions: what agents do with git, made of a seed, and a journal of the lines they wrote or threw away."""

from __future__ import annotations

import os
import random
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from miyabi.system import clean_environment
from tests.support.git.repositories import WHO

_STEPS = 14
_PRELUDE = """
J() { printf '%s\\n' "$*" >>"$JOURNAL"; }
W() { mkdir -p "$(dirname "$2")" && echo "$1" >>"$2" && J w "$1" "$D"; }
C() { git add -A . && git commit -qm "$1" && J c "$D"; }
cd "$TOP"; D=top
"""


@dataclass
class LinesWritten:
    """What a session wrote, and which of it its own commands may have thrown away."""

    written: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, journal: Path) -> LinesWritten:
        """What the journal tells. Throwing away is noted before it happens, writing afterwards."""
        lines, open_lines, ever = cls(), defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
        stashed: set[str] = set()
        for line in journal.read_text().splitlines() if journal.exists() else []:
            verb, *words = line.split()
            match verb, words:
                case "w", [line_written, place]:
                    lines.written.add(line_written)
                    open_lines[place].add(line_written)
                    ever[place].add(line_written)
                case "c", [place]:
                    open_lines.pop(place, None)
                case "s", [place]:
                    stashed |= open_lines.pop(place, set())
                case "p", [place]:
                    open_lines[place] |= stashed
                case "x", [place]:
                    lines.excused |= open_lines.pop(place, set())
                case "drop", []:
                    lines.excused |= stashed
                case "gone", [place]:
                    lines.excused |= ever[place]
        return lines

    @property
    def required(self) -> set[str]:
        """The lines that must be kept."""
        return self.written - self.excused


def play(seed: str, checkout: Path, scratch: Path) -> LinesWritten:
    """Does what a random session does in its checkout, and ends at a random step; what it wrote.

    Args:
        seed: the same one does the same.
        checkout: the session's.
        scratch: a folder of its own elsewhere on the machine, for worktrees that it makes there.
    """
    scratch.mkdir(exist_ok=True)
    dice, journal = random.Random(seed), scratch / "journal"  # noqa: S311 - guards nothing
    steps = "\n".join(_step(dice, seed, number) for number in range(dice.randrange(3, _STEPS)))
    environment = clean_environment(os.environ) | WHO | {"JOURNAL": str(journal), "TOP": str(checkout)}
    words = ["/bin/sh", "-c", _PRELUDE + steps + "\nexit 0\n"]
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(words, cwd=checkout, env=environment | {"SCRATCH": str(scratch)}, check=False, **silent)  # type: ignore[call-overload]
    return LinesWritten.read(journal)


def _step(dice: random.Random, seed: str, number: int) -> str:
    """One step: mostly some lines and a commit, and in between whatever agents do."""
    line, other = f"line-{seed}-{number}-a", f"line-{seed}-{number}-b"
    name = dice.choice(["new", "a b", "-dash", "日本", "sub/deep", 'q"uote', "tab\tname"])
    write = dice.choice([f"W {line} shared.txt", f"W {line} './{name}-{number}'", f"W {line} src/a.txt"])
    branch = dice.choice(["wip", "feature/x", "main", "other"])
    place = dice.choice([f"wt{number}", f".claude/worktrees/w{number}", f"../beside{number}", f'"$SCRATCH"/w{number}'])
    inner = dice.choice([f"inner{number}", f"vendor/in {number}", f"-inner{number}"])
    works = f"{write}; C there; W {other} open.txt"
    return dice.choice(
        [
            write,
            f"{write}; C one",
            f"{write}; C two; W {other} shared.txt; C three",
            f"{write}; git add -A .; git commit -q --amend -m better && J c $D",
            f"git checkout -q -b {branch}-{number}; {write}; C side; git checkout -q -",
            f"git checkout -q -B {branch}; {write}; C forced",
            f"git checkout -q --detach; {write}; C detached; git checkout -q @{{-1}}",
            f"{write}; git add -A .; git stash -q && J s $D",
            f"{write}; git stash push -qu -m later && J s $D",
            "git stash pop -q && J p $D",
            "J drop; git stash drop -q",
            f"{write}; C mine; git checkout -q -b b{number} HEAD~1; W {other} shared.txt; C theirs; git merge -q -",
            f"{write}; C mine; git checkout -q -b b{number} HEAD~1; W {other} src/a.txt; C theirs; git rebase -q -",
            f"{write}; C mine; git checkout -q -b b{number} HEAD~1; W {other} shared.txt; C t; git cherry-pick -",
            "J x $D; git merge --abort; git rebase --abort; git cherry-pick --abort",
            f"J x $D; git reset -q --hard HEAD~1; {write}",
            "J x $D; git clean -qfdx",
            f"git worktree add -q -b w{number} {place}; cd {place} && D=wt{number}; {works}",
            f"git worktree add -q --detach {place}; cd {place} && D=wt{number}; {works}",
            'cd "$TOP"; D=top',
            f"J gone wt{number - 2}; rm -rf wt{number - 2}",
            f"mkdir -p './{inner}'; cd './{inner}' && D=in{number} && git init -q; {works}",
            "git config core.bare true",
            "git config extensions.worktreeConfig true; git config --worktree core.hooksPath .hooks",
            "mkdir -p .hooks; echo 'exit 1' >.hooks/pre-commit; chmod +x .hooks/*; git config core.hooksPath .hooks",
            "git config --unset core.bare; git config --unset core.hooksPath",
            "git config commit.gpgSign true; git config gpg.program false",
            "git config user.name Mallory; git config alias.commit '!false'",
            "git gc -q --prune=now",
            f"git tag t{number}; git branch -m renamed{number}",
            f"git update-ref refs/own/{number} HEAD; git reset -q --soft HEAD~1",
            ': >"$(git rev-parse --git-path index.lock)"',
            "exit 0",
        ]
    )
