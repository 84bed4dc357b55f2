"""All that a run's folder keeps, whichever package made it: this one is the first that knows every kind."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from miyabi.integration import Integration, NotIntegrated
from miyabi.notify import Notified
from miyabi.pull_requests.publish import Publication
from miyabi.runs import HandOver, Kept, MilestoneRun, RunFolder


class TendedHead(BaseModel):
    """Where a branch at GitHub is since it was tended."""

    model_config = ConfigDict(frozen=True)

    of: str = Field(description="The run's own commit that it was put on top of, a full sha")
    head: str = Field(description="A full sha")
    on: str = Field("", description="Where the branch was before, a full sha: it is there still if nothing was pushed")
    run: str = Field("", description="The run whose session made it; empty where none did")


class Tended(Kept):
    """What tending has put on top of a run's work at GitHub, by branch: the run does not take it back."""

    file_name = "tended.json"
    if_damaged = "Remove the file: a pull request that is opened again is put back to what its run made."

    heads: Mapping[str, TendedHead] = {}
    auto_merge: Mapping[str, str] = Field({}, description="The head at which GitHub was asked to merge it by itself")
    statuses: Mapping[str, str] = Field({}, description="The head whose session's outcome GitHub was given as statuses")

    def with_head(self, branch: str, *, on: str, head: str, run: str = "") -> Tended:
        """Returns the same with that branch, which was `on` another commit before, at its new head.

        What was kept last may never have been pushed: then another head takes its place, on top of the same. `run` is
        the one whose session made the head.
        """
        before = self.heads.get(branch)
        if before and before.head == head:
            return self
        of = before.of if before and on in {before.head, before.on} else on
        return self.model_copy(update={"heads": {**self.heads, branch: TendedHead(of=of, head=head, on=on, run=run)}})

    def run_to_show(self, branch: str, *, head: str) -> str:
        """Returns the run whose session made that head, where its outcome is not shown yet; else an empty text."""
        known = self.heads.get(branch)
        return known.run if known and known.head == head and self.statuses.get(branch) != head else ""

    def with_statuses(self, branch: str, *, head: str) -> Tended:
        """Returns the same with that branch, whose head has its statuses."""
        return self.model_copy(update={"statuses": {**self.statuses, branch: head}})

    def with_auto_merge(self, branch: str, *, head: str) -> Tended:
        """Returns the same with that branch, for which auto-merge was asked at that head."""
        return self.model_copy(update={"auto_merge": {**self.auto_merge, branch: head}})

    def heads_for(self, branches: Mapping[str, str]) -> dict[str, str]:
        """Returns where the branches go: to what was tended of the run's own commit, else to that commit."""
        tended = {branch: known.head for branch, known in self.heads.items() if known.of == branches.get(branch)}
        return {branch: tended.get(branch, commit) for branch, commit in branches.items()}


def require_readable(folder: RunFolder) -> None:
    """Checks that a run can be gone on with by what its folder keeps, before anything is started.

    Raises:
        BadInput: a file is damaged; names it, and what to do.
    """
    folder.require_readable(Integration, NotIntegrated, MilestoneRun, HandOver, Publication, Tended, Notified)
