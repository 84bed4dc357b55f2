"""A milestone from its issues to its pull request, again every night: read, run, integrate, open, tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.form import OptionalPath, OptionalStrategy, OptionalText
from flows.login import log_in
from flows.milestone_night import Night
from flows.outcomes import value_of
from flows.parameters import overrides
from flows.states import cancelled, state_of
from miyabi.errors import MiyabiError
from miyabi.milestone_lock import milestone_lock
from miyabi.place import Place
from tasks.declaration import FLOW
from tasks.github import find_milestone
from tasks.runner import FleetTaskRunner, current_runner


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
) -> Any:
    """Runs the open issues of a milestone, opens the pull request and says in the milestone where it stands.

    Safe to press every hour: what a pull request or a run has taken up is not taken again, a run that was cut short
    is gone on with, and where nothing has changed nothing is written.

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
    """
    parameters = {
        "config": config,
        "fleet": fleet,
        "session_defaults": session_defaults,
        "strategy": strategy,
        "fail_fast": fail_fast,
    }
    try:
        given = overrides(fleet, session_defaults, strategy=strategy, fail_fast=fail_fast or None)
        login, said = log_in(github)
        place = current_runner().call(Place.open(repository, login=login, config=config, overrides=given | said))
        found = value_of(find_milestone.submit(milestone, place=place))
        with milestone_lock(place.repository.root, found.milestone.number):
            night = Night(place=place, found=found, run=run, base=base, rehearse=rehearse, parameters=parameters)
            return night.go()
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled(f"milestone {milestone}: interrupted. To go on: the same again.")
