"""What a session is told of a review that has much to say."""

from __future__ import annotations

from miyabi.github import PullRequest
from miyabi.tending.answers import answer_prompt
from miyabi.tending.asked import Asked, Words


def test_ten_long_threads_leave_room_for_the_work() -> None:
    """Of a hundred comments of the most that GitHub takes each is told, and all of them in 110,000 characters."""
    thread = tuple(Words(by="carol", text=f"{number}. " + "x" * 65_000) for number in range(10))
    asked = [Asked(ids=(7,), thread=7, path="a.txt", line=3, said=thread)] * 10
    said = answer_prompt(PullRequest(number=4, title="T", head="h", base="main"), asked, check=None)
    assert (said.count("> 9. x"), said.count("@carol said:"), len(said) < 110_000) == (10, 100, True)
