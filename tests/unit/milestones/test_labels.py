from __future__ import annotations

import pytest

from miyabi.milestones.labels import kind, minutes, priority, requires


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("P0", 1),
        ("p3", 7),
        ("priority: critical", 1),
        ("priority: high", 3),
        ("Priority: Medium", 5),
        ("priority/low", 7),
        ("priority-high", 3),
        ("prio: P4", 9),
        ("🔥 priority:P0-Critical", 1),
        ("P1 - urgent", 3),
        ("P3,priority: high", 3),
        ("low", 5),
        ("priority: someday", 5),
        ("priority", 5),
        ("", 5),
    ],
)
def test_priority(labels: str, expected: int) -> None:
    """Priorities are understood in the usual spellings; the most urgent counts, and 5 where there is none."""
    assert priority(labels.split(",")) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("estimate: 30m", 30),
        ("2h", 120),
        ("estimate: 1h30m", 90),
        ("est/1.5h", 90),
        ("time: 45 minutes", 45),
        ("estimate: 2d", 960),
        ("size: S", 15),
        ("📏 size:XL", 120),
        ("size/M,estimate: 10m", 10),
        ("10m,2h", 120),
        ("estimate: 9999d", 525_600),
        ("estimate: soon", 5),
        ("2 horses", 5),
        ("bug", 5),
    ],
)
def test_minutes(labels: str, expected: float) -> None:
    """Estimates are lengths of time or sizes; what is said in time wins."""
    assert minutes(labels.split(",")) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("bug", "bug"),
        ("enhancement", "feature"),
        ("documentation", "docs"),
        ("kind/refactor", "refactor"),
        ("type: test", "test"),
        ("✨ type:feature", "feature"),
        ("documentation,bug", "bug"),
        ("good first issue", "feature"),
    ],
)
def test_kind(labels: str, expected: str) -> None:
    """The task's type is read from the usual labels; without one it is a feature."""
    assert kind(labels.split(",")) == expected


def test_requires() -> None:
    """Machine labels are collected, sorted, each once."""
    assert requires(["machine:xcode", "Machine: gpu", "machine:xcode", "bug"]) == (("gpu", "xcode"), "")
    assert requires(["bug"]) == ((), "")
    assert requires(["machine:"])[1]
