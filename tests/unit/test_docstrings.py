"""What a public function's docstring begins with: a verb in the third person, as `CONTRIBUTING.md` says."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.unit.test_architecture import SOURCES, name, tree

NO_VERBS = {"As", "Is", "Its", "This", "Was"}
BEHIND_A_NOUN = {"of", "whose"}
"""Words before which one that ends with an s is a plural: `Issues of a milestone`."""

SHOWN = {"click", "flow", "task"}
"""What is decorated by these has a docstring that Prefect or `--help` shows: text for people."""

PROPERTY = {"property", "cached_property", "computed_field", "setter"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def decorators(node: Function) -> set[str]:
    """The first name of each decorator, and the last."""
    called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
    names = [ast.unparse(each).split(".") for each in called]
    return {part for each in names for part in (each[0], each[-1])}


def public_functions(above: ast.Module | ast.ClassDef) -> Iterator[Function]:
    """Functions and methods whose names begin with no underscore, nor those of their classes; no properties."""
    for node in above.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)
        elif isinstance(node, Function) and not node.name.startswith("_") and not decorators(node) & PROPERTY:
            yield node


def begins_with_verb(docstring: str) -> bool:
    """Whether its first word may be a verb in the third person."""
    first, second, *_ = [*docstring.split(maxsplit=2), "", ""]
    word = first.rstrip(",.:;")
    return word.isalpha() and word.endswith("s") and word not in NO_VERBS and second not in BEHIND_A_NOUN


@pytest.mark.parametrize("docstring", ["Returns the branch.", "Starts, or joins, one.", "Checks that it is there."])
def test_a_verb_is_known(docstring: str) -> None:
    """A verb in the third person is taken for one."""
    assert begins_with_verb(docstring)


@pytest.mark.parametrize("docstring", ["The branch.", "Issues of a run.", "Return the branch.", "As `send`.", "`a`"])
def test_what_is_no_verb_is_known(docstring: str) -> None:
    """An article, a plural, an imperative and code are taken for no verb."""
    assert not begins_with_verb(docstring)


def test_a_function_says_verb_first_what_it_does() -> None:
    """Each public function's docstring begins with a verb, but for texts for people."""
    found = [
        f"{name(source)}: {node.name}: {docstring.splitlines()[0]}"
        for source in SOURCES
        for node in public_functions(tree(source))
        if (docstring := ast.get_docstring(node)) and not decorators(node) & SHOWN
        if not begins_with_verb(docstring)
    ]
    assert found == []
