"""What reviewers ask for and nobody of ours has answered yet: by their rights, and by what our answers name."""

from __future__ import annotations

from miyabi.github import Person, PullRequestReview, ReviewComment
from miyabi.tending.asked import Asked, asked_by_reviews, asked_in_threads

WRITERS = {"alice", "carol"}


def said(number: int, by: str, *, thread: int = 1, body: str = "Why?", answers: int = 0) -> ReviewComment:
    """A comment in a thread, or an answer of ours."""
    text = f"<!-- miyabi:answer {answers} -->\nSo." if answers else body
    return ReviewComment(id=number, thread=thread, author=Person(login=by), body=text, path="a.txt", line=3)


def open_threads(*comments: ReviewComment) -> list[tuple[int | None, tuple[int, ...]]]:
    """The thread and the unanswered comments of each that is open, where alice's token is ours."""
    return [(each.thread, each.ids) for each in asked_in_threads(comments, writers=WRITERS, ours=WRITERS)]


def test_a_thread_is_open_until_an_answer_names_its_newest_comment() -> None:
    """What was said while the answer was made is open, be it older than that; so is what is said afterwards."""
    thread = [said(1, "carol"), said(2, "carol")]
    assert open_threads(*thread) == [(1, (1, 2))]
    assert open_threads(*thread, said(4, "alice", answers=2)) == []
    assert open_threads(*thread, said(3, "carol"), said(4, "alice", answers=2)) == [(1, (3,))]
    assert open_threads(*thread, said(4, "alice", answers=2), said(5, "carol")) == [(1, (5,))]


def test_whose_token_we_have_may_review_too() -> None:
    """The same account's comments are asked where they have no marker, and answers where they have one."""
    assert open_threads(said(1, "alice")) == [(1, (1,))]
    assert open_threads(said(1, "alice"), said(2, "alice", answers=1)) == []


def test_who_may_not_write_is_neither_heeded_nor_shown() -> None:
    """Their comments open no thread, are in no prompt, and answer nothing whatever marker they have."""
    assert open_threads(said(1, "bob")) == []
    comments = [said(1, "bob"), said(2, "carol", body="Please."), said(3, "bob", answers=2)]
    (found,) = asked_in_threads(comments, writers=WRITERS, ours=WRITERS)
    assert (found.ids, [(words.by, words.text) for words in found.said]) == ((2,), [("carol", "Please.")])


def test_what_was_asked_before_is_known_again() -> None:
    """A thread that went on holds what was asked in it earlier; one that is answered, or another one, does not."""
    earlier = Asked(ids=(2,), thread=1)
    found = [earlier.is_among([Asked(ids=ids, thread=thread)]) for ids, thread in (((2, 3), 1), ((3,), 1), ((2,), 4))]
    assert found == [True, False, False]


def review(number: int, *, by: str = "carol", state: str = "CHANGES_REQUESTED", body: str = "Do.") -> PullRequestReview:
    """A review."""
    return PullRequestReview(id=number, author=Person(login=by), state=state, body=body)


def test_a_review_with_a_text_is_asked_once() -> None:
    """One that approves, says nothing, is answered already, or comes from somebody else is passed over."""
    reviews = [review(1), review(2, body=" "), review(3, by="alice", state="APPROVED"), review(4, by="bob"), review(5)]
    assert [each.ids for each in asked_by_reviews(reviews, writers=WRITERS, answered={5})] == [(1,)]


def test_who_approves_takes_back_what_they_asked() -> None:
    """What the same person wrote before is not asked any more; what they write afterwards is."""
    reviews = [review(1), review(2, state="APPROVED"), review(3, state="COMMENTED")]
    assert [each.ids for each in asked_by_reviews(reviews, writers=WRITERS, answered=())] == [(3,)]


def test_threads_and_reviews_are_answered_apart() -> None:
    """An answer names a comment by another marker than a review, whose ids are counted apart at GitHub."""
    assert Asked(ids=(1, 7), thread=1).marker == "<!-- miyabi:answer 7 -->"
    assert Asked(ids=(7,)).marker == "<!-- miyabi:answer-review 7 -->"
