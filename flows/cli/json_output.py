"""`--json` and `--json-schema` of each command that only reads. An error is a line on stderr all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from miyabi.views import Answer

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_options(answer: type[Answer]) -> Callable[[_Command], _Command]:
    """Makes the decorator that gives a command both: it gets `as_json`, and answers with a value of that kind then."""

    def print_schema(ctx: click.Context, _: click.Parameter, is_wanted: bool) -> None:
        if is_wanted:
            click.echo(answer.json_schema())
            ctx.exit()

    schema = click.option(
        "--json-schema",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=print_schema,
        help="Print the JSON schema of what --json prints.",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON: see docs/commands.md.")
    return lambda command: as_json(schema(command))
