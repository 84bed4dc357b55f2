"""The head of a git bundle, read and written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from miyabi.errors import GitFailed
from miyabi.git.bundle import BundleHeader, objects_in_pack

A, B = "a" * 40, "b" * 40
LONG = "c" * 64


@pytest.mark.parametrize(
    "header",
    [
        BundleHeader(tips=((A, "refs/miyabi/base"),)),
        BundleHeader(tips=((A, "refs/heads/x"), (B, "refs/heads/日本")), prerequisites=(B, A)),
        BundleHeader(tips=((LONG, "refs/heads/x"),), prerequisites=(LONG,), object_format="sha256"),
    ],
)
def test_a_header_is_read_as_it_was_written(header: BundleHeader) -> None:
    """What is written is read again, and the file then stands at the pack."""
    file = io.BytesIO(header.to_bytes() + b"PACK...")
    assert BundleHeader.read(file) == header
    assert file.read() == b"PACK..."


def test_sha1_needs_no_capability() -> None:
    """An old git reads our bundle: version 2, nothing but commits and names."""
    written = BundleHeader(tips=((A, "refs/miyabi/base"),), prerequisites=(B,)).to_bytes()
    assert written == f"# v2 git bundle\n-{B}\n{A} refs/miyabi/base\n\n".encode()


def test_what_git_says_of_a_prerequisite_is_passed_over() -> None:
    """The subject that git writes behind a prerequisite is no part of its id."""
    file = io.BytesIO(f"# v2 git bundle\n-{B} Fix the thing\n{A} refs/heads/x\n\nPACK".encode())
    assert BundleHeader.read(file).prerequisites == (B,)


@pytest.mark.parametrize("text", [b"", b"PACK", b"# v9 git bundle\n", b"# v2 git bundle\n-nonsense\n\n"])
def test_what_is_no_bundle_is_refused(text: bytes) -> None:
    """Bytes that are no bundle are an error of ours, not a traceback."""
    with pytest.raises(GitFailed):
        BundleHeader.read(io.BytesIO(text))


def test_the_objects_of_a_pack_are_counted(tmp_path: Path) -> None:
    """The number stands in the pack's own head, behind the bundle's."""
    file = tmp_path / "x"
    file.write_bytes(b"head" + b"PACK" + (2).to_bytes(4, "big") + (70_000).to_bytes(4, "big"))
    assert objects_in_pack(file, offset=4) == 70_000
