"""The pull request of a run: opened, or brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.parameters import OptionalPath, OptionalText, link, log_in
from flows.steps import cancelled, publish, state_of, tell_end
from miyabi.errors import MiyabiError
from miyabi.github import LinkedRepository
from miyabi.pull_requests import Publication
from miyabi.runs import RunFolder
from tasks.declaration import FLOW
from tasks.runner import FleetTaskRunner, current_runner


@flow(
    name="open-pull-request",
    flow_run_name="pull request of {run}",
    task_runner=FleetTaskRunner(),
    **FLOW,
)
def open_pull_request(repository: Path, run: str, github: OptionalText = None, config: OptionalPath = None) -> Any:
    """Pushes what a run's tasks made and opens its pull request, or brings the open one up to date.

    Args:
        repository: The git repository that the run worked on, an absolute path.
        run: Name of the run. It has to be integrated: see aggregate-results.
        github: Name of a Water Spider GitHub Repository block, or of a Secret block with a token. Empty: GITHUB_TOKEN.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
    """
    try:
        login, said = log_in(github)
        linked = current_runner().call(link(repository, login=login, config=config, overrides=said))
        publication = _published(RunFolder.find(linked.repository.root, run), linked)
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled(f"The pull request of {run} was interrupted. To go on: the same again.")
    return Completed(message=publication_sentence(publication))


def _published(folder: RunFolder, linked: LinkedRepository) -> Publication:
    """What is at GitHub then; people are told of the run's end, if they have not been yet."""
    try:
        publication = publish(folder, linked)
    except MiyabiError as error:
        tell_end(folder, linked.settings.notify, fault=str(error))
        raise
    tell_end(folder, linked.settings.notify)
    return publication


def publication_sentence(publication: Publication) -> str:
    """Says where the work is, in one line."""
    return publication.note or ", ".join(
        f"pull request #{pull.number} {pull.html_url}" for pull in publication.pull_requests
    )
