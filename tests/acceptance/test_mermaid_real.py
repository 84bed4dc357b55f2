from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from miyabi.text import MAX_BOXES, Bar, Box, Style, flowchart, gantt, one_line
from miyabi.text.mermaid import MAX_EDGES
from tests.support.cli.mermaid_page import Mermaid, mermaid_page
from tests.support.values.results import CASES

START = datetime(2026, 11, 22, 11, 35, tzinfo=UTC)
TITLES = (
    "plain words",
    "quotes \" and ' and `backticks`",
    "brackets ] } ) > [ { ( <",
    "a; b; c: d, e # f %% g",
    "日本語のタイトル",
    "emoji 🎉 👩‍👩‍👧 done",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "1. a list",
    "- another list",
    "# a heading",
    "**bold** _it_ ~~no~~",
    "#35; &amp; &#35; #quot;",
    "end",
    "section of things",
    "title: x",
    "click here",
    "2026-11-22 a date",
    "subgraph",
    "graph TD",
    "style x fill:#f00;",
    "classDef a fill:#f00;",
    "%%{init: {}}%%",
    "---",
    "$$x^2$$",
    "C:\\path\\new @user",
    ":::bad",
    "done, crit, 5d",
    "  blanks  and\nlines  ",
    "a --> b",
    "x" * 48,
)


@pytest.fixture(scope="module")
def mermaid() -> Iterator[Mermaid]:
    """The Mermaid of Prefect's UI."""
    with mermaid_page() as page:
        yield page


def bars(titles: tuple[str, ...]) -> list[Bar]:
    """One bar a title, a second apart, on two machines."""
    return [
        Bar(
            section=f"mac-{number % 2}",
            title=title,
            style=list(Style)[number % 4],
            start=START + timedelta(seconds=number),
            end=START + timedelta(seconds=number + 3),
        )
        for number, title in sorted(enumerate(titles), key=lambda pair: pair[0] % 2)
    ]


def test_every_title_is_drawn_as_it_is(mermaid: Mermaid) -> None:
    """Whatever a title holds, its box shows exactly that text, and nothing active gets into the page."""
    boxes = [Box(id=str(n), title=t, style=list(Style)[n % 4]) for n, t in enumerate(TITLES)]
    source = flowchart(boxes, [(str(n), str(n + 1)) for n in range(len(TITLES) - 1)])
    assert source is not None
    drawing = mermaid.draw(source)
    assert drawing["boxes"] == [one_line(title) for title in TITLES]
    assert drawing["edges"] == len(TITLES) - 1
    assert drawing["scripts"] == 0


def test_every_bar_is_drawn_as_it_is(mermaid: Mermaid) -> None:
    """Whatever a title holds, its bar shows exactly that text, in the section of its machine."""
    chart = bars(TITLES)
    source = gantt(chart, title="Run: a; b # c")
    assert source is not None
    drawing = mermaid.draw(source)
    assert drawing["bars"] == [one_line(title) for title in TITLES]
    assert drawing["sections"] == ["mac-0", "mac-1"]
    assert drawing["title"] == "Run: a; b # c"
    assert drawing["scripts"] == 0


def test_the_pictures_of_a_report_are_drawn(mermaid: Mermaid) -> None:
    """The DAG and the chart of the report that the unit tests agreed on are drawn, colours and all."""
    report = (CASES / "mixed.md").read_text(encoding="utf-8")
    dag, chart = re.findall(r"```mermaid\n(.*?)```", report, flags=re.DOTALL)
    boxes = mermaid.draw(dag)["boxes"]
    assert isinstance(boxes, list)
    assert boxes[:2] == ["design: 設計する 🎨", 'build: Build "it"; #1']
    assert mermaid.draw(chart)["sections"] == ["macmini-1", "macmini-2"]


def test_the_largest_pictures_are_drawn(mermaid: Mermaid) -> None:
    """A DAG and a chart at our limits are still within Mermaid's."""
    boxes = [Box(id=str(n), title="日本語 " * 7, style=Style.GOOD) for n in range(MAX_BOXES)]
    edges = [(str(n), str(n + d)) for d in (1, 2, 3, 4) for n in range(MAX_BOXES - d)][:MAX_EDGES]
    source = flowchart(boxes, edges)
    chart = gantt(bars(tuple(f"task {n}; with a name #{n}" for n in range(MAX_BOXES))), title="large")
    assert source is not None
    assert chart is not None
    assert mermaid.draw(source)["edges"] == MAX_EDGES
    assert mermaid.draw(chart)["bars"] == [f"task {n}; with a name #{n}" for n in range(MAX_BOXES)]
