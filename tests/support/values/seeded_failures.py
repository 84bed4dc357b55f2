"""Twenty failures that a seed draws, and what is to come of each: computed beforehand, by nothing of the program.

A task's session does one thing more each time that it is asked, as its `turns` say; whatever else it is asked, nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

FAILURES, FOLLOWERS = 20, 4
FIX_ATTEMPTS = 2
"""That of the settings, where a task says none."""

VERIFY = "! cat broken-*"
MODELS = {"claude-haiku-4-5": (1, 5), "claude-opus-5-5": (4, 20)}
"""US dollars for a million tokens of input and output."""

RED, GREEN = "check_failed", "succeeded"
_ADDS = "echo line >>{task}.txt"
_TO_HAVE = "echo seen $(wc -l <{task}.txt) of {lines}; test $(wc -l <{task}.txt) -ge {lines}"
_KEEPS_BOTH = "perl -ni -e 'print unless /^(<{{7}}|>{{7}}) |^={{7}}$/' {file}"
_NEVER = 9


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, and what is to come of it.

    Args:
        name: its id.
        turns: what its session does, shell by shell.
        node: further fields of its node.
        ends: the outcomes of its attempts.
        merge_ends: those of the attempts that mend its merge, in the same conversation.
        is_merged: whether the integration branch holds it.
        files: what it, and its merge, are to have made of the branch; None: no such file.
    """

    name: str
    turns: Sequence[str]
    node: Mapping[str, Any] = field(default_factory=dict)
    ends: Sequence[str] = (GREEN,)
    merge_ends: Sequence[str] = ()
    is_merged: bool = True
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """How often what failed may go back to its conversation, of its work and again of its merge."""
        return int(self.node.get("fix_attempts", FIX_ATTEMPTS))

    @property
    def outcome(self) -> str:
        """How the task ends."""
        return self.ends[-1] if self.ends else "skipped"

    @property
    def costs(self) -> tuple[float, ...]:
        """US dollars of its attempts and then of those that mend its merge; claude answers each time twice."""
        ends, turn, costs = [*self.ends, *self.merge_ends], 0, []
        for end in ends:
            is_asked = end != "setup_failed"
            costs.append(sum(map(self._usd, (2 * turn, 2 * turn + 1))) if is_asked else 0.0)
            turn += is_asked
        return tuple(costs)

    @property
    def asked(self) -> int:
        """How often its session is asked."""
        return sum(end != "setup_failed" for end in [*self.ends, *self.merge_ends])

    @property
    def script(self) -> str:
        """The shell script that does its next turn. It counts them in a file beside itself."""
        count = f'"$SCRIPTED_GATES/{self.name}.turns"'
        cases = "".join(f"{number}) {turn} ;;\n" for number, turn in enumerate(self.turns, start=1))
        return f"n=$(($(cat {count} 2>/dev/null || echo 0) + 1)); echo $n >{count}\ncase $n in\n{cases}esac\n"

    def to_node(self) -> dict[str, Any]:
        """The task as a DAG file has it."""
        prompt = f"Do it. [[scenario:script:{self.name}]] [[task:{self.name}]]"
        return {"id": self.name, "prompt": prompt, **self.node}

    def _usd(self, answer: int) -> float:
        tokens = tokens_of(answer)
        price = MODELS[self.node["model"]]
        return (price[0] * tokens["input_tokens"] + price[1] * tokens["output_tokens"]) / 1e6


def tokens_of(answer: int) -> Mapping[str, int]:
    """The tokens of a conversation's answer of that number: each has a price of its own."""
    return {"input_tokens": 1000 + 10 * answer, "output_tokens": 100 + answer}


def draw(seed: int) -> list[Task]:
    """Draws twenty failures, each kind at least once, and some tasks that build on those that fail."""
    dice = random.Random(seed)  # noqa: S311 - figures of a test
    kinds = [*_KINDS, *dice.choices(sorted(_KINDS), k=FAILURES - len(_KINDS))]
    dice.shuffle(kinds)
    tasks = [task for n, kind in enumerate(kinds) for task in _KINDS[kind](dice, f"{kind}{n}")]
    tasks = [replace(task, node={"model": dice.choice([*MODELS]), **task.node}) for task in tasks]
    leaders = dice.sample([task for task in tasks if not task.name.endswith("-other")], k=FOLLOWERS)
    return [*tasks, *map(_follower, leaders)]


def _follower(leader: Task) -> Task:
    name = f"after-{leader.name}"
    return Task(
        name=name,
        turns=[_ADDS.format(task=name)],
        node={"dependencies": [leader.name], "model": leader.node["model"]},
        ends=[GREEN] if leader.outcome == GREEN else [],
        is_merged=leader.is_merged,
        files={f"{name}.txt": "line"},
    )


def _limited(dice: random.Random, *limits: int) -> tuple[dict[str, int], int]:
    """A node's field, which may be left to the settings, and how many rounds are allowed so."""
    limit = dice.choice([*limits, None])
    return ({}, FIX_ATTEMPTS) if limit is None else ({"fix_attempts": limit}, limit)


def _red(dice: random.Random, name: str, *, rounds: int, limits: Sequence[int]) -> list[Task]:
    """Its check is green after that many fix-ups."""
    node, limit = _limited(dice, *limits)
    is_green, lines = rounds <= limit, 1 + min(rounds, limit)
    return [
        Task(
            name=name,
            turns=[_ADDS.format(task=name)] * _NEVER,
            node={"check": _TO_HAVE.format(task=name, lines=1 + rounds), **node},
            ends=[*[RED] * (lines - is_green), *[GREEN] * is_green],
            is_merged=is_green,
            files={f"{name}.txt": "\n".join(["line"] * lines)},
        )
    ]


def _same(dice: random.Random, name: str) -> list[Task]:
    """Its check fails alike however often it is mended; so it goes back once."""
    node, limit = _limited(dice, 0, 1, 2)
    check = 'echo "the password is $DB_PASSWORD, $(date +%s) s"; false'
    ends = [RED] * (1 + min(limit, 1))
    turns = [_ADDS.format(task=name)] * _NEVER
    return [Task(name=name, turns=turns, node={"check": check, **node}, ends=ends, is_merged=False)]


def _idle(dice: random.Random, name: str) -> list[Task]:
    """It commits nothing when it is to mend its work; so it goes back once."""
    node, limit = _limited(dice, 0, 1, 2)
    ends = [RED] * (1 + min(limit, 1))
    node = {"check": "echo $$; false", **node}
    return [Task(name=name, turns=[_ADDS.format(task=name)], node=node, ends=ends, is_merged=False)]


def _breaks(dice: random.Random, name: str, *, hows: Sequence[str], limits: Sequence[int]) -> list[Task]:
    """It breaks what is verified, and mends that in so many rounds, never, or with nothing that changes it."""
    node, limit = _limited(dice, *limits)
    how = dice.choice(hows)
    broken = f"broken-{name}"
    lacks = [f"echo {name} lacks {number} >{broken}" for number in range(_NEVER)]
    adds = _ADDS.format(task=name)
    needed = int(how) if how.isdigit() else _NEVER
    mends = {"same": [adds] * _NEVER, "idle": []}.get(how, [*lacks[1:needed], f"rm {broken}"])
    rounds = min(limit, 1 if how in {"same", "idle"} else needed)
    return [
        Task(
            name=name,
            turns=[f"{adds}; {lacks[0]}", *mends],
            node=node,
            merge_ends=["no_changes" if how == "idle" else GREEN] * rounds,
            is_merged=needed <= limit,
            files={f"{name}.txt": "line", broken: None},
        )
    ]


def _conflict(dice: random.Random, name: str, *, needed: Sequence[int], limits: Sequence[int]) -> list[Task]:
    """Two write the same file; the other one joins both sides in so many rounds, or leaves git's markers."""
    node, limit = _limited(dice, *limits)
    file, other, rounds = f"shared-{name}.txt", f"{name}-other", dice.choice(needed)
    is_merged, made = rounds <= limit, min(rounds, limit)
    resolves = [*[f"echo not yet >>{other}.txt"] * (rounds - 1), _KEEPS_BOTH.format(file=file)]
    lines = [f"line of {name}", f"line of {other}"]
    ends = [*["unresolved_conflict"] * (made - is_merged), *[GREEN] * is_merged]
    both = {file: "\n".join(lines), f"{other}.txt": "\n".join(["not yet"] * (made - 1)) or None}
    return [
        Task(name=name, turns=[f"echo {lines[0]} >{file}"], files={} if is_merged else {file: lines[0]}),
        Task(
            name=other,
            turns=[f"echo {lines[1]} >{file}", *resolves],
            node=node,
            merge_ends=ends,
            is_merged=is_merged,
            files=both,
        ),
    ]


def _set_up(dice: random.Random, name: str) -> list[Task]:
    """Its set-up fails once, or each time; where it passes then, its check may be red once."""
    begun = f'"$SCRIPTED_GATES/{name}.begun"'
    how = dice.choice(["once", "never", "then red"])
    once = f"[ -e {begun} ] || {{ touch {begun}; echo no lock; exit 3; }}"
    (task,) = _red(dice, name, rounds=int(how == "then red"), limits=[1, 2])
    red = "setup_failed"
    if how == "never":
        return [replace(task, node={"setup": "echo no such lock; exit 4"}, ends=[red, red], is_merged=False)]
    return [replace(task, node={**task.node, "setup": once}, ends=[red, *task.ends])]


_KINDS: Mapping[str, Callable[[random.Random, str], list[Task]]] = {
    "first": lambda dice, name: _red(dice, name, rounds=1, limits=[1, 2]),
    "second": lambda dice, name: _red(dice, name, rounds=2, limits=[2, 3]),
    "never": lambda dice, name: _red(dice, name, rounds=_NEVER - 1, limits=[0, 1, 2]),
    "same": _same,
    "idle": _idle,
    "mends": lambda dice, name: _breaks(dice, name, hows=["1", "2"], limits=[2, 3]),
    "breaks": lambda dice, name: _breaks(dice, name, hows=["1", "2", "never", "same", "idle"], limits=[0, 1]),
    "joins": lambda dice, name: _conflict(dice, name, needed=[1, 2], limits=[2]),
    "clashes": lambda dice, name: _conflict(dice, name, needed=[1, 2, _NEVER], limits=[0, 1]),
    "setup": _set_up,
}
