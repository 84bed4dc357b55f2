"""What of a milestone is run now, and what is not and why: GitHub's facts and the earlier runs, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from miyabi.carry_over import taken
from miyabi.earlier_runs import EarlierRuns, closing_pull_requests, earlier_runs
from miyabi.errors import NotFoundOnGitHub
from miyabi.github_reader import GitHubReader
from miyabi.github_values import Milestone, PullRequest
from miyabi.home_settings import MilestoneSettings
from miyabi.milestone import Selection
from miyabi.milestone_facts import MilestoneFacts, read_milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestonePlan:
    """A milestone as it stands. `pull_requests` has ours that matter, by number, as they are now."""

    facts: MilestoneFacts
    earlier: EarlierRuns
    pull_requests: Mapping[int, PullRequest]
    selection: Selection

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader should know besides."""
        return (*self.selection.warnings, *self.earlier.warnings)


async def plan_milestone(
    github: GitHubReader, milestone: Milestone, *, repository: Path, settings: MilestoneSettings
) -> MilestonePlan:
    """The plan of a milestone; nothing is written anywhere.

    Args:
        github: the repository at GitHub.
        milestone: which.
        repository: the folder that holds `.miyabi`, for the earlier runs.
        settings: which issues are run.

    Raises:
        GitHubError: GitHub cannot be read.
    """
    facts = await read_milestone(github, milestone, label=settings.label)
    earlier = earlier_runs(repository, github=facts.repository, milestone=milestone.number)
    pulls = await _pull_requests(github, facts, earlier)
    reasons = taken(
        facts.fingerprints,
        live=earlier.live,
        pull_requests=pulls.values(),
        tries=earlier.tries,
        home=facts.home,
        rules=settings.carry_over,
    )
    selection = facts.select(rules=settings.rules, taken=reasons)
    return MilestonePlan(facts=facts, earlier=earlier, pull_requests=pulls, selection=selection)


async def _pull_requests(
    github: GitHubReader, facts: MilestoneFacts, earlier: EarlierRuns
) -> Mapping[int, PullRequest]:
    """Ours that are open, and, whatever became of them, those of the last run and of runs with issues still open."""
    found = {pull.number: pull for pull in facts.pull_requests}
    told = {pull.number for pull in earlier.last.pull_requests} if earlier.last else set()
    wanted = told.union(closing_pull_requests(earlier, issues=facts.fingerprints))
    closed = [await _pull_request(github, number) for number in sorted(wanted - found.keys())]
    return found | {pull.number: pull for pull in closed if pull}


async def _pull_request(github: GitHubReader, number: int) -> PullRequest | None:
    try:
        return await github.pull_request(number)
    except NotFoundOnGitHub:
        return None
