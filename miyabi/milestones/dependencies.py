"""What each issue of a milestone waits for: GitHub's blockers, sub-issues and the lines of its text, united. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from miyabi.dag import order
from miyabi.github import Blocker, Issue, Milestone
from miyabi.milestones.dependency_lines import DependencyLines, dependency_lines
from miyabi.milestones.references import Reference, RepositoryContext

SubIssues = Sequence[Blocker | int]


class BlockerState(StrEnum):
    """Where an issue stands that another one waits for."""

    DONE = "done"  # closed, in whatever way
    HERE = "here"  # open, an issue of this milestone
    OUTSIDE = "outside"  # open, in no or another milestone, or a pull request
    ELSEWHERE = "elsewhere"  # open, in another repository
    UNKNOWN = "unknown"  # not looked up, or not to be found


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDependencies:
    """What is known of a milestone's open issues and of those that they wait for.

    `unclear` quotes the lines of an issue that say that it waits for something, in words that are not understood.
    """

    context: RepositoryContext
    issues: Mapping[int, Issue] = field(repr=False)
    open: tuple[Issue, ...]
    waits: Mapping[int, tuple[Reference, ...]]
    states: Mapping[Reference, str] = field(repr=False)
    unclear: Mapping[int, tuple[str, ...]] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()

    def state_of(self, reference: Reference) -> BlockerState:
        """Finds where the issue stands; what the issue itself says is believed before what its blockers say."""
        issue = None if reference.repository else self.issues.get(reference.number)
        state = issue.state if issue else self.states.get(reference)
        if state is None:
            return BlockerState.UNKNOWN
        if state == "closed":
            return BlockerState.DONE
        if reference.repository:
            return BlockerState.ELSEWHERE
        return BlockerState.HERE if reference.number in self.waits else BlockerState.OUTSIDE

    def unknown(self) -> tuple[Reference, ...]:
        """Lists what is waited for and not known, sorted by repository and number: to be looked up."""
        named = {reference for references in self.waits.values() for reference in references}
        return tuple(sorted(r for r in named if self.state_of(r) is BlockerState.UNKNOWN))

    def here(self, number: int) -> tuple[int, ...]:
        """Lists the open issues of the milestone that this one waits for, by their numbers."""
        return tuple(r.number for r in self.waits[number] if self.state_of(r) is BlockerState.HERE)

    def blocked_by(self, number: int) -> tuple[Reference, ...]:
        """Lists what this one waits for that no run of the milestone can finish."""
        return tuple(r for r in self.waits[number] if self.state_of(r) not in {BlockerState.DONE, BlockerState.HERE})

    def cycles(self) -> tuple[tuple[int, ...], ...]:
        """Finds circles of issues that wait for each other.

        Returns:
            Numbers of each circle's issues, in order of the waiting, the first again at the end; no issue is in two.
        """
        numbers = [issue.number for issue in self.open]
        position = {number: index for index, number in enumerate(numbers)}
        before = [[position[other] for other in self.here(number)] for number in numbers]
        found: list[tuple[int, ...]] = []
        while len(ordered := order.some_order(before, order.reversed_links(before))) < len(numbers):
            circle = order.cycle(before, ordered=ordered)
            found.append(tuple(numbers[index] for index in circle))
            for index in circle:
                before[index] = []
        return tuple(found)


def issue_dependencies(
    issues: Iterable[Issue],
    *,
    blockers: Mapping[int, Sequence[Blocker]],
    sub_issues: Mapping[int, SubIssues],
    milestone: Milestone,
) -> IssueDependencies:
    """Finds who waits for whom among the milestone's open issues, in order of their numbers.

    Args:
        issues: those of the milestone, pull requests too, and others, of which only the state counts.
        blockers: by an issue's number, what GitHub says that it is blocked by.
        sub_issues: by an issue's number, its sub-issues, or their numbers in the same repository.
        milestone: which.
    """
    context = RepositoryContext.of(milestone.html_url)
    known = {issue.number: issue for issue in issues}
    ours = tuple(known[number] for number in sorted(known) if _is_ours(known[number], milestone))
    given = [each for values in (*blockers.values(), *sub_issues.values()) for each in values]
    lines = {issue.number: dependency_lines(issue.body, context=context) for issue in ours}
    named = {
        issue.number: tuple(_named(issue, blockers, sub_issues, lines=lines[issue.number], context=context))
        for issue in ours
    }
    unclear = {number: lines.unclear for number, lines in lines.items() if lines.unclear}
    selfish = [number for number, references in named.items() if Reference("", number) in references]
    return IssueDependencies(
        context=context,
        issues=known,
        open=ours,
        waits={number: tuple(r for r in all_of if r != Reference("", number)) for number, all_of in named.items()},
        states={_reference(each, context=context): each.state for each in given if isinstance(each, Blocker)},
        unclear=unclear,
        warnings=(
            *(f"issue #{number} says that it waits for itself; that is left out" for number in selfish),
            *(f"issue #{number} is held back: {unclear_sentence(lines)}" for number, lines in unclear.items()),
        ),
    )


def unclear_sentence(lines: Sequence[str]) -> str:
    """Says what is wrong with lines that are not understood, and what to write instead."""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    said = f"its line '{lines[0]}'{more} says that it waits for something, in words that are not understood"
    return f"{said}; write 'Depends on #12', or 'Depends on: none'"


def _is_ours(issue: Issue, milestone: Milestone) -> bool:
    return issue.state == "open" and not issue.is_pull_request and issue.milestone == milestone.number


def _named(
    issue: Issue,
    blockers: Mapping[int, Sequence[Blocker]],
    sub_issues: Mapping[int, SubIssues],
    *,
    lines: DependencyLines,
    context: RepositoryContext,
) -> Iterator[Reference]:
    given = (*blockers.get(issue.number, ()), *sub_issues.get(issue.number, ()))
    return iter(dict.fromkeys((*(_reference(each, context=context) for each in given), *lines.references)))


def _reference(given: Blocker | int, *, context: RepositoryContext) -> Reference:
    if isinstance(given, int):
        return Reference("", given)
    return context.reference(given.number, repository=given.repository)
