"""The rows of a report about reviews, and how each is made of results. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from miyabi.reports.rows import ReportRow, money
from miyabi.sessions import Review, SessionResult, Verdict, is_reviewing, reviewed
from miyabi.text import redact


class ReviewRow(ReportRow):
    """What sessions said that read a task's work. Turns, cost and seconds are those of all of them."""

    task: str
    review: Review = Field(description="The last one: of the work as it is")
    session: str = Field(description="What stands in place of a task's id in the names of its session")
    sessions: int = 0
    turns: int = 0
    cost_usd: float = 0.0
    cost_is_partial: bool = False
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """What the last one came to, in words that `in_words` makes plain."""
        return Verdict.UNREVIEWED if self.review.verdict is Verdict.PENDING else self.review.verdict


def reviews(last: Mapping[str, SessionResult], results: Iterable[SessionResult]) -> tuple[ReviewRow, ...]:
    """Makes a row for each task that was reviewed, or was to be.

    Args:
        last: the last result of each task, by its id.
        results: all of the run, those of sessions that review among them.
    """
    by_task: dict[str, list[SessionResult]] = {}
    for each in sorted(of_reviews(results), key=lambda r: (str(r.start), r.task, r.attempt)):
        by_task.setdefault(reviewed(each.task), []).append(each)
    asked = {task for task, result in last.items() if result.review} | by_task.keys()
    return tuple(_row(result, by_task.get(task, [])) for task, result in last.items() if task in asked)


def _row(result: SessionResult, sessions: Sequence[SessionResult]) -> ReviewRow:
    return ReviewRow(
        task=result.task,
        review=_redacted(result.review) if result.review else _OVERTAKEN,
        session=sessions[-1].task if sessions else "",
        sessions=sum(each.start is not None for each in sessions),
        turns=sum(each.turns for each in sessions),
        cost_usd=money(each.cost_usd for each in sessions),
        cost_is_partial=any(each.cost_is_partial for each in sessions),
        seconds=round(sum(each.seconds for each in sessions), 3),
    )


_OVERTAKEN = Review(verdict=Verdict.UNREVIEWED, reason="what came after its last review did not succeed")


def _redacted(review: Review) -> Review:
    findings = tuple(
        each.model_copy(update={"file": redact(each.file), "why": redact(each.why)}) for each in review.findings
    )
    return review.model_copy(update={"findings": findings, "reason": redact(review.reason)})


def of_reviews(results: Iterable[SessionResult]) -> list[SessionResult]:
    """Finds the results of sessions that review."""
    return [each for each in results if is_reviewing(each.task)]
