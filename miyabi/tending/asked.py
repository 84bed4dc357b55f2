"""What reviewers ask for and nobody of ours has answered yet.

An answer is known by its marker, for the token may be a reviewer's own; it names the newest comment that it answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from pydantic import BaseModel, ConfigDict

from miyabi.github import GitHubRepository, Person, PullRequestReview, ReviewComment

_ASKS = {"CHANGES_REQUESTED", "COMMENTED"}
_APPROVES = "APPROVED"
_ANSWER = re.compile(r"<!-- miyabi:answer (\d+) -->")
_ANSWER_TO_REVIEW = re.compile(r"<!-- miyabi:answer-review (\d+) -->")


class Words(BaseModel):
    """What somebody said; `by` is a login, empty for us."""

    model_config = ConfigDict(frozen=True)

    by: str
    text: str


class Asked(BaseModel):
    """What is to be answered once: a thread, as far as it has come, or the text of a review, which has no thread.

    `ids` are of the comments since our last answer by people who may write, or of the review; `said` is all that they
    and we said in the thread.
    """

    model_config = ConfigDict(frozen=True)

    ids: tuple[int, ...]
    thread: int | None = None
    path: str = ""
    line: int | None = None
    is_outdated: bool = False
    said: tuple[Words, ...] = ()

    @property
    def newest(self) -> int:
        """The id that an answer names."""
        return self.ids[-1]

    @property
    def marker(self) -> str:
        """The first line of its answer."""
        return f"<!-- miyabi:answer{'-review' if self.thread is None else ''} {self.newest} -->"

    def is_among(self, others: Collection[Asked]) -> bool:
        """Returns whether its newest comment is unanswered still, where those are."""
        return any(self.thread == other.thread and self.newest in other.ids for other in others)


async def read_asked(github: GitHubRepository, number: int) -> tuple[Asked, ...]:
    """Reads what people who may write ask for in a pull request and nobody of ours has answered yet.

    Raises:
        GitHubError: GitHub cannot be read.
    """
    comments, reviews = await github.reviews.comments(number), await github.reviews.all(number)
    writers = {each.login for each in _people(comments, reviews) if await github.can_write(each.login)}
    marked = {each.author.login for each in comments if _ANSWER.match(each.body)}
    ours = {login for login in marked if await github.speaks_for_us(login)}

    def asked(in_threads: Collection[int], of_reviews: Collection[int]) -> tuple[Asked, ...]:
        threads = asked_in_threads(comments, writers=writers, ours=ours, answered=in_threads)
        return (*threads, *asked_by_reviews(reviews, writers=writers, answered=of_reviews))

    return asked(*await _answered_in_comments(github, number)) if asked((), ()) else ()


def _people(comments: Sequence[ReviewComment], reviews: Sequence[PullRequestReview]) -> list[Person]:
    authors = [*(each.author for each in comments), *(each.author for each in reviews)]
    return [person for person in {each.login: each for each in authors}.values() if not person.is_bot]


async def _answered_in_comments(github: GitHubRepository, number: int) -> tuple[set[int], set[int]]:
    """The ids that our comments on all of it name: of threads that took no answer, and of reviews."""
    kinds = (_ANSWER, set[int]()), (_ANSWER_TO_REVIEW, set[int]())
    for each in await github.issues.comments(number):
        for marker, answered in kinds:
            if (name := marker.match(each.body)) and await github.speaks_for_us(each.author.login):
                answered.add(int(name[1]))
    return kinds[0][1], kinds[1][1]


def asked_in_threads(
    comments: Sequence[ReviewComment],
    *,
    writers: Collection[str],
    ours: Collection[str],
    answered: Collection[int] = (),
) -> tuple[Asked, ...]:
    """Finds the threads in which somebody who may write has said something that no answer of ours names.

    Args:
        comments: all of a pull request, oldest first.
        writers: logins of the people who may write.
        ours: logins whose comments with our marker are answers of ours.
        answered: the ids of comments that are answered outside of their threads.
    """
    by_thread = groupby(sorted(comments, key=lambda each: (each.thread, each.id)), key=lambda each: each.thread)
    groups = [list(group) for _, group in by_thread]
    return tuple(found for group in groups for found in _asked_in(group, writers, ours, answered))


def _asked_in(
    group: Sequence[ReviewComment], writers: Collection[str], ours: Collection[str], answered: Collection[int]
) -> Iterator[Asked]:
    names = {each.id: _ANSWER.match(each.body) for each in group}
    answers = {each.id: int(name[1]) for each in group if (name := names[each.id]) and each.author.login in ours}
    asking = [each for each in group if not names[each.id] and each.author.login in writers]
    last = max([*answers.values(), *(each.id for each in group if each.id in answered)], default=0)
    ids = tuple(each.id for each in asking if each.id > last)
    if ids:
        first = group[0]
        said = tuple(
            Words(by="" if each.id in answers else each.author.login, text=each.body)
            for each in group
            if each.id in answers or each in asking
        )
        place = {"path": first.path, "line": first.line, "is_outdated": first.is_outdated}
        yield Asked(ids=ids, thread=first.thread, said=said, **place)


def asked_by_reviews(
    reviews: Sequence[PullRequestReview], *, writers: Collection[str], answered: Collection[int]
) -> tuple[Asked, ...]:
    """Finds the reviews with a text of somebody who may write, and has not approved since, that we have not answered.

    Args:
        reviews: all of a pull request, oldest first.
        writers: logins of the people who may write.
        answered: the ids of those that comments of ours answer.
    """
    approved = {each.author.login: each.id for each in reviews if each.state == _APPROVES}
    return tuple(
        Asked(ids=(each.id,), said=(Words(by=each.author.login, text=each.body),))
        for each in reviews
        if each.state in _ASKS and each.body.strip() and each.author.login in writers
        if each.id not in answered and each.id > approved.get(each.author.login, 0)
    )
