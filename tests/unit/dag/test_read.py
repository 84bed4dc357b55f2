"""From bytes to plain values: encodings, sizes, paths, and JSON that is none."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from miyabi.dag import Dag
from miyabi.dag.read import plain_values
from miyabi.errors import DagError

GOOD = b'{"nodes": [{"id": "a", "title": "\xe4\xbd\x9c\xe6\xa5\xad"}]}'


def refused(path: Path) -> str:
    """What loading the file is answered with, without the file's name."""
    with pytest.raises(DagError) as answer:
        Dag.load(path)
    text = str(answer.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def written(folder: Path, data: bytes, *, name: str = "tasks.json") -> Path:
    """A file with these bytes."""
    (folder / name).write_bytes(data)
    return folder / name


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    """Editors of another system may put one there."""
    assert Dag.load(written(tmp_path, b"\xef\xbb\xbf" + GOOD)).nodes[0].title == "作業"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_that_is_not_utf8_is_located(tmp_path: Path, mark: bytes) -> None:
    """The offset counts every byte of the file, a byte order mark too."""
    data = mark + b'{"nodes":\n [{"id": "a", "title": "\x8d\xec"}]}'
    at = data.index(b"\x8d")
    assert refused(written(tmp_path, data)) == (
        f"byte {at} (line 2) is 0x8d, which is not UTF-8; save the file as UTF-8"
    )


def test_utf16_is_not_utf8(tmp_path: Path) -> None:
    """What another system calls Unicode is refused at its first byte."""
    assert refused(written(tmp_path, GOOD.decode().encode("utf-16"))).startswith("byte 0 (line 1) is 0xff")


def test_no_such_file_names_the_nearest(tmp_path: Path) -> None:
    """A typing mistake is easy to see."""
    written(tmp_path, GOOD)
    assert refused(tmp_path / "task.json") == "no such file; did you mean 'tasks.json'?"


def test_no_such_folder_is_no_such_file(tmp_path: Path) -> None:
    """A missing folder makes no traceback, nor does a file used as one."""
    assert refused(tmp_path / "gone" / "tasks.json") == "no such file"
    assert refused(written(tmp_path, GOOD) / "tasks.json") == "no such file"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """The answer says what to give instead."""
    assert refused(tmp_path) == "is a directory; give the DAG file in it"


def test_a_name_that_is_too_long_is_one_line_too(tmp_path: Path) -> None:
    """Whatever the system refuses to open is said in its words."""
    assert refused(tmp_path / ("x" * 300)).startswith("cannot be read: ")


@pytest.mark.parametrize(("opening", "ending"), [("[", "]"), ('{"a":', "}")])
def test_json_nested_too_deeply_is_refused(opening: str, ending: str) -> None:
    """No RecursionError, however deep."""
    text = f'{{"nodes": {opening * 200_000}1{ending * 200_000}}}'
    with pytest.raises(DagError, match=r"tasks\.json: nested too deeply"):
        plain_values(text, name="tasks.json")


@pytest.mark.parametrize("name", ["tasks", "DAG", "tasks.txt"])
def test_a_text_without_a_telling_name_is_looked_at(name: str) -> None:
    """A text that begins with a brace is JSON, any other YAML."""
    assert plain_values(' {"a":\t"b"}', name=name) == {"a": "b"}
    assert plain_values("a: b", name=name) == {"a": "b"}


def test_the_ending_decides_in_any_case() -> None:
    """`TASKS.YML` is YAML."""
    assert plain_values("a: b", name="TASKS.YML") == {"a": "b"}


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    """`miyabi schedule <(make-dag)` works: what is read need not be a regular file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(max_workers=1) as writer:
        writer.submit(pipe.write_bytes, GOOD)
        assert Dag.load(pipe).order == ("a",)
