"""`miyabi demo`: the main job on embedded defaults, on a repository made for it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import click

from flows.cli.exit_code import ExitCode
from flows.cli.local_server import ensure_server
from flows.cli.orchestrate import orchestrate_dag
from miyabi.errors import BadInput
from miyabi.git import Git, require_git
from miyabi.runs import RunRequest
from miyabi.system import miyabi_home

EXAMPLE = Path(__file__).with_name("example.json")  # examples/tasks.json, which a wheel does not have
MARKER = ".miyabi-demo"
TWO_MACHINES = """\
# Two machines made of this one, as `miyabi demo` uses them.
[[machines]]
name = "mini1"
slots = 3
workspace = "{folder}/mini1"

[[machines]]
name = "mini2"
slots = 2
workspace = "{folder}/mini2"
"""


@click.command(help="Rehearse ten tasks on two machines made of this one, with a throw-away repository.")
def demo() -> ExitCode:
    """Rehearse the example DAG; its repository stays until the next demo.

    Raises:
        BadInput: there is something else in its place.
        GitUnusable: git is missing or too old.
        ServerError: no Prefect server could be found or started.
    """
    repository = _empty_folder(miyabi_home() / "demo")
    asyncio.run(_make_repository(repository))
    server = ensure_server(miyabi_home())
    code = orchestrate_dag(RunRequest(tasks=EXAMPLE, repository=repository, rehearse=True))
    branches = asyncio.run(_branches(repository))
    for line in (f"branches    {len(branches)} in {repository}", *(f"            {branch}" for branch in branches)):
        click.echo(line)
    click.echo(f"ui          {server.ui_url}")
    if server.pid:
        click.echo(f"The Prefect server goes on, so that you can look. To end it: {_command()} server stop")
    return code


def _command() -> str:
    return "miyabi" if shutil.which("miyabi") else sys.argv[0]


async def _branches(repository: Path) -> list[str]:
    return (await Git(repository).ask("branch", "--list", "miyabi/*", "--format=%(refname:short)")).lines


def _empty_folder(folder: Path) -> Path:
    if folder.exists():
        if not (folder / MARKER).exists():
            raise BadInput(f"{folder}: exists and was not made by a demo. Move it away, or set MIYABI_HOME.")
        shutil.rmtree(folder)
    repository = folder / "repository"
    (repository / ".miyabi").mkdir(parents=True)
    (folder / MARKER).touch()
    (repository / ".miyabi" / "config.toml").write_text(TWO_MACHINES.format(folder=folder), encoding="utf-8")
    (repository / "README.md").write_text("# A throw-away repository\n", encoding="utf-8")
    return repository


async def _make_repository(folder: Path) -> None:
    await require_git()
    git = Git(folder)
    await git.ask("init", "--quiet", "--initial-branch=main")
    await git.ask("add", "--all")
    who = ("-c", "user.name=Water Spider", "-c", "user.email=water-spider@localhost")
    await git.ask(*who, "commit", "--quiet", "--message", "A repository to rehearse on")
