"""Issues, milestones and what is known of them, made in a few words."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from miyabi.github import Blocker, Comment, Issue, LabelEvent, Milestone, Person
from miyabi.machines import Machine
from miyabi.milestones.issues_to_dag import Selection, from_issues
from miyabi.settings import MilestoneSettings

CASES = Path(__file__).parents[2] / "cases" / "github_texts"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
REPOSITORY_URL = "https://github.example/acme/app"
WRITER = Person(login="keeper", can_write=True)
STRANGER = Person(login="passer-by", can_write=False)
LABEL = "miyabi"


def milestone(number: int = 3, **fields: Any) -> Milestone:
    """A milestone."""
    values = {"title": "v1.2", "html_url": f"{REPOSITORY_URL}/milestone/{number}", **fields}
    return Milestone(number=number, **values)


def issue(number: int, body: str = "Do it.", *, labels: Sequence[str] = (), **fields: Any) -> Issue:
    """An open issue of milestone 3 with the label that lets it run."""
    values: dict[str, Any] = {
        "title": f"Title of {number}",
        "author": WRITER,
        "milestone": 3,
        "labels": (LABEL, *labels),
        "html_url": f"{REPOSITORY_URL}/issues/{number}",
        **fields,
    }
    return Issue(id=1000 + number, number=number, body=body, **values)


def comment(number: int, body: str, *, author: Person = WRITER) -> Comment:
    """A comment, the later the higher its number."""
    return Comment(id=number, author=author, body=body, created_at=NOW + timedelta(minutes=number))


def setting(*actors: Person, label: str = LABEL) -> list[LabelEvent]:
    """Who set the label, one after the other."""
    return [LabelEvent(label=label, actor=actor, at=NOW + timedelta(hours=n)) for n, actor in enumerate(actors)]


def select(
    *issues: Issue,
    blockers: Mapping[int, Sequence[Blocker]] | None = None,
    sub_issues: Mapping[int, Sequence[Blocker | int]] | None = None,
    comments: Mapping[int, Sequence[Comment]] | None = None,
    label_events: Mapping[int, Sequence[LabelEvent]] | None = None,
    ineligible: Mapping[int, str] | None = None,
    machines: Sequence[Machine] = (),
    **settings: Any,
) -> Selection:
    """What is run of these issues; their label was set by somebody with write access unless said otherwise."""
    events = {each.number: setting(WRITER) for each in issues} | dict(label_events or {})
    return from_issues(
        issues,
        blockers=blockers or {},
        sub_issues=sub_issues or {},
        comments=comments or {},
        label_events=events,
        settings=MilestoneSettings(**settings),
        milestone=milestone(),
        ineligible=ineligible or {},
        machines=machines,
    )


def edges(selection: Selection) -> dict[int, list[int]]:
    """For each issue that is run those that it waits for; nothing for any other."""
    number = selection.issues
    nodes = selection.dag.nodes if selection.dag else ()
    found = {number[node.id]: [number[other] for other in node.dependencies] for node in nodes}
    return defaultdict(list, found)


def reasons(selection: Selection) -> dict[int, str]:
    """For each issue that is not run the reason."""
    return {each.number: each.reason for each in selection.skipped}


def matches_golden(text: str, *, name: str) -> bool:
    """Whether the text is that of the golden file; with UPDATE_GOLDEN=1 the file is written anew."""
    path = CASES / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="")
    return path.read_bytes().decode() == text
