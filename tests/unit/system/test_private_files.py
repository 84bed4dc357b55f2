from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from miyabi.system import private_files


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever the user's umask is."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """The permissions of a file or folder."""
    return path.stat().st_mode & 0o777


def test_folders_are_closed(tmp_path: Path) -> None:
    """As many levels as were asked for are made for the owner only; what is above them is not touched."""
    (tmp_path / "a").mkdir()
    above = mode(tmp_path / "a")
    private_files.make_folder(tmp_path / "a/b/c", levels=2)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a/b"), mode(tmp_path / "a/b/c")) == (above, 0o700, 0o700)


def test_a_folder_that_stood_open_is_closed(tmp_path: Path) -> None:
    """What an earlier build made readable by all is so no more."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a").chmod(0o755)
    (tmp_path / "a/b").chmod(0o775)
    private_files.make_folder(tmp_path / "a/b", levels=2)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a/b")) == (0o700, 0o700)


def test_files_are_closed_before_anything_is_in_them(tmp_path: Path) -> None:
    """A file that is written anew or at its end is for the owner only, also where it stood open."""
    file = tmp_path / "file"
    private_files.write_bytes(file, b"one")
    assert (mode(file), file.read_bytes()) == (0o600, b"one")
    file.chmod(0o666)
    with private_files.open_to_append(file) as there:
        there.write(b" two")
    assert (mode(file), file.read_bytes()) == (0o600, b"one two")
    file.chmod(0o644)
    private_files.write_bytes(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")
