"""Texts of issues made to take long."""

from __future__ import annotations

import pytest

from miyabi.milestones.dependency_lines import dependencies
from miyabi.milestones.references import RepositoryContext, closes

HERE = RepositoryContext.of("https://github.example/acme/app/milestone/3")


@pytest.mark.parametrize(
    "part",
    [
        "- ",
        "`",
        "`a",
        "<!--",
        "(",
        "[ ",
        "a/",
        "Depends on (",
        "fixes a.b ",
        "#1,",
        "* [ ] ",
        "~a ",
        "a~",
        "\n> ",
        "\n|a|\n|-|",
    ],
)
def test_no_text_is_dear(part: str) -> None:
    """Texts made to take long, as long as GitHub allows, are read."""
    text = f"Depends on #1 {part * (60_000 // len(part))}"
    assert dependencies(text, context=HERE)[:1]
    closes(text, context=HERE)
