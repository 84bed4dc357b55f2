"""Pull requests: exactly one open one for a head branch, whatever was interrupted before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from miyabi.errors import GitHubError, NotFoundOnGitHub, RightsMissing, ValidationRefused
from miyabi.github import parse
from miyabi.github.client import GitHubClient
from miyabi.github.parse import read
from miyabi.github.request import GRAPHQL, Request
from miyabi.github.values import PullRequest, among, same_text


class PullRequests:
    """Pull requests, by numbers and head branches. Every method may raise what is below `GitHubError`."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    async def get(self, number: int) -> PullRequest:
        """Reads one pull request, whatever its state.

        Raises:
            NotFoundOnGitHub: there is none of that number.
        """
        subject = f"pull request #{number}"
        return read(parse.pull_request, await self._client.get(f"pulls/{number}", subject=subject), subject=subject)

    async def find(self, head: str, *, base: str | None = None, state: str = "open") -> PullRequest | None:
        """Finds the newest pull request of that head branch of this repository; None where there is none.

        Args:
            head: the head branch.
            base: the base branch; None for whichever.
            state: open, closed or all.
        """
        found = await self._pulls_of(head, state=state)
        return next((pull for pull in found if base in {None, pull.base}), None)

    async def all(self, *, state: str = "open") -> tuple[PullRequest, ...]:
        """Reads all pull requests; mind `from_fork` before you trust a branch name."""
        return await self._pulls({"state": state})

    async def upsert(
        self,
        head: str,
        base: str,
        *,
        title: str,
        body: str,
        draft: bool = False,
        labels: Sequence[str] = (),
        reviewers: Sequence[str] = (),
        assignees: Sequence[str] = (),
        milestone: int | None = None,
    ) -> PullRequest:
        """Creates the one open pull request of the head branch, or updates it where it differs.

        `draft` only counts when it is created: GitHub's REST API cannot change it. See `complete` for the
        rest, which is done afterwards.

        Raises:
            ValidationRefused: no commits between base and head, a branch that is not at GitHub; names the fields.
            GitHubError: else as `complete`.
        """
        texts = {"title": title, "body": body, "base": base}

        async def look() -> PullRequest | None:
            there = await self._pulls_of(head, state="open")
            return next((pull for pull in there if pull.base == base), next(iter(there), None))

        def change(there: PullRequest | None) -> Request | None:
            if there is None:
                new = {**texts, "head": head, "draft": draft}
                return Request.post("pulls", new, subject=f"pull request {head} → {base}")
            differing = {k: v for k, v in texts.items() if not same_text(v, getattr(there, k))}
            return Request.patch(f"pulls/{there.number}", differing, subject=f"pull request #{there.number}")

        pull = await self._client.reconcile(look, change, result=parse.pull_request)
        if pull is None:
            raise AssertionError  # there is one once nothing is left to change
        return await self.complete(pull, labels=labels, reviewers=reviewers, assignees=assignees, milestone=milestone)

    async def complete(
        self,
        pull: PullRequest,
        *,
        labels: Sequence[str] = (),
        reviewers: Sequence[str] = (),
        assignees: Sequence[str] = (),
        milestone: int | None = None,
    ) -> PullRequest:
        """Gives a pull request at least these labels, reviewers, assignees and this milestone; returns what it is then.

        A reviewer is a login or, for a team, owner/slug. Who has reviewed already, or opened it, is not asked again.

        Raises:
            GitHubError: the first refusal; the other parts are done nevertheless.
        """
        errors: list[GitHubError] = []
        changes = (
            _labels(labels),
            _milestone(milestone),
            _assignees(assignees),
            _reviewers(await self._still_to_ask(pull, reviewers)),
        )
        for change in changes:
            if change(pull) is not None:
                try:
                    pull = await self._complete(pull, change)
                except (ValidationRefused, RightsMissing, NotFoundOnGitHub) as error:
                    errors.append(error)
        if errors:
            raise errors[0]
        return pull

    async def enable_auto_merge(self, number: int, *, method: str) -> None:
        """Has GitHub merge it by itself, or add it to the merge queue, as soon as it may; GraphQL alone can.

        Args:
            number: the pull request's.
            method: squash, merge or rebase.

        Raises:
            ValidationRefused: GitHub does not; says why.
        """
        pull, subject = await self.get(number), f"auto-merge of #{number}"
        query = {"query": _AUTO_MERGE, "variables": {"id": pull.node_id, "method": method.upper()}}

        def change(there: PullRequest | None) -> Request | None:
            return None if there and there.auto_merge else Request.post(GRAPHQL, query, subject=subject)

        async def look() -> PullRequest | None:
            return await self.get(number)

        await self._client.reconcile(look, change, result=lambda _: None)

    async def enqueue(self, number: int, *, head: str) -> bool:
        """Adds it to the merge queue of its base branch, unless it is there; GraphQL alone can.

        Args:
            number: the pull request's.
            head: the commit that it has to be at.

        Returns:
            Whether its base branch has a merge queue.

        Raises:
            ValidationRefused: GitHub does not; says why.
        """
        subject, node = f"merge queue for #{number}", (await self.get(number)).node_id
        asked = Request.post(GRAPHQL, {"query": _QUEUE, "variables": {"id": node}}, subject=subject)
        wanted = {"query": _ENQUEUE, "variables": {"id": node, "head": head}}

        def state(data: Any) -> tuple[bool, bool]:
            found = data["data"]["node"]
            return found["isMergeQueueEnabled"], found["isInMergeQueue"]

        async def look() -> tuple[bool, bool]:
            return read(state, (await self._client.send(asked)).data, subject=subject)

        def change(there: tuple[bool, bool]) -> Request | None:
            return Request.post(GRAPHQL, wanted, subject=subject) if there == (True, False) else None

        return (await self._client.reconcile(look, change, result=lambda _: (True, True)))[0]

    async def _pulls_of(self, head: str, *, state: str) -> list[PullRequest]:
        owner = self._client.repository.split("/", maxsplit=1)[0]
        found = await self._pulls({"head": f"{owner}:{head}", "state": state})
        ours = [pull for pull in found if pull.head == head and not pull.from_fork]
        return sorted(ours, key=lambda pull: -pull.number)

    async def _pulls(self, query: dict[str, Any]) -> tuple[PullRequest, ...]:
        found = await self._client.pages("pulls", subject="pull requests", query=query)
        return tuple(read(parse.pull_request, data, subject="pull requests") for data in found)

    async def _complete(self, pull: PullRequest, change: Change) -> PullRequest:
        there = await self._client.reconcile(lambda: self.get(pull.number), change)
        if (ignored := change(there)) is not None:
            raise ValidationRefused(
                f"GitHub does not take {_values(ignored)} as {ignored.subject}. Do they have access to the repository?",
                fields=tuple(ignored.body),
            )
        return there

    async def _still_to_ask(self, pull: PullRequest, reviewers: Sequence[str]) -> tuple[str, ...]:
        missing = [r for r in reviewers if r.lower() != pull.author.lower() and not among(r, pull.reviewers)]
        if not missing:
            return ()
        found = await self._client.pages(f"pulls/{pull.number}/reviews", subject=f"reviews of #{pull.number}")
        reviewed = {parse.person(review.get("user")).login.lower() for review in found}
        return tuple(r for r in missing if r.lower() not in reviewed and not ("/" in r and reviewed))


_AUTO_MERGE = """\
mutation($id: ID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: $method}) { clientMutationId }
}"""


_QUEUE = """\
query($id: ID!) {
  node(id: $id) { ... on PullRequest { isMergeQueueEnabled isInMergeQueue } }
}"""

_ENQUEUE = """\
mutation($id: ID!, $head: GitObjectID!) {
  enqueuePullRequest(input: {pullRequestId: $id, expectedHeadOid: $head}) { clientMutationId }
}"""


Change = Callable[[PullRequest], Request | None]


def _labels(names: Iterable[str]) -> Change:
    def change(pull: PullRequest) -> Request | None:
        missing = _missing(names, pull.labels)
        return _add(f"issues/{pull.number}/labels", {"labels": missing}, subject=f"labels of #{pull.number}")

    return change


def _assignees(logins: Iterable[str]) -> Change:
    def change(pull: PullRequest) -> Request | None:
        missing = _missing(logins, pull.assignees)
        return _add(f"issues/{pull.number}/assignees", {"assignees": missing}, subject=f"assignees of #{pull.number}")

    return change


def _reviewers(names: Iterable[str]) -> Change:
    def change(pull: PullRequest) -> Request | None:
        missing = _missing(names, pull.reviewers)
        people = [name for name in missing if "/" not in name]
        teams = [name.split("/")[1] for name in missing if "/" in name]
        body = {"reviewers": people, "team_reviewers": teams}
        return _add(f"pulls/{pull.number}/requested_reviewers", body, subject=f"reviewers of #{pull.number}")

    return change


def _milestone(number: int | None) -> Change:
    def change(pull: PullRequest) -> Request | None:
        body = {} if number in {None, pull.milestone} else {"milestone": number}
        return Request.patch(f"issues/{pull.number}", body, subject=f"milestone of #{pull.number}")

    return change


def _missing(wanted: Iterable[str], there: Sequence[str]) -> list[str]:
    return [name for name in wanted if not among(name, there)]


def _add(path: str, body: dict[str, list[str]], *, subject: str) -> Request | None:
    body = {key: names for key, names in body.items() if names}
    return Request.post(path, body, subject=subject) if body else None


def _values(request: Request) -> str:
    values = [value for part in request.body.values() for value in (part if isinstance(part, list) else [part])]
    return ", ".join(map(str, values))
