from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from miyabi.machines.ssh.restrictions import Restrictions, refusal
from miyabi.machines.ssh.revoked_keys import RevokedKeys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0YV1u8Wk1hN3m1vJ2F4wS3kTz0Zc5dV8mQ9rB7xY2h"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK1YV1u8Wk1hN3m1vJ2F4wS3kTz0Zc5dV8mQ9rB7xY2h"
READ = asyncssh.import_public_key(KEY)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ""),
        ({"pubkeyauthentication": ["true"], "preferredauthentications": ["none"]}, ""),
        ({"pubkeyauthentication": ["unbound"]}, ""),
        ({"pubkeyauthentication": ["host-bound"], "preferredauthentications": ["publickey,password"]}, ""),
        ({"pubkeyauthentication": ["false"]}, "PubkeyAuthentication is off"),
        ({"pubkeyauthentication": ["no"]}, "PubkeyAuthentication is off"),
        ({"preferredauthentications": ["hostbased"]}, "leaves out publickey"),
        ({"proxyusefdpass": ["yes"]}, ""),
        ({"proxyusefdpass": ["yes"], "proxycommand": ["nc %h %p"]}, "ProxyUseFdpass cannot"),
        ({"proxyusefdpass": ["yes"], "proxycommand": ["none"]}, ""),
    ],
)
def test_what_nobody_can_log_in_with(options: dict[str, list[str]], said: str) -> None:
    """Only options that keep a login by keys from working are refused, each by its name."""
    assert said in refusal(options)
    assert bool(said) == bool(refusal(options))


def test_lists_keep_their_order() -> None:
    """Algorithms are those of the answer of ssh, of newer and older versions; without one anything goes."""
    options = {"kexalgorithms": ["b,a"], "pubkeyacceptedkeytypes": ["x"], "revokedhostkeys": ["none"]}
    assert Restrictions.of(options) == Restrictions(key_exchanges=("b", "a"), signatures=("x",))
    assert Restrictions.of({}) == Restrictions()


@pytest.mark.parametrize("text", [KEY, f"# old\n{KEY} old machine\n", f"{OTHER}\n\n  {KEY}  \n", f"@x m1 {KEY}"])
def test_a_file_of_revoked_keys(tmp_path: Path, text: str) -> None:
    """Keys are found whatever stands around them."""
    file = tmp_path / "revoked"
    file.write_text(text)
    assert RevokedKeys(file).has(READ)
    assert RevokedKeys(file).among([READ, asyncssh.generate_private_key("ssh-ed25519")]) == (READ,)


@pytest.mark.parametrize("text", ["", f"# {KEY}\n", OTHER, "ssh-ed25519 AAAA\n\0\n"])
def test_a_key_that_is_not_revoked(tmp_path: Path, text: str) -> None:
    """Comments, other keys and damaged lines take nothing back."""
    file = tmp_path / "revoked"
    file.write_text(text)
    assert not RevokedKeys(file).has(READ)


def test_a_damaged_list_revokes_all(tmp_path: Path) -> None:
    """A revocation list that cannot be read leaves no key that is trusted."""
    file = tmp_path / "revoked"
    file.write_bytes(b"SSHKRL\n\0\1")
    assert RevokedKeys(file).has(READ)
