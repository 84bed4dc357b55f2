"""Every error that a caller may meet, drawn as a tree. The message says the situation and the next step.

MiyabiError
├── BadInput                  what the user gave cannot be used; nothing was started (exit code 2)
│   ├── DagError              the DAG file: names the file, the node and the field
│   ├── SettingsError         the configuration: names the file and the field
│   ├── NotARepository        no git repository at that path
│   ├── BaseMissing           the base branch or commit does not exist
│   ├── Busy                  another orchestrator works on the same
│   │   ├── MilestoneBusy     … on the milestone
│   │   └── PullRequestsBusy  … on the repository's pull requests
│   └── GitUnusable           no git at the orchestrator, or one that is too old
├── MachineError              one machine; carries its name
│   ├── MachineUnreachable    transient: refused, no route, timed out, closed at once
│   ├── ConnectionDropped     transient: the link went in mid-command, its outcome is unknown
│   ├── HostKeyRefused        permanent: unknown, changed or revoked host key
│   ├── LoginRefused          permanent: key refused, unknown user, unreadable key file
│   ├── SshConfigUnusable     permanent: ~/.ssh/config or one of the files it names
│   ├── MachineFull           the machine itself refuses one session more than its slots
│   │   └── MachineClosed     it takes none at present: it is cordoned, or short of disk or memory
│   ├── MachineDiskFull       the machine's disk takes no more
│   ├── MachineNotReady       something it needs is missing there: claude, git, perl, a login
│   └── RemoteFailed          a command of ours failed there: carries exit status and stderr
├── SessionError
│   └── SessionConflict       the same session id with another script
├── GitError
│   ├── GitFailed             a git command of ours failed: carries the command and its stderr
│   ├── MergeConflict         heads that do not merge: carries the files
│   └── RemoteError           another repository, which we look at or push to
│       ├── RemoteUnreachable transient: no answer, a server error, cut off; whether a push was done is unknown
│       ├── RemoteLoginRefused wrong or expired token, no credential, ssh key or host key refused
│       ├── RemoteNotFound    no such repository there, not visible with this login, or gone to another server
│       └── PushRefused       some branches may not be changed; carries which and why, and which were pushed
├── GitHubError               GitHub cannot do what was asked, or answers with something that is not GitHub's
│   ├── GitHubUnreachable     transient: no answer, a server error; whether a write was done is unknown
│   ├── RateLimited           transient: the limit lasts longer than we may wait; carries how long
│   ├── TokenRefused          wrong, expired or revoked token; App key or installation not accepted
│   ├── RightsMissing         the token is known, but may not do this
│   ├── RepositoryArchived    read-only
│   ├── NotFoundOnGitHub      no such repository, milestone, issue…, or not visible with this token
│   └── ValidationRefused     the content is refused; carries the fields
├── BudgetSpent               nothing of a task's budget is left for another attempt
├── NotAdmitted               nothing new is started for now, e.g. as a budget is used up; says which
├── LedgerUnusable            the count of what was spent cannot be read or written
├── DiskFull                  transient: the disk of the orchestrator takes no more
│   └── GitDiskFull           the same, met by a git command of ours; a GitFailed too
└── ServerError               the Prefect server cannot be found, started or used
    └── ServerAway            transient: it does not answer at the moment
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_OTHERS = 20


class MiyabiError(Exception):
    """Something foreseeable went wrong. `transient`: the same again may go well."""

    transient = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class BadInput(MiyabiError):
    """The input cannot be used. `others` has further problems of the same file, which the message only counts."""

    def __init__(self, message: str | None = None, *, others: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.others = tuple(others)

    @property
    def in_full(self) -> str:
        """The message, and below it a line for each further problem, the first twenty."""
        more = len(self.others) - MOST_OTHERS
        rest = [f"… and {more} more"] if more > 0 else []
        return "\n  ".join([str(self), *self.others[:MOST_OTHERS], *rest])


class DagError(BadInput):
    """The DAG file cannot be used."""


class SettingsError(BadInput):
    """The configuration cannot be used."""


class NotARepository(BadInput):
    """There is no git repository here."""


class OutsideRepository(NotARepository):
    """The folder is in no git repository."""


class BaseMissing(BadInput):
    """The base does not exist in the repository."""


class Busy(BadInput):
    """Another orchestrator works on the same."""


class MilestoneBusy(Busy):
    """Another orchestrator works on the milestone."""


class PullRequestsBusy(Busy):
    """Another orchestrator tends the pull requests."""


class GitUnusable(BadInput):
    """There is no git here. Install git 2.38 or newer and see that it is on PATH."""


class MachineError(MiyabiError):
    """A machine cannot be used. `machine` is its name."""

    def __init__(self, message: str | None = None, *, machine: str = "") -> None:
        super().__init__(message)
        self.machine = machine


class MachineUnreachable(MachineError):
    """The machine does not answer."""

    transient = True


class ConnectionDropped(MachineError):
    """The link went in mid-command; whether the command ran is unknown."""

    transient = True


class HostKeyRefused(MachineError):
    """The machine's host key is not the one we know."""


class LoginRefused(MachineError):
    """The machine does not let us in."""


class SshConfigUnusable(MachineError):
    """The SSH configuration cannot be used."""


class MachineFull(MachineError):
    """Every slot of the machine is taken."""

    transient = True


class MachineClosed(MachineFull):
    """The machine takes no session at present, whatever slots are free."""


class MachineDiskFull(MachineError):
    """The machine's disk is full."""


class MachineNotReady(MachineError):
    """Something that a session needs is missing on the machine."""


class RemoteFailed(MachineError):
    """A command failed on the machine. `exit_status` is None where it never got one."""

    def __init__(
        self, message: str | None = None, *, machine: str = "", exit_status: int | None = None, stderr: str = ""
    ) -> None:
        super().__init__(message, machine=machine)
        self.exit_status, self.stderr = exit_status, stderr


class DiskFull(MiyabiError, OSError):
    """The disk of the orchestrator is full."""

    transient = True

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.strerror = "No space left on device"


class BudgetSpent(MiyabiError):
    """Nothing of a task's budget is left for another attempt."""


class NotAdmitted(MiyabiError):
    """Nothing new is started for now. A later try takes the task up."""


class LedgerUnusable(MiyabiError):
    """The count of what was spent cannot be read or written."""


class SessionError(MiyabiError):
    """A session cannot be started or followed."""


class SessionConflict(SessionError):
    """This session id is already used by another script."""


class GitError(MiyabiError):
    """Git cannot do what was asked."""


class GitFailed(GitError):
    """A git command failed."""


class GitDiskFull(GitFailed, DiskFull):
    """A git command failed for want of room on the orchestrator's disk."""

    transient = True


class MergeConflict(GitError):
    """Heads do not merge. `files` are the paths in conflict, sorted."""

    def __init__(self, message: str | None = None, *, files: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.files = files


class RemoteError(GitError):
    """The remote repository cannot be used."""


class RemoteUnreachable(RemoteError):
    """The remote repository does not answer at the moment."""

    transient = True


class RemoteLoginRefused(RemoteError):
    """The remote repository does not let us in."""


class RemoteNotFound(RemoteError):
    """There is no such remote repository, or the login may not see it."""


class PushRefused(RemoteError):
    """Branches were not pushed. `refused` has the reason for each of them; `pushed` are those that were."""

    def __init__(self, message: str, *, refused: dict[str, str], pushed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.refused, self.pushed = refused, pushed


class GitHubError(MiyabiError):
    """GitHub cannot do what was asked. `status` is its HTTP status, None where there was no answer."""

    def __init__(self, message: str | None = None, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class GitHubUnreachable(GitHubError):
    """GitHub does not answer at the moment."""

    transient = True


class RateLimited(GitHubError):
    """GitHub's rate limit lasts longer than we may wait. `wait_seconds` is how long it lasts."""

    transient = True

    def __init__(self, message: str | None = None, *, status: int | None = None, wait_seconds: float = 0) -> None:
        super().__init__(message, status=status)
        self.wait_seconds = wait_seconds


class TokenRefused(GitHubError):
    """GitHub does not accept the token."""


class RightsMissing(GitHubError):
    """The token may not do this."""


class RepositoryArchived(GitHubError):
    """The repository is archived, so it is read-only."""


class NotFoundOnGitHub(GitHubError):
    """There is no such thing on GitHub, or the token may not see it."""


class ValidationRefused(GitHubError):
    """GitHub refuses the content. `fields` are those that it names; `exists` where the thing is already there."""

    def __init__(
        self,
        message: str | None = None,
        *,
        status: int | None = None,
        fields: tuple[str, ...] = (),
        exists: bool = False,
    ) -> None:
        super().__init__(message, status=status)
        self.fields, self.exists = fields, exists


class AccountHeld(MiyabiError):
    """No session begins on the machine's Claude account for now. `until`, seconds since 1970: when to ask again."""

    def __init__(self, message: str | None = None, *, until: float = 0.0) -> None:
        super().__init__(message)
        self.until = until


class ServerError(MiyabiError):
    """The Prefect server cannot be used."""


class ServerAway(ServerError):
    """The Prefect server does not answer at the moment."""


_OF_WHAT_WAS_GIVEN = (
    BadInput,
    TokenRefused,
    RightsMissing,
    RepositoryArchived,
    NotFoundOnGitHub,
    RemoteLoginRefused,
    RemoteNotFound,
)


def is_bad_input(error: MiyabiError) -> bool:
    """Returns whether the same again ends the same until the user gives something else."""
    return isinstance(error, _OF_WHAT_WAS_GIVEN)
