"""All that GitHub knows of a milestone's issues, read in one go, with who may write looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from miyabi.errors import NotFoundOnGitHub
from miyabi.github import Blocker, Comment, GitHubRepository, Issue, LabelEvent, Milestone, Person, PullRequest
from miyabi.machines import Machine
from miyabi.milestones import prompt
from miyabi.milestones.issues_to_dag import Selection, from_issues, unknown_references
from miyabi.milestones.references import RepositoryContext
from miyabi.settings import MilestoneSettings

AT_ONCE = 8
"""Requests under way at the same time; GitHub allows a hundred ("Rate limits for the REST API")."""

OUR_BRANCHES = "miyabi/"

Subject = TypeVar("Subject")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneFacts:
    """A milestone's issues, open and closed, and what they hang on.

    Mappings are by an issue's number. `pull_requests` are our open ones.
    """

    repository: str
    milestone: Milestone
    issues: tuple[Issue, ...]
    blockers: Mapping[int, Sequence[Blocker]]
    sub_issues: Mapping[int, Sequence[Blocker]]
    comments: Mapping[int, Sequence[Comment]]
    label_events: Mapping[int, Sequence[LabelEvent]]
    pull_requests: tuple[PullRequest, ...]

    @property
    def context(self) -> RepositoryContext:
        """The repository, to distinguish its issues from others in texts."""
        found = RepositoryContext.of(self.milestone.html_url)
        return RepositoryContext(host=found.host, repository=self.repository)

    @property
    def own(self) -> tuple[Issue, ...]:
        """The issues of the milestone, without pull requests and without those that they only wait for."""
        return tuple(i for i in self.issues if i.milestone == self.milestone.number and not i.is_pull_request)

    @property
    def fingerprints(self) -> dict[int, str]:
        """What stands for the text of each open issue, by its number."""
        open_issues = [issue for issue in self.own if issue.state == "open"]
        return {i.number: prompt.fingerprint(i, self.comments.get(i.number, ())) for i in open_issues}

    def select(
        self, *, settings: MilestoneSettings, ineligible: Mapping[int, str], machines: Sequence[Machine] = ()
    ) -> Selection:
        """Selects what of it is run now, as `miyabi.milestones.issues_to_dag.from_issues` says."""
        return from_issues(
            self.issues,
            blockers=self.blockers,
            sub_issues=self.sub_issues,
            comments=self.comments,
            label_events=self.label_events,
            settings=settings,
            milestone=self.milestone,
            ineligible=ineligible,
            machines=machines,
        )


async def read_milestone(github: GitHubRepository, milestone: Milestone, *, label: str) -> MilestoneFacts:
    """Reads all about the milestone's issues; comments and label events only of open ones that have the label.

    Raises:
        GitHubError: GitHub cannot be read.
    """
    issues = await github.issues.of_milestone(milestone.number, state="all")
    candidates = [i for i in issues if i.state == "open" and not i.is_pull_request and _has(i, label)]
    open_issues = [i for i in issues if i.state == "open" and not i.is_pull_request]
    read = _Reading(github)
    facts = MilestoneFacts(
        repository=github.repository,
        milestone=milestone,
        issues=tuple(await read.all(issues, read.with_author)),
        blockers=await read.table(open_issues, github.issues.blockers),
        sub_issues=await read.table(open_issues, github.issues.sub_issues),
        comments=await read.table(candidates, read.comments),
        label_events=await read.table(candidates, read.label_events),
        pull_requests=tuple(
            pull
            for pull in await github.pull_requests.all()
            if pull.head.startswith(OUR_BRANCHES) and not pull.from_fork
        ),
    )
    return await _with_unknown(facts, read)


async def _with_unknown(facts: MilestoneFacts, read: _Reading) -> MilestoneFacts:
    """The same, with the issues that texts name and whose state is not known yet."""
    unknown = unknown_references(
        facts.issues, blockers=facts.blockers, sub_issues=facts.sub_issues, milestone=facts.milestone
    )
    found = await read.all([r.number for r in unknown if not r.repository], read.issue)
    issues = (*facts.issues, *(issue for issue in found if issue))
    return MilestoneFacts(**{name: getattr(facts, name) for name in facts.__slots__} | {"issues": issues})


class _Reading:
    """Reads many things at once, but not too many."""

    def __init__(self, github: GitHubRepository) -> None:
        self._github = github
        self._room = asyncio.Semaphore(AT_ONCE)

    async def all(self, subjects: Iterable[Subject], read: Callable[[Subject], Awaitable[T]]) -> list[T]:
        """Reads something of each; returns it in their order."""

        async def one(subject: Subject) -> T:
            async with self._room:
                return await read(subject)

        return list(await asyncio.gather(*map(one, subjects)))

    async def table(self, issues: Sequence[Issue], read: Callable[[Issue], Awaitable[T]]) -> dict[int, T]:
        """Reads something of each; returns it by the issue's number."""
        return dict(zip((issue.number for issue in issues), await self.all(issues, read), strict=True))

    async def issue(self, number: int) -> Issue | None:
        """Reads an issue; None where there is none."""
        try:
            return await self._github.issues.get(number)
        except NotFoundOnGitHub:
            return None

    async def with_author(self, issue: Issue) -> Issue:
        """Returns the issue, with whether its author may write."""
        return issue.model_copy(update={"author": await self._person(issue.author)})

    async def comments(self, issue: Issue) -> tuple[Comment, ...]:
        """Reads its comments, with whether their authors may write."""
        found = await self._github.issues.comments(issue.number)
        return tuple([c.model_copy(update={"author": await self._person(c.author)}) for c in found])

    async def label_events(self, issue: Issue) -> tuple[LabelEvent, ...]:
        """Reads who set its labels, with whether they may write."""
        found = await self._github.issues.label_events(issue.number)
        return tuple([e.model_copy(update={"actor": await self._person(e.actor)}) for e in found])

    async def _person(self, somebody: Person) -> Person:
        return Person(login=somebody.login, can_write=await self._github.can_write(somebody.login))


def _has(issue: Issue, label: str) -> bool:
    return label.casefold() in {own.casefold() for own in issue.labels}
