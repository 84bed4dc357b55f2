"""The open pull requests of a repository's runs, one after the other. Only wires.

GitHub's tasks are imported when they are wanted: a run that tends nothing needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prefect.logging import get_run_logger

from flows.steps.results import NotDone, TaskBadInput, value_of
from miyabi.github import LinkedRepository
from miyabi.notify import stuck, stuck_cause
from miyabi.runs import RunFolder
from miyabi.tending import OpenPullRequest, Step, StepTaken, next_step, tending_lock
from tasks.events import emit, related_to
from tasks.notifications import forget, tell

RunSession = Callable[[RunFolder], None]
"""Runs the run of one session to its end, or goes on with it. NotDone or BadInput where it cannot."""


class NotTended(NotDone):
    """Something could not be done about a pull request; the others were tended."""


@dataclass(kw_only=True)
class Tending:
    """The open pull requests of a repository's runs, and how sessions for them are run."""

    linked: LinkedRepository
    run_session: RunSession
    faults: list[str] = field(default_factory=list, init=False)

    def run(self) -> tuple[tuple[int, str], ...]:
        """Does what there is to be done about each open pull request.

        Pressed again it does nothing twice; killed anywhere it goes on.

        Returns:
            What became of each, by its number.

        Raises:
            PullRequestsBusy: another orchestrator does the same at the moment.
            BadInput: GitHub's token or repository cannot be used.
            NotDone: GitHub cannot be read.
            NotTended: something could not be done; says what, of each.
            RunCancelled: somebody ended a session's run.
        """
        from tasks.github import read_pull_requests  # noqa: PLC0415 - see the module docstring

        with tending_lock(self.linked.repository.root):
            found: tuple[OpenPullRequest, ...] = value_of(read_pull_requests.submit(linked=self.linked))
            done = tuple(self._tended(found))
        if self.faults:
            raise NotTended("; ".join(self.faults))
        return done

    def _tended(self, found: tuple[OpenPullRequest, ...]) -> Iterator[tuple[int, str]]:
        for each in found:
            number, step = each.pull.number, next_step(each)
            try:
                yield number, str(step) if step is Step.NOTHING else self._take(each, step)
            except (NotDone, TaskBadInput) as error:
                get_run_logger().warning("#%d is not tended: %s", number, error)
                self.faults.append(f"#{number}: {error}")

    def _take(self, found: OpenPullRequest, step: Step) -> str:
        """Takes the step; one that needs a session is taken again when that has ended."""
        taken = self._once(found, step)
        if taken.run:
            self.run_session(taken.run)
            taken = self._once(found, step)
        return taken.said

    def _once(self, found: OpenPullRequest, step: Step) -> StepTaken:
        from tasks.github import tend_pull_request  # noqa: PLC0415 - see the module docstring

        taken: StepTaken = value_of(tend_pull_request.submit(found.pull.number, step, linked=self.linked, found=found))
        self._tell(found, step, taken)
        return taken

    def _tell(self, found: OpenPullRequest, step: Step, taken: StepTaken) -> None:
        """Tells people that it is stuck, once for each time that it comes to that."""
        pull, folder = found.pull, found.folder
        if taken.stuck:
            about = stuck(folder.run, number=pull.number, url=pull.html_url, why=taken.stuck)
            tell(folder, self.linked.settings.notify, about)
            if not found.is_stuck:
                related = related_to(folder) | {"repository": self.linked.access.repository}
                emit(
                    "pull-request.stuck",
                    f"{self.linked.access.repository}#{pull.number}",
                    related=related,
                    run=folder.run,
                    number=pull.number,
                    url=pull.html_url,
                    why=taken.stuck,
                )
        elif step is Step.UNSTICK:
            forget(folder, stuck_cause(pull.number))
