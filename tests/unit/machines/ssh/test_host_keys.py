"""known_hosts files, line by line."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import asyncssh
import pytest

from miyabi.machines.ssh.host_keys import KnownKeys, fingerprint, keys_of, known_hosts, remember

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZpbmdlcnByaW50cyBhcmUgZmluZSwgc28gdHJ1bHku"
READ = asyncssh.import_public_key(KEY)


def keys_in(text: str, *, name: str) -> KnownKeys:
    """What the lines give to the name."""
    return keys_of(name, known_hosts(text))


@pytest.mark.parametrize(
    ("names", "name", "found"),
    [
        ("mac", "mac", True),
        ("mac,10.0.0.1", "10.0.0.1", True),
        ("MAC", "mac", True),
        ("mac", "MAC", True),
        ("mac", "mac2", False),
        ("*.example.com", "a.b.example.com", True),
        ("mac?", "mac7", True),
        ("mac?", "mac", False),
        ("*,!mac", "mac", False),
        ("*,!mac", "other", True),
        ("!mac", "other", False),
        ("[mac]:2222", "[mac]:2222", True),
        ("[mac]:2222", "mac", False),
        ("[*.lan]:2222", "[a.lan]:2222", True),
        ("m.c", "mac", False),
        ("m[a]c,*.lan", "mac", False),
        ("10.0.0.0/8", "10.0.0.1", False),
        ("*,!10.0.0.0/8", "10.0.0.1", True),
        ("10.0.0.1,*.lan", "[10.0.0.1]:2222", False),
        ("0:0:0:0:0:0:0:1,*.lan", "::1", False),
        ("mac,", "other", False),
        (f"{'*' * 60}x", "a" * 60, False),
    ],
)
def test_names(names: str, name: str, *, found: bool) -> None:
    """Lists, patterns, negation, any case and ports, as in OpenSSH; no nets of addresses, which asyncssh knows."""
    assert bool(keys_in(f"{names} {KEY} a comment\n", name=name).keys) is found


def test_hashed_names() -> None:
    """A hashed name is found by its hash alone."""
    salt = b"12345678901234567890"
    digest = hmac.digest(salt, b"mac", "sha1")
    line = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {KEY}"
    assert keys_in(line, name="mac").keys == (READ,)
    assert keys_in(line, name="other").keys == ()


def test_marked_lines() -> None:
    """Authorities and revoked keys are kept apart from plain ones."""
    text = f"@cert-authority *.lan {KEY}\n@revoked * {KEY}\na.lan {KEY}\n"
    assert keys_in(text, name="a.lan") == KnownKeys(keys=(READ,), authorities=(READ,), revoked=(READ,))
    assert keys_in(text, name="b") == KnownKeys(revoked=(READ,))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "#mac ssh-ed25519 AAAA",
        "mac",
        "mac ssh-ed25519",
        "@revoked",
        "|1|x",
        "|1|?|? a b",
        "|2|x|y a b",
        "mac ssh-strange AAAA",
        "mac ssh-ed25519 AAAA",
        f"# {KEY}\x0cmac {KEY[:-9]}abcd",
        "mac ssh-ed25519 A",
        "mac ssh-ed25519 é",
        "mac ssh-rsa ====",
        "mac ssh-rsa AAAAB3NzaC1yc2EAAAAB/wAAAAh/f39/f39/fw==",  # of a number below zero
        "|1|A|x ssh-rsa AAAA",
        "|1|é|x ssh-rsa AAAA",
    ],
)
def test_lines_that_nobody_understands(line: str) -> None:
    """A damaged line is skipped and harms no other."""
    assert keys_in(f"{line}\nmac {KEY}\n", name="mac").keys == (READ,)


def test_algorithms_asked_for() -> None:
    """Known types come first, certificates only where an authority is known, every other type after them."""
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=1024).convert_to_public()
    assert KnownKeys(keys=(rsa,)).algorithms[:3] == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519")
    assert KnownKeys().algorithms[0] == "ssh-ed25519"
    assert KnownKeys(authorities=(READ,)).algorithms[0] == "ssh-ed25519-cert-v01@openssh.com"
    dsa = asyncssh.generate_private_key("ssh-dss").convert_to_public()
    assert KnownKeys(keys=(dsa,)).algorithms == KnownKeys().algorithms


def test_remember(tmp_path: Path) -> None:
    """A line is added, in a private folder if need be, and never to the end of a torn one."""
    path = tmp_path / "new" / "known_hosts"
    remember(READ, name="mac", path=path)
    assert path.read_text() == f"mac {KEY}\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.write_text("torn")
    remember(READ, name="mac", path=path)
    assert path.read_text() == f"torn\nmac {KEY}\n"


def test_fingerprint() -> None:
    """As ssh-keygen prints it."""
    assert fingerprint(READ) == "ssh-ed25519 SHA256:UY+1+ZNofDbCWy3I6Z0unwTFfFYwFGjMeejxPTUesf8"
