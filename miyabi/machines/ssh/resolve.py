"""The way to a machine over SSH, jump hosts included, asked of OpenSSH's own `ssh -G`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE

from miyabi.errors import SshConfigUnusable
from miyabi.machines.machine import Machine, SshConfig
from miyabi.machines.ssh.restrictions import refusal
from miyabi.machines.ssh.target import SshTarget, parse_answer, parse_jump, ssh_flags, target_from
from miyabi.system import kill_group, spawn

_MAX_HOPS = 8
_ANSWER_WITHIN_SECONDS = 20  # `Match exec` may run whatever the user likes


async def resolve(machine: Machine) -> SshTarget:
    """Finds the way to the machine, jump hosts included. Asks `ssh -G` once a hop and connects nowhere.

    Raises:
        SshConfigUnusable: names the configuration file and line, or the jump hosts that lead in a circle; ssh is
            missing here, does not answer within 20 s, or allows no login with keys.
    """
    return await _resolve_hop(machine, (machine.host or "",), chosen=machine.ssh)


async def _resolve_hop(
    machine: Machine, way: tuple[str, ...], *, chosen: SshConfig, first_jumps: str | None = None
) -> SshTarget:
    alias = way[-1]
    options = parse_answer(await _ask_ssh(machine.name, alias, chosen=chosen))
    target = target_from(options, machine=machine.name, alias=alias, chosen=chosen, is_jump=len(way) > 1)
    if why := refusal(options):
        raise SshConfigUnusable(f"{target}: {why} Try: {target.try_command}", machine=machine.name)
    jumps = first_jumps or options.get("proxyjump", ["none"])[0]
    if jumps == "none":
        return target
    rest, _, last = jumps.rpartition(",")
    hop, jump = parse_jump(last)
    if hop in way or len(way) > _MAX_HOPS:
        circle = " → ".join((*way, hop))
        text = f"{machine.name}: ProxyJump leads in a circle: {circle}. Correct it in the SSH configuration."
        raise SshConfigUnusable(f"{text} Try: {target.try_command}", machine=machine.name)
    jump = jump.model_copy(update={"config_file": chosen.config_file})
    before = await _resolve_hop(machine, (*way, hop), chosen=jump, first_jumps=rest or None)
    return dataclasses.replace(target, jump=before, proxy_command=None)


async def _ask_ssh(machine: str, alias: str, *, chosen: SshConfig) -> str:
    words = ["ssh", "-T", "-G", *ssh_flags(chosen), "--", alias]
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_SECONDS):
            status, answer, complaint = await _output(words)
    except FileNotFoundError:
        text = f"{machine}: no `ssh` command here, which reads the SSH configuration. Install the OpenSSH client."
        raise SshConfigUnusable(text, machine=machine) from None
    except TimeoutError:
        text = f"{machine}: `{shlex.join(words)}` does not end. Is there a `Match exec` that hangs?"
        raise SshConfigUnusable(text, machine=machine) from None
    if status:
        text = f"{machine}: ssh cannot use its configuration for {alias!r}: {complaint}. Try: {shlex.join(words)}"
        raise SshConfigUnusable(text, machine=machine)
    return answer


async def _output(words: list[str]) -> tuple[int, str, str]:
    """Exit status, stdout, and stderr as one line."""
    process = await spawn(words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=os.environ)
    try:
        answer, complaint = await process.communicate()
    finally:
        await kill_group(process)  # what a `Match exec` has started, too
    said = " ".join(complaint.decode(errors="replace").split())
    return process.returncode or 0, answer.decode(errors="replace"), said
