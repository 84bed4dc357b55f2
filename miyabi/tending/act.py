"""What is done about an open pull request. Each may be repeated: where it is done already, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.errors import GitHubError, MergeConflict, NotFoundOnGitHub, ValidationRefused
from miyabi.git import Remote, base, branches, complete_partial_clone, merge, push
from miyabi.github import GitHubRepository, LinkedRepository
from miyabi.integration import conflict_of, resolution_tree
from miyabi.pull_requests import Tended, session_statuses, set_statuses
from miyabi.runs import RunFolder
from miyabi.sessions import tended_branch
from miyabi.tending.answers import Work, answer_text
from miyabi.tending.asked import Asked
from miyabi.tending.failures import read_failures
from miyabi.tending.session import (
    NotMended,
    answering_run,
    asked_of,
    fix_of,
    fixing_run,
    is_over,
    known_answers,
    known_fix,
    resolution_of,
    resolving_run,
    work_of,
)
from miyabi.tending.standing import STUCK, OpenPullRequest, Step
from miyabi.text import count, redact, render_github_markdown, several

_STUCK_LABEL = ("b60205", "Water Spider does not get on with this pull request")
_FILES_SHOWN = _CHECKS_SHOWN = 5
_JUST_PUSHED = "it has just been pushed to: looked at again next time"


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What became of a step, in words; or the run of one session that has to end before it can be taken.

    `stuck` is why the pull request does not go on by itself, where it does not.
    """

    said: str
    run: RunFolder | None = None
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class _Made:
    """A commit to be put on top of a pull request's head, and the run whose session made it; empty where none did."""

    head: str
    run: str = ""


async def take_step(
    github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest, step: Step
) -> StepTaken:
    """Does what there is to be done about a pull request, as far as that needs no session that has not ended.

    Raises:
        GitHubError: GitHub refuses, or does not answer; the same again goes on where this one ended.
        GitError: a branch cannot be fetched or pushed, or a conflict is not resolved.
        DiskFull: a run's folder cannot be written.
        BadInput: what it keeps is damaged.
    """
    shown = await _show_outcome(github, linked, found, head=found.pull.head_sha) if found.run_to_show else ""
    if step is Step.MERGE_BASE:
        return await _merge_base(github, linked, found)
    if step is Step.FIX_CHECKS:
        return await _fix_checks(github, linked, found)
    if step is Step.ANSWER_REVIEW:
        return await _answer_review(github, linked, found)
    if step in {Step.AUTO_MERGE, Step.ENQUEUE}:
        return await _ask_to_merge(github, linked, found, step)
    if step is Step.HANDS_OFF:
        await _say(github, found, "tending/hands_off.md.jinja", branch=found.pull.head)
    if step is Step.UNSTICK:
        await github.issues.set_labels(found.pull.number, remove=[STUCK])
    return StepTaken(f"{step}{shown}")


async def _say(github: GitHubRepository, found: OpenPullRequest, template: str, **values: str) -> None:
    """Says it in a comment, one a template."""
    text = render_github_markdown(template, **values)
    await github.issues.upsert_comment(found.pull.number, marker=text.partition("\n")[0], body=text)


async def _say_stuck(github: GitHubRepository, found: OpenPullRequest, why: str) -> StepTaken:
    """Says in a comment and by a label that it does not go on by itself."""
    if STUCK not in found.pull.labels:
        await github.ensure_labels({STUCK: _STUCK_LABEL})
        await github.issues.set_labels(found.pull.number, add=[STUCK])
    await _say(github, found, "tending/stuck.md.jinja", why=redact(why))
    return StepTaken(f"stuck: {why}", stuck=why)


async def _merge_base(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest) -> StepTaken:
    """Merges the head of its base branch into the pull request's, and pushes that on top of what is there."""
    repository, pull = linked.repository, found.pull
    token = await github.token()
    remote = await linked.remote(token)
    ours, theirs = [await base.fetch_base(repository, name, remote=remote) for name in (pull.head, pull.base)]
    if ours != pull.head_sha:
        return StepTaken(_JUST_PUSHED)
    for commit in (ours, theirs):
        await complete_partial_clone(repository, commit, token=linked.remote_token(token))
    if len(await merge.independent(repository.git, (ours, theirs))) == 1:
        return StepTaken(f"nothing of {pull.base} is missing in it")
    try:
        merged = await _merged(linked, found, ours=ours, theirs=theirs)
    except MergeConflict as error:
        return await _say_stuck(github, found, f"it conflicts with {pull.base}. {error}")
    if isinstance(merged, RunFolder):
        return StepTaken(f"it conflicts with {pull.base}: run {merged.run} resolves that", run=merged)
    rest = await _put_on_top(github, linked, found, merged, remote=remote)
    return StepTaken(f"{pull.base} is merged into it ({merged.head[:12]}){rest}")


async def _merged(linked: LinkedRepository, found: OpenPullRequest, *, ours: str, theirs: str) -> _Made | RunFolder:
    """The commit that joins both, always the same one; or the run that has to resolve their conflict before.

    Raises:
        MergeConflict: it did not, or no session can: both changed a submodule.
    """
    git, pull = linked.repository.git, found.pull
    message, parents = f"Merge {pull.base} into {pull.head}\n", (ours, theirs)
    trees = await merge.merge_trees(git, theirs, ours)
    if not trees.conflicts:
        return _Made(await merge.commit_tree(git, trees.tree, parents=parents, message=message))
    if trees.submodules:
        moved = several(trees.submodules, most=_FILES_SHOWN)
        raise MergeConflict(f"Both moved submodules, of which there is no text to be joined: {moved}.")
    about = {"task": f"#{pull.number}", "title": pull.title, "ours": theirs, "theirs": ours}
    conflict = await conflict_of(git, trees, run=found.folder.run, **about)
    run = resolving_run(linked, found, conflict)
    if not is_over(run):
        return run
    head = resolution_of(run)
    tree = await resolution_tree(git, conflict, head)
    message += f"\nMiyabi-Run: {run.run}\nMiyabi-Resolution: {head}\n"
    return _Made(await merge.commit_tree(git, tree, parents=parents, message=message), run.run)


async def _fix_checks(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest) -> StepTaken:
    """Has a session mend what its checks found, and pushes that on top of what is there."""
    names = several(dict.fromkeys(check.name for check in found.red), most=_CHECKS_SHOWN)
    remote = await linked.remote(await github.token())
    if await base.fetch_base(linked.repository, found.pull.head, remote=remote) != found.pull.head_sha:
        return StepTaken(_JUST_PUSHED)
    try:
        run = known_fix(linked, found) or fixing_run(linked, found, await read_failures(github, found))
        if not is_over(run):
            return StepTaken(f"{names}: run {run.run} mends that", run=run)
        made = _Made(fix_of(run), run.run)
    except NotMended as error:
        return await _say_stuck(github, found, f"{names}: red. {error}")
    rest = await _put_on_top(github, linked, found, made, remote=remote)
    return StepTaken(f"{names}: mended by run {run.run} ({made.head[:12]}){rest}")


async def _answer_review(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest) -> StepTaken:
    """Has a session do what reviewers ask for, pushes what it commits, and answers each; that comes last."""
    token = await github.token()
    remote = await linked.remote(token)
    if await base.fetch_base(linked.repository, found.pull.head, remote=remote) != found.pull.head_sha:
        return StepTaken(_JUST_PUSHED)
    await complete_partial_clone(linked.repository, found.pull.head_sha, token=linked.remote_token(token))
    try:
        run = await _known_answer(linked, found) or answering_run(linked, found)
    except NotMended as error:
        return await _say_stuck(github, found, str(error))
    if not is_over(run):
        return StepTaken(f"reviewed: run {run.run} sees to that", run=run)
    work, rest = work_of(run), ""
    top = await _with_work(linked, found, work.commit) if work.commit else None
    if top and top != found.pull.head_sha:
        rest = await _put_on_top(github, linked, found, _Made(top, run.run), remote=remote)
    answered = await _answer(github, found, asked_of(run), work)
    made = f" ({work.commit[:12]})" if work.commit else ""
    return StepTaken(f"{count(answered, 'comment')} answered by run {run.run}{made}{rest}")


async def _known_answer(linked: LinkedRepository, found: OpenPullRequest) -> RunFolder | None:
    """The run that was begun for what is unanswered yet; None where its work does not go onto the head as it is now."""
    for run, session in known_answers(linked, found):
        if not is_over(run) or await _with_work(linked, found, work_of(run).commit or session.head):
            return run
    return None


async def _with_work(linked: LinkedRepository, found: OpenPullRequest, commit: str) -> str | None:
    """The commit that holds the pull request's head and another commit, always the same; None where they conflict."""
    git, pull = linked.repository.git, found.pull
    ends = (pull.head_sha, commit)
    if len(left := await merge.independent(git, ends)) == 1:
        return left[0]
    trees = await merge.merge_trees(git, *ends)
    message = f"Merge what answers the review into {pull.head}\n"
    return None if trees.conflicts else await merge.commit_tree(git, trees.tree, parents=ends, message=message)


async def _answer(github: GitHubRepository, found: OpenPullRequest, asked: Sequence[Asked], work: Work) -> int:
    """Answers what has no answer yet, each in its thread, a review in a comment; returns how many."""
    number = found.pull.number
    waiting = [(place, each) for place, each in enumerate(asked, 1) if each.is_among(found.asked)]
    for place, each in waiting:
        if each.thread is None or not await _answer_in_thread(github, number, each, answer_text(each, place, work)):
            body = answer_text(each, place, work, is_outside=each.thread is not None)
            await github.issues.upsert_comment(number, marker=each.marker, body=body)
    return len(waiting)


async def _answer_in_thread(github: GitHubRepository, number: int, asked: Asked, body: str) -> bool:
    """Whether the thread takes an answer: GitHub takes replies to a thread's first comment, which may be deleted."""
    try:
        await github.reviews.answer(number, asked.thread or asked.newest, marker=asked.marker, body=body)
    except (NotFoundOnGitHub, ValidationRefused):
        return False
    return True


async def _ask_to_merge(
    github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest, step: Step
) -> StepTaken:
    """Asks GitHub to merge it by itself; what it answers is kept as asked, for it answers the same again."""
    pull, folder = found.pull, found.folder
    said = await _merging(github, linked, found) if step is Step.AUTO_MERGE else str(Step.NOTHING)
    if said != Step.AUTO_MERGE:  # GitHub refuses auto-merge of what can be merged at once
        try:
            said = str(Step.ENQUEUE) if await github.pull_requests.enqueue(pull.number, head=pull.head_sha) else said
        except ValidationRefused as error:
            said = str(error)
    folder.keep((folder.load(Tended) or Tended()).with_auto_merge(pull.head, head=pull.head_sha))
    return StepTaken(said)


async def _merging(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest) -> str:
    try:
        method = linked.settings.pull_request.auto_merge
        await github.pull_requests.enable_auto_merge(found.pull.number, method=method)
    except ValidationRefused as error:
        return str(error)
    return str(Step.AUTO_MERGE)


async def _put_on_top(
    github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest, made: _Made, *, remote: Remote
) -> str:
    """Puts the pull request's branch at a commit on top of its head, and has the run keep that.

    Kept before it is pushed: whoever is killed in between does the same again. Returns what `_show_outcome` does.
    """
    repository, pull, folder = linked.repository, found.pull, found.folder
    own = tended_branch(pull.head, run=folder.run)
    await branches.move_branch(repository, own, head=made.head, base=pull.head_sha)
    tended = folder.load(Tended) or Tended()
    folder.keep(tended.with_head(pull.head, on=pull.head_sha, head=made.head, run=made.run))
    await push(repository, {pull.head: made.head}, remote=remote, only_forward=True)
    return await _show_outcome(github, linked, found, head=made.head)


async def _show_outcome(
    github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest, *, head: str
) -> str:
    """Sets the statuses of the session that made a head, if one did; returns what GitHub has against it, or nothing.

    It is asked once: where the token may not set statuses, it may not next time.
    """
    branch, tended, said = found.pull.head, found.folder.load(Tended) or Tended(), ""
    name = tended.run_to_show(branch, head=head) if linked.settings.pull_request.statuses else ""
    if not name:
        return ""
    try:
        if (run := RunFolder(linked.repository.root, name)).info_file.exists():  # it may be removed when it was swept
            await set_statuses(github, session_statuses(run, commit=head))
    except GitHubError as error:
        if error.transient:
            raise
        said = f"; {error}"
    found.folder.keep(tended.with_statuses(branch, head=head))
    return said
