"""Names for a shell to complete: those of runs and of their tasks. Reads folders, and imports nothing slow."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import click

_RUNS = Path(".miyabi", "runs")


def complete_run(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Lists the runs of the repository that begin so, the one that was begun last first."""
    known = [file.parent for file in _folder_of_runs(ctx).glob("*/run.json")]
    known.sort(key=lambda folder: folder.stat().st_ctime, reverse=True)
    return [folder.name for folder in known if folder.name.startswith(incomplete)]


def complete_task(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Lists the tasks of the run that was named that begin so, in the order of its DAG file."""
    file = _folder_of_runs(ctx) / str(ctx.params.get("run")) / "dag.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        ids = [str(node["id"]) for node in json.loads(file.read_bytes())["nodes"]]
        return [task for task in ids if task.startswith(incomplete)]
    return []


def _folder_of_runs(ctx: click.Context) -> Path:
    here = Path(ctx.params.get("repository") or ".").absolute()
    return next((each / _RUNS for each in (here, *here.parents) if (each / _RUNS).is_dir()), here / _RUNS)
