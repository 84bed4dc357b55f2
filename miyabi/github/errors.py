"""What GitHub's refusals mean, and how long its limits last. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

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
from miyabi.github.request import Request, Response
from miyabi.text import duration, redact

_MINUTE = 60.0
_LONGEST_TEXT = 400
_LONGEST_SECONDS = 1e9  # a clock that was set wrong
_GRAPHQL_LIMITS = {"RATE_LIMIT", "RATE_LIMITED"}
_EXISTS = ("already exists", "already_exists")


def limit_seconds(answer: Response) -> float | None:
    """Returns for how many seconds to wait before asking again; None where no rate limit is the reason.

    GitHub says it in `retry-after`, in `x-ratelimit-reset`, or, for some secondary limits, in words only: a minute
    then ("Rate limits for the REST API").
    """
    if answer.status not in {403, 429}:
        return None
    said = answer.message.lower()
    in_words = "rate limit" in said or "abuse detection" in said
    return _seconds_said(answer) or (_MINUTE if in_words or answer.status == 429 else None)  # noqa: PLR2004 - HTTP's own


def _seconds_said(answer: Response) -> float | None:
    if (seconds := _number(answer.headers.get("retry-after"))) is not None:
        return max(seconds, 1.0)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = _number(answer.headers.get("x-ratelimit-reset"))
        return max(reset - answer.at.timestamp(), 1.0) if reset is not None else _MINUTE
    return None


def is_passing(answer: Response) -> bool:
    """Returns whether it may well be different in a moment; whether a write was done is unknown then."""
    return answer.status >= 500 or answer.status == 408  # noqa: PLR2004 - HTTP's own numbers


def unreachable(request: Request, *, base_url: str, reason: str, status: int | None = None) -> GitHubUnreachable:
    """Makes the error for a request that nothing came to, or a server error, and often enough."""
    return GitHubUnreachable(
        f"GitHub at {base_url} does not serve {request.subject} at the moment: {_short(reason)}."
        " Nothing is lost: run the same again later, it goes on where it is.",
        status=status,
    )


class _Refusal(NamedTuple):
    """What an answer of these statuses means, where it fits."""

    statuses: Collection[int]
    kind: type[GitHubError]
    text: str
    fits: Callable[[Response, Request], bool] = lambda _, __: True


_REFUSALS = (
    _Refusal(
        {401},
        TokenRefused,
        "GitHub refuses the token for {repository} ({said}): it is wrong, expired or revoked."
        " Make a new one and put it where Water Spider reads it.",
    ),
    _Refusal(
        {403},
        RepositoryArchived,
        "GitHub repository {repository} is archived, so {subject} cannot be changed."
        " Unarchive it in its settings, or name another repository.",
        lambda answer, _: "archived" in _words(answer).lower(),
    ),
    _Refusal({403, 451}, RightsMissing, "The token may not {verb} {subject} in {repository}: {said}.{needed}"),
    _Refusal(
        {404, 410},
        NotFoundOnGitHub,
        "There is no repository {repository} at {base_url}, or the token may not see it."
        " Check the name, and which repositories the token is for.",
        lambda _, request: not request.path,
    ),
    _Refusal({404, 410}, NotFoundOnGitHub, "{repository} has no {subject}, or the token may not {verb} it ({said})."),
)
"""The first that fits is meant."""

_OTHER = _Refusal((), GitHubError, "GitHub does not {verb} {subject} in {repository}: {status} {said}.")


def fault(answer: Response, request: Request, *, repository: str, base_url: str) -> GitHubError:
    """Makes the error that a refusing answer means."""
    said, status = _words(answer), answer.status
    if (seconds := limit_seconds(answer)) is not None:
        return rate_limited(answer, seconds=seconds)
    if status == 422:  # noqa: PLR2004 - HTTP's own number
        return _refused(answer, request, repository=repository)
    if is_passing(answer):
        return unreachable(request, base_url=base_url, reason=f"{status} {said}", status=status)
    meant = (each for each in _REFUSALS if status in each.statuses and each.fits(answer, request))
    refusal = next(meant, _OTHER)
    text = refusal.text.format(
        repository=repository,
        base_url=base_url,
        verb=_verb(request),
        subject=request.subject,
        status=status,
        said=said,
        needed=_needed(answer),
    )
    return refusal.kind(text, status=status)


def graphql_fault(answer: Response, request: Request, *, base_url: str) -> GitHubError | None:
    """Makes the error that GraphQL means, which answers with 200 to what it refuses too; None where it did it.

    Limits are of type RATE_LIMIT or RATE_LIMITED ("Rate limits and query limits for the GraphQL API"); of its own
    failures it says that something went wrong.
    """
    problems = answer.problem.get("errors") or ()
    if not problems:
        return None
    said = _short("; ".join(str(problem.get("message")) for problem in problems))
    if any(problem.get("type") in _GRAPHQL_LIMITS for problem in problems) or "rate limit" in said.lower():
        return rate_limited(answer, seconds=_seconds_said(answer) or _MINUTE)
    if said.startswith("Something went wrong"):
        return unreachable(request, base_url=base_url, reason=said)
    return ValidationRefused(f"GitHub does not set {request.subject}: {said}.", status=answer.status)


def moved(answer: Response, request: Request, *, repository: str) -> NotFoundOnGitHub:
    """Makes the error for what is in another repository now, or at another server."""
    location = _short(answer.headers.get("location") or "an unknown place")
    return NotFoundOnGitHub(
        f"{repository} has no {request.subject} any more: it moved to {location}."
        " Name the new repository in the settings if that is where the work is.",
        status=answer.status,
    )


def rate_limited(answer: Response, *, seconds: float) -> RateLimited:
    """Makes the error for a limit that lasts so long."""
    until = datetime.now(UTC) + timedelta(seconds=min(max(seconds, 0.0), _LONGEST_SECONDS))
    return RateLimited(
        f"GitHub's rate limit is used up until {until:%H:%M:%S} UTC ({duration(seconds)} more), which is longer than"
        " we may wait. Try again after that, or allow a longer wait (max_wait_seconds).",
        status=answer.status,
        wait_seconds=seconds,
    )


def _refused(answer: Response, request: Request, *, repository: str) -> ValidationRefused:
    problems = [problem for problem in answer.problem.get("errors") or () if problem]
    fields = tuple(dict.fromkeys(p["field"] for p in problems if isinstance(p, dict) and p.get("field")))
    why = "; ".join(map(_problem, problems))
    said = f"{_words(answer)}: {_short(why)}" if why else _words(answer)
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


def _needed(answer: Response) -> str:
    needed = answer.headers.get("x-accepted-github-permissions") or answer.headers.get("x-accepted-oauth-scopes")
    return f" It needs: {_short(needed)}." if needed else " Give it write access to the repository."


def _verb(request: Request) -> str:
    return "change" if request.writes else "read"


def _words(answer: Response) -> str:
    return _short(answer.message) or f"status {answer.status}"


def _short(text: str) -> str:
    return redact(" ".join(text.split())[:_LONGEST_TEXT]).rstrip(".")


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
