"""What the user's SSH configuration forbids binds us as it binds ssh; what of it we cannot do is named."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from miyabi.errors import HostKeyRefused, MachineError, SshConfigUnusable
from miyabi.machines import Machine
from miyabi.machines.ssh import connection
from tests.support.machines import ssh_targets
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, keygen, like, make_key, public, works
from tests.support.machines.sshd import SshdFleet, start_fleet

sshd_fleet = fleets.sshd_fleet
proxies_end = ssh_targets.proxies_end
DIRECT = (
    "import os,socket,sys,threading\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])))\n"
    "threading.Thread(target=lambda:[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')],daemon=True).start()\n"
    "[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')]\n"
)


async def ssh_works(where: Machine) -> bool:
    """Whether OpenSSH itself gets in with this configuration."""
    words = ["ssh", "-F", str(where.ssh.config_file), "-o", "BatchMode=yes", str(where.host), "true"]
    null = asyncio.subprocess.DEVNULL
    return await (await asyncio.create_subprocess_exec(*words, stdin=null, stdout=null, stderr=null)).wait() == 0


async def refused_by_both(where: Machine) -> MachineError:
    """How we fail where ssh fails too."""
    assert not await ssh_works(where)
    return await failure(where)


async def let_in_by_both(where: Machine) -> None:
    """We get in where ssh does."""
    assert await ssh_works(where)
    assert await works(where)


@pytest.mark.parametrize("kind", ["keys", "list"])
async def test_revoked_host_keys(tmp_path: Path, sshd_fleet: SshdFleet, kind: str) -> None:
    """A known host key that RevokedHostKeys takes back is refused, in a file of keys as in a revocation list."""
    host, other, revoked = sshd_fleet[0], make_key(tmp_path / "other"), tmp_path / "revoked keys"
    shown = tmp_path / "shown.pub"
    shown.write_text(f"{host.host_key}\n")
    for key in (other.with_name("other.pub"), shown):
        if kind == "list":
            keygen("-q", "-k", "-f", revoked, key)
        else:
            revoked.write_text(f"# taken back\n{key.read_text()}")
        where = like(host, tmp_path, RevokedHostKeys=f'"{revoked}"')
        if key != shown:
            await let_in_by_both(where)
    error = await refused_by_both(where)
    assert isinstance(error, HostKeyRefused)
    assert "Host key is revoked" in str(error)
    assert str(revoked) in str(error)


@pytest.mark.parametrize("kind", ["keys", "list"])
async def test_a_revoked_key_is_not_trusted_on_first_use(tmp_path: Path, sshd_fleet: SshdFleet, kind: str) -> None:
    """accept-new takes no key that is revoked, and remembers nothing."""
    host, revoked, shown = sshd_fleet[0], tmp_path / "revoked", tmp_path / "shown.pub"
    shown.write_text(f"{host.host_key}\n")
    if kind == "list":
        keygen("-q", "-k", "-f", revoked, shown)
    else:
        revoked.write_text(shown.read_text())
    known = tmp_path / "known"
    options = {"UserKnownHostsFile": known, "StrictHostKeyChecking": "accept-new", "RevokedHostKeys": revoked}
    error = await failure(like(host, tmp_path, **options))
    assert isinstance(error, HostKeyRefused)
    assert "Host key is revoked" in str(error)
    assert not known.exists()


async def test_an_authority_that_is_revoked(tmp_path: Path) -> None:
    """A host certificate is refused where the key that signed it is taken back."""
    authority = make_key(tmp_path / "authority")
    key = make_key(tmp_path / "hostkey")
    keygen("-q", "-s", authority, "-I", "m", "-h", "-n", "127.0.0.1", f"{key}.pub")
    known, revoked = tmp_path / "known", tmp_path / "revoked"
    known.write_text(f"@cert-authority * {public(authority)}\n")
    revoked.write_text("")
    with start_fleet(hosts=1, sshd_options=[f"HostKey {key}", f"HostCertificate {key}-cert.pub"]) as fleet:
        where = like(fleet[0], tmp_path, UserKnownHostsFile=known, RevokedHostKeys=revoked)
        await let_in_by_both(where)
        revoked.write_text(f"{public(authority)}\n")
        assert isinstance(await refused_by_both(where), HostKeyRefused)


async def test_revoked_keys_that_cannot_be_read(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Where the file is missing nobody is trusted, by ssh neither, and the file is named."""
    error = await refused_by_both(like(sshd_fleet[0], tmp_path, RevokedHostKeys=tmp_path / "missing"))
    assert isinstance(error, HostKeyRefused)
    assert f"its RevokedHostKeys {tmp_path}/missing cannot be read: No such file or directory" in str(error)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"PubkeyAuthentication": "no"}, "PubkeyAuthentication is off"),
        ({"PreferredAuthentications": "password"}, "PreferredAuthentications password leaves out publickey"),
        ({"PreferredAuthentications": "password,keyboard-interactive"}, "leaves out publickey"),
    ],
)
async def test_no_login_by_keys(tmp_path: Path, sshd_fleet: SshdFleet, options: dict[str, str], said: str) -> None:
    """Whoever forbids keys for a host is obeyed, and told what that means here."""
    error = await refused_by_both(like(sshd_fleet[0], tmp_path, **options))
    assert isinstance(error, SshConfigUnusable)
    assert said in str(error)


@pytest.mark.parametrize(
    "options",
    [
        {"HostKeyAlgorithms": "ecdsa-sha2-nistp256"},
        {"HostKeyAlgorithms": "-ssh-ed25519"},
        {"KexAlgorithms": "diffie-hellman-group14-sha256"},
        {"Ciphers": "aes256-ctr", "MACs": "hmac-sha1"},
        {"PubkeyAcceptedAlgorithms": "ecdsa-sha2-nistp256"},
    ],
    ids=str,
)
async def test_algorithms_that_leave_nothing_in_common(tmp_path: Path, options: dict[str, str]) -> None:
    """Allowing only what the machine does not have keeps us out as it keeps ssh out."""
    there = ["KexAlgorithms curve25519-sha256", "MACs hmac-sha2-512"]
    with start_fleet(hosts=1, sshd_options=there) as fleet:
        await refused_by_both(like(fleet[0], tmp_path, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"HostKeyAlgorithms": "ssh-ed25519", "KexAlgorithms": "ecdh-sha2-nistp521,curve25519-sha256"},
        {"KexAlgorithms": "^ecdh-sha2-nistp384", "Ciphers": "aes256-ctr", "MACs": "hmac-sha2-512-etm@openssh.com"},
        {"HostKeyAlgorithms": "+ssh-rsa", "PubkeyAcceptedAlgorithms": "ssh-ed25519"},
        {"Ciphers": "aes128-cbc,aes256-ctr", "PreferredAuthentications": "publickey"},
    ],
    ids=str,
)
async def test_algorithms_that_are_there(tmp_path: Path, sshd_fleet: SshdFleet, options: dict[str, str]) -> None:
    """Restrictions that both sides can meet do not keep us out."""
    await let_in_by_both(like(sshd_fleet[0], tmp_path, **options))


async def test_an_algorithm_that_only_ssh_knows(
    tmp_path: Path, sshd_fleet: SshdFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the configuration allows nothing that can be used here, the option is named with what it allows."""
    monkeypatch.setattr(connection, "get_kex_algs", lambda: [b"curve25519-sha256"])
    error = await failure(like(sshd_fleet[0], tmp_path, KexAlgorithms="ecdh-sha2-nistp384,ecdh-sha2-nistp521"))
    assert isinstance(error, SshConfigUnusable)
    said = "KexAlgorithms allows only ecdh-sha2-nistp384, ecdh-sha2-nistp521, of which none can be used here"
    assert said in str(error)


async def test_a_command_for_host_keys(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """KnownHostsCommand is named where it would be needed, is no way around the check, and does no harm where not."""
    host, command = sshd_fleet[0], tmp_path / "keys"
    command.write_text(f"#!/bin/sh\necho '{host.place} {host.host_key}'\n")
    command.chmod(0o755)
    for checking in ("yes", "accept-new"):
        options = {"UserKnownHostsFile": tmp_path / "known", "StrictHostKeyChecking": checking}
        error = await failure(like(host, tmp_path, KnownHostsCommand=f"{command} %H", **options))
        assert isinstance(error, HostKeyRefused)
        assert f"KnownHostsCommand, which may know it, cannot be used here ({command} %H)" in str(error)
        assert not (tmp_path / "known").exists()
    assert await works(like(host, tmp_path, KnownHostsCommand=f"{command} %H"))


async def test_a_proxy_that_passes_its_connection(tmp_path: Path, sshd_fleet: SshdFleet, proxies_end: None) -> None:
    """ProxyUseFdpass is named; the same command that carries the connection itself works."""
    host, program = sshd_fleet[0], tmp_path / "direct.py"
    program.write_text(DIRECT)
    proxy = f"{shlex.quote(sys.executable)} {program} %h %p"
    error = await failure(like(host, tmp_path, ProxyCommand=proxy, ProxyUseFdpass="yes"))
    assert isinstance(error, SshConfigUnusable)
    assert "ProxyUseFdpass cannot be used here" in str(error)
    await let_in_by_both(like(host, tmp_path, ProxyCommand=proxy, ProxyUseFdpass="no"))


async def test_what_binds_a_jump_host(tmp_path: Path) -> None:
    """A jump host's own restrictions hold for it, whatever the machine behind it allows."""
    with start_fleet(hosts=2) as fleet:
        jump = f"Host j\n  HostName {fleet[1].address}\n  Port {fleet[1].port}\n  User {fleet[1].user}\n"
        jump += f"  IdentityFile {fleet[1].identity}\n  UserKnownHostsFile {fleet.known_hosts}\n"
        await let_in_by_both(like(fleet[0], tmp_path, ProxyJump="j", more=jump))
        error = await refused_by_both(
            like(fleet[0], tmp_path, ProxyJump="j", more=jump + "  PubkeyAuthentication no\n")
        )
        assert "jump host j" in str(error)
