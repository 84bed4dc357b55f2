"""Secrets do not leave a session: what looks like one, or is known as one, is replaced before it is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

REDACTED = "[redacted]"

# The group, where there is one, is what introduces the secret and stays.
_SECRETS = (
    re.compile(
        r"()\bsk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{12,}"
    ),  # Anthropic keys and OAuth tokens, and others of that shape
    re.compile(r"()\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
    re.compile(r"()\b(?:xox[a-z]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16})\b"),
    re.compile(r"(\b(?:bearer|basic)\s{1,4})[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE),
    re.compile(r"(://[^\s/@:]{0,64}:)[^\s/@]{1,256}(?=@)"),  # the password of an address
    re.compile(
        r"((?:key|token|secret|passw(?:or)?d)[\"']?[ ]?[=:][ ]?[\"']?)(?=[^\s\"']{0,256}[0-9])[A-Za-z0-9._~+/=-]{12,}",
        re.IGNORECASE,
    ),
)

_SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSW|PWD|CREDENTIAL|AUTH|COOKIE|DSN|DATABASE_URL", re.IGNORECASE)
_NO_SECRET = re.compile(r".{0,7}|[/~].*|[A-Za-z]?[a-z]*(?:[-_.][a-z]+)*|[A-Z]+(?:[-_][A-Z]+)*")  # a path, a plain word
_LONGEST_FILE = 64 * 1024
_COMMENTS = ("#", ";", "//")
_ASSIGNED = re.compile(r"""\s*(?:[-{]\s*)?(?:export\s+)?["']?[\w.-]{1,128}["']?\s*[:=]\s*(.*)""")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1(\s*:)?""")
_ADDRESS_PARTS = re.compile(r"[/:@?&=,;#+|]+")
_known: set[str] = set()


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """Collects the values of variables whose names say that they are secret, line by line.

    Paths, plain words and what has fewer than eight characters are none.
    """
    lines = (v for name, value in environment.items() if _SECRET_NAME.search(name) for v in value.splitlines())
    return plain_values_left_out(lines)


def secrets_of_file(content: bytes) -> set[str]:
    """Collects the values of a file of settings, such as `.env`, JSON, YAML or a key: whole ones and their words.

    Paths, plain words, what has fewer than eight characters, and comments are none; neither is anything beyond 64 KiB,
    or in a file that is no text.
    """
    text = content[:_LONGEST_FILE].decode("utf-8-sig", "replace")
    return set() if "\0" in text else plain_values_left_out(v for line in text.splitlines() for v in _values(line))


def _values(line: str) -> Iterator[str]:
    is_comment = line.lstrip().startswith(_COMMENTS)
    assigned = _ASSIGNED.match(line.lstrip(f"{_COMMENTS[0]}{_COMMENTS[1]} \t") if is_comment else line)
    value = assigned[1] if assigned else "" if is_comment else line
    yield from (text for _, text, is_name in _QUOTED.findall(value) if not is_name)
    for part in (value, value.partition(" #")[0], *value.split()):
        yield part.strip().strip("\"',;")


def secrets_of_address(url: str) -> set[str]:
    """Collects what of an address must not be seen whose parts are tokens: the whole, and each part but for the host.

    Where the host has no dot it is none for some services but a topic, and counts as a part.
    """
    rest = url.strip().partition("://")[2]
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        host = ""
    shown = host if "." in host or host == "localhost" else ""
    parts = (part for each in _ADDRESS_PARTS.split(rest) for part in (each, unquote(each)) if part.lower() != shown)
    return {url.strip()} | plain_values_left_out(parts)


def plain_values_left_out(lines: Iterable[str]) -> set[str]:
    """Returns the lines that may be secrets: no path, no plain word, and no fewer than eight characters."""
    return {line for each in lines if not _NO_SECRET.fullmatch(line := each.strip())}


def hide(values: Iterable[str]) -> None:
    """Has these replaced as well, from now on, wherever this process redacts."""
    _known.update(values)


def redact(text: str) -> str:
    """Replaces every known secret, and all that looks like a key, token or password, by `[redacted]`."""
    for value in sorted((v for v in _known if v in text), key=len, reverse=True):
        text = text.replace(value, REDACTED)
    for secret in _SECRETS:
        text = secret.sub(rf"\1{REDACTED}", text)
    return text
