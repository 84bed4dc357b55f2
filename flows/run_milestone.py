"""A milestone from its issues to its pull request, again and again: read, run, integrate, publish, update."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows.aggregate_results import aggregate_results
from flows.parameters import OptionalPath, OptionalStrategy, OptionalText, link, log_in, overrides
from flows.run_dag import run_dag
from flows.steps import (
    NotDone,
    RunCancelled,
    TaskBadInput,
    Tending,
    cancelled,
    failed,
    publish,
    state_of,
    state_of_run,
    tell_end,
    value_of,
)
from flows.tend_pull_requests import run_one_session
from miyabi.dag import Dag
from miyabi.errors import BadInput, MiyabiError, PullRequestsBusy
from miyabi.github import LinkedRepository
from miyabi.integration import Integration, NotIntegrated
from miyabi.milestones import MilestonePlan, milestone_lock, milestone_sentence
from miyabi.pull_requests import Publication
from miyabi.reports import read_report
from miyabi.runs import HandOver, MilestoneRun, RunFolder, create_run, new_run_name, valid_run_name
from miyabi.system import fixed
from tasks.declaration import FLOW
from tasks.github import Found, fetch_base, find_earlier_work, find_milestone, read_plan, show_on_issues, write_plan
from tasks.notifications import end_held
from tasks.runner import BAD_INPUT, FleetTaskRunner, current_runner

_LAST_WORDS_SECONDS = 5.0  # after a run that was cut short: who did that is waiting


@flow(name="run-milestone", flow_run_name="milestone {milestone}", task_runner=FleetTaskRunner(), **FLOW)
def run_milestone(
    repository: Path,
    milestone: str = "next due",
    github: OptionalText = None,
    rehearse: bool = False,
    base: OptionalText = None,
    run: OptionalText = None,
    config: OptionalPath = None,
    fleet: OptionalText = None,
    session_defaults: OptionalText = None,
    strategy: OptionalStrategy = None,
    fail_fast: bool = False,
    until: OptionalText = None,
) -> Any:
    """Runs the open issues of a milestone, opens the pull request and says in the milestone where it stands.

    Before that, open pull requests of earlier runs are tended. Safe to press every hour: what a pull request or a run
    has taken up is not taken again, a run that was cut short is gone on with, and where nothing has changed nothing is
    written.

    Args:
        repository: Git clone of the repository, an absolute path. Its checkout is never touched.
        milestone: Number or title of the milestone, or: next due.
        github: Name of a Water Spider GitHub Repository block, or of a Secret block with a token. Empty: GITHUB_TOKEN.
        rehearse: Run the sessions with a small shell agent in place of claude and write nothing at GitHub.
        base: Branch at GitHub to start from and to open the pull request for. Empty: the default branch.
        run: Name of a new run. Empty: it gets one.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block to use in place of the configured machines.
        session_defaults: Name of a Water Spider Session Defaults block to use in place of the configured ones.
        strategy: fill-first completes one machine before the next, spread uses all alike.
        fail_fast: Start nothing further after the first task that does not succeed. Off: what the configuration says.
        until: Hour at which all of it is to be over, such as 07:00 or 07:00 Europe/Berlin. Empty: as configured.
    """
    parameters: dict[str, Any] = {
        "config": config,
        "fleet": fleet,
        "session_defaults": session_defaults,
        "strategy": strategy,
        "fail_fast": fail_fast,
        "until": until,
    }
    try:
        given = overrides(fleet, session_defaults, strategy=strategy, fail_fast=fail_fast or None, until=until)
        login, said = log_in(github)
        linked = current_runner().call(link(repository, login=login, config=config, overrides=given | said))
        if hour := linked.settings.runs.until:  # the same moment for all that is to come, however long it takes
            parameters["until"] = fixed(hour, now=time.time())
        found = value_of(find_milestone.submit(milestone, linked=linked))
        with milestone_lock(linked.repository.root, found.milestone.number):
            asked: dict[str, Any] = {"run": run, "base": base, "rehearse": rehearse}
            return _MilestoneRun(linked=linked, found=found, parameters=parameters, **asked).go()
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled(f"milestone {milestone}: interrupted. To go on: the same again.")


@dataclass(kw_only=True)
class _MilestoneRun:
    """One pass over a milestone. `run` is the name asked for a new run; `parameters` are those of `run_dag` too."""

    linked: LinkedRepository
    found: Found
    run: str | None
    base: str | None
    rehearse: bool
    parameters: Mapping[str, Any]
    publications: list[Publication] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def go(self) -> State[Any]:
        """Reads, runs, publishes and updates the milestone, and returns the state to end in.

        Raises:
            BadInput: something that was given cannot be used; nothing was started.
            NotDone: GitHub cannot be read, or the run broke.
            DiskFull: the folder of a new run cannot be written.
            RunCancelled: somebody ended the run.
        """
        self._tend()
        plan = self._catch_up(self._read())
        folder = self._cut_short(plan) or self._new_run(plan)
        if folder:
            self._run(folder, plan)
            self._publish(folder)
        if not self.rehearse:
            plan = self._update_milestone(plan, is_old=folder is not None)
        return self._end(plan, folder)

    def _tend(self) -> None:
        """Does what there is to be done about the open pull requests of earlier runs."""
        try:
            if not self.rehearse:
                Tending(linked=self.linked, run_session=lambda run: run_one_session(run, **self.parameters)).run()
        except PullRequestsBusy as error:
            get_run_logger().info("%s", error)
        except (BadInput, NotDone) as error:
            self.faults.append(f"Open pull requests: {error}")

    def _read(self) -> MilestonePlan:
        plan: MilestonePlan = value_of(read_plan.submit(self._number, linked=self.linked))
        return plan

    def _catch_up(self, plan: MilestonePlan) -> MilestonePlan:
        """Publishes what an earlier run left here."""
        waiting = [] if self.rehearse else [run.folder for run in plan.earlier.runs if run.needs_publication]
        for folder in waiting:
            self._publish(folder)
        return self._read() if waiting else plan

    def _cut_short(self, plan: MilestonePlan) -> RunFolder | None:
        return None if self.rehearse else plan.earlier.cut_short

    def _new_run(self, plan: MilestonePlan) -> RunFolder | None:
        if plan.selection.dag is None:
            return None
        folder = self._free_folder()
        branch = self.base or self.linked.settings.pull_request.base or self.found.default_branch
        base = value_of(fetch_base.submit(branch, linked=self.linked))
        of = plan.facts.milestone
        earlier = self._earlier_work(folder, plan)
        folder.create()
        folder.keep(earlier)
        folder.keep(MilestoneRun(repository=plan.facts.repository, number=of.number, id=of.id, title=of.title))
        create_run(
            folder,
            dag=plan.selection.dag,
            settings=self.linked.settings,
            base=base,
            base_branch=branch,
            rehearse=self.rehearse,
        )
        return folder

    def _earlier_work(self, folder: RunFolder, plan: MilestonePlan) -> HandOver:
        if not self.linked.settings.milestone.hand_over:
            return HandOver()
        found: HandOver = value_of(find_earlier_work.submit(folder.run, linked=self.linked, plan=plan))
        return found

    def _free_folder(self) -> RunFolder:
        name = self.run or new_run_name(datetime.now(UTC), rehearse=self.rehearse)
        folder = RunFolder(self.linked.repository.root, valid_run_name(name))
        if folder.path.exists():
            raise BadInput(f"run {name} is there already. Leave its name out, or choose another one.")
        return folder

    def _run(self, folder: RunFolder, plan: MilestonePlan) -> None:
        with self._shown_on_issues(folder, plan), end_held(folder):
            state: Any = run_dag(
                repository=self.linked.repository.root,
                run=folder.run,
                rehearse=self.rehearse,
                return_state=True,
                **self.parameters,
            )
            if state.name == BAD_INPUT:
                raise TaskBadInput(state.message)
            self._refuse_cancelled(state, folder)
            if folder.info().ended is None or state.is_crashed():
                raise NotDone(state.message or f"run {folder.run} ended as {state.name}")

    def _refuse_cancelled(self, state: State[Any], folder: RunFolder) -> None:
        if state.is_cancelled():
            raise RunCancelled(f"run {folder.run} was ended before its work was done. To go on: the same again.")

    @contextmanager
    def _shown_on_issues(self, folder: RunFolder, plan: MilestonePlan) -> Iterator[None]:
        if self.rehearse or not self.linked.settings.milestone.labels:
            yield
            return
        known = {issue.number: issue for issue in plan.facts.own}
        tasks = {node.id: known.get(node.issue or 0) for node in Dag.load(folder.dag_file).nodes}
        issues = {task: issue for task, issue in tasks.items() if issue}
        over, cut_short = threading.Event(), threading.Event()
        shown = show_on_issues.submit(
            folder.run, linked=self.linked, folder=folder, issues=issues, until=over, cut_short=cut_short
        )
        try:
            yield
        except BaseException:
            cut_short.set()
            over.set()
            shown.wait(timeout=_LAST_WORDS_SECONDS)
            raise
        over.set()
        shown.wait()

    def _publish(self, folder: RunFolder) -> None:
        """Brings the run's work to GitHub; where that fails, the reason is kept and the rest goes on."""
        fault = ""
        try:
            self._integrate(folder)
            self.publications.append(publish(folder, self.linked))
        except (BadInput, NotDone) as error:
            fault = str(error)
            self.faults.append(f"Run {folder.run} is not at GitHub: {fault}")
        tell_end(folder, self.linked.settings.notify, fault=fault)

    def _integrate(self, folder: RunFolder) -> None:
        if folder.load(Integration) is None:
            given = {name: self.parameters[name] for name in ("config", "fleet", "session_defaults", "until")}
            root, run = self.linked.repository.root, folder.run
            state: Any = aggregate_results(repository=root, run=run, return_state=True, **given)
            self._refuse_cancelled(state, folder)
        if folder.load(Integration) is None and (why := folder.load(NotIntegrated)):
            raise NotDone(f"it is not integrated: {why.reason}")

    def _update_milestone(self, plan: MilestonePlan, *, is_old: bool) -> MilestonePlan:
        """Writes in the milestone how it stands, and returns the plan that it is written from."""
        try:
            plan = self._read() if is_old else plan
            value_of(write_plan.submit(self._number, linked=self.linked, plan=plan))
        except (BadInput, NotDone) as error:
            self.faults.append(f"The milestone was not updated: {error}")
        return plan

    def _end(self, plan: MilestonePlan, folder: RunFolder | None) -> State[Any]:
        report = read_report(folder) if folder else None
        integration = folder.load(Integration) if folder else None
        sentence = milestone_sentence(plan, report=report, publications=self.publications, faults=self.faults)
        if self.faults:
            return failed(sentence)
        return state_of_run(sentence, report=report, integration=integration) if report else Completed(message=sentence)

    @property
    def _number(self) -> int:
        return self.found.milestone.number
