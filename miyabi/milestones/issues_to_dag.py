"""The open issues of a milestone become a DAG: those that may be run, and for the others why they are not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from miyabi.dag import Dag, Node
from miyabi.github import Blocker, Comment, Issue, LabelEvent, Milestone
from miyabi.machines import Load, Machine, unplaceable
from miyabi.milestones import dependencies, prompt
from miyabi.milestones import labels as issue_labels
from miyabi.milestones.dependencies import BlockerState, IssueDependencies, SubIssues
from miyabi.milestones.references import Reference
from miyabi.settings import MilestoneSettings
from miyabi.text import one_line, several

_NAMED = 5


class SkipKind(StrEnum):
    """Why an issue is not run."""

    LABEL = "no label"  # nobody asked for it to be run
    TRUST = "label not vouched for"  # the label was set by somebody without write access
    TAKEN = "taken already"  # its pull request is open, a run works on it, or its tries are used up
    UNUSABLE = "unusable label"  # its machine label cannot be met
    BLOCKED = "blocked"  # waits for something that no run of this milestone finishes
    UNCLEAR = "dependency not understood"  # a line says that it waits, in words that are not understood
    CYCLE = "in a circle"  # waits for itself in the end
    UPSTREAM = "waiting"  # waits for an issue that is not run


class SkippedIssue(BaseModel):
    """An open issue of the milestone that is not run, and why."""

    model_config = ConfigDict(frozen=True)

    number: int
    title: str = Field(description="As its author wrote it: foreign text")
    kind: SkipKind
    reason: str = Field(description="For people, without the issue's number")
    waits_for: tuple[Reference, ...] = ()

    def __str__(self) -> str:
        return f"#{self.number} {self.title}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of a milestone is run now. `dag` is None where that is nothing; it carries the warnings too."""

    dag: Dag | None
    skipped: tuple[SkippedIssue, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def issues(self) -> Mapping[str, int]:
        """The issue's number for each task."""
        return self.dag.issues if self.dag else {}


def task_id(number: int) -> str:
    """Makes the id of an issue's task."""
    return f"issue-{number}"


def unknown_references(
    issues: Iterable[Issue],
    *,
    blockers: Mapping[int, Sequence[Blocker]],
    sub_issues: Mapping[int, SubIssues],
    milestone: Milestone,
) -> tuple[Reference, ...]:
    """Lists what is waited for and has no known state yet; look it up and give it among `issues` or `blockers`."""
    return dependencies.issue_dependencies(
        issues, blockers=blockers, sub_issues=sub_issues, milestone=milestone
    ).unknown()


def from_issues(
    issues: Iterable[Issue],
    *,
    blockers: Mapping[int, Sequence[Blocker]],
    sub_issues: Mapping[int, SubIssues],
    comments: Mapping[int, Sequence[Comment]],
    label_events: Mapping[int, Sequence[LabelEvent]],
    settings: MilestoneSettings,
    milestone: Milestone,
    ineligible: Mapping[int, str],
    machines: Sequence[Machine] = (),
) -> Selection:
    """Makes a DAG of a milestone's open issues, and says what is left out of it. Mappings are by an issue's number.

    Args:
        issues: those of the milestone, pull requests too, and any others whose state matters.
        blockers: what GitHub says an issue is blocked by. Further ones only give the state of what a text names.
        sub_issues: a parent waits for its sub-issues; numbers are of the same repository.
        comments: all of an issue's comments; only those by people with write access are in the prompt.
        label_events: who set labels on an issue; the latest setting of the label in `settings` counts.
        settings: the label that says what is run, and the template of the prompt.
        milestone: issues of another one, or of none, are not run.
        ineligible: issues not to be taken now, and why.
        machines: those of the fleet; an issue that none of them can take is held back. Not asked where there are none.
    """
    known = dependencies.issue_dependencies(issues, blockers=blockers, sub_issues=sub_issues, milestone=milestone)
    unusable = {issue.number: _unusable(issue, machines) for issue in known.open}
    skipped = _skips(known, label_events, settings=settings, ineligible=ineligible, unusable=unusable)
    held_back = (each for each in skipped.values() if each.kind is SkipKind.UNUSABLE)
    warnings = (*known.warnings, *(f"issue #{each.number} is held back: {each.reason}" for each in held_back))
    nodes = tuple(
        _node(issue, comments.get(issue.number, ()), known, settings=settings)
        for issue in known.open
        if issue.number not in skipped
    )
    name = f"milestone {milestone.number} ({one_line(milestone.title)})"
    return Selection(
        dag=Dag(nodes=nodes, name=name, warnings=warnings) if nodes else None,
        skipped=tuple(skipped[number] for number in sorted(skipped)),
        warnings=warnings,
    )


def _node(issue: Issue, comments: Sequence[Comment], known: IssueDependencies, *, settings: MilestoneSettings) -> Node:
    return Node(
        id=task_id(issue.number),
        title=prompt.title(issue),
        description=prompt.render(issue, comments, template=settings.template),
        type=issue_labels.kind(issue.labels),
        priority=issue_labels.priority(issue.labels),
        estimated_duration=issue_labels.minutes(issue.labels),
        dependencies=tuple(map(task_id, known.here(issue.number))),
        issue=issue.number,
        requires=issue_labels.requires(issue.labels)[0],
        metadata={"fingerprint": prompt.fingerprint(issue, comments)},
    )


def _skips(
    known: IssueDependencies,
    events: Mapping[int, Sequence[LabelEvent]],
    *,
    settings: MilestoneSettings,
    ineligible: Mapping[int, str],
    unusable: Mapping[int, str],
) -> dict[int, SkippedIssue]:
    """Every issue that is not run: by its own fault, by a circle, or by what it waits for."""
    circles = {number: circle for circle in known.cycles() for number in circle}
    skipped: dict[int, SkippedIssue] = {}
    for issue in known.open:
        own = _own_reason(issue, events.get(issue.number, ()), settings=settings, ineligible=ineligible)
        if not own and unusable[issue.number]:
            own = SkipKind.UNUSABLE, unusable[issue.number]
        kind, reason = own or _blocked(issue, known, circle=circles.get(issue.number))
        if reason:
            skipped[issue.number] = _skip(issue, known, kind=kind, reason=reason)
    _add_dependants(known, skipped)
    return skipped


def _skip(issue: Issue, known: IssueDependencies, *, kind: SkipKind, reason: str) -> SkippedIssue:
    waiting = tuple(r for r in known.waits[issue.number] if known.state_of(r) is not BlockerState.DONE)
    return SkippedIssue(number=issue.number, title=issue.title, kind=kind, reason=reason, waits_for=waiting)


def _own_reason(
    issue: Issue, events: Sequence[LabelEvent], *, settings: MilestoneSettings, ineligible: Mapping[int, str]
) -> tuple[SkipKind, str] | None:
    if settings.label.casefold() not in {label.casefold() for label in issue.labels}:
        return SkipKind.LABEL, f"it has no label '{settings.label}'"
    given = [event for event in events if event.label.casefold() == settings.label.casefold()]
    if not given:
        return SkipKind.TRUST, f"nobody knows who set its label '{settings.label}'; take it off and set it again"
    _, latest = max(enumerate(given), key=lambda pair: (pair[1].at, pair[0]))
    if not latest.actor.can_write:
        who = f"@{latest.actor.login}, who has no write access"
        return SkipKind.TRUST, f"its label '{settings.label}' was set by {who}; somebody with write access must set it"
    if issue.number in ineligible:
        return SkipKind.TAKEN, ineligible[issue.number]
    return None


def _unusable(issue: Issue, machines: Sequence[Machine]) -> str:
    """What keeps every machine from taking the issue, by its labels; empty for nothing."""
    wanted, fault = issue_labels.requires(issue.labels)
    if fault or not machines:
        return fault
    reason = unplaceable([Load(machine=machine, used=0) for machine in machines], wanted)
    labels = " and ".join(f"'machine:{label}'" for label in wanted)
    return f"its label {labels} cannot be met: {reason}; name a machine, or give one that label" if reason else ""


def _blocked(issue: Issue, known: IssueDependencies, *, circle: tuple[int, ...] | None) -> tuple[SkipKind, str]:
    blockers = known.blocked_by(issue.number)
    if blockers:
        reasons = [_blocker(reference, known) for reference in blockers]
        return SkipKind.BLOCKED, several(reasons, most=_NAMED, separator="; ")
    if issue.number in known.unclear:
        return SkipKind.UNCLEAR, dependencies.unclear_sentence(known.unclear[issue.number])
    if circle:
        steps = " → ".join(f"#{number}" for number in circle)
        return SkipKind.CYCLE, f"issues wait for each other in a circle: {steps}; take one of these dependencies out"
    return SkipKind.BLOCKED, ""


def _blocker(reference: Reference, known: IssueDependencies) -> str:
    match known.state_of(reference):
        case BlockerState.OUTSIDE:
            return f"it waits for {reference}, which is open and not an issue of this milestone"
        case BlockerState.ELSEWHERE:
            return f"it waits for {reference}, which is open in another repository"
        case _ if reference.repository:
            return f"it waits for {reference} in another repository, whose state is not known"
    return f"it waits for {reference}, which is not to be found; correct the number or take it out"


def _add_dependants(known: IssueDependencies, skipped: dict[int, SkippedIssue]) -> None:
    dependants: dict[int, list[Issue]] = {}
    for issue in known.open:
        for number in known.here(issue.number):
            dependants.setdefault(number, []).append(issue)
    ready = sorted(skipped)
    for number in ready:  # grows while it is walked
        for issue in dependants.get(number, ()):
            if issue.number not in skipped:
                missing = [other for other in known.here(issue.number) if other in skipped]
                reasons = [f"it waits for #{n}, which is not run now ({skipped[n].kind})" for n in missing]
                reason = several(reasons, most=_NAMED, separator="; ")
                skipped[issue.number] = _skip(issue, known, kind=SkipKind.UPSTREAM, reason=reason)
                ready.append(issue.number)
