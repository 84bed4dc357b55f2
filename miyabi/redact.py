"""Secrets do not leave a session: whatever looks like one is replaced before it is shown or stored."""

from __future__ import annotations

import re

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


def redact(text: str) -> str:
    """The text with everything that looks like a key, token or password replaced by `[redacted]`."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{REDACTED}", text)
    return text
