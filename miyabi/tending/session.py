"""A session for a pull request is a run of one task that starts from the pull request's head, as any other run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from miyabi.dag import Dag, Node
from miyabi.errors import MergeConflict, MiyabiError
from miyabi.github import LinkedRepository
from miyabi.integration import Conflict, Integration, resolve_prompt
from miyabi.runs import AttemptRecord, Kept, RunFolder, create_run
from miyabi.sessions import BLAMELESS, Outcome, SessionResult, published_branch
from miyabi.tending.answers import Work, answer_prompt, names_comments
from miyabi.tending.asked import Asked
from miyabi.tending.failures import FailedCheck, fix_prompt
from miyabi.tending.standing import OpenPullRequest
from miyabi.text import one_line

_RESOLVE, _FIX, _ANSWER = "resolve", "fix", "answer"
_WHY_CHARACTERS = 300
_NOT_ITS_FAULT = BLAMELESS - {Outcome.SETUP_FAILED, Outcome.MERGE_CONFLICT, Outcome.STOPPED}
"""How a session ends for want of what is no pull request's matter: whoever looks after machines is told."""
_MOST_SESSIONS = 3
_MOST_ROUNDS = 10
_MOST_ASKED = 10


class TendingSession(Kept):
    """Which pull request a run's one session is for."""

    file_name = "pull_request.json"
    if_damaged = "Remove the file: the session counts for no pull request then."

    number: int
    head: str = Field(description="The commit that its branch was at, a full sha")
    kind: str = Field(_RESOLVE, description="The id of its one task: what the session is to do")
    asked: tuple[Asked, ...] = Field((), description="What it is to answer, in the order in which it is told")


class NotMended(MiyabiError):  # noqa: N818 - no error: what is left to people
    """A session did not mend it, or none is begun any more; the message says why."""


def resolving_run(linked: LinkedRepository, found: OpenPullRequest, conflict: Conflict) -> RunFolder:
    """Finds the run whose one session resolves a conflict, or makes it; the same conflict always has the same run.

    Raises:
        MergeConflict: as many sessions as may be have not resolved conflicts of this head.
        DiskFull: its folder cannot be written.
        BadInput: what the folder of the pull request's run keeps is damaged.
    """
    run = _run_at(linked, found, conflict.start)
    if run.info_file.exists():
        return run
    begun = [session for _, session in _sessions_of(linked, found, kind=_RESOLVE)]
    if len([session for session in begun if session.head == found.pull.head_sha]) >= _MOST_SESSIONS:
        raise MergeConflict(f"{_MOST_SESSIONS} sessions have not resolved that.")
    title, of = f"Resolve the conflict of #{found.pull.number}", _task(found)
    prompt = resolve_prompt(conflict, check=_check(linked, of))
    node = {"id": _RESOLVE, "title": title, "prompt": prompt}
    return _begin(run, linked, found, node=node, of=of, base=conflict.start)


def known_fix(linked: LinkedRepository, found: OpenPullRequest) -> RunFolder | None:
    """Finds the run whose one session mends the checks at the pull request's head; None where it is not made yet.

    Raises:
        NotMended: it is not, and will not be: as many as may be were begun for its earlier heads.
        BadInput: what a folder keeps is damaged.
    """
    run = _run_at(linked, found, found.pull.head_sha)
    if run.info_file.exists():
        return run
    if len(_sessions_of(linked, found, kind=_FIX)) >= _MOST_SESSIONS:
        raise NotMended(f"{_MOST_SESSIONS} sessions have not mended that.")
    return None


def fixing_run(linked: LinkedRepository, found: OpenPullRequest, failures: Sequence[FailedCheck]) -> RunFolder:
    """Makes the run whose one session mends the checks at the pull request's head.

    Raises:
        DiskFull: its folder cannot be written.
        BadInput: what the folder of the pull request's run keeps is damaged.
    """
    run, of = _run_at(linked, found, found.pull.head_sha), _task(found)
    prompt = fix_prompt(found, failures, check=_check(linked, of))
    node = {"id": _FIX, "title": f"Mend the checks of #{found.pull.number}", "prompt": prompt}
    return _begin(run, linked, found, node=node, of=of, base=found.pull.head_sha)


def known_answers(linked: LinkedRepository, found: OpenPullRequest) -> list[tuple[RunFolder, TendingSession]]:
    """Finds the runs of which something that their one session was to answer has no answer yet.

    Raises:
        BadInput: what a folder keeps is damaged.
    """
    begun = _sessions_of(linked, found, kind=_ANSWER)
    return [(run, session) for run, session in begun if any(each.is_among(found.asked) for each in session.asked)]


def may_answer(linked: LinkedRepository, found: OpenPullRequest) -> bool:
    """Returns whether a session answers what reviewers of the pull request ask for: one that was begun, or another.

    Raises:
        BadInput: what a folder keeps is damaged.
    """
    return bool(known_answers(linked, found)) or _may_begin_answer(linked, found)


def _may_begin_answer(linked: LinkedRepository, found: OpenPullRequest) -> bool:
    return len(_sessions_of(linked, found, kind=_ANSWER)) < _MOST_ROUNDS


def answering_run(linked: LinkedRepository, found: OpenPullRequest) -> RunFolder:
    """Makes the run whose one session does what reviewers ask for, of which it is told the first ten.

    Raises:
        NotMended: as many as may be were begun for this pull request.
        DiskFull: its folder cannot be written.
        BadInput: what a folder keeps is damaged.
    """
    if not _may_begin_answer(linked, found):
        raise NotMended(f"{_MOST_ROUNDS} sessions have answered reviewers; what was said since is left to people.")
    asked, of = found.asked[:_MOST_ASKED], _task(found)
    run = _run_at(linked, found, found.pull.head_sha, last=f"-{max(each.newest for each in asked)}")
    prompt = answer_prompt(found.pull, asked, check=_check(linked, of))
    title = f"Answer the review of #{found.pull.number}"
    node = {"id": _ANSWER, "title": title, "prompt": prompt, "expect_changes": False}
    return _begin(run, linked, found, node=node, of=of, base=found.pull.head_sha, asked=asked)


def asked_of(run: RunFolder) -> tuple[Asked, ...]:
    """Returns what the run's session was told to answer, in that order.

    Raises:
        BadInput: the run's folder is damaged.
    """
    session = run.load(TendingSession)
    return session.asked if session else ()


def work_of(run: RunFolder) -> Work:
    """Returns what came of the session that answers reviewers, and its last words that say so of each comment.

    Raises:
        BadInput: the run's folder is damaged.
    """
    integration, results = run.load(Integration), run.results(_ANSWER)
    said, result = [each.final_message for each in reversed(results)], results[-1] if results else None
    words = next(filter(names_comments, said), said[0] if said else "")  # after a fix-up it says what was wrong
    is_whole = integration is not None and integration.verified is not False
    if integration and is_whole and result and result.succeeded and _ANSWER not in integration.left_out_by_task:
        return Work(words=words) if integration.is_empty else Work(commit=integration.head, words=words)
    return Work(fault=f"run {run.run} did not get it done: {_why(run, integration, task=_ANSWER)}", words=words)


def is_over(run: RunFolder) -> bool:
    """Returns whether a run has nothing left to do: whoever is killed after its session has not integrated it.

    What a budget, an hour, a usage limit, a machine or its login has held back, or cut off, is still to be done, and
    nothing to tell people.

    Raises:
        BadInput: the run's folder is damaged.
    """
    is_at_its_end = run.info().ended is not None and run.load(Integration) is not None
    ends = run.latest_results()
    return is_at_its_end and not any(_goes_on(run, ends[kind]) for kind in (_RESOLVE, _FIX, _ANSWER) if kind in ends)


def _goes_on(run: RunFolder, end: SessionResult) -> bool:
    if end.outcome is Outcome.STOPPED:
        record = AttemptRecord.known(run.attempt(end.task, end.attempt))
        return record is not None and not (record.is_stopped or record.by_hand)
    if end.outcome in _NOT_ITS_FAULT:
        return True
    return (end.error_kind or "").startswith("budget.day_")  # of the others it has a run's own


def fix_of(run: RunFolder) -> str:
    """Returns the commit that holds what the run's session did, on top of the pull request's head.

    Raises:
        NotMended: it did not succeed; says how it ended.
        BadInput: the run's folder is damaged.
    """
    integration = run.load(Integration)
    if integration and _FIX in integration.tasks and integration.verified is not False and not integration.is_empty:
        return integration.head
    raise NotMended(f"Run {run.run}, which was to mend it, did not: {_why(run, integration, task=_FIX)}")


def resolution_of(run: RunFolder) -> str:
    """Returns the head of what the run's session committed, verified with the rest.

    Raises:
        MergeConflict: it did not succeed; says how it ended.
        BadInput: the run's folder is damaged.
    """
    integration = run.load(Integration)
    merged = next((each for each in integration.merged if each.task == _RESOLVE), None) if integration else None
    if merged and integration and integration.verified is not False:
        return merged.head
    raise MergeConflict(f"Run {run.run}, which was to resolve it, did not: {_why(run, integration, task=_RESOLVE)}")


def _why(run: RunFolder, integration: Integration | None, *, task: str) -> str:
    result = run.latest_results().get(task)
    if result is None:
        return "its session was not started"
    if not result.succeeded:
        said = one_line(result.error_text or "no reason given", characters=_WHY_CHARACTERS)
        return f"its session ended as {result.outcome}: {said}"
    left_out = integration.left_out_by_task.get(task) if integration else None
    return one_line(left_out.reason, characters=_WHY_CHARACTERS) if left_out else "the verify commands fail"


def _run_at(linked: LinkedRepository, found: OpenPullRequest, start: str, *, last: str = "") -> RunFolder:
    return RunFolder(linked.repository.root, f"tend-{found.pull.number}-{start[:10]}{last}")


def _begin(
    run: RunFolder,
    linked: LinkedRepository,
    found: OpenPullRequest,
    *,
    node: dict[str, Any],
    of: Node | None,
    base: str,
    asked: tuple[Asked, ...] = (),
) -> RunFolder:
    """Writes what the run of that one task starts with."""
    pull, settings = found.pull, linked.settings
    run.create().keep(TendingSession(number=pull.number, head=pull.head_sha, kind=node["id"], asked=asked))
    whole = of.model_copy(update={**_AS_ALONE, **node}) if of else Node.model_validate(node)
    dag = Dag(nodes=(whole,), name=whole.id)
    create_run(run, dag=dag, settings=settings, base=base, base_branch=None, rehearse=False)
    return run


def _sessions_of(
    linked: LinkedRepository, found: OpenPullRequest, *, kind: str
) -> list[tuple[RunFolder, TendingSession]]:
    """The sessions of a kind that were begun for the pull request."""
    number = found.pull.number
    runs = [run for run in RunFolder.all(linked.repository.root) if run.run.startswith(f"tend-{number}-")]
    begun = [(run, session) for run in runs if (session := run.load(TendingSession))]
    return [(run, session) for run, session in begun if (session.number, session.kind) == (number, kind)]


def _check(linked: LinkedRepository, of: Node | None) -> str | None:
    return (of.check if of else None) or linked.settings.sessions.check


_AS_ALONE = {"dependencies": (), "command": None, "issue": None, "status": None, "expect_changes": True}
"""What of the task whose pull request it is does not hold for a session of its own."""


def _task(found: OpenPullRequest) -> Node | None:
    """The task whose pull request it is, so that its model, machine and check count; None where it is the run's."""
    task = found.pull.head.removeprefix(f"{published_branch(found.folder.run)}/")
    return Dag.load(found.folder.dag_file).by_id.get(task) if found.folder.dag_file.exists() else None
