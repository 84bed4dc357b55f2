from __future__ import annotations

from datetime import UTC, datetime, timedelta

from miyabi.text import MAX_BOXES, Bar, Box, Style, flowchart, gantt
from miyabi.text.mermaid import MAX_EDGES, escape

START = datetime(2026, 11, 22, 11, 35, 1, 500_000, tzinfo=UTC)


def bar(section: str = "mac", title: str = "t", *, seconds: float = 1, style: Style = Style.GOOD) -> Bar:
    """A bar of so many seconds."""
    return Bar(section=section, title=title, style=style, start=START, end=START + timedelta(seconds=seconds))


def box(name: str, title: str = "t", style: Style = Style.GOOD) -> Box:
    """A box."""
    return Box(id=name, title=title, style=style)


def test_active_characters_become_entities() -> None:
    """Quotes, brackets, hashes, semicolons and colons do not reach Mermaid as such; other scripts do."""
    assert escape('a"b#c;d:e[f]') == "#97;#34;b#35;c#59;d#58;e#91;f#93;"
    assert escape("x 日本 🎉 1.5-b") == "#120; 日本 🎉 1.5-b"


def test_no_label_begins_with_a_keyword() -> None:
    """The first character is always an entity, so that no title is read as a statement."""
    assert escape("section 1") == "#115;ection 1"
    assert escape("") == "#160;"


def test_flowchart() -> None:
    """Boxes are numbered, edges join them, and only the colours in use are defined."""
    text = flowchart([box("b/1", "B"), box("a", "A", Style.SKIPPED)], [("b/1", "a")])
    assert text is not None
    assert text.splitlines() == [
        "flowchart LR",
        '  n0["#66;"]:::good',
        '  n1["#65;"]:::skipped',
        "  n0 --> n1",
        "  classDef good fill:#d1f0d9,stroke:#1a7f37,color:#0b3d1a",
        "  classDef skipped fill:#eaeef2,stroke:#818b98,color:#3d444d,stroke-dasharray:4 3",
    ]


def test_gantt() -> None:
    """Machines are sections, times are milliseconds, and even an instant has a length."""
    text = gantt([bar("m1", "a"), bar("m1", "b", seconds=0, style=Style.BAD), bar("m2", "c")], title="Run x")
    assert text is not None
    assert text.splitlines()[1:] == [
        "gantt",
        "  title #82;un x",
        "  dateFormat x",
        "  axisFormat %H:%M:%S",
        "  tickInterval 1second",
        "  section #109;1",
        "  #97; :done, b0, 1795347301500, 1795347302500",
        "  #98; :crit, b1, 1795347301500, 1795347301501",
        "  section #109;2",
        "  #99; :done, b2, 1795347301500, 1795347302500",
    ]


def test_the_axis_fits_the_length() -> None:
    """Hours are shown without seconds, days with their date, and never more than eight labels."""
    assert "axisFormat %H:%M\n  tickInterval 20minute\n" in str(gantt([bar(seconds=7200)], title="t"))
    assert "axisFormat %m-%d %H:%M\n  tickInterval 6hour\n" in str(gantt([bar(seconds=100_000)], title="t"))
    assert "tickInterval 30day\n" in str(gantt([bar(seconds=1e9)], title="t"))


def test_the_names_of_machines_have_room() -> None:
    """The column of the sections is as wide as the longest name, within reason."""
    widths = [str(gantt([bar("m" * n)], title="t")).split("'leftPadding': ")[1].split(",")[0] for n in (4, 12, 60)]
    assert widths == ["60", "96", "200"]


def test_what_mermaid_would_refuse_is_not_drawn() -> None:
    """Too many boxes, too many edges, too long a text, and no bars at all give nothing."""
    many = [box(str(n)) for n in range(MAX_BOXES + 1)]
    assert flowchart(many, []) is None
    assert flowchart(many[:3], [("0", "1")] * (MAX_EDGES + 1)) is None
    assert flowchart([box(str(n), "\"'" * 24) for n in range(MAX_BOXES)], []) is not None
    assert gantt([], title="t") is None
    assert gantt([bar()] * (MAX_BOXES + 1), title="t") is None


def test_long_titles_are_cut() -> None:
    """A title of a thousand characters takes the room of a short one."""
    assert len(escape("x" * 1000)) < 60
