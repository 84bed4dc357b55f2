"""The milestones of a repository at GitHub: read, and changed only where they differ. All may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from miyabi.errors import NotFoundOnGitHub
from miyabi.github import parse
from miyabi.github.client import GitHubClient
from miyabi.github.parse import read
from miyabi.github.request import Request
from miyabi.github.values import Milestone, same_text
from miyabi.text import one_line, several

_LISTED = 10


class Milestones:
    """Milestones, by their numbers. Every method may raise what is below `GitHubError`."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    async def get(self, number: int) -> Milestone:
        """Reads the milestone of that number.

        Raises:
            NotFoundOnGitHub: there is none; names those that there are.
        """
        subject = f"milestone {number}"
        try:
            data = await self._client.get(f"milestones/{number}", subject=subject)
        except NotFoundOnGitHub as error:
            known = await self.all(state="all")
            raise NotFoundOnGitHub(f"{error} {there_are(known)}", status=error.status) from None
        return read(parse.milestone, data, subject=subject)

    async def all(self, *, state: str = "open") -> tuple[Milestone, ...]:
        """Reads the milestones by due date; `state` is open, closed or all."""
        query = {"state": state, "sort": "due_on", "direction": "asc"}
        found = await self._client.pages("milestones", subject="milestones", query=query)
        return tuple(read(parse.milestone, data, subject="milestones") for data in found)

    async def update(
        self, number: int, *, description: str | Callable[[str], str] | None = None, state: str | None = None
    ) -> Milestone:
        """Gives a milestone that description and state (open, closed), and returns what it is then.

        None leaves a part as it is. A function gets the description that is there at the moment, so that no word
        written meanwhile is lost.

        Raises:
            NotFoundOnGitHub: there is no milestone of that number.
        """

        def change(milestone: Milestone) -> Request | None:
            text = description(milestone.description) if callable(description) else description
            wanted = {"description": text, "state": state}
            body = {k: v for k, v in wanted.items() if v is not None and not same_text(v, getattr(milestone, k))}
            return Request.patch(f"milestones/{number}", body, subject=f"milestone {number}")

        return await self._client.reconcile(lambda: self.get(number), change, result=parse.milestone)


def there_are(milestones: Sequence[Milestone]) -> str:
    """Says in a sentence which milestones there are, ten at most, open ones first."""
    ordered = [_in_words(m) for m in sorted(milestones, key=lambda m: (m.state != "open", m.number))]
    return f"There are: {several(ordered, most=_LISTED)}." if ordered else "There are no milestones at all."


def _in_words(milestone: Milestone) -> str:
    due = f", due {milestone.due_on:%Y-%m-%d}" if milestone.due_on else ""
    return f"{milestone.number} “{one_line(milestone.title, characters=60)}” ({milestone.state}{due})"
