"""The templates of Markdown texts, in Jinja2: what one is given is escaped in it, unless it is Markdown already.

A template stands beside the code whose text it is, and is compiled once. Jinja2 is imported when the first text is
made: `miyabi.text` is imported without site-packages too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING

from miyabi.text import github_markdown, html, markdown, units

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_OURS = (units.bar, units.cost, units.count, units.dollars, units.duration, units.percent)


def render_markdown(template: str, **values: object) -> str:
    """Makes the text of a template for any reader; what of its values is not Markdown yet is escaped in it.

    Args:
        template: its path below `miyabi/`.
        values: what it names.

    Raises:
        jinja2.TemplateError: it is no template, or names what it was not given.
    """
    return markdown_environment().get_template(template).render(values)


def render_github_markdown(template: str, **values: object) -> str:
    """Makes a text as `render_markdown`, for GitHub: foreign text in it closes, mentions and refers to nothing either.

    Raises:
        jinja2.TemplateError: as `render_markdown`.
    """
    return github_environment().get_template(template).render(values)


def render_html(template: str, **values: object) -> str:
    """Makes HTML or SVG of a template; what of its values is not marked as safe is redacted and escaped in it.

    Raises:
        jinja2.TemplateError: as `render_markdown`.
    """
    return html_environment().get_template(template).render(values)


def render_page(template: str, **values: object) -> str:
    """Makes a text as `render_markdown`, for the artifact pages of Prefect's UIs: escaped without entities.

    Raises:
        jinja2.TemplateError: as `render_markdown`.
    """
    return page_environment().get_template(template).render(values)


@cache
def html_environment() -> Environment:
    """Returns that of HTML and SVG."""
    return _environment(plain=html.escape, diff=html.diff, transcript=html.transcript)


@cache
def page_environment() -> Environment:
    """Returns that of the texts for Prefect's artifact pages."""
    return _environment(
        plain=markdown.backslashed,
        code=markdown.code_backslashed,
        command=markdown.command,
        block=markdown.block,
        quotation=partial(markdown.quotation, plain=markdown.backslashed),
    )


@cache
def markdown_environment() -> Environment:
    """Returns that of the texts for any reader."""
    return _environment(
        plain=markdown.escape,
        code=markdown.code,
        command=markdown.command,
        block=markdown.block,
        quotation=markdown.quotation,
    )


@cache
def github_environment() -> Environment:
    """Returns that of the texts that are put to GitHub."""
    return _environment(
        plain=github_markdown.plain,
        code=github_markdown.code,
        command=github_markdown.command,
        block=github_markdown.block,
        quotation=github_markdown.quotation,
        first_rows=github_markdown.first_rows,
        unbroken=github_markdown.unbroken,
    )


def _environment(**filters: Callable[..., str]) -> Environment:
    """Where templates are read, compiled and rendered.

    Args:
        filters: each makes Markdown of a text; `plain` does so with what has no filter. None is as good as no text.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see the module docstring
    from markupsafe import Markup  # noqa: PLC0415

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
    from markupsafe import Markup  # noqa: PLC0415 - see the module docstring

    def marked(value: object, *args: object, **options: object) -> Markup:
        given = value or "" if is_of_text else value
        return Markup(function(given, *args, **options))  # noqa: S704 - our own words, or escaped by the function

    return marked
