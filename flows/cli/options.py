"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli.completing import complete_run, complete_task

PATH = click.Path(path_type=Path)

repository_option = click.option(
    "-C", "--repository", type=PATH, default=Path(), show_default="this folder", help="The git repository."
)
run_argument = click.argument("run", shell_complete=complete_run)
task_argument = click.argument("task", shell_complete=complete_task)
config_option = click.option("--config", type=PATH, help="Configuration file.  [default: .miyabi/config.toml]")
strategy_option = click.option(
    "--strategy",
    type=click.Choice(["fill-first", "spread"]),
    help="Complete one machine before the next, or use all alike.",
)
