"""What GitHub's refusals mean, and how long its limits last. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from miyabi.errors import (
    GitHubError,
    GitHubUnreachable,
    NotFoundOnGitHub,
    RateLimited,
    RepositoryArchived,
    RightsMissing,
    TokenRefused,
    ValidationRefused,
)
from miyabi.github.request import Answer, Request
from miyabi.text.redact import redact
from miyabi.text.units import duration

_MINUTE = 60.0
_LONGEST_TEXT = 400
_LONGEST_SECONDS = 1e9  # a clock that was set wrong
_EXISTS = ("already exists", "already_exists")


def limit_seconds(answer: Answer) -> float | None:
    """How long to wait before asking again; None where no rate limit is the reason.

    GitHub tells it in `retry-after`, in `x-ratelimit-reset`, or, for some secondary limits, in words only.
    """
    if answer.status not in {403, 429}:
        return None
    if (seconds := _number(answer.headers.get("retry-after"))) is not None:
        return max(seconds, 1.0)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = _number(answer.headers.get("x-ratelimit-reset"))
        return max(reset - answer.at.timestamp(), 1.0) if reset is not None else _MINUTE
    said = answer.message.lower()
    in_words = "rate limit" in said or "abuse detection" in said
    return _MINUTE if in_words or answer.status == 429 else None  # noqa: PLR2004 - HTTP's own number


def is_passing(answer: Answer) -> bool:
    """It may well be different in a moment; whether a write was done is unknown."""
    return answer.status >= 500 or answer.status == 408  # noqa: PLR2004 - HTTP's own numbers


def unreachable(request: Request, *, base_url: str, reason: str, status: int | None = None) -> GitHubUnreachable:
    """Nothing came, or a server error, and often enough."""
    return GitHubUnreachable(
        f"GitHub at {base_url} does not serve {request.subject} at the moment: {_short(reason)}."
        " Nothing is lost: run the same again later, it goes on where it is.",
        status=status,
    )


def fault(answer: Answer, request: Request, *, repository: str, base_url: str) -> GitHubError:  # noqa: PLR0911 - a table
    """The error that a refusing answer means."""
    said, status, subject = _words(answer), answer.status, request.subject
    if (seconds := limit_seconds(answer)) is not None:
        return rate_limited(answer, seconds=seconds)
    match status:
        case 401:
            return TokenRefused(
                f"GitHub refuses the token for {repository} ({said}): it is wrong, expired or revoked."
                " Make a new one and put it where Water Spider reads it.",
                status=status,
            )
        case 403 if "archived" in said.lower():
            return RepositoryArchived(
                f"GitHub repository {repository} is archived, so {subject} cannot be changed."
                " Unarchive it in its settings, or name another repository.",
                status=status,
            )
        case 403 | 451:
            return RightsMissing(
                f"The token may not {_verb(request)} {subject} in {repository}: {said}.{_needed(answer)}", status=status
            )
        case 404 | 410 if not request.path:
            return NotFoundOnGitHub(
                f"There is no repository {repository} at {base_url}, or the token may not see it."
                " Check the name, and which repositories the token is for.",
                status=status,
            )
        case 404 | 410:
            return NotFoundOnGitHub(
                f"{repository} has no {subject}, or the token may not {_verb(request)} it ({said}).", status=status
            )
        case 422:
            return _refused(answer, request, repository=repository)
        case _ if is_passing(answer):
            return unreachable(request, base_url=base_url, reason=f"{status} {said}", status=status)
    return GitHubError(f"GitHub does not {_verb(request)} {subject} in {repository}: {status} {said}.", status=status)


def moved(answer: Answer, request: Request, *, repository: str) -> NotFoundOnGitHub:
    """The thing is in another repository now, or at another server."""
    place = _short(answer.headers.get("location") or "an unknown place")
    return NotFoundOnGitHub(
        f"{repository} has no {request.subject} any more: it moved to {place}."
        " Name the new repository in the settings if that is where the work is.",
        status=answer.status,
    )


def rate_limited(answer: Answer, *, seconds: float) -> RateLimited:
    """A limit that lasts so long."""
    until = datetime.now(UTC) + timedelta(seconds=min(max(seconds, 0.0), _LONGEST_SECONDS))
    return RateLimited(
        f"GitHub's rate limit is used up until {until:%H:%M:%S} UTC ({duration(seconds)} more), which is longer than"
        " we may wait. Try again after that, or allow a longer wait (max_wait_seconds).",
        status=answer.status,
        wait_seconds=seconds,
    )


def _refused(answer: Answer, request: Request, *, repository: str) -> ValidationRefused:
    problems = [problem for problem in answer.problem.get("errors") or () if problem]
    fields = tuple(dict.fromkeys(p["field"] for p in problems if isinstance(p, dict) and p.get("field")))
    told = "; ".join(map(_problem, problems))
    said = f"{_words(answer)}: {_short(told)}" if told else _words(answer)
    return ValidationRefused(
        f"GitHub refuses {request.subject} in {repository}: {said}.{_advice(request, fields)}",
        status=answer.status,
        fields=fields,
        exists=any(mark in said.lower() for mark in _EXISTS),
    )


def _problem(problem: Mapping[str, Any] | str) -> str:
    if isinstance(problem, str):
        return problem
    field, value = problem.get("field"), problem.get("value")
    what = problem.get("message") or str(problem.get("code", "")).replace("_", " ")
    return f"{field} {value!r}: {what}" if field and value else f"{field}: {what}" if field else str(what)


def _advice(request: Request, fields: tuple[str, ...]) -> str:
    if not request.path.startswith("pulls") or not isinstance(request.body, dict):
        return ""
    branches = [
        f"{field} {request.body[field]!r}" for field in ("head", "base") if field in {*fields} & {*request.body}
    ]
    return f" Is there a branch for {' and '.join(branches)} at GitHub?" if branches else ""


def _needed(answer: Answer) -> str:
    needed = answer.headers.get("x-accepted-github-permissions") or answer.headers.get("x-accepted-oauth-scopes")
    return f" It needs: {_short(needed)}." if needed else " Give it write access to the repository."


def _verb(request: Request) -> str:
    return "change" if request.writes else "read"


def _words(answer: Answer) -> str:
    return _short(answer.message) or f"status {answer.status}"


def _short(text: str) -> str:
    return redact(" ".join(text.split())[:_LONGEST_TEXT]).rstrip(".")


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
