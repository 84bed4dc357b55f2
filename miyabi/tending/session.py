"""A session for a pull request is a run of one task that starts from the pull request's head, as any other run."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from miyabi.dag import Dag, Node
from miyabi.errors import MergeConflict
from miyabi.github import LinkedRepository, PullRequest
from miyabi.integration import Conflict, Integration, resolve_prompt
from miyabi.runs import Kept, RunFolder, create_run
from miyabi.sessions import published_branch
from miyabi.tending.standing import OpenPullRequest
from miyabi.text import one_line

_RESOLVE = "resolve"
_WHY_CHARACTERS = 300
_MOST_SESSIONS = 3


class TendingSession(Kept):
    """Which pull request a run's one session is for."""

    file_name = "pull_request.json"
    if_damaged = "Remove the file: the session counts for no pull request then."

    number: int
    head: str = Field(description="The commit that its branch was at, a full sha")


def resolving_run(linked: LinkedRepository, found: OpenPullRequest, conflict: Conflict) -> RunFolder:
    """Finds the run whose one session resolves a conflict, or makes it; the same conflict always has the same run.

    Raises:
        MergeConflict: as many sessions as may be have not resolved conflicts of this head.
        DiskFull: its folder cannot be written.
        BadInput: what the folder of the pull request's run keeps is damaged.
    """
    settings = linked.settings
    of = _task(found)
    check = (of.check if of else None) or settings.sessions.check
    node = {"id": _RESOLVE, "title": f"Resolve the conflict of #{found.pull.number}"}
    prompt = resolve_prompt(conflict, check=check)
    try:
        return _run(linked, found.pull, node={**node, "prompt": prompt}, of=of, base=conflict.start)
    except _EnoughError:
        raise MergeConflict(f"{_MOST_SESSIONS} sessions have not resolved that.") from None


class _EnoughError(Exception):
    """No further session is begun for a pull request before its head has moved."""


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
    raise MergeConflict(f"Run {run.run}, which was to resolve it, did not: {_why(run, integration)}")


def _why(run: RunFolder, integration: Integration | None) -> str:
    result = run.latest_results().get(_RESOLVE)
    if result is None:
        return "its session was not started"
    if not result.succeeded:
        said = one_line(result.error_text or "no reason given", characters=_WHY_CHARACTERS)
        return f"its session ended as {result.outcome}: {said}"
    left_out = integration.left_out_by_task.get(_RESOLVE) if integration else None
    return one_line(left_out.reason, characters=_WHY_CHARACTERS) if left_out else "the verify commands fail"


def _run(linked: LinkedRepository, pull: PullRequest, *, node: dict[str, str], of: Node | None, base: str) -> RunFolder:
    """The run of that one task, made where it is not there yet."""
    root = linked.repository.root
    run = RunFolder(root, f"tend-{pull.number}-{base[:10]}")
    if not run.info_file.exists():
        if _sessions_of(root, pull) >= _MOST_SESSIONS:
            raise _EnoughError
        run.create().keep(TendingSession(number=pull.number, head=pull.head_sha))
        whole = of.model_copy(update={**_AS_ALONE, **node}) if of else Node.model_validate(node)
        dag = Dag(nodes=(whole,), name=whole.id)
        create_run(run, dag=dag, settings=linked.settings, base=base, base_branch=None, rehearse=False)
    return run


def _sessions_of(root: Path, pull: PullRequest) -> int:
    """How many sessions were begun for this head of the pull request."""
    begun = (run.load(TendingSession) for run in RunFolder.all(root) if run.run.startswith(f"tend-{pull.number}-"))
    return sum(each is not None and (each.number, each.head) == (pull.number, pull.head_sha) for each in begun)


_AS_ALONE = {"dependencies": (), "command": None, "issue": None, "status": None, "expect_changes": True}
"""What of the task whose pull request it is does not hold for a session of its own."""


def _task(found: OpenPullRequest) -> Node | None:
    """The task whose pull request it is, so that its model, machine and check count; None where it is the run's."""
    task = found.pull.head.removeprefix(f"{published_branch(found.folder.run)}/")
    return Dag.load(found.folder.dag_file).by_id.get(task) if found.folder.dag_file.exists() else None
