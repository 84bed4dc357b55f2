from __future__ import annotations

import pytest

from miyabi.milestones.dependency_lines import DependencyLines, dependency_lines
from miyabi.milestones.issues_to_dag import SkipKind
from miyabi.milestones.references import RepositoryContext
from tests.support.values.milestones import REPOSITORY_URL, edges, issue, reasons, select

HERE = RepositoryContext.of(f"{REPOSITORY_URL}/milestone/3")


def read(text: str) -> DependencyLines:
    """What a text of an issue in this repository waits for."""
    return dependency_lines(text, context=HERE)


def numbers(text: str) -> list[int]:
    """The numbers that a text waits for, in order."""
    return [each.number for each in read(text).references]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Depends on issue #1", [1]),
        ("Depends on issues #1 and #3", [1, 3]),
        ("Depends on PR #1 as well as pull request #3", [1, 3]),
        ("Blocked by issue #1", [1]),
        ("Depends on the parser (#1)", [1]),
        ("Depends on: (#1), (#3)", [1, 3]),
        ("Depends on: [#1] [#3]", [1, 3]),
        ("depends_on: [#1, #3]", [1, 3]),
        ("Depends on both #1 and #3", [1, 3]),
        ("_Depends on #1_", [1]),
        ("__Blocked by #1__", [1]),
        ("**Depends on:** ***#1*** & ___#3___", [1, 3]),
        ("Depends on: #1\n  #3", [1, 3]),
        ("Depends on #1\nand #3", [1, 3]),
        ("Depends on #1 and\nthe parser (#3)", [1, 3]),
        ("Depends on #1/#3", [1, 3]),
        ("Depends on #1 -> #3 → #4", [1, 3, 4]),
        ("Depends on #1. Also #3. Also depends on #4.", [1, 3, 4]),
        ("Depends on <https://github.example/acme/app/issues/1>", [1]),
        ("Depends on <a href='https://github.example/acme/app/issues/1'>the parser</a>, \\#3", [1, 3]),
        ("Depends on:\n\n* the API: #1\n* the schema: #3", [1, 3]),
        ("Depends on:\n\nThe parser (#1) must land, and #3.", [1, 3]),
        ("- Depends on:\n  - #1\n    - a detail\n  - #3 Add API, models and docs", [1, 3]),
        ("> **Blocked by** #1", [1]),
        ("> [!IMPORTANT]\n> Depends on #1\n> and #3", [1, 3]),
        ("> ```\n> Depends on #9\nDepends on #1", [1]),
        ("| Depends on | #1 |\n| --- | --- |", [1]),
        ("| Task | Depends on |\n|---|---|\n| API | #1 |\n| UI | #3 |", [1, 3]),
        ("Depends on #1\n\n| Blocked by |\n|:-:|\n| #3 |", [1, 3]),
        ("<b>Depends on</b>: #1", [1]),
        ("<details><summary>Dependencies</summary>\n\n- #1\n- #3\n</details>", [1, 3]),
        ("Depends on\uff1a\uff031\u3001\uff033", [1, 3]),
        ("Depends on&#58;&nbsp;#1", [1]),
        ("## Dependencies\n\n- #1\n- #3", [1, 3]),
        ("## \U0001f517 Dependencies & blockers\n* #1\n### Soft\n* [ ] #3\n## Notes\n#4", [1, 3]),
        ("Dependencies\n------------\n\n- #1\n- Parser, lexer and AST (#3)", [1, 3]),
        ("Dependencies: #1, #3", [1, 3]),
        ("Hard dependency: #1; #3", [1, 3]),
        ("Prerequisites: #1 + #3", [1, 3]),
        ("Requires #1", [1]),
        ("Blocked on #1", [1]),
        ("Blocked (#1, #3)", [1, 3]),
        ("Blocked until #1 and #3 are merged", [1, 3]),
        ("Needs #1", [1]),
        ("We need #1 and #3 first", [1, 3]),
        ("Waiting for #1", [1]),
        ("Depends upon #1", [1]),
        ("Currently blocked by #1", [1]),
        ("This PR depends on #1", [1]),
        ("\u26d4 Blocked by #1", [1]),
        (":no_entry: Blocked by #1 \u2705, #3 \u274c", [1, 3]),
        ("Depends on #1, because the API and the schema change", [1]),
        ("Depends on #1 (~2 days), #3 (~1 day)", [1, 3]),
        ("Depends on #1 ~(see #4)~, #3 ~~(not #5)~~", [1, 3]),
        ("## Blocked by\n- this depends on #1\n- the parser (#3)\n\n#4", [1, 3, 4]),
    ],
)
def test_a_wording_is_understood(text: str, expected: list[int]) -> None:
    """Every way in which people say what an issue waits for is read to its end."""
    assert (numbers(text), read(text).unclear) == (expected, ())


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Blocked by: FEAT-076", "Blocked by: FEAT-076"),
        ("Dependencies: FEAT-076", "Dependencies: FEAT-076"),
        ("Depends on #1 and the schema change", "Depends on #1 and the schema change"),
        ("Depends on the weather\n#5", "Depends on the weather"),
        ("Depends on #3abc", "Depends on #3abc"),
        ("Depends on 12", "Depends on 12"),
        ("text\n- **Depends on** #0\n- #1", "- **Depends on** #0"),
        ("Depends on `#3`", "Depends on `#3`"),
        ("Depends on #1-#3", "Depends on #1-#3"),
        ("Depends on #1 to #3", "Depends on #1 to #3"),
        ("Depends on #1, not #3", "Depends on #1, not #3"),
        ("Depends on #1; closes #3", "Depends on #1; closes #3"),
        ("The export is blocked by #1", "The export is blocked by #1"),
        ("Was blocked by #1", "Was blocked by #1"),
        ("Takes ~2 h. Depends on #1, ~3 h", "Takes ~2 h. Depends on #1, ~3 h"),
        ("Needs numpy and #1", "Needs numpy and #1"),
        ("> Depends on https://tracker.example/acme/app/browse/X", "> Depends on https://tracker.example/acme/app/browse/X"),
        ("Depends on https://github.example/acme/app/discussions/5", "Depends on https://github.example/acme/app/discussions/5"),
        ("Blocked by:\n\n- #1\n- the lexer", "- the lexer"),
        ("Blocked by:\n- #1\nfoo #4", "foo #4"),
        ("## Dependencies\n\n- #1\n- numpy", "- numpy"),
        ("### Depends on\n\nThe parser must land.", "The parser must land."),
        ("| Depends on |\n|---|\n| the parser |", "| the parser |"),
        ("| Issue | Depends on |\n|---|---|\n| #7 | #1 |", "| #7 | #1 |"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_understood_is_quoted(text: str, quoted: str) -> None:
    """A line that says that something is waited for, and does not make clear what, is kept as it was written."""
    assert read(text).unclear == (quoted,)


@pytest.mark.parametrize(
    "text",
    [
        "Depends on: none",
        "Blocked by: N/A",
        "Depends on: _nothing so far_.",
        "Depends on: -\nRelated: #3",
        "### Dependencies\n\n_No response_\n\n### Notes\n\nsee #4",
        "### Blocked by\n\n- none",
        "| Depends on | n/a |",
        "Depends on:\n\nPriority: high",
        "**Depends on:**",
        "Depends on: ~~#3~~",
        "This is not blocked by #3",
        "It does not directly depend on #3",
        "Isn't blocked by #4",
        "#7 depends on #3",
        "Unblocked by #3. Blocks #4. Required by #5. Fixes #6",
        "Dependents: #4",
        "The result depends on the locale",
        "Needs a test. Requires Python 3.12 and UTF-8.",
        "Needs to use #333",
        "Dependencies: numpy, pandas",
        "## Dependencies\n- numpy\n- pandas",
        "## Update dependencies\nsee #3",
        "| Task | Needs |\n|--|--|\n| a | b |",
        "Blocked.",
    ],
)
def test_what_says_nothing_holds_nothing_back(text: str) -> None:
    """Lines that say `none`, that deny it, or that speak of something else make no dependency and no warning."""
    assert read(text) == DependencyLines()


def test_an_issue_with_such_a_line_is_held_back() -> None:
    """An issue whose line is not understood is not run, nor is what waits for it; a warning quotes the line."""
    selection = select(issue(1, "Blocked by: FEAT-076\nDepends on the lexer"), issue(2, "Depends on #1"), issue(3))
    said = (
        "its line 'Blocked by: FEAT-076' (and 1 more) says that it waits for something, in words that are not "
        "understood; write 'Depends on #12', or 'Depends on: none'"
    )
    assert edges(selection) == {3: []}
    assert reasons(selection) == {1: said, 2: "it waits for #1, which is not run now (dependency not understood)"}
    assert selection.skipped[0].kind is SkipKind.UNCLEAR
    assert selection.warnings == (f"issue #1 is held back: {said}",)
