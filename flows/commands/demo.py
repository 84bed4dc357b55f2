"""`miyabi demo`: the main job on embedded defaults, on a repository made for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import click

from flows.commands.home import miyabi_home
from flows.commands.orchestrate import orchestrate
from miyabi.errors import BadInput

EXAMPLE = Path(__file__).parents[2] / "examples" / "tasks.json"
MARKER = ".miyabi-demo"
_CONFIG = """\
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


def run_demo() -> int:
    """The exit code of a rehearsal of the example DAG; its repository stays until the next demo."""
    folder = miyabi_home() / "demo"
    repository = _fresh_repository(folder)
    code = orchestrate(tasks=EXAMPLE, repository=repository, rehearse=True)
    branches = _git(repository, "branch", "--list", "miyabi/*", "--format=%(refname:short)").split()
    branches = [branch for branch in branches if not branch.endswith("/_integration")]
    click.echo(f"branches    {len(branches)} in {repository}")
    for branch in branches:
        click.echo(f"            {branch}")
    return code


def _fresh_repository(folder: Path) -> Path:
    if folder.exists():
        if not (folder / MARKER).exists():
            raise BadInput(f"{folder}: exists and was not made by a demo. Move it away, or set MIYABI_HOME.")
        shutil.rmtree(folder)
    repository = folder / "repository"
    repository.mkdir(parents=True)
    (folder / MARKER).touch()
    _git(repository, "init", "--quiet", "--initial-branch=main")
    (repository / ".miyabi").mkdir()
    (repository / ".miyabi" / "config.toml").write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    (repository / "README.md").write_text("# A throw-away repository\n", encoding="utf-8")
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", "A repository to rehearse on")
    return repository


def _git(repository: Path, *words: str) -> str:
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _DEMO_USER.items()}
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **who}).stdout


_DEMO_USER = {"NAME": "Water Spider", "EMAIL": "water-spider@localhost"}
