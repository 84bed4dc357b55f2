from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt

from miyabi.git import Changes
from miyabi.reports import Report, outcome_style, summary_sentence
from miyabi.reports.markdown import to_markdown
from miyabi.runs import BudgetRow
from miyabi.sessions import InSubmodule, Outcome, Strays
from miyabi.text import Style
from tests.support.values.results import RUN, matches_golden, report, result, small_dag

BESIDE: dict[str, Any] = {
    "strays": Strays(branch=f"miyabi/{RUN}/docs+strays", commits=2, files=3, insertions=4000, deletions=1),
    "left_there": ("data|1.bin", "data2.bin", "data3.bin", "data4.bin"),
    "submodules": (
        InSubmodule(
            text="commit 0f1e2d3c4b5a of the submodule a|b *c*, which its branch names, is nowhere", command="git push"
        ),
        InSubmodule(text="1 commit (1 file, +1 -0) on docs+strays in the submodule lib"),
    ),
}
DOCS = Changes(commits=1, files=("a`b|c.md",), insertions=1, salvaged=True)
NASTY = "a|b `c` <b>d</b> **e** [f](http://g) @octocat ~h~ $i$ \\| &amp; 日本語 🎉\n# j"
RED: dict[str, Any] = {
    "check_output": f"```\n{NASTY}\n````\n</details>\n1 failed",
    "final_message": f"All **tests** pass:\n\n- {NASTY}\n```\n</details>\n> - 10. done `git push`",
}


def mixed() -> Report:
    """A run where about everything happened."""
    dag = small_dag(
        {"design": [], "build": ["design"], "test": ["build"], "docs": ["design"], "ship": ["test", "docs"]},
        titles={"design": "設計する 🎨", "build": 'Build "it"; #1', "docs": NASTY},
    )
    results = [
        result("design", seconds=61, files=["docs/design.md"]),
        result("build", Outcome.MACHINE_LOST, after=62, seconds=20, error_text="macmini-1: the link went"),
        result("build", after=85, seconds=100, attempt=2, machine="macmini-2", files=["src/a.py", "docs/design.md"]),
        result("test", Outcome.CHECK_FAILED, after=190, error_kind="check", error_text=f"exit 1: {NASTY}", **RED),
        result(
            "docs", after=63, changes=Changes(commits=1, files=("a`b|c.md",), insertions=1, salvaged=True), **BESIDE
        ),
    ]
    return report(dag, results, warnings=["levels in the file differ: they are computed"])


def rehearsal() -> Report:
    """A rehearsal where all went well."""
    results = [result(t, rehearsal=True, cost_usd=0, usage={}, seconds=2, after=2 * n) for n, t in enumerate("ab")]
    return report(small_dag({"a": [], "b": ["a"]}), results, run="rehearsal-20261122-113501-k3f", wall_seconds=4.4)


@pytest.mark.parametrize(("name", "made"), [("mixed", mixed), ("rehearsal", rehearsal)])
def test_golden(name: str, made: Callable[[], Report]) -> None:
    """The whole report reads as agreed, as Markdown and as JSON."""
    assert matches_golden(to_markdown(made()), name=f"{name}.md")
    assert matches_golden(made().model_dump_json(indent=2) + "\n", name=f"{name}.json")


def test_budgets() -> None:
    """What is spent of each that holds for the run, and which of them kept the rest from starting."""
    rows = (
        BudgetRow(setting="run_usd", whose="run", spent=2.5, limit=2),
        BudgetRow(setting="day_tokens", whose="day of account a", spent=10, limit=9000),
    )
    text = to_markdown(mixed().model_copy(update={"budgets": rows}))
    assert (
        "## Budgets\n\n- Of the run: 2.50 of 2.00 USD, so nothing more was started (`budget.run_usd`)\n"
        "- Of the day of account a: 10 of 9,000 tokens (`budget.day_tokens`)\n"
    ) in text


def test_summary_sentence() -> None:
    """The summary says how many of how many, how long, how parallel and how dear, in plain words."""
    assert summary_sentence(mixed()) == (
        "3 of 5 tasks succeeded (60 %), 1 failed, 1 skipped, in 5 min 00 s on 2 machines. "
        "The sessions took 5 min 01 s together, 1.0 times that. 1.25 USD, 6,000 tokens."
    )


def test_summary_of_nothing() -> None:
    """A run in which nothing started says so."""
    assert summary_sentence(report(small_dag({"a": []}), [])) == (
        "0 of 1 task succeeded (0 %), 1 skipped. No session ran."
    )


def test_rehearsal_is_said_everywhere() -> None:
    """A rehearsal is called one in the heading, the note, the summary and the chart, and costs no money."""
    text = to_markdown(rehearsal())
    assert text.startswith("# Rehearsal `rehearsal-20261122-113501-k3f`\n")
    assert "> **Rehearsal.**" in text
    assert "**Rehearsal: 2 of 2 tasks succeeded" in text
    assert "USD," not in text


def test_foreign_text_stays_text() -> None:
    """No title and no error text makes markup, a link or a further cell in any table."""
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(mixed()))
    inline = [child for token in tokens for child in token.children or ()]
    assert not {child.type for child in inline} & {"html_inline", "link_open", "em_open", "image"}
    assert not [token for token in tokens if token.type == "html_block"]
    shown = ["".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"]
    assert " ".join(NASTY.split()).replace("@", "@\u200b") in shown


def test_every_row_has_all_its_cells() -> None:
    """In each table each row has as many cells as the table has titles."""
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(mixed()))
    widths: list[list[int]] = []
    for token in tokens:
        if token.type == "table_open":
            widths.append([])
        elif token.type == "tr_open":
            widths[-1].append(0)
        elif token.type in {"th_open", "td_open"}:
            widths[-1][-1] += 1
    assert len(widths) == 8
    assert all(len(set(rows)) == 1 for rows in widths)


def test_every_outcome_has_a_colour() -> None:
    """Green is only success, grey is only skipped."""
    colours = {outcome: outcome_style(outcome) for outcome in Outcome}
    assert [o for o, c in colours.items() if c is Style.GOOD] == [Outcome.SUCCEEDED]
    assert [o for o, c in colours.items() if c is Style.SKIPPED] == [Outcome.SKIPPED]
