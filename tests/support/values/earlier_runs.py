"""Runs of milestone 3 that are over, as values, and a milestone's plan made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from miyabi.dag import Dag
from miyabi.github import Issue, PullRequest
from miyabi.integration import Integration, LeftOut, LeftOutKind
from miyabi.integration.values import MergedTask
from miyabi.milestones import MilestonePlan
from miyabi.milestones.facts import MilestoneFacts
from miyabi.milestones.history import EarlierRun, EarlierRuns
from miyabi.milestones.issues_to_dag import Selection, SkipKind, SkippedIssue
from miyabi.pull_requests import Publication
from miyabi.runs import RunFolder
from miyabi.sessions import Outcome
from tests.support.values.milestones import REPOSITORY_URL, milestone
from tests.support.values.results import STARTED, report, result

BASE, HEAD = "b" * 40, "c" * 40


def pull(number: int, *, day: int = 1, **fields: Any) -> PullRequest:
    """A pull request of the run of that day."""
    values = {
        "title": "v1.2",
        "head": f"miyabi/night-{day}",
        "base": "main",
        "html_url": f"{REPOSITORY_URL}/pull/{number}",
    }
    return PullRequest(number=number, **values | fields)


def issues_dag(*numbers: int) -> Dag:
    """A task for each issue."""
    return Dag.from_text(json.dumps({"nodes": [{"id": f"issue-{n}", "issue": n} for n in numbers]}))


def past(
    outcomes: Mapping[int, Outcome],
    *,
    day: int = 1,
    left_out: Mapping[int, LeftOutKind] | None = None,
    pulls: Sequence[PullRequest] = (),
    verified: bool | None = None,
    rehearsal: bool = False,
) -> EarlierRun:
    """The run `night-N`: how each issue's session ended, and what was left out of what came of it."""
    run, out, dag = f"night-{day}", left_out or {}, issues_dag(*outcomes)
    results = [
        result(f"issue-{n}", outcome, run=run, branch=f"miyabi/{run}/issue-{n}", files=[f"{n}.txt"])
        for n, outcome in outcomes.items()
    ]
    when = {"started": STARTED + timedelta(days=day), "ended": STARTED + timedelta(days=day, hours=1)}
    made = report(dag, results, **{"run": run, "rehearsal": rehearsal, **when})
    good = [n for n, outcome in outcomes.items() if outcome is Outcome.SUCCEEDED and n not in out]
    return EarlierRun(
        folder=RunFolder(Path("/nowhere"), run),
        dag=dag,
        report=made,
        integration=Integration(
            branch=f"miyabi/{run}/_integration",
            base=BASE,
            head=HEAD if good else BASE,
            merged=tuple(MergedTask(task=f"issue-{n}", commit=HEAD) for n in good),
            left_out=tuple(
                LeftOut(task=f"issue-{n}", kind=kind, files=("a.txt",), reason="it does not fit")
                for n, kind in out.items()
            ),
            verified=verified,
        ),
        publication=Publication(repository="acme/app", pull_requests=tuple(pulls), told=made.ended) if pulls else None,
    )


def plan(
    *issues: Issue,
    runs: Sequence[EarlierRun] = (),
    pulls: Sequence[PullRequest] = (),
    skipped: Mapping[int, str] | None = None,
    live: Mapping[int, str] | None = None,
    **fields: Any,
) -> MilestonePlan:
    """The plan after these runs; `skipped` are the reasons of issues that are not run, `fields` the milestone's."""
    out = tuple(
        SkippedIssue(number=number, title="T", kind=SkipKind.TAKEN, reason=reason)
        for number, reason in (skipped or {}).items()
    )
    states = [each.state for each in issues]
    counts = {"open_issues": states.count("open"), "closed_issues": states.count("closed")}
    return MilestonePlan(
        facts=MilestoneFacts(
            repository="acme/app",
            milestone=milestone(**counts | fields),
            issues=issues,
            blockers={},
            sub_issues={},
            comments={},
            label_events={},
            pull_requests=(),
        ),
        earlier=EarlierRuns(runs=tuple(runs), live=live or {}),
        pull_requests={each.number: each for each in pulls},
        selection=Selection(dag=None, skipped=out),
    )
