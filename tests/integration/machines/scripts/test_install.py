"""Our scripts on a machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from miyabi.machines import Host
from miyabi.machines import install as scripts
from miyabi.machines.local import LocalHost


def install(folder: Path, *, host: Host | None = None, times: int = 1) -> Path:
    """Where the script is, asked for as often as given at once."""

    async def ask() -> set[str]:
        one = host or LocalHost()
        return set(await asyncio.gather(*(scripts.install(one, str(folder), "supervise") for _ in range(times))))

    (path,) = asyncio.run(ask())
    return Path(path)


def test_a_script_is_installed_once_however_many_ask(tmp_path: Path) -> None:
    """Twenty sessions that start together make one file, whole and private, and nothing beside it."""
    path = install(tmp_path, times=20)
    assert path.read_bytes() == scripts.script("supervise")
    assert path.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "bin").iterdir()) == [path]


def test_a_host_is_asked_once_until_it_is_forgotten(tmp_path: Path) -> None:
    """What a host has is remembered; whoever finds it gone says so."""
    host = LocalHost()
    path = install(tmp_path, host=host)
    path.unlink()
    install(tmp_path, host=host)
    assert not path.exists()
    scripts.forget(host)
    install(tmp_path, host=host)
    assert path.exists()


def test_a_script_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """A shell may be reading it at this moment: same content, same file."""
    before = install(tmp_path).stat()
    assert install(tmp_path).stat().st_ino == before.st_ino


def test_a_damaged_script_is_replaced_beside_its_readers(tmp_path: Path) -> None:
    """A power cut may have left half of it: a new file takes the name, the old one is not written to."""
    path = install(tmp_path)
    path.write_bytes(b"half")
    with path.open("rb") as reader:
        install(tmp_path)
        assert reader.read() == b"half"
    assert path.read_bytes() == scripts.script("supervise")


async def test_installing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path that is given back works as a word there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    host = LocalHost()
    path = await scripts.install(host, "~/my place", "supervise")
    assert path.startswith("~/my place/bin/supervise-")
    assert (await host.run(["exec", "/bin/sh", path, "~/my place", "list"])).exit_status == 0
