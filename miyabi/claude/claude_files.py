"""What claude keeps of sessions outside of their checkouts: memory, transcripts, scratch files."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from miyabi.claude.command import inherited_environment, session_prelude
from miyabi.claude.options import path_word
from miyabi.errors import MachineError, RemoteFailed
from miyabi.machines import Host, Machine, install, quote_script_word

_DAY_SECONDS = 86400
_SCRIPT = "claude_files"


async def remove_claude_files(
    machine: Machine,
    host: Host,
    *,
    environment: Mapping[str, str],
    keep_days: float,
    run: str,
    tasks: Collection[str],
) -> None:
    """Removes what claude kept of a run's sessions on a machine, once their checkouts are gone; may be repeated.

    Memory and scratch files go at once. Transcripts, of this run and of those that were swept before it, go when they
    are older than `keep_days`.

    Args:
        machine: where.
        host: the connection to it.
        environment: what its sessions had besides; it says where claude's folders are.
        keep_days: days that transcripts stay.
        run: the run's name.
        tasks: its tasks that were there.

    Raises:
        MachineError: as `Host.run`, and RemoteFailed where something cannot be removed.
    """
    script = await install.install(host, machine.workspace, _SCRIPT)
    prelude = session_prelude(machine, environment, oauth_token_file=None, inherited=inherited_environment(machine))
    paths = map(path_word, (script, machine.workspace))
    keep = f"{keep_days * _DAY_SECONDS:.0f}"
    line = " ".join(("exec /bin/sh", *paths, *map(quote_script_word, (run, keep, *sorted(tasks)))))
    answer = await host.run(["/bin/sh", "-s"], stdin=f"{prelude}\n{line}\n".encode("utf-8", "surrogateescape"))
    if answer.exit_status:
        raise _failure(machine, answer.complaint.removeprefix("miyabi: ") or f"exit status {answer.exit_status}")


def _failure(machine: Machine, why: str) -> MachineError:
    return RemoteFailed(f"{machine.name}: claude's files are not swept: {why}", machine=machine.name)
