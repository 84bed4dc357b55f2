"""What git says about a remote repository becomes an error with a next step. Pure.

The words are those of git, of OpenSSH and of GitHub; what a message quotes of them is on one line and holds no login.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from miyabi.errors import GitError, GitFailed, PushRefused, RemoteLoginRefused, RemoteNotFound, RemoteUnreachable
from miyabi.git.command import GitResult
from miyabi.git.remote.target import Remote
from miyabi.text import clean, count, one_line, several

_LOGIN = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|returned error: 401|Permission denied \("
    r"|Host key verification failed|Authentication required|Authorization error|Too many authentication failures",
)
_MAY_NOT = re.compile(
    r"returned error: 403|archived so it is read-only|Permission to \S+ denied|access to repository not granted",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    r"repository '.*' (?:not found|does not exist)|repository not found|returned error: 404|not appear to be a git"
    r"|no such file or directory",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"could not resolve|couldn't (?:resolve|connect)|failed to connect|connection (?:refused|reset|timed out|closed)"
    r"|timed out|too slow|empty reply|(?:recv|send) failure|ssl_error_syscall|unexpected eof|handshake|early eof"
    r"|unexpected disconnect|hung up unexpectedly|(?:returned error:|HTTP) (?:5\d\d|429|408)|kex_exchange"
    r"|batch response: fatal error|server error"
    r"|network is unreachable|no route to host|broken pipe|internal server error|failed to report status",
    re.IGNORECASE,
)
_REDIRECTED = re.compile(r"returned error: 30[12378]")
# Lines that repeat what another line says, or that only git's own users at a terminal need.
_NOISE = re.compile(
    r"fatal: the remote end hung up|Everything up-to-date|hint:|error: failed to push|send-pack: unexpected"
    r"|Errors logged to |Use `git lfs logs|(?:Uploading|Downloading) LFS objects"
    r"|Please make sure you have the correct|and the repository exists|\s*$|To \S+$|warning: redirecting"
)
_ASKED_IN_VAIN = "it asks for a user name and password"
_SHOWN = 3
_CHARACTERS = 400
_ADVICE = (
    (r"somebody pushed", "Keep what they did: merge it, or give it another name. Then delete the branch there."),
    (
        r"GH008",
        "LFS objects that your clone lacks are not there: push them from where they are (git lfs push --all REMOTE).",
    ),
    (r"GH001|exceeds .* file size", "Take the large files out of the commits."),
    (r"`?workflow`? scope", "Give the token the right to change workflows."),
    (r"cannot create|directory/file|exists;", "A branch is called like a folder of the name: rename or delete it."),
    (
        r"GH006|GH013|protected|hook declined|rule violations",
        "Let the owner of the login past the protection or the ruleset of such branches, or push to other names.",
    ),
    (r"archived", "Unarchive it in its settings, or name another repository."),
    (r"SAML|SSO", "Authorize the token or key for the organization."),
)


def is_redirected(answer: GitResult) -> bool:
    """Returns whether the repository is elsewhere, and git, as we set it up, did not follow."""
    return bool(answer.exit_status and _REDIRECTED.search(answer.stderr))


def fault(answer: GitResult, *, target: Remote, doing: str, branches: Iterable[str] = ()) -> GitError:
    """Makes the error that a failed command means; `doing` is "read from" or "push to"."""
    said, answered = f"{answer.stderr}\n{answer.text}", plain(answer.stderr, target=target)
    if _LOGIN.search(said):
        why = _ASKED_IN_VAIN if "could not read" in said else answered
        return RemoteLoginRefused(f"{target.url} does not let us in: {why}. {_login_advice(said, target)}")
    if _MAY_NOT.search(said):
        advice = advice_on(said) or "Give the login write access to the repository."
        message = f"{target.url} does not allow us to {doing} it: {answered}. {advice}"
        return PushRefused(message, refused=dict.fromkeys(branches, answered), pushed=())
    if _NOT_THERE.search(said):
        return RemoteNotFound(
            f"There is no repository {target.url}, or the login may not see it ({answered})."
            " Check the remote's address (git remote -v), and which repositories the login is for."
        )
    if _PASSING.search(said):
        return unreachable(answered, target=target, doing=doing)
    return GitFailed(f"git cannot {doing} {target.url}: {answered or f'exit status {answer.exit_status}'}.")


def unreachable(reason: str, *, target: Remote, doing: str) -> RemoteUnreachable:
    """Makes the error for a remote of which nothing came, or not to its end, however often we asked."""
    return RemoteUnreachable(
        f"We cannot {doing} {target.url} at the moment: {reason}."
        " Nothing is lost: run the same again later, it goes on where it is."
    )


def moved(url: str, *, target: Remote) -> RemoteNotFound:
    """Makes the error for a repository that is at another server now."""
    return RemoteNotFound(
        f"{target.url} is not there any more: it leads to {plain(url, target=target)}, which does not get the login."
        " If that is right: git remote set-url origin NEW-ADDRESS"
    )


def refusal(refused: Mapping[str, str], *, pushed: tuple[str, ...], target: Remote, remote_said: str) -> PushRefused:
    """Makes the error for branches that were not pushed, each with its reason."""
    reasons = [f"{branch} ({reason})" for branch, reason in refused.items()]
    rest = f" {count(len(pushed), 'other')} went through." if pushed else ""
    said = f" It says: {remote_said}." if remote_said else ""
    advice = advice_on(f"{' '.join(refused.values())} {remote_said}")
    return PushRefused(
        f"{target.url}: {count(len(refused), 'branch', 'branches')} not pushed:"
        f" {several(reasons, most=_SHOWN)}.{rest}{said} {advice}".rstrip(),
        refused=dict(refused),
        pushed=pushed,
    )


def remote_words(answer: GitResult, *, target: Remote) -> str:
    """Returns what the remote side itself says, the `remote:` lines, on one line."""
    lines = [line.removeprefix("remote:") for line in answer.stderr.splitlines() if line.startswith("remote:")]
    return plain("\n".join(dict.fromkeys(lines)), target=target)


def plain(text: str, *, target: Remote) -> str:
    """Puts what was said on one line, without the login and without what says nothing."""
    lines = [line.removeprefix("remote:").strip() for line in clean(text).splitlines() if not _NOISE.match(line)]
    joined = "; ".join(line.rstrip(".") for line in dict.fromkeys(lines) if line)
    return one_line(target.redact(joined), characters=_CHARACTERS).rstrip(".")


def advice_on(text: str) -> str:
    """Returns what to do about a refusal; empty where that is not known."""
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, text)), "")


def _login_advice(said: str, target: Remote) -> str:
    if "Host key verification failed" in said:
        return f"Look at its host key once by hand: ssh {target.url.host}"
    if target.login is not None:
        return "The token is wrong, expired or revoked. Make a new one and put it where Water Spider reads it."
    if target.url.is_http:
        return "Set a token for it, or a credential helper that git can ask without a terminal."
    return "Load the key into an ssh-agent, or name one without a passphrase for this host in ~/.ssh/config."
