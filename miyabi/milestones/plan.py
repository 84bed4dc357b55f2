"""What of a milestone is run now, and what is not and why: GitHub's facts and the earlier runs, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miyabi.errors import NotFoundOnGitHub
from miyabi.github import GitHubRepository, MergeState, Milestone, PullRequest
from miyabi.machines import Machine
from miyabi.milestones.eligibility import ineligible
from miyabi.milestones.facts import MilestoneFacts, read_milestone
from miyabi.milestones.history import EarlierRuns, closing_pull_requests, earlier_runs
from miyabi.milestones.issues_to_dag import Selection
from miyabi.milestones.lookup import choose_milestone, find_milestone
from miyabi.settings import MilestoneSettings


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
    github: GitHubRepository,
    milestone: Milestone,
    *,
    repository: Path,
    settings: MilestoneSettings,
    machines: Sequence[Machine],
) -> MilestonePlan:
    """Makes the plan of a milestone; writes nothing at GitHub.

    Args:
        github: the repository at GitHub.
        milestone: which.
        repository: the folder that holds `.miyabi`, for the earlier runs.
        settings: which issues are run.
        machines: those of the fleet, of which one must be able to take an issue.

    Raises:
        GitHubError: GitHub cannot be read.
    """
    facts = await read_milestone(github, milestone, label=settings.label)
    earlier = earlier_runs(repository, github=facts.repository, milestone=milestone)
    pulls = await _pull_requests(github, facts, earlier)
    reasons = ineligible(
        facts.fingerprints,
        live=earlier.live,
        pull_requests=pulls.values(),
        attempts=earlier.attempts,
        context=facts.context,
        settings=settings,
    )
    reasons = _held_back(earlier, pulls, facts.fingerprints) | reasons
    selection = facts.select(settings=settings, ineligible=reasons, machines=machines)
    return MilestonePlan(facts=facts, earlier=earlier, pull_requests=pulls, selection=selection)


def milestone_in_turn(known: Sequence[Milestone], wanted: str, *, repository: Path, github: str) -> Milestone:
    """Finds the milestone that is meant, where finished ones are closed: next due may be one that only waits for that.

    Args:
        known: all of them, open and closed.
        wanted: a number, a title or `next due`.
        repository: the folder that holds `.miyabi`, for the earlier runs.
        github: owner/name of the repository that the milestones are in.

    Raises:
        BadInput: there is none; names those that there are.
    """
    due = [m for m in known if m.open_issues or _is_done(m, repository=repository, github=github)]
    return find_milestone(due, wanted, finished=True) or choose_milestone(known, wanted)


def _is_done(milestone: Milestone, *, repository: Path, github: str) -> bool:
    last = earlier_runs(repository, github=github, milestone=milestone).last
    return last is not None and last.left_nothing


def _held_back(earlier: EarlierRuns, pull_requests: Mapping[int, PullRequest], issues: Iterable[int]) -> dict[int, str]:
    """The issues whose work does not go with what is in a pull request that is open, as it would not again."""
    found = {}
    for issue in issues:
        run = earlier.latest_of(issue)
        pulls = [pull_requests.get(pull.number, pull) for pull in run.pull_requests] if run else []
        waits_for = next((pull.number for pull in pulls if pull.state is MergeState.OPEN), None)
        left = run.left_out(issue) if run else None
        if run and left and left.task not in run.too_large and waits_for:
            said = f"its work does not go with that of pull request #{waits_for}"
            found[issue] = f"{said}; it is tried again when that is merged or closed"
    return found


async def _pull_requests(
    github: GitHubRepository, facts: MilestoneFacts, earlier: EarlierRuns
) -> Mapping[int, PullRequest]:
    """Ours that are open, and, whatever became of them, those of the last run and of runs with issues still open."""
    found = {pull.number: pull for pull in facts.pull_requests}
    of_last_run = {pull.number for pull in earlier.last.pull_requests} if earlier.last else set()
    wanted = of_last_run.union(closing_pull_requests(earlier, issues=facts.fingerprints))
    closed = [await _pull_request(github, number) for number in sorted(wanted - found.keys())]
    return found | {pull.number: pull for pull in closed if pull}


async def _pull_request(github: GitHubRepository, number: int) -> PullRequest | None:
    try:
        return await github.pull_requests.get(number)
    except NotFoundOnGitHub:
        return None
