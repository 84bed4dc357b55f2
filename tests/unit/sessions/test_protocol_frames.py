"""What `follow` sends, taken apart."""

from __future__ import annotations

import random

import pytest

from miyabi.sessions import State, Status
from miyabi.sessions.protocol import Data, Frame, FrameReader, Heartbeat, Over, Truncated

LINE = b"miyabi1 s exited rc=7 by=itself check=0 out=5 err=4 now=9 free=100 over=0\n"
SENT = b"H\nD o 0 5\nab\ncdD e 10 4\nX ?\nH\nX " + LINE


def joined(frames: list[Frame]) -> list[Frame]:
    """The same frames with neighbouring pieces of one stream made one."""
    whole: list[Frame] = []
    for frame in frames:
        last = whole[-1] if whole else None
        if isinstance(frame, Data) and isinstance(last, Data) and last.stream == frame.stream:
            assert frame.offset == last.offset + len(last.content)
            whole[-1] = Data(last.stream, last.offset, last.content + frame.content)
        else:
            whole.append(frame)
    return whole


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_gives_the_same_frames(seed: int) -> None:
    """However the link cuts the bytes, content, offsets and the end are the same."""
    chance = random.Random(seed)  # noqa: S311 - repeatable cuts, no secret
    reader, frames, rest = FrameReader(), list[Frame](), SENT
    while rest:
        size = chance.choice((1, 2, 7, 100))
        frames += reader.feed(rest[:size])
        rest = rest[size:]
    over = Status(
        state=State.EXITED,
        exit_status=7,
        ended_by="itself",
        check_exit=0,
        out_bytes=5,
        err_bytes=4,
        now=9,
        free_kib=100,
        over_seconds=0,
    )
    assert joined(frames) == [
        Heartbeat(),
        Data("o", 0, b"ab\ncd"),
        Data("e", 10, b"X ?\n"),
        Heartbeat(),
        Over(over),
    ]


def test_content_is_handed_on_before_its_frame_is_complete() -> None:
    """A long frame is no reason to wait."""
    reader = FrameReader()
    assert reader.feed(b"D o 100 65536\nabc") == [Data("o", 100, b"abc")]
    assert reader.feed(b"de") == [Data("o", 103, b"de")]


def test_a_file_that_shrank_is_reported() -> None:
    """The frame for a remote file that is shorter than our copy."""
    assert FrameReader().feed(b"T e 12\n") == [Truncated("e", 12)]


@pytest.mark.parametrize(
    "noise",
    [
        b"Last login: Mon\n",
        b"D x 0 1\n",
        b"D o 0\n",
        b"D o a b\n",
        b"X nonsense\n",
        b"y" * 2000,
        b"D o 0 -5\nabcdefgh",
        b"D o -1 5\n",
        b"D o 0 1_0\n",
        b"T o +1\n",
        b"D o 0 " + b"9" * 900 + b"x\n",
    ],
)
def test_other_speech_is_refused(noise: bytes) -> None:
    """A greeting of the login shell or anything else is not taken for output."""
    with pytest.raises(ValueError, match="not a"):
        FrameReader().feed(noise)
