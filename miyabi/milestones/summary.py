"""What a run made of a milestone, in one line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from miyabi.milestones.plan import MilestonePlan
from miyabi.pull_requests import Publication
from miyabi.reports import Report, summary_sentence
from miyabi.text import count


def milestone_sentence(
    plan: MilestonePlan, *, report: Report | None, publications: Sequence[Publication], faults: Sequence[str]
) -> str:
    """Says what was run, where it is, what is not run and what went wrong, in one line of plain words.

    Args:
        plan: the milestone as it stands now.
        report: the run, if there was one.
        publications: what was published, that of earlier runs first.
        faults: sentences about what could not be done.
    """
    run = summary_sentence(report) if report else _nothing(plan)
    return " ".join((f"milestone {plan.facts.milestone.number}: {run}", *_where(publications), *faults))


def _nothing(plan: MilestonePlan) -> str:
    skipped = len(plan.selection.skipped)
    if not skipped:
        return "nothing is to be run: no issue is open."
    return f"nothing is to be run now: {count(skipped, 'open issue')} {'waits' if skipped == 1 else 'wait'}."


def _where(publications: Sequence[Publication]) -> Iterator[str]:
    for publication in publications:
        if publication.note:
            yield publication.note
        yield from (f"Pull request #{pull.number} {pull.html_url}." for pull in publication.pull_requests)
