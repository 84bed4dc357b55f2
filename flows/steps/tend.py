"""The open pull requests of a repository's runs, one after the other. Only wires."""

from __future__ import annotations

from collections.abc import Iterator

from prefect.logging import get_run_logger

from flows.steps.results import NotDone, TaskBadInput, value_of
from miyabi.github import LinkedRepository
from miyabi.tending import OpenPullRequest, Step, next_step, tending_lock
from tasks.github import read_pull_requests, tend_pull_request


class NotTended(NotDone):
    """Something could not be done about a pull request; the others were tended."""


def tend(linked: LinkedRepository) -> tuple[tuple[int, str], ...]:
    """Does what there is to be done about each open pull request of the repository's runs.

    Pressed again it does nothing twice; killed anywhere it goes on.

    Returns:
        What became of each, by its number.

    Raises:
        PullRequestsBusy: another orchestrator does the same at the moment.
        BadInput: GitHub's token or repository cannot be used.
        NotDone: GitHub cannot be read.
        NotTended: something could not be done; says what, of each.
    """
    with tending_lock(linked.repository.root):
        found: tuple[OpenPullRequest, ...] = value_of(read_pull_requests.submit(linked=linked))
        faults = list[str]()
        done = tuple(_tended(found, linked=linked, faults=faults))
    if faults:
        raise NotTended("; ".join(faults))
    return done


def _tended(
    found: tuple[OpenPullRequest, ...], *, linked: LinkedRepository, faults: list[str]
) -> Iterator[tuple[int, str]]:
    for each in found:
        number, step = each.pull.number, next_step(each)
        if step is Step.NOTHING:
            yield number, str(step)
            continue
        try:
            yield number, value_of(tend_pull_request.submit(number, step, linked=linked, found=each))
        except (NotDone, TaskBadInput) as error:
            get_run_logger().warning("#%d is not tended: %s", number, error)
            faults.append(f"#{number}: {error}")
