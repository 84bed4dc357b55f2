"""The `miyabi` command. Nothing here imports Prefect before a command needs it: --help answers at once."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import click

from flows.terminal import escape_what_cannot_be_shown
from miyabi.errors import BadInput, MiyabiError

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
_GARBAGE = 50_000
"""After so many new objects Python looks for garbage; what is imported stays, and looking took a fifth of a start."""

_PATH = click.Path(path_type=Path)


class _Commands(click.Group):
    """Turns every foreseeable error into one line on stderr and the exit code that README.md promises."""

    def main(self, *args: Any, **options: Any) -> Any:
        escape_what_cannot_be_shown()
        gc.set_threshold(_GARBAGE)
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MiyabiError as error:
            click.echo(f"miyabi: {error.in_full if isinstance(error, BadInput) else error}", err=True)
            sys.exit(BAD_INPUT if isinstance(error, BadInput) else FAILED)
        except KeyboardInterrupt:
            click.echo("miyabi: interrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="miyabi-scheduler")
def main() -> None:
    """Water Spider: runs a DAG of Claude Code sessions on a fleet of machines, and brings every commit home."""


def _repository(command: Any) -> Any:
    return click.option(
        "-C", "--repository", type=_PATH, default=Path(), show_default="this folder", help="The git repository."
    )(command)


def _config(command: Any) -> Any:
    return click.option("--config", type=_PATH, help="Configuration file.  [default: .miyabi/config.toml]")(command)


def _strategy(command: Any) -> Any:
    kinds = click.Choice(["fill-first", "spread"])
    return click.option("--strategy", type=kinds, help="Complete one machine before the next, or use all alike.")(
        command
    )


@main.command()
@click.argument("tasks", type=_PATH)
@_repository
@_config
@_strategy
def schedule(**options: Any) -> None:
    """Show order, levels, critical path, who would run where and how long it takes. Runs nothing."""
    from flows.commands.schedule import show_schedule  # noqa: PLC0415 - see the module docstring

    show_schedule(**options)


@main.command()
@click.argument("tasks", type=_PATH, required=False)
@_repository
@_config
@_strategy
@click.option("--base", help="Branch, tag or commit to start from.  [default: HEAD]")
@click.option("--run", help="Name of the run; an earlier run's name goes on with it.")
@click.option("--fail-fast", is_flag=True, default=None, help="Start nothing further after the first failure.")
@click.option("--rehearse", is_flag=True, help="Use a small shell agent in place of claude: costs no tokens.")
@click.option("--milestone", metavar="WHICH", help="Run a milestone's issues: its number, its title, or 'next due'.")
@click.option("--pull-request", is_flag=True, help="Open the run's pull request at GitHub afterwards.")
@click.option("--github", metavar="BLOCK", help="Prefect block with the credential.  [default: $GITHUB_TOKEN]")
def orchestrate(*, milestone: str | None, **options: Any) -> None:
    """Run the DAG. Exit code 0: all succeeded, 1: some did not, 2: bad input, 130: interrupted."""
    if milestone is None:
        from flows.commands.orchestrate import orchestrate as run  # noqa: PLC0415 - see the module docstring

        sys.exit(run(**options))
    from flows.commands.milestone import orchestrate_milestone  # noqa: PLC0415 - same

    if options.pop("tasks") is not None:
        raise BadInput("--milestone and a DAG file exclude each other: the milestone's issues are the DAG")
    options.pop("pull_request")  # a milestone's run always has one
    sys.exit(orchestrate_milestone(milestone=milestone, **options))


@main.command()
@click.argument("run")
@click.argument("task")
@_repository
@click.option("-f", "--follow", is_flag=True, help="Go on until the session ends.")
@click.option("--raw", is_flag=True, help="The stream-json as it came.")
@click.option("--attempt", type=click.IntRange(1), help="Which attempt.  [default: the last]")
def logs(**options: Any) -> None:
    """Show what a session said and did."""
    from flows.commands.logs import show_logs  # noqa: PLC0415 - see the module docstring

    show_logs(**options)


@main.command()
@_repository
@_config
@click.option("--all", "ended_too", is_flag=True, help="Ended sessions too.")
def sessions(**options: Any) -> None:
    """List the sessions that live on the machines of the fleet."""
    from flows.commands.sessions import show_sessions  # noqa: PLC0415 - see the module docstring

    sys.exit(show_sessions(**options))


@main.command()
@_repository
@_config
@click.option("--rehearse", is_flag=True, help="Do not ask for claude.")
def check(**options: Any) -> None:
    """Ask every machine whether it can take sessions."""
    from flows.commands.check import check_machines  # noqa: PLC0415 - see the module docstring

    sys.exit(check_machines(**options))


@main.command()
@click.argument("run")
@_repository
@_config
@click.option("--branches", is_flag=True, help="The run's branches in the repository too.")
@click.option("--yes", is_flag=True, help="Do not ask before branches, or work that is not home, are deleted.")
def sweep(**options: Any) -> None:
    """Remove what a run made on the machines: checkouts and session folders. Touches nothing else."""
    from flows.commands.sweep import sweep_run  # noqa: PLC0415 - see the module docstring

    sys.exit(sweep_run(**options))


@main.command()
@click.argument("action", type=click.Choice(["start", "status", "stop"]))
def server(action: str) -> None:
    """Start, look at or stop the local Prefect server."""
    from flows.commands.server import control_server  # noqa: PLC0415 - see the module docstring

    control_server(action)


@main.command()
def demo() -> None:
    """Rehearse ten tasks on two machines made of this one, with a throw-away repository."""
    from flows.commands.demo import run_demo  # noqa: PLC0415 - see the module docstring

    sys.exit(run_demo())


if __name__ == "__main__":
    main()
