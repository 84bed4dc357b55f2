"""Each cause is told once, whoever goes on with the run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from miyabi.notify import Notified
from miyabi.runs import RunFolder


def test_a_cause_is_claimed_once(tmp_path: Path) -> None:
    """Of eight who want to tell of it at the same time one does; another cause is told besides."""
    folder = RunFolder(tmp_path, "r1").create()
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: Notified.claim(folder, "end"), range(8)))
    assert claimed.count(True) == 1
    assert Notified.claim(folder, "stuck #12")
    assert not Notified.claim(RunFolder(tmp_path, "r1"), "end")


def test_what_is_forgotten_is_told_again(tmp_path: Path) -> None:
    """A pull request that was stuck may be so again; what was never told can be forgotten too."""
    folder = RunFolder(tmp_path, "r1").create()
    for cause in ("end", "stuck #12"):
        Notified.claim(folder, cause)
    for _ in range(2):
        Notified.forget(folder, "stuck #12")
    assert Notified.claim(folder, "stuck #12")
    assert not Notified.claim(folder, "end")
