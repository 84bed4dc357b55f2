"""The environments of templates: what is escaped, what is not, and what is an error."""

from __future__ import annotations

import pytest
from jinja2 import Environment, UndefinedError

from miyabi.text.github_markdown import NOTHING
from miyabi.text.templates import github_environment, markdown_environment

BOTH = pytest.mark.parametrize(
    "environment", [markdown_environment(), github_environment()], ids=["markdown", "github"]
)


def rendered(environment: Environment, source: str, **values: object) -> str:
    """What comes of a template."""
    return environment.from_string(source).render(values)


@BOTH
def test_a_text_is_escaped_unless_it_is_markdown_already(environment: Environment) -> None:
    """A bare value cannot make markup, nor a filter's result twice; what is said to be safe stays."""
    assert rendered(environment, "{{ a }}", a="<b>|*x*") == "&#60;b&#62;&#124;&#42;x&#42;"
    assert rendered(environment, "{{ a | plain }} {{ a | code }}", a="*x*") == "&#42;x&#42; `*x*`"
    assert rendered(environment, "{{ a | safe }}", a="**x**") == "**x**"


@BOTH
def test_what_comes_of_a_part_is_not_escaped_again(environment: Environment) -> None:
    """Macros, their callers and set blocks hold Markdown; lists of foreign texts are escaped one by one."""
    macro = "{% macro m(t) %}{{ t | code }}{{ caller() }}{% endmacro %}{% call m(a) %} *b* {{ a }}{% endcall %}"
    assert rendered(environment, macro, a="*") == "`*` *b* &#42;"
    assert rendered(environment, "{% set x %}*{{ a }}*{% endset %}{{ x }}", a="*") == "*&#42;*"
    assert rendered(environment, '{{ a | map("code") | join(", ") }}', a=["*", "_"]) == "`*`, `_`"
    assert rendered(environment, "{{ a | several(most=1) }}", a=["*", "_"]) == "&#42; and 1 more"
    assert rendered(environment, '{{ a | map("code") | several(most=2) }}', a=["*", "_"]) == "`*`, `_`"


@BOTH
def test_nothing_is_said_of_none(environment: Environment) -> None:
    """A value that there is not, such as the machine of a task that never ran, is an empty cell."""
    assert rendered(environment, "|{{ a }}|{{ a | plain }}|{{ a | code }}|", a=None) == "||||"


@BOTH
def test_our_own_words_stay_as_they_are(environment: Environment) -> None:
    """Figures and the names of members are Markdown: `1.5 s` is no list, `closed` closes nothing."""
    assert rendered(environment, "{{ a | duration }}, {{ 2 | count('task') }}", a=1.5) == "1.5 s, 2 tasks"
    assert rendered(environment, "{{ a | words }}", a="was_closed") == "was closed"
    assert rendered(environment, "{{ 1 | bar(of=20) }} {{ 1234 | thousands }}") == f"█{'░' * 19} 1,234"


@BOTH
@pytest.mark.parametrize(
    "source", ["{{ b }}", "{{ a.b }}", "{{ a.b | code }}", "{{ a.b | plain }}", "{{ a.b | words }}"]
)
def test_a_name_that_is_not_given_is_an_error(environment: Environment, source: str) -> None:
    """A slip in a template is no empty cell."""
    with pytest.raises(UndefinedError):
        rendered(environment, source, a="x")


def test_at_github_foreign_text_does_nothing() -> None:
    """Where a template has no filter, it cannot close, mention or refer there, as with one."""
    shown = rendered(github_environment(), "{{ a }} {{ a | code }}", a="closes #5 @me")
    assert shown == f"c{NOTHING}loses &#35;{NOTHING}5 @{NOTHING}me `c{NOTHING}loses #{NOTHING}5 @{NOTHING}me`"
