"""The report as Prefect's pages show it, and as one HTML file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from miyabi.reports.page import to_html, to_page
from miyabi.runs import ShownWork
from miyabi.runs.shown_work import ShownText
from miyabi.sessions import Outcome
from tests.support.values.results import matches_golden, report, result, small_dag
from tests.unit.reports.test_markdown import NASTY, mixed

WORK = ShownWork(
    said={1: ShownText(text=f"I look.\n> Bash: ls\n  ! it failed\n- {NASTY}\n= ended"), 2: ShownText(text="Again.")},
    diff=ShownText(text="--- a/x\n+++ b/x\n@@ -1 +1 @@\n-</pre><script>\n+new", note="the first 5 of 9 lines"),
)


class Read(HTMLParser):
    """What an HTML file has: elements, what they load or lead to, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes one that may have content."""
        self.tags.append(tag)
        given = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.ids += [given["id"] or ""] if "id" in given else []
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if tag not in {"meta", "br", "hr", "img", "link"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes one that has none."""
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Takes an end, which has to be that of the last one that is open."""
        assert self._open.pop() == tag


def test_a_page() -> None:
    """It reads as agreed; pictures stand for themselves."""
    page = re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,…", to_page(mixed(), place="/repository/.miyabi/runs/r1"))
    assert matches_golden(page, name="mixed_page.md")


def test_a_page_has_nothing_that_a_ui_shows_raw() -> None:
    """No table, which a phone would cut, no Mermaid, no HTML and, where nobody wrote one, no entity."""
    text = re.sub(r"^(```+)text\n.*?\n\1\n", "", to_page(mixed()), flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^\||&#|^```|(?<!\\)[<|]", text, re.MULTILINE)


def test_html() -> None:
    """One file that loads nothing, forbids to, and has every task where the pictures lead."""
    text = to_html(mixed(), works={"docs": WORK})
    read = Read(text)
    assert "default-src 'none'" in text
    assert not {"script", "img", "link", "iframe", "object", "form", "b onload"} & set(read.tags)
    tasks = [f"task-{number}" for number in range(1, 6)]
    assert [each for each in read.ids if each.startswith("task-")] == tasks
    assert set(read.links) == {f"#{each}" for each in tasks}
    assert "<b>&gt; Bash: ls</b>\n<del>  ! it failed</del>" in text
    assert "<del>-&lt;/pre&gt;&lt;script&gt;</del>\n<ins>+new</ins>" in text
    assert "(the first 5 of 9 lines)" in text
    assert "What the session said and did, attempt 2" in text


def test_html_of_a_large_run() -> None:
    """A thousand tasks, each with as much as is shown of it, are a file that a browser opens."""
    names = [f"t{number}" for number in range(1000)]
    dag = small_dag({name: names[max(0, at - 1) : at] for at, name in enumerate(names)})
    outcomes = (Outcome.SUCCEEDED, Outcome.CHECK_FAILED)
    results = [result(name, outcomes[at % 2], after=at, files=["a"]) for at, name in enumerate(names)]
    shown = ShownText(text="> Bash: ls -l\n" * 215)
    text = to_html(report(dag, results), works=dict.fromkeys(names, ShownWork(said={1: shown}, diff=shown)))
    assert text.count('<details class="task">') == len(names)
    assert len(text) < 20_000_000


@pytest.mark.parametrize(("amount", "words"), [(0.004, "0.004 USD"), (0.0004, "0.0004 USD"), (0.0, "0.00 USD")])
def test_small_costs(amount: float, words: str) -> None:
    """What a session cost is never said to be nothing."""
    page = to_page(report(small_dag({"a": []}), [result("a", cost_usd=amount)]))
    assert f"succeeded on macmini-1, 1 min 00 s, {words}" in page
