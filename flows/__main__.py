"""The `miyabi` command. A command's file is imported when it is called, Prefect after that: --help answers at once."""

from __future__ import annotations

import atexit
import gc
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from flows.cli.exit_code import ExitCode
from flows.cli.terminal import escape_what_cannot_be_shown
from miyabi.errors import BadInput, MiyabiError

_GARBAGE = 50_000
"""After so many new objects Python looks for garbage; what is imported stays, and looking took a fifth of a start."""

SUMMARIES = {
    "attach": "Go on with a task's conversation by hand, in this terminal, in its checkout on its machine.",
    "automations": "Make the automations of automations.yaml at the Prefect server, or delete them there.",
    "check": "Ask every machine whether it can take sessions, and what will trouble it at night.",
    "completion": "Print the script by which your shell completes commands, options, runs and tasks.",
    "cordon": "Take a machine out: it takes no new session, for every orchestrator, until it is uncordoned.",
    "demo": "Rehearse ten tasks on two machines made of this one, with a throw-away repository.",
    "drain": "Take a machine out and wait until its sessions have ended; or end them now.",
    "init": "Write .miyabi/config.toml and a first tasks.json, from machines that can take sessions.",
    "logs": "Show what a session said and did.",
    "machines": "Say how it stands with each machine: slots, state, versions, login, disk, memory, load.",
    "notify": "Show who is told of runs; with --test send a message to each, and say what became of it.",
    "open": "Print where to look: Prefect's page, pull request and report of a run; with a task, its files.",
    "orchestrate": "Run the DAG.",
    "retry": "Try again what did not succeed in a run: those tasks, or all, and what waited for them.",
    "runs": "List the runs of this repository: how each stands, and what to do next.",
    "schedule": "Show order, levels, critical path, who would run where and how long it takes.",
    "server": "Start, look at or stop the local Prefect server.",
    "sessions": "List the sessions that live on the machines of the fleet.",
    "status": "Show how a run stands: its tasks, what waits and why.",
    "stop": "Stop a run, or the session of one task, and collect the work.",
    "sweep": "Remove what a run made on the machines: checkouts and session folders.",
    "uncordon": "Have a machine back that was taken out.",
}
"""The first sentence of each command's help, which stands here too so that a list of them imports none."""


class _Commands(click.Group):
    """Commands by name, each from its own file.

    Every foreseeable error becomes one line on stderr and the exit code that README.md promises.
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not super().get_command(ctx, cmd_name):
            return None
        command: click.Command = getattr(import_module(f"flows.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Group(commands=self.commands).format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [CompletionItem(name, help=text) for name, text in SUMMARIES.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **options: Any) -> Any:
        escape_what_cannot_be_shown()
        gc.set_threshold(_GARBAGE)
        atexit.register(gc.freeze)  # Python's end would look once more, for a third of a second
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            ctx.exit(super().invoke(ctx) or ExitCode.SUCCEEDED)
        except MiyabiError as error:
            click.echo(f"miyabi: {error.in_full if isinstance(error, BadInput) else error}", err=True)
            ctx.exit(ExitCode.BAD_INPUT if isinstance(error, BadInput) else ExitCode.FAILED)
        except OSError as error:
            if error.filename is None:  # not one of the files that a person can see to
                raise
            click.echo(f"miyabi: {error.filename}: {error.strerror}", err=True)
            ctx.exit(ExitCode.FAILED)
        except KeyboardInterrupt:
            click.echo("miyabi: interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)


@click.group(
    cls=_Commands,
    commands={name: click.Command(name, help=text) for name, text in SUMMARIES.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="miyabi-scheduler")
def main() -> None:
    """Water Spider: runs a DAG of Claude Code sessions on a fleet of machines, and brings every commit home."""


if __name__ == "__main__":
    main()
