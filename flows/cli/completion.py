"""`miyabi completion`: the script by which a shell completes commands, options, and names of runs and tasks."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from miyabi.errors import BadInput

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_MIYABI_COMPLETE"  # click's own name for it


@click.command(help="Print the script by which your shell completes commands, options, runs and tasks.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print click's script for that shell.

    Raises:
        BadInput: click knows no such shell.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise BadInput(f"no completion for {shell}; there is one for {', '.join(_SHELLS)}")
    click.echo(kind(ctx.find_root().command, {}, "miyabi", _VARIABLE).source())
