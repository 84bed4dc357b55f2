"""No way to a machine, seen from a Mac."""

from __future__ import annotations

from pathlib import Path

import pytest

from miyabi.doctor import findings_of_refusal
from miyabi.machines.ssh.errors import no_route
from miyabi.machines.ssh.resolve import resolve
from tests.support.machines.ssh_targets import machine


@pytest.mark.parametrize(("platform", "more"), [("darwin", ["local-network"]), ("linux", [])])
async def test_macos_may_be_what_is_in_the_way(tmp_path: Path, platform: str, more: list[str]) -> None:
    """There `EHOSTUNREACH` may be macOS' own doing, which is said besides."""
    error = no_route(await resolve(machine(tmp_path, HostName="10.0.0.9")), "No route to host")
    assert [each.id for each in findings_of_refusal(error, platform=platform)] == ["unreachable", *more]
