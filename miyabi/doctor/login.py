"""Claude: how long its login lasts, who pays, and whether it is new enough."""

from __future__ import annotations

from datetime import UTC, datetime

from miyabi.doctor.finding import Kind, Severity
from miyabi.doctor.patient import Patient, Rule
from miyabi.text import count, version_numbers

DAY_SECONDS = 86_400
WARN_DAYS = 7
TOKEN_DAYS = 365
OLDEST = "2.1.311"
"""From here on `claude -p` saves its transcript in order; before 2.1.225 a 401 replaced the token of the environment,
before 2.1.212 TERM left children, before 2.1.208 the result could be missing from a big pipe (its own changelog)."""


def login_ends(patient: Patient) -> float | None:
    """Returns when claude's own login ends, in seconds since 1970; None where that is not known or it has a token.

    What claude says itself counts first; else its credentials file, where a login that is refreshed ends with the
    refresh token, and one that cannot be refreshed with the access token (Claude Code 2.1.332, measured).
    """
    if patient.token_file or not patient.needs_login:
        return None
    if patient.login_ends:
        try:
            ends = datetime.fromisoformat(patient.login_ends)
        except ValueError:
            return None
        return (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
    refreshes = patient.facts.text("login_refreshes")
    key = "login_refreshTokenExpiresAt" if refreshes else "login_expiresAt"
    milliseconds = patient.facts.number(key)
    return milliseconds / 1000 if milliseconds else None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _ended(patient: Patient) -> str:
    ends = login_ends(patient)
    return f"the login of its claude ended {_date(ends)}" if ends and ends <= patient.answered else ""


def _ends(patient: Patient) -> str:
    ends = login_ends(patient)
    if ends is None or not 0 < ends - patient.answered <= WARN_DAYS * DAY_SECONDS:
        return ""
    days = int((ends - patient.answered) / DAY_SECONDS)
    return f"the login of its claude ends {_date(ends)}, in {count(days, 'day') if days else 'less than a day'}"


def _token_age(patient: Patient) -> str:
    age = patient.facts.number("token_age")
    if age is None or age < (TOKEN_DAYS - WARN_DAYS) * DAY_SECONDS:
        return ""
    return f"its token file {patient.token_file} was written {int(age / DAY_SECONDS)} days ago"


def _api_key(patient: Patient) -> str:
    if (
        patient.token_file
        or not patient.needs_login
        or "ANTHROPIC_API_KEY" in patient.configured
        or not patient.facts.text("api_key")
    ):
        return ""
    return "its login shell sets ANTHROPIC_API_KEY, which wins over any other login of claude"


def _old(patient: Patient) -> str:
    is_old = patient.claude and version_numbers(patient.claude) < version_numbers(OLDEST)
    return f"its Claude Code is {patient.claude}, older than {OLDEST}" if is_old else ""


_LOG_IN = "claude setup-token    # then save what it prints there, mode 0600, and set `sessions.oauth_token_file`"

LOGIN_RULES = (
    Rule(
        kind=Kind(
            id="login-ended",
            severity=Severity.ERROR,
            when="claude's login is over, by `loginExpiresAt` of `claude auth status` or its credentials file",
            why="`claude auth status` still says that it is logged in; each session ends with 401 all the same.",
            mend=_LOG_IN,
        ),
        look=_ended,
    ),
    Rule(
        kind=Kind(
            id="login-ends",
            severity=Severity.WARNING,
            when=f"the same, within {WARN_DAYS} days",
            why="From that moment on each session there ends with 401, in whichever night that is.",
            mend=_LOG_IN,
        ),
        look=_ends,
    ),
    Rule(
        kind=Kind(
            id="token-age",
            severity=Severity.WARNING,
            when=f"`oauth_token_file` was written over {TOKEN_DAYS - WARN_DAYS} days ago",
            why="A token of `claude setup-token` is good for a year; nothing tells its end in advance but its age.",
            mend="claude setup-token    # then save the new token as {token} there, mode 0600",
        ),
        look=_token_age,
    ),
    Rule(
        kind=Kind(
            id="api-key",
            severity=Severity.WARNING,
            when="the login shell sets `ANTHROPIC_API_KEY`, and neither a token file nor the configuration does",
            why="Sessions are billed to the API by that key, whatever subscription claude is logged in to.",
            mend="take it out of the start-up files of {user}, or set it in the machine's `environment` if it is meant",
        ),
        look=_api_key,
    ),
    Rule(
        kind=Kind(
            id="claude-old",
            severity=Severity.WARNING,
            when=f"Claude Code is older than {OLDEST}",
            why="Older ones lose results, transcripts or logins of `claude -p` in ways that were mended since.",
            mend="{claude} update    # on the machine; `sessions.min_claude` refuses older ones",
        ),
        look=_old,
    ),
)
