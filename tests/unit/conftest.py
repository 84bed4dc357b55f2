"""The ring is to be over soon: what would be looked through at its end is given back before."""

from __future__ import annotations

from tests.unit.test_architecture import tree


def pytest_sessionfinish() -> None:
    """Forgets the parsed sources, for pytest collects all garbage five times when it ends."""
    tree.cache_clear()
