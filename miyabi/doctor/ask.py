"""The probe, asked of a machine in one command."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import resources

from miyabi.claude import inherited_environment, session_prelude
from miyabi.doctor.facts import Facts, read_facts
from miyabi.errors import MachineError, MachineNotReady
from miyabi.machines import Host, Machine

WITHIN_SECONDS = 45.0
_ENVIRONMENT = "# miyabi: the environment of sessions\n"


async def ask_facts(
    machine: Machine, host: Host, *, environment: Mapping[str, str], token_file: str | None
) -> tuple[Facts, float, float]:
    """Asks a machine for all that the rules look at.

    Args:
        machine: which one.
        host: the same, reached.
        environment: what sessions get besides what the machine says.
        token_file: the file there with their login; None where claude's own is used.

    Returns:
        The facts; and when, by the clock here, the probe was sent and answered, in seconds since 1970.

    Raises:
        MachineNotReady: what its shell printed is not what the probe prints.
        MachineError: as `Host.run`; also where it takes over 45 seconds.
    """
    words = ["/bin/sh", "-s", "--", machine.workspace, token_file or "", *(["xcode"] if _is_xcode(machine) else [])]
    sent = time.time()
    answer = await host.run(words, stdin=probe(machine, environment).encode(), timeout_seconds=WITHIN_SECONDS)
    answered = time.time()
    facts = read_facts(answer.stdout, answer.stderr)
    if facts is None:
        said = answer.complaint[-300:] or f"exit status {answer.exit_status}"
        raise MachineNotReady(f"{machine.name}: its shell did not run our probe: {said}.", machine=machine.name)
    return facts, sent, answered


def probe(machine: Machine, environment: Mapping[str, str]) -> str:
    """Makes the probe's text: what is asked of the login first, then, in the environment of sessions, the rest.

    Raises:
        MachineError: a value of the environment cannot be written into a script.
    """
    text = (resources.files("miyabi.doctor") / "probe.sh").read_text(encoding="utf-8")
    try:
        inherited = inherited_environment(machine)
        prelude = session_prelude(machine, environment, oauth_token_file=None, inherited=inherited)
    except ValueError as error:
        raise MachineError(f"{machine.name}: {error}", machine=machine.name) from error
    return text.replace(_ENVIRONMENT, f"{prelude}\n")


def _is_xcode(machine: Machine) -> bool:
    return any("xcode" in label.lower() for label in machine.labels)
