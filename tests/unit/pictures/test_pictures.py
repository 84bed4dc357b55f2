"""Pictures hold what they should, are no wider than a phone and well-formed, and do nothing that a title says."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from miyabi.pictures import as_image, dag_picture, timeline_picture
from miyabi.pictures.embed import WIDTH, breadth
from miyabi.text import Bar, Box, Style, hide

START = datetime(2026, 11, 22, 11, 35, tzinfo=UTC)
STYLES = tuple(Style)
NASTY = (
    "</svg><script>alert(1)</script>",
    "\" onload='alert(1)' x=\"",
    "&amp; &#60; ]]> <!-- x",
    "日本語 🎉 \ufffe\uffff\ud800 \x1b[31m \x07",
    "x" * 500,
)
NAME = "{http://www.w3.org/2000/svg}"


def boxes(number: int) -> list[Box]:
    """So many tasks, in all styles."""
    return [Box(id=f"t{at}", title=f"t{at}: Title", style=STYLES[at % len(STYLES)]) for at in range(number)]


def bars(number: int, *, machines: int = 2) -> list[Bar]:
    """So many sessions, on machines with two slots."""
    each = number // machines
    return [
        Bar(
            section=f"mini{machine}",
            title=f"t{machine}-{at}",
            style=STYLES[at % len(STYLES)],
            start=START + timedelta(minutes=10 * (at // 2)),
            end=START + timedelta(minutes=10 * (at // 2) + 9),
        )
        for machine in range(machines)
        for at in range(each)
    ]


def drawn(svg: str | None) -> ET.Element:
    """The picture, which is well-formed, as wide as all of them, and has everything inside."""
    root = ET.fromstring(svg or "")  # noqa: S314 - ours
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    assert width == WIDTH
    for element in root.iter():
        at = element.attrib
        if element.tag in {f"{NAME}rect", f"{NAME}use", f"{NAME}text"} and "x" in at:
            assert 0 <= float(at["x"]) <= width, at
            assert 0 <= float(at.get("y", 0)) <= height, at
        if element.tag == f"{NAME}rect":
            assert float(at.get("x", 0)) + float(at["width"]) <= width + 0.5, at
        if element.tag == f"{NAME}text" and at.get("text-anchor", "start") == "start":
            assert float(at["x"]) + breadth(element.text or "", size=float(at["font-size"])) <= width, element.text
    return root


def texts(root: ET.Element) -> list[str]:
    """All words, in order."""
    return [element.text or "" for element in root.iter(f"{NAME}text")]


def test_a_dag() -> None:
    """Each task has a line with its sign and colour, and each edge an arrow that ends at the task that waits."""
    edges = [("t0", "t1"), ("t0", "t2"), ("t0", "t3"), ("t1", "t3"), ("t2", "t3")]
    root = drawn(dag_picture(boxes(4), edges))
    assert texts(root)[::2] == ["t0", "t1", "t2", "t3"]
    circles = list(root.iter(f"{NAME}circle"))
    assert len({circle.attrib["fill"] for circle in circles}) == len(STYLES)
    signs = [path.attrib["d"] for path in root.iter(f"{NAME}path") if "transform" in path.attrib]
    assert len(set(signs)) == len(STYLES)
    tips = [path.attrib["d"] for path in root.iter(f"{NAME}path") if path.attrib.get("fill") != "none"]
    assert len(tips) == len(edges)
    y = {f"t{at}": float(circle.attrib["cy"]) for at, circle in enumerate(circles)}
    ends = sorted(float(re.split(r"[ lM]", tip)[2]) for tip in tips)
    wanted = sorted(y[after] - (9 if int(after[1]) == int(before[1]) + 1 else 4) for before, after in edges)
    assert ends == pytest.approx(wanted)


def test_rails_do_not_meet() -> None:
    """Two tasks whose dependants lie further down never share a rail where both have it."""
    many = [("t0", "t9"), ("t1", "t8"), ("t2", "t7"), ("t3", "t6")]
    root = drawn(dag_picture(boxes(10), many))
    rails = [p.attrib["d"] for p in root.iter(f"{NAME}path") if p.attrib.get("fill") == "none" and "Q" in p.attrib["d"]]
    columns = {re.findall(r"Q([\d.]+) ", rail)[0] for rail in rails if "H" in rail}
    assert len(columns) == len(many)


@pytest.mark.parametrize("nasty", NASTY)
def test_nasty_titles(nasty: str) -> None:
    """They are words in the picture, or cut, and nothing else."""
    box = Box(id="a", title=f"a: {nasty}", style=Style.GOOD)
    bar = Bar(section=nasty, title=nasty, style=Style.BAD, start=START, end=START)
    for svg in (dag_picture([box], [], links={"a": "#task-1"}), timeline_picture([bar], links={nasty: "#task-1"})):
        root = drawn(svg)
        assert {element.tag for element in root.iter()} <= {
            f"{NAME}{name}" for name in ("svg", "rect", "circle", "path", "text", "g", "a", "title")
        }
        assert not {name for element in root.iter() for name in element.attrib if name.startswith("on")}


def test_secrets() -> None:
    """None is in a picture."""
    hide(["tr0ub4dor&3-horse"])
    svg = dag_picture([Box(id="a", title="a: tr0ub4dor&3-horse", style=Style.GOOD)], [], links={"a": "#a"})
    assert "tr0ub4dor" not in svg
    assert "[redacted]" in svg


def test_links() -> None:
    """A press on a task leads where it is told, in either picture."""
    links = {"t0": "#task-1", "t0-0": "#task-2"}
    assert [a.attrib["href"] for a in drawn(dag_picture(boxes(3), [], links=links)).iter(f"{NAME}a")] == ["#task-1"]
    assert [a.attrib["href"] for a in drawn(timeline_picture(bars(8), links=links)).iter(f"{NAME}a")] == ["#task-2"]


@pytest.mark.parametrize("number", [151, 1000, 5000])
def test_large(number: int) -> None:
    """A large run has a condensed picture, that Prefect's server and a browser take; past a bound it says so."""
    edges = [(f"t{at // 2}", f"t{at}") for at in range(1, number)]
    dag, timeline = dag_picture(boxes(number), edges), timeline_picture(bars(number + 10, machines=7))
    root = drawn(dag)
    assert len(list(root.iter(f"{NAME}use"))) == min(number, 3000)
    assert texts(root)[:3] == ["step 1: 1 task", "step 2: 1 task", "step 3: 2 tasks"]
    assert ("and 2,000 more tasks" in texts(root)) == (number == 5000)
    assert len(as_image(dag, title="DAG")) < 300_000
    assert float(drawn(timeline).attrib["height"]) < 600
    assert len(timeline or "") < 700_000


def test_a_timeline() -> None:
    """Each machine has its name once, each session a bar with its name, and the times on top are in UTC."""
    root = drawn(timeline_picture(bars(12)))
    words = texts(root)
    assert words[:4] == ["11:40:00", "11:50:00", "12:00:00", "mini0"]
    assert [word for word in words if word.startswith("mini")] == ["mini0", "mini1"]
    assert [word for word in words if word.startswith("t")] == [f"t{m}-{at}" for m in range(2) for at in range(6)]
    assert timeline_picture([]) is None


def test_an_image() -> None:
    """It is an image of Markdown, all in its address."""
    svg = dag_picture(boxes(2), [("t0", "t1")])
    found = re.fullmatch(r"!\[DAG\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", as_image(svg, title="DAG"))
    assert found
    assert drawn(base64.b64decode(found[1]).decode()) is not None
