"""A run becomes the text of its pull request, or of one for each task: title, body, branch. Pure.

The same run always makes the same text. It closes issues only by lines of its own: nothing that others wrote does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from miyabi.integration import Integration
from miyabi.pull_requests import sections
from miyabi.reports import Report, TaskRow, summary_sentence
from miyabi.sessions import Outcome, published_branch
from miyabi.text import count, github_markdown, render_github_markdown

MAX_CHARACTERS = 60_000
"""GitHub takes 65,536."""

_TITLE_CHARACTERS = 180
_AROUND_PICTURE = 1_000
_MAX_ROWS = 500
_MAX_QUOTED = 20
_DONE_LINES, _DONE_CHARACTERS = 10, 600


class PullRequestText(BaseModel):
    """What a pull request says. Each further text is a comment of its own, or all of them are a file."""

    model_config = ConfigDict(frozen=True)

    branch: str = Field(description="Head branch")
    base: str | None = Field(None, description="Branch that it is stacked on; None: the run's base branch")
    title: str
    body: str
    further: tuple[str, ...] = Field((), description="What did not fit, in texts that each fit into a comment")
    task: str | None = Field(None, description="The task, where each has a pull request of its own")
    closes: tuple[int, ...] = Field((), description="Issues that are closed when it is merged")

    @property
    def overflow(self) -> str | None:
        """What did not fit, as one text; None where all of it did."""
        return "\n".join(self.further) or None


def pull_request_text(
    report: Report,
    integration: Integration,
    *,
    issues: Mapping[str, int],
    name: str = "",
    max_characters: int = MAX_CHARACTERS,
) -> PullRequestText:
    """Makes the text of the one pull request of a run.

    Args:
        report: what became of the tasks.
        integration: what of it is on the branch.
        issues: the issue of each task that has one.
        name: what the run is about, such as the milestone's title.
        max_characters: how long the body may be, as GitHub counts; so may each further text.
    """
    of = f"{len(integration.merged)} of {count(report.total, 'task')}"
    merged = set(integration.tasks)
    changed = sections.files(report, merged)
    return _text(
        report,
        issues,
        max_characters=max_characters,
        branch=published_branch(report.run),
        title=_title(report, f"{name or f'Run {report.run}'}", tail=f": {of}"),
        closes=closed_issues(report, integration, issues=issues),
        integration=integration,
        merged=merged,
        other_words=[each for each in report.last_words if each.task not in merged],
        done=sections.done(report, merged, lines=_DONE_LINES, characters=_DONE_CHARACTERS),
        summary=summary_sentence(report),
        left_out=sections.left_out(report, integration),
        elsewhere=[(each.task, words) for each in report.elsewhere for words in sections.elsewhere_words(each)],
        dag=sections.dag(report, merged, limit=max_characters - _AROUND_PICTURE),
        edges=sum(len(row.upstream) for row in report.tasks),
        files=changed,
        changes=sections.changes([row for row in report.tasks if row.task in merged], files=len(changed)),
    )


def task_pull_request_texts(
    report: Report,
    *,
    issues: Mapping[str, int],
    without: Collection[str] = (),
    max_characters: int = MAX_CHARACTERS,
) -> tuple[PullRequestText, ...]:
    """Makes a text for each task that succeeded with commits, upstreams first, each stacked on its upstream.

    Args:
        report: what became of the tasks.
        issues: the issue of each task that has one.
        without: tasks whose branches GitHub does not take, with all that build on them; their issues stay open.
        max_characters: how long a body may be, as GitHub counts; so may each further text.
    """
    rows = {row.task: row for row in report.tasks}
    own = [row for row in report.tasks if _has_work(row) and row.task not in without]
    left = {issues[task] for task in without if task in issues}
    kept = {task: issue for task, issue in issues.items() if issue not in left}
    texts = (_task_text(r, rows, report, issues=issues, closes=kept, max_characters=max_characters) for r in own)
    return tuple(texts)


def closed_issues(report: Report, integration: Integration, *, issues: Mapping[str, int]) -> tuple[int, ...]:
    """Finds the issues that the merge closes: all their tasks succeeded and are on the branch; sorted.

    There are none where the branch's verify commands failed, nor for a rehearsal.
    """
    if report.rehearsal or integration.verified is False:
        return ()
    merged = set(integration.tasks)
    done = {row.task for row in report.tasks if row.outcome is Outcome.SUCCEEDED and row.task in merged}
    open_issues = {issue for task, issue in issues.items() if task not in done}
    return tuple(sorted({issues[task] for task in done if task in issues} - open_issues))


def why_nothing(report: Report, integration: Integration) -> str:
    """Says in a sentence that there is nothing to merge, and why; empty where there is something."""
    if not integration.is_empty:
        return ""
    reason = f"{len(integration.left_out)} were left out" if integration.left_out else "no task made a commit"
    of = f"{report.succeeded} of {count(report.total, 'task')} succeeded"
    return f"Run {report.run}: nothing to merge, so there is no pull request ({of}, {reason})."


def _text(
    report: Report,
    issues: Mapping[str, int],
    *,
    max_characters: int,
    branch: str,
    title: str,
    closes: tuple[int, ...],
    task: TaskRow | None = None,
    base: str | None = None,
    **values: object,
) -> PullRequestText:
    """Makes the text of a run, or of one task of it; `values` are what else the template names for either."""
    text = render_github_markdown(
        "pull_requests/pull_request.md.jinja",
        report=report,
        issues=issues,
        closes=closes,
        task=task,
        why=sections.WHY,
        to_do=partial(sections.to_do, report=report),
        reviews=[each for each in report.reviews if task is None or each.task == task.task],
        page_break=github_markdown.PAGE_BREAK,
        part_break=github_markdown.PART_BREAK,
        most=_MAX_ROWS,
        most_quoted=_MAX_QUOTED,
        **values,
    )
    pages = github_markdown.pages(text, limit=max_characters)
    return PullRequestText(
        task=task.task if task else None,
        branch=branch,
        base=base,
        title=title,
        body=pages.first,
        further=tuple(_marked(text, number, report) for number, text in enumerate(pages.further, 1)),
        closes=closes,
    )


def _title(report: Report, text: str, *, tail: str = "") -> str:
    prefix = "[Rehearsal] " if report.rehearsal else ""
    return prefix + github_markdown.title(text, limit=_TITLE_CHARACTERS) + tail


def _marked(text: str, number: int, report: Report) -> str:
    return f"<!-- miyabi:overflow {report.run} {number} -->\n{text}"


def _has_work(row: TaskRow) -> bool:
    return row.outcome is Outcome.SUCCEEDED and bool(row.branch and row.commits)


def _below(row: TaskRow, rows: Mapping[str, TaskRow]) -> list[TaskRow]:
    """Finds the nearest tasks before it that have a branch of their own, in the report's order."""
    found: dict[str, None] = {}
    ahead, seen = [*row.upstream], set[str]()
    while ahead:
        task = ahead.pop()
        if task in seen or task not in rows:
            continue
        seen.add(task)
        if _has_work(rows[task]):
            found[task] = None
        else:
            ahead += rows[task].upstream
    return [each for each in rows.values() if each.task in found]


def _task_text(
    row: TaskRow,
    rows: Mapping[str, TaskRow],
    report: Report,
    *,
    issues: Mapping[str, int],
    closes: Mapping[str, int],
    max_characters: int,
) -> PullRequestText:
    below = _below(row, rows)
    return _text(
        report,
        issues,
        max_characters=max_characters,
        task=row,
        branch=row.branch or "",
        base=below[-1].branch if below else None,
        title=_title(report, row.title or row.task),
        closes=_closed_by(row, report, closes),
        other_words=(),
        done=sections.done(report, _told(row, report), lines=_MAX_ROWS, characters=_DONE_CHARACTERS * 2),
        below=below,
        elsewhere=sections.elsewhere_words(report.elsewhere_by_task.get(row.task)),
        files=sections.files(report, {row.task}),
        changes=sections.changes([row], files=row.files),
    )


def _told(row: TaskRow, report: Report) -> set[str]:
    """The task, where its session said something at its end."""
    return {row.task} if report.last_words_of(row.task) else set()


def _closed_by(row: TaskRow, report: Report, issues: Mapping[str, int]) -> tuple[int, ...]:
    """The task's issue, where all of the issue's tasks succeeded and this is the last of them."""
    same = [each for each in report.tasks if row.task in issues and issues.get(each.task) == issues[row.task]]
    is_done = same[-1:] == [row] and all(each.outcome is Outcome.SUCCEEDED for each in same)
    return (issues[row.task],) if is_done and not report.rehearsal else ()
