from __future__ import annotations

import pytest

from miyabi.milestones.dependency_lines import dependencies
from miyabi.milestones.references import Reference, RepositoryContext, closes
from miyabi.text.commonmark import without_comments

HERE = RepositoryContext.of("https://github.example/acme/app/milestone/3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Depends on #3", "#3"),
        ("depends ON: #1, #2 and #3", "#1 #2 #3"),
        ("Depends on #1 (the parser), #2 & #3; #4 or #5", "#1 #2 #3 #4 #5"),
        ("- [ ] **Blocked by** #4", "#4"),
        ("  * [x] blocked-by #4", "#4"),
        ("1. This issue is blocked by #4 and depends on #5. Blocked by #6", "#4 #5 #6"),
        ("Depends on #1\r\nBlocked by GH-2\r\n", "#1 #2"),
        ("Depends on acme/lib#4, ACME/app#5", "acme/lib#4 #5"),
        ("Depends on https://github.example/acme/app/issues/9#issuecomment-1, #10", "#9 #10"),
        ("Depends on https://github.example/acme/lib/pull/9.", "acme/lib#9"),
        ("Depends on https://ghe.example/acme/app/issues/4", "ghe.example/acme/app#4"),
        (
            "Blocked by [#5](https://github.example/acme/app/issues/5) and [x](https://github.example/a/b/issues/6)",
            "#5 a/b#6",
        ),
        ("Depends on #3を直す", "#3"),
        ("Blocked by:\n\n- [x] #1\n- #2 the parser\n\n#3\nfoo #4\n- #5", "#1 #2 #3"),
        ("### Depends on\n\n#12, #13\n\n### Notes\n\n#14", "#12 #13"),
        ("- a\n    - Depends on #3", "#3"),
        ("Depends on #1 and #1", "#1"),
        ("text\nDepends on #7", "#7"),
        ("> Depends on #1\nlazy, still the quote\nDepends on #2", "#1 #2"),
        ("- > Depends on #1", "#1"),
    ],
)
def test_lines_that_count(text: str, expected: str) -> None:
    """Every way in which people say what an issue waits for is understood."""
    assert [str(each) for each in dependencies(text, context=HERE)] == expected.split()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#3",
        "This no longer depends on #3",
        "~~Depends on #3~~",
        "Depends on #3abc",
        "Depends on #0",
        "Depends on #12345678901",
        "Depends on the weather\n#5",
        "Depends onto #5",
        "`Depends on #3`",
        "```\nDepends on #1\n~~~\nDepends on #2\n```",
        "~~~~ text\nDepends on #1\n~~~\nDepends on #2",
        "text\n\n    Depends on #3\n\n\tDepends on #4",
        "<!-- Depends on #1\nDepends on #2 -->",
        "<!--\nDepends on #2",
        "- ```\n  Depends on #1\n  ```",
    ],
)
def test_lines_that_do_not_count(text: str) -> None:
    """Code, hidden text and words in the middle of a sentence are no dependencies."""
    assert dependencies(text, context=HERE) == ()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- hidden -->\nDepends on #3",
        "<!-- hidden\n--> Depends on #3",
        "Depends on #3 <!-- #4 -->",
        "```\ncode\n```\nDepends on #3",
        "`<!--` is how comments begin\nDepends on #3",
        "> quote\n\nDepends on #3",
        "> quote\n- Depends on #3",
        "    code\n\nDepends on #3",
    ],
)
def test_after_what_does_not_count(text: str) -> None:
    """What follows a comment, code or a quote counts again."""
    assert [str(each) for each in dependencies(text, context=HERE)] == ["#3"]


def test_without_knowing_the_repository() -> None:
    """Where the repository is not known, whatever names a repository is of another one."""
    found = dependencies("Depends on #1, acme/app#2", context=RepositoryContext())
    assert [str(each) for each in found] == ["#1", "acme/app#2"]


def test_a_quote_closes_nothing() -> None:
    """What a pull request quotes is not what it closes."""
    assert closes("> Closes #1\nlazy, still the quote, fixes #2\n\nCloses #3", context=HERE) == (Reference("", 3),)


def test_what_a_pull_request_closes() -> None:
    """GitHub's closing words are found with all forms of references, and not in code."""
    text = "Closes #1\nfixes: acme/app#2, resolved https://github.example/acme/app/issues/3\n`Closes #4` prefixes #5"
    assert [str(each) for each in closes(text, context=HERE)] == ["#1", "#2", "#3"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a <!-- b --> c", "a  c"),
        ("a\n<!-- b\nc\n-->\nd", "a\nd"),
        ("```\n<!-- kept -->\n```", "```\n<!-- kept -->\n```"),
        ("`<!-- kept -->` x", "`<!-- kept -->` x"),
        ("a\n\nb", "a\n\nb"),
    ],
)
def test_what_a_reader_sees(text: str, seen: str) -> None:
    """HTML comments go, unless they are code."""
    assert without_comments(text) == seen
