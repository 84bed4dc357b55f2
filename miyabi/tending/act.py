"""What is done about an open pull request. Each may be repeated: where it is done already, nothing is written."""

from __future__ import annotations

from miyabi.git import Remote, base, branches, complete_partial_clone, push
from miyabi.github import GitHubRepository, LinkedRepository
from miyabi.pull_requests import Tended
from miyabi.sessions import tended_branch
from miyabi.tending.standing import OpenPullRequest, Step

_HANDS_OFF = """\
<!-- miyabi:hands-off -->
Somebody else has pushed to `{branch}`, so Water Spider leaves this pull request alone from here on: it pushes nothing \
to it, and answers nothing in it."""


async def take_step(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest, step: Step) -> str:
    """Does what there is to be done about a pull request.

    Returns:
        What became of it, in words.

    Raises:
        GitHubError: GitHub refuses, or does not answer; the same again goes on where this one ended.
        GitError: a branch cannot be fetched, merged or pushed.
        DiskFull: the run's folder cannot be written.
        BadInput: what it keeps is damaged.
    """
    if step is Step.MERGE_BASE:
        return await merge_base(github, linked, found)
    if step is Step.HANDS_OFF:
        await take_hands_off(github, found)
    return str(step)


async def take_hands_off(github: GitHubRepository, found: OpenPullRequest) -> None:
    """Says in the pull request that it is left alone from here on, once.

    Raises:
        GitHubError: GitHub refuses, or does not answer; the same again goes on where this one ended.
    """
    text = _HANDS_OFF.format(branch=found.pull.head)
    await github.issues.upsert_comment(found.pull.number, marker=text.partition("\n")[0], body=text)


async def merge_base(github: GitHubRepository, linked: LinkedRepository, found: OpenPullRequest) -> str:
    """Merges the head of its base branch into the pull request's, and pushes that on top of what is there.

    Made again, the merge is the same commit.

    Returns:
        What became of it, in words.

    Raises:
        MergeConflict: they do not merge; `files` says where.
        GitHubError: GitHub gives no token.
        GitError: one of the branches cannot be fetched or pushed, or somebody has pushed at this moment.
        DiskFull: the run's folder cannot be written.
    """
    repository, pull = linked.repository, found.pull
    token = await github.token()
    remote = await linked.remote(token)
    ours, theirs = [await base.fetch_base(repository, name, remote=remote) for name in (pull.head, pull.base)]
    if ours != pull.head_sha:
        return "it has just been pushed to: looked at again next time"
    for commit in (ours, theirs):
        await complete_partial_clone(repository, commit, token=linked.remote_token(token))
    head = await repository.merge([theirs], base=ours, message=f"Merge {pull.base} into {pull.head}")
    if head in {ours, theirs}:
        return f"nothing of {pull.base} is missing in it"
    await put_on_top(linked, found, head=head, remote=remote)
    return f"{pull.base} is merged into it ({head[:12]})"


async def put_on_top(linked: LinkedRepository, found: OpenPullRequest, *, head: str, remote: Remote) -> None:
    """Puts the pull request's branch at a commit on top of its head, and has the run keep that.

    Kept before it is pushed: whoever is killed in between does the same again.

    Raises:
        GitError: the branch cannot be moved or pushed, or holds what the commit does not.
        DiskFull: the run's folder cannot be written.
        BadInput: what the folder keeps is damaged.
    """
    repository, pull, folder = linked.repository, found.pull, found.folder
    own = tended_branch(pull.head, run=folder.run)
    await branches.move_branch(repository, own, head=head, base=pull.head_sha)
    tended = folder.load(Tended) or Tended()
    folder.keep(tended.with_head(pull.head, on=pull.head_sha, head=head))
    await push(repository, {pull.head: head}, remote=remote, only_forward=True)
