"""The templates of Markdown texts, in Jinja2: what one is given is escaped in it, unless it is Markdown already.

A template stands beside the code whose text it is, and is compiled once. This module is imported when the first text is
made: `miyabi.text` itself needs the standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from miyabi.text import github_markdown, markdown, units

_OURS = (units.bar, units.cost, units.count, units.dollars, units.duration, units.percent)


def _environment(**filters: Callable[..., str]) -> Environment:
    """Where templates are read, compiled and rendered.

    Args:
        filters: each makes Markdown of a text; `plain` does so with what has no filter. None is as good as no text.
    """

    def finalize(value: object) -> object:
        is_foreign = value is None or (isinstance(value, str) and not isinstance(value, Markup))
        return environment.filters["plain"](value) if is_foreign else value

    def several(values: Iterable[object], *, most: int) -> str:
        return units.several([str(finalize(value)) for value in values], most=most)

    environment = Environment(
        loader=PackageLoader("miyabi", ""),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {each.__name__: _marked(each) for each in (*_OURS, several)}
    environment.filters |= {name: _marked(each, is_of_text=True) for name, each in filters.items()}
    environment.filters |= {"words": _marked(units.in_words), "thousands": "{:,}".format}
    return environment


def _marked(function: Callable[..., str], *, is_of_text: bool = False) -> Callable[..., Markup]:
    """The function, with what it returns marked as Markdown."""

    def marked(value: object, *args: object, **options: object) -> Markup:
        given = value or "" if is_of_text else value
        return Markup(function(given, *args, **options))  # noqa: S704 - our own words, or escaped by the function

    return marked


MARKDOWN = _environment(
    plain=markdown.escape,
    code=markdown.code,
    command=markdown.command,
    block=markdown.block,
    quotation=markdown.quotation,
)
"""Of texts for any reader."""

GITHUB = _environment(
    plain=github_markdown.plain,
    code=github_markdown.code,
    command=github_markdown.command,
    block=github_markdown.block,
    quotation=github_markdown.quotation,
    first_rows=github_markdown.first_rows,
)
"""Of texts that are put to GitHub, where foreign text must not close, mention or refer either."""
