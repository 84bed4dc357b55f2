"""A machine refuses a session for which it has too little disk or memory, and takes the same start later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.machines.supervisor import Station, station  # noqa: F401 - a fixture

WANTS_ALL = 1 << 40


def start(station: Station, session: str, admission: str) -> tuple[int, str]:
    """The exit status and what was said, of a start with such a first word."""
    words, sent = station.start_words(session, "sleep 60")
    done = station.call("start", session, admission, *words[2:], stdin=sent)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("admission", "said"),
    [
        (f"2:{WANTS_ALL}:0", r"\d+ MiB of its disk are free, of"),
        (f"2:0:{WANTS_ALL}", r"\d+ MiB of memory are available, of"),
    ],
)
def test_too_little(station: Station, admission: str, said: str) -> None:
    """The words say how much there is; what joins a session that runs is asked for none."""
    status, error = start(station, "a", admission)
    assert status == 71
    assert re.fullmatch(rf"miyabi: it takes no session: {said} at least {WANTS_ALL}\n", error)
    assert start(station, "a", "2:1:1")[0] == 0
    assert start(station, "a", admission)[0] == 0
    assert station.live() == ["a"]


def test_what_has_just_begun_counts(station: Station) -> None:
    """Two that come together do not both get what is there once: a session takes its memory a little later."""
    known = re.search(r"^MemAvailable: +(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert known
    most = int(known[1]) // 1024 * 2 // 3
    assert [start(station, name, f"2:0:{most}")[0] for name in ("a", "b")] == [0, 71]


def test_words_that_are_no_figures(station: Station) -> None:
    """Are refused as such."""
    assert [start(station, "a", admission)[0] for admission in ("2:x:0", "x")] == [64, 64]
