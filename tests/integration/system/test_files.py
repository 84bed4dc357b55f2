"""Locks by files and folders, between processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from miyabi.system import locked_folder
from miyabi.system.files import is_locked, locked

_HOLDER = """
import sys
from pathlib import Path
from miyabi.system import files
path = Path(sys.argv[2])
with files.locked_folder(path) if sys.argv[1] == "folder" else files.locked(path, busy=OSError):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(kind: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has it, until it is ended."""
    with ExitStack() as stack:
        words = [sys.executable, "-c", _HOLDER, kind, str(path)]
        holder = stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        stack.callback(holder.kill)
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield holder


def test_a_file_that_nobody_holds(tmp_path: Path) -> None:
    """It is not locked where it is not there, was never held, or was given back; and looking makes no file."""
    file = tmp_path / "lock"
    assert not is_locked(file)
    assert not file.exists()
    file.touch()
    assert not is_locked(file)
    with locked(file, busy=OSError):
        assert is_locked(file)
    assert not is_locked(file)


def test_a_file_that_another_process_holds(tmp_path: Path) -> None:
    """It is locked until that process has ended, also by KILL; who asks for it is told its id."""
    file = tmp_path / "lock"
    with held_elsewhere("file", file) as holder:
        assert is_locked(file)
        with pytest.raises(BlockingIOError, match=str(holder.pid)), locked(file, busy=BlockingIOError):
            pass
        holder.kill()
        holder.wait()
        assert not is_locked(file)


def test_a_file_that_is_waited_for(tmp_path: Path) -> None:
    """Who would rather wait than be refused has it once that process has ended, and not before."""
    file, had = tmp_path / "lock", Event()

    def take() -> None:
        with locked(file):
            had.set()

    with held_elsewhere("file", file) as holder:
        thread = Thread(target=take)
        thread.start()
        assert not had.wait(0.2)
        holder.kill()
        thread.join()
    assert had.is_set()


def test_a_folder_that_another_process_holds(tmp_path: Path) -> None:
    """It cannot be had until that process has ended, also by KILL."""
    with held_elsewhere("folder", tmp_path) as holder:
        with pytest.raises(BlockingIOError), locked_folder(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with locked_folder(tmp_path):
            pass


def test_what_is_no_folder(tmp_path: Path) -> None:
    """A link to a folder, a file, and nothing cannot be held."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "file").touch()
    for name in ("link", "file", "nothing"):
        with pytest.raises(OSError, match=name), locked_folder(tmp_path / name):
            pass
