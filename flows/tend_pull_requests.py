"""What becomes of the pull requests of runs: read every quarter of an hour, and tended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.parameters import OptionalPath, OptionalText, link, log_in, overrides
from flows.run_dag import run_dag
from flows.steps import NotDone, RunCancelled, Tending, cancelled, state_of
from miyabi.errors import MiyabiError
from miyabi.integration import NotIntegrated
from miyabi.runs import RunFolder
from miyabi.tending import is_over, tending_sentence
from tasks.declaration import FLOW
from tasks.notifications import end_held
from tasks.runner import FleetTaskRunner, current_runner


@flow(name="tend-pull-requests", task_runner=FleetTaskRunner(), **FLOW)
def tend_pull_requests(
    repository: Path,
    github: OptionalText = None,
    config: OptionalPath = None,
    fleet: OptionalText = None,
    session_defaults: OptionalText = None,
) -> Any:
    """Reads how the open pull requests of a repository's runs stand, and does what there is to be done about each.

    Safe to press at any time: where nothing has changed nothing is written.

    Args:
        repository: The git repository whose runs opened them, an absolute path.
        github: Name of a Water Spider GitHub Repository block, or of a Secret block with a token. Empty: GITHUB_TOKEN.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block to use in place of the configured machines.
        session_defaults: Name of a Water Spider Session Defaults block to use in place of the configured ones.
    """
    parameters = {"config": config, "fleet": fleet, "session_defaults": session_defaults}
    try:
        given = overrides(fleet, session_defaults)
        login, said = log_in(github)
        linked = current_runner().call(link(repository, login=login, config=config, overrides=given | said))
        done = Tending(linked=linked, run_session=lambda run: run_one_session(run, **parameters)).run()
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled("The pull requests were interrupted. To go on: the same again.")
    return Completed(message=tending_sentence(done))


def run_one_session(run: RunFolder, **parameters: Any) -> None:
    """Runs the run of a pull request's session, or goes on with it; `parameters` are those of run-dag.

    Raises:
        RunCancelled: somebody ended it.
        NotDone: it could not be begun, or broke.
    """
    with end_held(run):  # of the pull request people hear where it does not get on
        state: Any = run_dag(repository=run.repository, run=run.run, return_state=True, **parameters)
    if state.is_cancelled():
        raise RunCancelled(f"run {run.run} was ended before its work was done. To go on: the same again.")
    if not run.info_file.exists() or not is_over(run):
        why = run.load(NotIntegrated)
        raise NotDone((why and why.reason) or state.message or f"run {run.run} ended as {state.name}")
