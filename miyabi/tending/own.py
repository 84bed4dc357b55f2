"""The open pull requests of the runs here: which they are, how they stand at GitHub, and who tends them just now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from miyabi.errors import BadInput, PullRequestsBusy
from miyabi.git import foreign_tips
from miyabi.github import CheckState, GitHubRepository, LinkedRepository, PullRequest
from miyabi.pull_requests import Publication, Tended
from miyabi.runs import RunFolder, make_folder_of_runs
from miyabi.system import files
from miyabi.tending.asked import read_asked
from miyabi.tending.session import may_answer
from miyabi.tending.standing import OpenPullRequest, that_count


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPullRequests:
    """The pull requests that runs of a repository have opened, by number; `warnings` name folders left out."""

    runs: dict[int, tuple[RunFolder, PullRequest]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def run_of(self, pull: PullRequest) -> RunFolder | None:
        """Finds the run that opened it, the latest of several; None where none here has."""
        folder, known = self.runs.get(pull.number, (None, None))
        return folder if known and known.head == pull.head and not pull.from_fork else None


def own_pull_requests(repository: Path) -> OwnPullRequests:
    """Reads in the run folders of a repository which pull requests they have opened.

    A folder that is damaged is left out, with a warning: one bad file must not keep the others from being tended.
    """
    runs, warnings = dict[int, tuple[RunFolder, PullRequest]](), list[str]()
    for folder in RunFolder.by_start(repository):
        try:
            publication = folder.load(Publication)
        except BadInput as error:
            warnings.append(f"run {folder.run} is left out of account: {error}")
            continue
        runs |= {pull.number: (folder, pull) for pull in (publication.pull_requests if publication else ())}
    return OwnPullRequests(runs=runs, warnings=tuple(warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPullRequests:
    """All that are tended, by number, and what the reader of the log should know."""

    found: tuple[OpenPullRequest, ...] = ()
    warnings: tuple[str, ...] = ()


async def read_open_pull_requests(github: GitHubRepository, linked: LinkedRepository) -> OpenPullRequests:
    """Reads how each open pull request stands that a run of this repository has opened.

    Args:
        github: the repository at GitHub, which should keep its answers: see `GitHubRepository.open`.
        linked: the same here.

    Raises:
        GitHubError: GitHub cannot be read.
        GitError: a branch had to be looked at, and cannot be.
        BadInput: there is no such remote.
    """
    own = own_pull_requests(linked.repository.root)
    if not own.runs:
        return OpenPullRequests(warnings=own.warnings)
    runs = [(pull, own.run_of(pull)) for pull in await github.pull_requests.all()]
    ours = sorted(((pull, folder) for pull, folder in runs if folder), key=lambda each: each[0].number)
    found = await _standing(github, linked, ours) if ours else ()
    return OpenPullRequests(found=found, warnings=own.warnings)


async def _standing(
    github: GitHubRepository, linked: LinkedRepository, ours: Sequence[tuple[PullRequest, RunFolder]]
) -> tuple[OpenPullRequest, ...]:
    remote = await linked.remote(await github.token())
    tips = {pull.head: pull.head_sha for pull, _ in ours}
    foreign = await foreign_tips(linked.repository, tips, remote=remote)
    found = [await _one(github, pull, folder, foreign=foreign.get(pull.head, "")) for pull, folder in ours]
    may_merge = bool(linked.settings.pull_request.auto_merge) and (await github.info()).allow_auto_merge
    return tuple(_as_kept(each, linked, may_merge=may_merge) for each in found)


def _as_kept(found: OpenPullRequest, linked: LinkedRepository, *, may_merge: bool) -> OpenPullRequest:
    """The same with what was not done about its head yet: once a head, so that who switches it off has it off."""
    pull, tended, settings = found.pull, found.folder.load(Tended) or Tended(), linked.settings.pull_request
    was_asked = pull.auto_merge or tended.auto_merge.get(pull.head) == pull.head_sha
    is_wanted = bool(settings.auto_merge) and not (found.foreign or pull.draft or was_asked)
    return replace(
        found,
        may_answer=bool(found.asked) and may_answer(linked, found),
        wants_auto_merge=is_wanted and may_merge,
        wants_merge_queue=is_wanted,
        run_to_show=tended.run_to_show(pull.head, head=pull.head_sha) if settings.statuses else "",
    )


async def _one(github: GitHubRepository, pull: PullRequest, folder: RunFolder, *, foreign: str) -> OpenPullRequest:
    if foreign:
        return OpenPullRequest(pull=pull, folder=folder, foreign=foreign)
    whole, checks = await github.pull_requests.get(pull.number), await github.checks.of(pull.head_sha)
    is_any_red = any(check.state is CheckState.RED for check in that_count(checks, required=()))
    required = await github.checks.required(pull.base) if is_any_red else frozenset()
    asked = await read_asked(github, pull.number)
    return OpenPullRequest(pull=whole, folder=folder, checks=that_count(checks, required=required), asked=asked)


def kept_answers(repository: Path) -> Path:
    """Returns the file in which GitHub's answers are kept from one time to the next.

    Raises:
        BadInput: the repository is not writable.
    """
    return make_folder_of_runs(repository) / ".github-answers.json"


@contextmanager
def tending_lock(repository: Path) -> Iterator[None]:
    """Holds a repository's pull requests while they are tended; the kernel gives them back however that ends.

    Raises:
        BadInput: the repository is not writable.
        DiskFull: there is no room for the file of the lock.
        PullRequestsBusy: another orchestrator holds them; says which process.
    """
    file = make_folder_of_runs(repository) / ".pull-requests.lock"
    with files.locked(file, busy=_busy):
        yield


def _busy(pid: str) -> PullRequestsBusy:
    return PullRequestsBusy(f"the pull requests are being tended by pid {pid}: nothing is done twice.")
