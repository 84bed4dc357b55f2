from __future__ import annotations

from importlib import import_module

import pytest

from miyabi.text import REDACTED, hide, redact, secrets_of, secrets_of_file

module = import_module("miyabi.text.redact")

# Put together here, so that no scanner takes this file for a leak.
TOKEN = "a1B2c3D4e5F6g7H8i9J0k1L2"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "ant-api03-" + TOKEN + "-x_y",
        "sk-" + "ant-oat01-" + TOKEN,
        *("gh" + kind + "_" + TOKEN for kind in "pousr"),
        "github" + "_pat_" + TOKEN + "_" + TOKEN,
        "xox" + "b-123456789012-" + TOKEN,
        "AKIA" + "ABCDEFGHIJKLMNOP",
    ],
)
def test_known_shapes(secret: str) -> None:
    """Keys and tokens of known shape are replaced wherever they stand."""
    assert redact(f"before '{secret}', after") == f"before '{REDACTED}', after"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"Authorization: Bearer {TOKEN}==", f"Authorization: Bearer {REDACTED}"),
        (f"-H 'authorization: bearer {TOKEN}'", f"-H 'authorization: bearer {REDACTED}'"),
        (f"https://me:{TOKEN}@github.com/a/b", f"https://me:{REDACTED}@github.com/a/b"),
        (f"export API_KEY={TOKEN}", f"export API_KEY={REDACTED}"),
        (f'"access_token": "{TOKEN}"', f'"access_token": "{REDACTED}"'),
        (f"password: {TOKEN} and more", f"password: {REDACTED} and more"),
    ],
)
def test_introduced(text: str, redacted: str) -> None:
    """What is introduced as a secret is replaced, and the introduction stays."""
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "The bearer of bad news is a risk-averse skeleton key",
        "https://example.org:8080/a@b",
        "token = tokenizer.next_token_from_stream()",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "sk-learn-compatible and git@github.com:me/repo.git",
    ],
)
def test_harmless(text: str) -> None:
    """Ordinary text stays as it is."""
    assert redact(text) == text


def test_twice() -> None:
    """What is redacted stays as it is when it is redacted again."""
    once = redact(f"key=sk-{TOKEN} and Bearer {TOKEN}")
    assert redact(once) == once
    assert TOKEN not in once


def test_known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is known to be secret is replaced whatever it looks like, the longest first."""
    monkeypatch.setattr(module, "_known", set())
    hide(secrets_of({"DB_PASSWORD": "correct horse", "API_KEY": "correct horse battery\nstaple staple"}))
    said = redact("correct horse battery, correct horse, staple staple, staple")
    assert said == f"{REDACTED}, {REDACTED}, {REDACTED}, staple"


def test_what_is_no_secret() -> None:
    """Other variables, paths, plain words, and what is so short that it may be part of any, stay readable."""
    harmless = {"FLAVOUR": "a b c d e f", "KEY": "sh0rt", "AUTH_SOCKET": "/run/user/1", "KEY_ID": "Production"}
    assert secrets_of({**harmless, "AUTH_MODE": "single-sign_on", "KEY_USE": "SIGN-ONLY"}) == set()


@pytest.mark.parametrize(
    "line",
    [
        "API_KEY=canary-4711",
        'export API_KEY="canary-4711"  # of the test server',
        "# API_KEY = 'canary-4711'",
        "  - key: canary-4711",
        '{"plain": 1, "key": "canary-4711", "other": "x"}',
        '    "key": "canary-4711",',
        '{"plain":"it","key":"canary-4711","other":"x"}',
        '{"said":"in \\"quotes\\": so","key":"canary-4711"}',
        "canary-4711",
        "key := canary-4711",
    ],
)
def test_values_of_a_file(line: str) -> None:
    """What a file of settings holds is known as a secret, whatever its format; its names are none."""
    found = secrets_of_file(f"# plain words of a comment\nMODE=development\nPORT=3000\n{line}\n".encode())
    assert "canary-4711" in found
    assert not [name for name in ("API_KEY", "development", "key", "plain words of a comment") if name in found]


def test_a_mark_of_the_encoding() -> None:
    """What some editors put before the first line is no part of it."""
    assert secrets_of_file("API_KEY=canary-4711\n".encode("utf-8-sig")) == {"canary-4711"}


def test_no_values_of_what_is_no_text() -> None:
    """A binary file has none, and no more than 64 KiB of any are looked at."""
    assert secrets_of_file(b"a=canary-4711\n\0") == set()
    assert secrets_of_file(b"#" * (64 * 1024) + b"\na=canary-4711\n") == set()
