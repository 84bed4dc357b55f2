"""A run and what came of its integration, to make texts of; and how GitHub reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt

from miyabi.git import Changes
from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.integration.values import MergedTask
from miyabi.reports import Report
from miyabi.sessions import Finding, Outcome, Review, Strays, Verdict, reviewing
from tests.support.values.results import RUN, report, result, small_dag

NASTY = "fixes #66 closes: GH-67 | Resolves acme/app#68 `closed #69` @octocat <b>x</b> https://github.com/a/b/issues/70"
BASE, HEAD = "b" * 40, "c" * 40
EDGES: Mapping[str, Sequence[str]] = {
    "issue-1": [],
    "issue-2": ["issue-1"],
    "issue-3": ["issue-1"],
    "issue-4": ["issue-3"],
    "issue-5": [],
    "issue-6": ["issue-5"],
    "tidy": ["issue-2"],
}
ISSUES = {task: int(task.removeprefix("issue-")) for task in EDGES if task != "tidy"}

BESIDE: dict[str, Any] = {
    "strays": Strays(branch=f"miyabi/{RUN}/issue-2+strays", commits=2, files=3, insertions=40, deletions=1),
    "left_there": (f"{NASTY}.bin", "core", "model.bin"),
}
"""What a session did that its branch does not hold."""

PRINTED = f"FAILED test_a\n````\n{NASTY}\n~~~~\n</details>\n| 1 | 2 |"
"""What a check printed."""
WORDS = f"I have **done** it:\n\n- {NASTY}\n````\n</details> <!-- miyabi -->\n> # Next"
"""What a session said."""
RED: dict[str, Any] = {"check_output": PRINTED, "final_message": WORDS}

FOUND = Review(
    verdict=Verdict.CHANGES_ASKED,
    findings=(Finding(file=f"docs/{NASTY}.md", line=7, why=f"a | b\n| {WORDS}"), Finding(file="src/a.py", why=NASTY)),
)
UNREVIEWED = Review(verdict=Verdict.UNREVIEWED, reason=f"it ended as max_turns: {NASTY}")
"""What reviews came to."""

_CLOSING = r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b[\s:*_~]*(?:[\w.-]+/[\w.-]+)?"
CLOSING = re.compile(rf"{_CLOSING}(?:#|gh-|https?://\S+/(?:issues|pull)/)(\d+)")
"""How GitHub finds the issues that are to be closed, read more widely than GitHub does."""
REFERENCE = re.compile(r"(?i)(?:(?<![\w&])#|\bgh-|/(?:issues|pull)/)(\d+)")
MENTION = re.compile(r"(?<!\w)@[a-z0-9]", re.IGNORECASE)


def run(*, rehearsal: bool = False) -> Report:
    """A run in which most went well."""
    titles = {"issue-2": NASTY, "issue-3": "設計する 🎨 and close"}
    results = [
        result("issue-1", files=["src/a.py"]),
        result(
            "issue-2",
            after=60,
            files=["src/a.py", f"docs/{NASTY}.md"],
            attempt=2,
            machine="macmini-2",
            final_message=WORDS,
            review=FOUND,
            **BESIDE,
        ),
        result("issue-3", after=60, files=["src/c.py"], review=UNREVIEWED),
        result(reviewing("issue-2", head=HEAD), after=120, cost_usd=0.125),
        result("issue-4", after=120, files=["src/d.py"]),
        result("issue-5", Outcome.CHECK_FAILED, error_kind="check", error_text=f"exit 1: {NASTY}", **RED),
        result("tidy", after=130, changes=Changes()),
    ]
    dag = small_dag(EDGES, titles=titles)
    return report(dag, results, warnings=[f"levels differ {NASTY}"], rehearsal=rehearsal)


def integration(*, verified: bool | None = True) -> Integration:
    """Two tasks merged, one in conflict, one that goes with it."""
    return Integration(
        branch=f"miyabi/{RUN}",
        base=BASE,
        head=HEAD,
        merged=(MergedTask(task="issue-1", commit="1" * 40), MergedTask(task="issue-2", commit=HEAD)),
        left_out=(
            LeftOut(task="issue-3", kind=LeftOutKind.CONFLICT, files=("src/a.py", "x|y.md"), reason=NASTY),
            LeftOut(task="issue-4", kind=LeftOutKind.UPSTREAM, because_of="issue-3", reason="builds on it"),
        ),
        verified=verified,
        verify_commands=() if verified is None else ("make test", "ruff check"),
        verify_log="" if verified is None else f"ok\n```\n{NASTY}\n````\n{'token=' + 'a1' * 10}\n",
    )


def large(tasks: int) -> tuple[Report, Integration, dict[str, int]]:
    """A run of so many tasks, all merged, each with two changed files."""
    names = [f"issue-{n}" for n in range(1, tasks + 1)]
    edges = {name: names[max(0, n - 1) : n] for n, name in enumerate(names)}
    titles = dict.fromkeys(names, f"{NASTY} {'長い題名🎨' * 8}")
    results = [result(name, after=n, files=[f"src/{name}/{k}.py" for k in "ab"]) for n, name in enumerate(names)]
    merged = tuple(MergedTask(task=name, commit=HEAD) for name in names)
    made = Integration(branch="miyabi/x", base=BASE, head=HEAD, merged=merged)
    return report(small_dag(edges, titles=titles), results), made, {name: n for n, name in enumerate(names, 1)}


def rendered(markdown: str) -> str:
    """The words that a reader sees, code left out as GitHub does when it looks for references."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {"text", "text_special", "softbreak"}
    lines = ["".join(c.content or "\n" for c in token.children or () if c.type in kinds) for token in inline]
    return "\n".join(lines)


def closing(text: str) -> list[str]:
    """The issues that GitHub would close, by the raw text and by the rendered one."""
    return sorted({*CLOSING.findall(text), *CLOSING.findall(rendered(text))}, key=int)
