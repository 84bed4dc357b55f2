"""Says at GitHub how a milestone stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.parameters import OptionalPath, OptionalText, link, log_in
from flows.steps import cancelled, state_of, value_of
from miyabi.errors import MiyabiError
from tasks.declaration import FLOW
from tasks.github import find_milestone, read_plan, write_plan
from tasks.runner import FleetTaskRunner, current_runner


@flow(
    name="update-milestone",
    flow_run_name="milestone {milestone}",
    task_runner=FleetTaskRunner(),
    **FLOW,
)
def update_milestone(
    repository: Path, milestone: str = "next due", github: OptionalText = None, config: OptionalPath = None
) -> Any:
    """Brings a milestone's description, and a comment and a label an issue, to where its last run left them.

    Args:
        repository: The git repository whose runs are told about, an absolute path.
        milestone: Number or title of the milestone, or: next due.
        github: Name of a Water Spider GitHub Repository block, or of a Secret block with a token. Empty: GITHUB_TOKEN.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
    """
    try:
        login, said = log_in(github)
        linked = current_runner().call(link(repository, login=login, config=config, overrides=said))
        number = value_of(find_milestone.submit(milestone, linked=linked)).milestone.number
        plan = value_of(read_plan.submit(number, linked=linked))
        update = value_of(write_plan.submit(number, linked=linked, plan=plan))
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        return cancelled("The update was interrupted. To go on: the same again.")
    return Completed(message=f"milestone {number}: {update}")
