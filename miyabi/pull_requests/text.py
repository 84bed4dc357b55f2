"""A run becomes the text of its pull request, or of one for each task: title, body, branch. Pure.

The same run always makes the same text. It closes issues only by lines of its own: nothing that others wrote does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from miyabi.integration import Integration
from miyabi.pull_requests import sections
from miyabi.reports import REHEARSAL, Report, TaskRow, summary_sentence
from miyabi.sessions import Outcome, published_branch
from miyabi.text import count, github_markdown

MAX_CHARACTERS = 60_000
"""GitHub takes 65,536."""

_TITLE_CHARACTERS = 180
_AROUND_PICTURE = 1_000
_FOOT = "---\nMade by Water Spider, run {run}.\n\n<!-- miyabi:run {name} -->\n"


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
        """What did not fit, as one text."""
        return "\n".join(self.further) or None


def pull_request_text(
    report: Report,
    integration: Integration,
    *,
    issues: Mapping[str, int],
    name: str = "",
    max_characters: int = MAX_CHARACTERS,
) -> PullRequestText:
    """The one pull request of a run.

    Args:
        report: what became of the tasks.
        integration: what of it is on the branch.
        issues: the issue of each task that has one.
        name: what the run is about, such as the milestone's title.
        max_characters: how long the body may be; so may each further text.
    """
    closing = closed_issues(report, integration, issues=issues)
    of = f"{len(integration.merged)} of {count(report.total, 'task')}"
    pages = github_markdown.fit(
        _head(report, integration, closing),
        _all_sections(report, integration, issues, limit=max_characters),
        foot=_foot(report),
        limit=max_characters,
    )
    return PullRequestText(
        branch=published_branch(report.run),
        title=_title(report, f"{name or f'Run {report.run}'}", tail=f": {of}"),
        body=pages.first,
        further=tuple(_marked(text, number, report) for number, text in enumerate(pages.further, 1)),
        closes=closing,
    )


def task_pull_request_texts(
    report: Report,
    *,
    issues: Mapping[str, int],
    without: Collection[str] = (),
    max_characters: int = MAX_CHARACTERS,
) -> tuple[PullRequestText, ...]:
    """A pull request for each task that succeeded with commits, upstreams first, each stacked on its upstream.

    `without` are tasks whose branches GitHub does not take, with all that build on them; their issues stay open.
    """
    rows = {row.task: row for row in report.tasks}
    own = [row for row in report.tasks if _has_work(row) and row.task not in without]
    left = {issues[task] for task in without if task in issues}
    kept = {task: issue for task, issue in issues.items() if issue not in left}
    texts = (_task_text(r, rows, report, issues=issues, closes=kept, max_characters=max_characters) for r in own)
    return tuple(texts)


def closed_issues(report: Report, integration: Integration, *, issues: Mapping[str, int]) -> tuple[int, ...]:
    """Issues whose tasks all succeeded and are all on a branch whose checks did not fail; none for a rehearsal."""
    if report.rehearsal or integration.verified is False:
        return ()
    merged = set(integration.tasks)
    done = {row.task for row in report.tasks if row.outcome is Outcome.SUCCEEDED and row.task in merged}
    open_issues = {issue for task, issue in issues.items() if task not in done}
    return tuple(sorted({issues[task] for task in done if task in issues} - open_issues))


def why_nothing(report: Report, integration: Integration) -> str:
    """The sentence that there is nothing to merge, or nothing where there is something."""
    if not integration.is_empty:
        return ""
    reason = f"{len(integration.left_out)} were left out" if integration.left_out else "no task made a commit"
    of = f"{report.succeeded} of {count(report.total, 'task')} succeeded"
    return f"Run {report.run}: nothing to merge, so there is no pull request ({of}, {reason})."


def _all_sections(
    report: Report, integration: Integration, issues: Mapping[str, int], *, limit: int
) -> list[github_markdown.Section]:
    return [
        sections.statistics(report, integration),
        *sections.left_out_section(report, integration, issues),
        *sections.elsewhere(report, issues),
        *sections.tasks(report, integration, issues),
        *sections.errors(report, issues),
        *sections.verification(integration),
        sections.dag(report, integration, limit=limit - _AROUND_PICTURE),
        *sections.files(report, tasks=set(integration.tasks)),
        *sections.warnings(report),
    ]


def _head(report: Report, integration: Integration, closing: Sequence[int]) -> str:
    left = len(sections.left_out(report, integration))
    checks = {True: " The checks of the whole pass.", False: " **The checks of the whole do not pass.**", None: ""}
    out = f", {left} {'is' if left == 1 else 'are'} left out" if left else ""
    held = f"The branch holds {len(integration.merged)} of {count(report.total, 'task')}{out}."
    parts = (
        REHEARSAL if report.rehearsal else "",
        f"**{summary_sentence(report)}** {held}{checks[integration.verified]}\n",
        _closing(closing),
    )
    return "\n".join(part for part in parts if part)


def _closing(issues: Sequence[int]) -> str:
    return "".join(f"Closes #{issue}\n" for issue in issues)


def _title(report: Report, text: str, *, tail: str = "") -> str:
    prefix = "[Rehearsal] " if report.rehearsal else ""
    return prefix + github_markdown.title(text, limit=_TITLE_CHARACTERS) + tail


def _foot(report: Report) -> str:
    return _FOOT.replace("{run}", github_markdown.code(report.run)).replace("{name}", report.run)


def _marked(text: str, number: int, report: Report) -> str:
    return f"<!-- miyabi:overflow {report.run} {number} -->\n{text}"


def _has_work(row: TaskRow) -> bool:
    return row.outcome is Outcome.SUCCEEDED and bool(row.branch and row.commits)


def _below(row: TaskRow, rows: Mapping[str, TaskRow]) -> list[TaskRow]:
    """The nearest tasks before it that have a branch of their own, in the report's order."""
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
    closing = _closed_by(row, report, closes)
    parts = (
        REHEARSAL if report.rehearsal else "",
        _story(row, report, issues),
        _stack(below, issues),
        _closing(closing),
    )
    pages = github_markdown.fit(
        "\n".join(part for part in parts if part),
        sections.files(report, tasks={row.task}),
        foot=_foot(report),
        limit=max_characters,
    )
    return PullRequestText(
        task=row.task,
        branch=row.branch or "",
        base=below[-1].branch if below else None,
        title=_title(report, row.title or row.task),
        body=pages.first,
        further=tuple(_marked(text, number, report) for number, text in enumerate(pages.further, 1)),
        closes=closing,
    )


def _closed_by(row: TaskRow, report: Report, issues: Mapping[str, int]) -> tuple[int, ...]:
    """The task's issue, where all of the issue's tasks succeeded and this is the last of them."""
    same = [each for each in report.tasks if row.task in issues and issues.get(each.task) == issues[row.task]]
    is_done = same[-1:] == [row] and all(each.outcome is Outcome.SUCCEEDED for each in same)
    return (issues[row.task],) if is_done and not report.rehearsal else ()


def _story(row: TaskRow, report: Report, issues: Mapping[str, int]) -> str:
    link = sections.issue_link(row.task, issues)
    about = f"Task {github_markdown.code(row.task)}{f' for {link}' if link else ''}: {github_markdown.plain(row.title)}"
    return f"{about}\n\n{sections.facts(row, report.elsewhere_by_task.get(row.task))}"


def _stack(below: Sequence[TaskRow], issues: Mapping[str, int]) -> str:
    if not below:
        return ""
    named = [f"{github_markdown.code(each.branch or '')} ({_names(each, issues)})" for each in below]
    also = f" It also holds {', '.join(named[:-1])}." if named[:-1] else ""
    return f"Stacked on {named[-1]}: merge that first.{also}\n"


def _names(row: TaskRow, issues: Mapping[str, int]) -> str:
    return sections.issue_link(row.task, issues) or github_markdown.code(row.task)
