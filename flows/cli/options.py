"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

repository_option = click.option(
    "-C", "--repository", type=PATH, default=Path(), show_default="this folder", help="The git repository."
)
config_option = click.option("--config", type=PATH, help="Configuration file.  [default: .miyabi/config.toml]")
strategy_option = click.option(
    "--strategy",
    type=click.Choice(["fill-first", "spread"]),
    help="Complete one machine before the next, or use all alike.",
)
