"""What earlier runs made of a milestone's issues, out of their folders: so a run goes on where the last one ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miyabi.dag import Dag
from miyabi.errors import BadInput
from miyabi.github import Milestone, PullRequest
from miyabi.integration import Integration, LeftOut, of_size
from miyabi.milestones import eligibility
from miyabi.milestones.eligibility import IssueAttempt
from miyabi.pull_requests import Publication
from miyabi.reports import Report, TaskRow, read_report, write_report
from miyabi.runs import MilestoneRun, RunFolder
from miyabi.sessions import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run that is over."""

    folder: RunFolder
    dag: Dag
    report: Report
    integration: Integration | None = None
    publication: Publication | None = None

    @property
    def issues(self) -> Mapping[str, int]:
        """The issue's number for each task that has one."""
        return self.dag.issues

    @property
    def needs_publication(self) -> bool:
        """Whether its work is not all at GitHub yet, be it that the run went on since."""
        return not self.report.rehearsal and (self.publication is None or self.publication.told != self.report.ended)

    @property
    def pull_requests(self) -> tuple[PullRequest, ...]:
        """Those that were opened for it."""
        return self.publication.pull_requests if self.publication else ()

    @property
    def left_nothing(self) -> bool:
        """Whether every task succeeded and all of their work is together, or in pull requests of their own."""
        if self.too_large:
            return False
        came = None if any(map(self.is_alone, self.report.tasks)) else self.integration
        return self.report.all_succeeded and (came is None or (not came.left_out and came.verified is not False))

    @property
    def too_large(self) -> frozenset[str]:
        """The tasks whose work GitHub would have refused for its size, with what builds on them."""
        return of_size(self.integration.left_out_by_task) if self.integration else frozenset()

    def is_alone(self, row: TaskRow) -> bool:
        """Returns whether a task's work is in a pull request of its own."""
        return any(pull.head == row.branch for pull in self.pull_requests)

    def left_out(self, issue: int) -> LeftOut | None:
        """Finds why an issue's work, which was done, is not with that of the others; None where that is not so."""
        row = self.row(issue)
        if row is None or self.integration is None or row.outcome is not Outcome.SUCCEEDED or self.is_alone(row):
            return None
        return self.integration.left_out_by_task.get(row.task)

    def row(self, issue: int) -> TaskRow | None:
        """Finds what became of an issue's task; None where it was not in this run."""
        tasks = {task for task, number in self.issues.items() if number == issue}
        return next((row for row in self.report.tasks if row.task in tasks), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRuns:
    """The runs of one milestone, the latest last; `live` also knows other runs that work on the same issues now."""

    runs: tuple[EarlierRun, ...] = ()
    cut_short: RunFolder | None = None
    live: Mapping[int, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def last(self) -> EarlierRun | None:
        """The latest that is over and was no rehearsal."""
        return next((run for run in reversed(self.runs) if not run.report.rehearsal), None)

    @property
    def attempts(self) -> tuple[IssueAttempt, ...]:
        """What each of them made of its issues."""
        return tuple(
            found for run in self.runs for found in eligibility.attempts_of(run.dag, run.report, run.integration)
        )

    @property
    def opened(self) -> tuple[PullRequest, ...]:
        """The pull requests that were opened for them, as they were then."""
        return tuple(pull for run in self.runs for pull in run.pull_requests)

    def latest_of(self, issue: int) -> EarlierRun | None:
        """Finds the latest run, no rehearsal, that had this issue; None where none had."""
        return next((run for run in reversed(self.runs) if not run.report.rehearsal and run.row(issue)), None)


def earlier_runs(repository: Path, *, github: str, milestone: Milestone) -> EarlierRuns:
    """Reads in the run folders of a repository what earlier runs made of a milestone.

    A folder that is damaged is left out, with a warning: one bad file must not keep the milestone from going on.

    Args:
        repository: the folder that holds `.miyabi`.
        github: owner/name of the repository that the milestone is in.
        milestone: which.
    """
    runs, live, warnings = list[EarlierRun](), dict[int, str](), list[str]()
    cut_short = None
    for folder in RunFolder.by_start(repository):
        try:
            if folder.is_being_worked_on:
                live |= _live(folder)
            elif _is_of(folder, github=github, milestone=milestone):
                cut_short = _cut_short(folder) or cut_short
                runs += _over(folder)
        except BadInput as error:
            warnings.append(f"run {folder.run} is left out of account: {error}")
    runs.sort(key=lambda run: run.report.started)
    return EarlierRuns(runs=tuple(runs), cut_short=cut_short, live=live, warnings=tuple(warnings))


def _live(folder: RunFolder) -> dict[int, str]:
    """The issues that a run works on; a rehearsal works on none."""
    if folder.info().rehearse:
        return {}
    return dict.fromkeys(Dag.load(folder.dag_file).issues.values(), folder.run)


def _is_of(folder: RunFolder, *, github: str, milestone: Milestone) -> bool:
    """By the milestone's own id, for a repository may have been renamed since."""
    of = folder.load(MilestoneRun)
    if of is None or of.number != milestone.number:
        return False
    return of.id == milestone.id if of.id and milestone.id else of.repository.casefold() == github.casefold()


def _cut_short(folder: RunFolder) -> RunFolder | None:
    """The folder itself, where its orchestrator died before the run was over."""
    info = folder.info()
    return folder if info.ended is None and not info.rehearse else None


def _over(folder: RunFolder) -> Iterator[EarlierRun]:
    if folder.info().ended is None:
        return
    yield EarlierRun(
        folder=folder,
        dag=Dag.load(folder.dag_file),
        report=_report(folder),
        integration=folder.load(Integration),
        publication=folder.load(Publication),
    )


def _report(folder: RunFolder) -> Report:
    """The report; made anew where its file is missing or damaged."""
    try:
        return read_report(folder) or write_report(folder)
    except BadInput:
        return write_report(folder)


def closing_pull_requests(runs: EarlierRuns, *, issues: Iterable[int]) -> tuple[int, ...]:
    """Lists the pull requests of these runs in which one of the issues was worked on: their numbers, ascending."""
    wanted = set(issues)
    with_issue = (run for run in runs.runs if wanted & set(run.issues.values()))
    return tuple(sorted({pull.number for run in with_issue for pull in run.pull_requests}))
