"""What becomes of the pull requests of runs: read every quarter of an hour, and tended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.parameters import OptionalPath, OptionalText, link, log_in
from flows.steps import cancelled, state_of, tend
from miyabi.errors import MiyabiError
from miyabi.tending import tending_sentence
from tasks.declaration import FLOW
from tasks.runner import FleetTaskRunner, current_runner


@flow(name="tend-pull-requests", task_runner=FleetTaskRunner(), **FLOW)
def tend_pull_requests(repository: Path, github: OptionalText = None, config: OptionalPath = None) -> Any:
    """Reads how the open pull requests of a repository's runs stand, and does what there is to be done about each.

    Safe to press at any time: where nothing has changed nothing is written.

    Args:
        repository: The git repository whose runs opened them, an absolute path.
        github: Name of a Water Spider GitHub Repository block, or of a Secret block with a token. Empty: GITHUB_TOKEN.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
    """
    try:
        login, said = log_in(github)
        done = tend(current_runner().call(link(repository, login=login, config=config, overrides=said)))
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled("The pull requests were interrupted. To go on: the same again.")
    return Completed(message=tending_sentence(done))
