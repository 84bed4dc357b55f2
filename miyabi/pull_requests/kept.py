"""All that a run's folder keeps, whichever package made it: this one is the first that knows every kind."""

from __future__ import annotations

from miyabi.integration import Integration, NotIntegrated
from miyabi.pull_requests.publish import Publication
from miyabi.runs import HandOver, MilestoneRun, RunFolder


def require_readable(folder: RunFolder) -> None:
    """Checks that a run can be gone on with by what its folder keeps, before anything is started.

    Raises:
        BadInput: a file is damaged; names it, and what to do.
    """
    folder.require_readable(Integration, NotIntegrated, MilestoneRun, HandOver, Publication)
