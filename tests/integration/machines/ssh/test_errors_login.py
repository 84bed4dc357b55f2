"""The ways in which sshd does not let us in, and keys that we cannot use."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miyabi.errors import LoginRefused
from miyabi.machines.ssh import pool
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, host_at, keygen, like, make_key, public, works
from tests.support.machines.sshd import SshdFleet, start_fleet
from tests.support.machines.tcp_faults import chaos

sshd_fleet = fleets.sshd_fleet


@contextmanager
def agent_with(folder: Path, *keys: Path) -> Iterator[str]:
    """An ssh-agent of our own that holds these keys; its socket."""
    sock = folder / "agent.sock"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        while not sock.exists():
            assert agent.poll() is None
        environment = os.environ | {"SSH_AUTH_SOCK": str(sock)}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], env=environment, check=True)
        yield str(sock)
    finally:
        agent.terminate()
        agent.wait()


async def test_wrong_key(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A key that the machine does not know is permanent, and named with the place where its public half belongs."""
    key = make_key(tmp_path / "other")
    error = await failure(like(sshd_fleet[0], tmp_path, IdentityFile=key))
    assert isinstance(error, LoginRefused)
    assert not error.transient
    assert f"login refused for user {sshd_fleet[0].user} with {key}. Is the public key in" in str(error)


async def test_unknown_user(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A user who is not there looks the same, so the message names the user."""
    error = await failure(like(sshd_fleet[0], tmp_path, User="nobody-here"))
    assert isinstance(error, LoginRefused)
    assert "login refused for user nobody-here" in str(error)


@pytest.mark.parametrize("option", ['expiry-time="20200101"', 'from="192.0.2.7"'])
async def test_key_that_is_not_let_in_any_more(tmp_path: Path, option: str) -> None:
    """An expired key and one from elsewhere are refusals too; sshd's log has the reason."""
    with start_fleet(hosts=1) as fleet:
        allowed = fleet[0].home / ".ssh" / "authorized_keys"
        allowed.write_text(f"{option} {public(fleet[0].identity)}\n")
        error = await failure(like(fleet[0], tmp_path))
    assert isinstance(error, LoginRefused)
    assert "sshd's log has the reason" in str(error)


@pytest.mark.parametrize("option", ["DenyUsers *", "AuthenticationMethods password"])
async def test_sshd_that_wants_somebody_or_something_else(tmp_path: Path, option: str) -> None:
    """A user who may not log in, and a machine that wants a password, are refusals."""
    with start_fleet(hosts=1, sshd_options=[option, "PasswordAuthentication yes"]) as fleet:
        assert isinstance(await failure(like(fleet[0], tmp_path)), LoginRefused)


async def test_garbage_in_the_key_file(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A key file that is none is named."""
    key = tmp_path / "garbage"
    key.write_text("not a key\n")
    error = await failure(like(sshd_fleet[0], tmp_path, IdentityFile=key))
    assert isinstance(error, LoginRefused)
    assert "without a usable key" in str(error)
    assert f"{key} is no private key" in str(error)


async def test_encrypted_key(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A key with a passphrase is named, with ssh-add as the way out."""
    key = make_key(tmp_path / "locked", passphrase="x" * 9)
    error = await failure(like(sshd_fleet[0], tmp_path, IdentityFile=key))
    assert isinstance(error, LoginRefused)
    assert f"{key} is encrypted and no agent holds it (ssh-add {key})" in str(error)


@pytest.mark.parametrize("path", ["/no/such/key", "~nobody-here/key"])
async def test_missing_key_file(tmp_path: Path, sshd_fleet: SshdFleet, path: str) -> None:
    """A key file that is not there is named, not a FileNotFoundError; nor has a home to be there."""
    error = await failure(like(sshd_fleet[0], tmp_path, IdentityFile=path))
    assert isinstance(error, LoginRefused)
    assert f"no such file: {path}" in str(error)


async def test_missing_key_beside_a_good_one(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """One missing file among several is left out, as by ssh."""
    more = f"  IdentityFile {sshd_fleet[0].identity}\n"
    assert await works(like(sshd_fleet[0], tmp_path, IdentityFile="/no/such/key", more=more))


async def test_key_in_the_agent(tmp_path: Path, sshd_fleet: SshdFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without IdentitiesOnly the agent's keys are offered, also where the file itself is encrypted."""
    with agent_with(tmp_path, sshd_fleet[0].identity) as sock:
        monkeypatch.setenv("SSH_AUTH_SOCK", sock)
        assert await works(like(sshd_fleet[0], tmp_path, IdentityFile="/no/such/key", IdentitiesOnly="no"))
        error = await failure(like(sshd_fleet[0], tmp_path, IdentityFile="/no/such/key", IdentitiesOnly="yes"))
    assert isinstance(error, LoginRefused)


async def test_public_key_whose_private_half_is_in_the_agent(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """IdentityFile may be the public key, and IdentityAgent names the agent: as with a hardware key."""
    pub = tmp_path / "only.pub"
    pub.write_text(public(sshd_fleet[0].identity))
    with agent_with(tmp_path, make_key(tmp_path / "a"), sshd_fleet[0].identity) as sock:
        assert await works(like(sshd_fleet[0], tmp_path, IdentityFile=pub, IdentityAgent=sock))


async def test_too_many_keys(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """An agent full of keys runs into sshd's limit, which is told from a refusal, with the two options that help."""
    keys = [make_key(tmp_path / f"k{i}") for i in range(8)]
    with agent_with(tmp_path, *keys) as sock:
        where = like(sshd_fleet[0], tmp_path, IdentityFile=keys[0], IdentitiesOnly="no", IdentityAgent=sock)
        error = await failure(where)
    assert isinstance(error, LoginRefused)
    assert "too many keys (8 were at hand). Name the right one: IdentityFile together with IdentitiesOnly" in str(error)


async def test_a_penalty_is_reported_as_the_refusal_before_it(
    tmp_path: Path, sshd_fleet: SshdFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An sshd that first refuses a login and then resets every connection is reported with the first cause."""
    monkeypatch.setattr(pool, "REFUSAL_REMEMBERED_SECONDS", 0)
    async with chaos("127.0.0.1", sshd_fleet[0].port) as proxy:
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{proxy.port} {sshd_fleet[0].host_key}\n")
        where = like(sshd_fleet[0], tmp_path, Port=proxy.port, UserKnownHostsFile=known, User="nobody-here")
        async with host_at(where) as host:
            for _ in range(2):
                with pytest.raises(LoginRefused, match="login refused for user nobody-here"):
                    await host.run(["true"])
                proxy.reset_new()
    assert proxy.accepted >= 2


async def test_agent_that_is_gone(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A stale SSH_AUTH_SOCK is no fault while a key file works."""
    assert await works(like(sshd_fleet[0], tmp_path, IdentityAgent="/no/such/socket"))


async def test_certificates(tmp_path: Path) -> None:
    """A user certificate lets in, one that is not there is left out; an expired or too early one is a refusal."""
    authority, key = make_key(tmp_path / "ca"), make_key(tmp_path / "id")
    with start_fleet(hosts=1, sshd_options=[f"TrustedUserCAKeys {authority}.pub"]) as fleet:
        sign = ["-q", "-s", str(authority), "-I", "me", "-n", fleet[0].user, "-V"]
        keygen(*sign, "-1m:+1h", f"{key}.pub")
        assert await works(like(fleet[0], tmp_path, IdentityFile=key))
        moved = (tmp_path / "id-cert.pub").rename(tmp_path / "elsewhere.pub")
        assert await works(like(fleet[0], tmp_path, IdentityFile=key, CertificateFile=moved))
        for wrong in ("20200101:20200102", "+1h:+2h"):  # a clock that is behind sees the second
            keygen(*sign, wrong, f"{key}.pub")
            assert isinstance(await failure(like(fleet[0], tmp_path, IdentityFile=key)), LoginRefused)
        assert await works(like(fleet[0], tmp_path, CertificateFile="/no/such/cert.pub"))
