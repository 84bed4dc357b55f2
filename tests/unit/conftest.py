"""The unit ring is run after every change, so it should take no longer than it must."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _few_collections() -> Iterator[None]:
    """Looking again and again for garbage among all that pytest keeps takes a sixth of the ring's time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    yield
    gc.set_threshold(*before)
