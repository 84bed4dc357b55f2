"""What a job printed."""

from __future__ import annotations

import io

import pytest

from miyabi.github.checks import last_bytes


@pytest.mark.parametrize("length", [0, 3, 4, 5, 8, 11])
def test_the_end_of_a_long_log_is_kept(length: int) -> None:
    """However long it is, its last bytes come, in their order: there stands why the job failed."""
    log = bytes(range(length))
    assert last_bytes(io.BytesIO(log), most=4) == log[-4:]
