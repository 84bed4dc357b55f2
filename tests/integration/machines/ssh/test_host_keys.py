"""Host keys are always checked: what is trusted, what is refused, and what the refusal says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from miyabi.errors import HostKeyRefused
from miyabi.machines.ssh.host_keys import keys_of, known_hosts
from tests.support.machines import sshd as fleets
from tests.support.machines.ssh_targets import failure, fingerprint, keygen, like, make_key, public, ssh_knows, works
from tests.support.machines.sshd import SshdFleet, start_fleet

sshd_fleet = fleets.sshd_fleet


@pytest.mark.parametrize("checking", ["yes", "ask"])
async def test_unknown_key(tmp_path: Path, sshd_fleet: SshdFleet, checking: str) -> None:
    """A key that no file has is refused, shown with its fingerprint and with the command that adds it."""
    host, known = sshd_fleet[0], tmp_path / "known hosts"
    error = await failure(like(host, tmp_path, UserKnownHostsFile=f'"{known}"', StrictHostKeyChecking=checking))
    assert isinstance(error, HostKeyRefused)
    assert not error.transient
    assert f"host key is unknown: ssh-ed25519 {fingerprint(host.folder / 'hostkey')}." in str(error)
    assert f"add it: ssh-keyscan -p {host.port} 127.0.0.1 >> '{known}'" in str(error)
    assert not known.exists()


async def test_the_command_of_the_message_helps(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Whoever runs the command that the refusal names gets in."""
    where = like(sshd_fleet[0], tmp_path, UserKnownHostsFile=tmp_path / "known")
    said = str(await failure(where))
    command = said[said.index("ssh-keyscan") :].split(" Try:", maxsplit=1)[0]
    shell = await asyncio.create_subprocess_shell(command, stderr=asyncio.subprocess.DEVNULL)
    assert await shell.wait() == 0
    assert await works(where)


@pytest.mark.parametrize("checking", ["accept-new", "no"])
async def test_first_use_is_trusted_where_the_user_says_so(
    tmp_path: Path, sshd_fleet: SshdFleet, checking: str, caplog: pytest.LogCaptureFixture
) -> None:
    """accept-new and no take an unknown key, remember it so that ssh knows it too, and say so."""
    host, known = sshd_fleet[0], tmp_path / "new" / "known_hosts"
    where = like(host, tmp_path, UserKnownHostsFile=known, StrictHostKeyChecking=checking)
    assert await works(where)
    assert known.read_text() == f"{host.place} {host.host_key}\n"
    assert "trusting its host key ssh-ed25519 SHA256:" in caplog.text
    assert await works(where)
    assert known.read_text().count("\n") == 1


@pytest.mark.parametrize("checking", ["yes", "accept-new", "no"])
async def test_changed_key(tmp_path: Path, sshd_fleet: SshdFleet, checking: str) -> None:
    """Another key than the known one is refused whatever the configuration says, with both fingerprints."""
    host, known, old = sshd_fleet[0], tmp_path / "known", make_key(tmp_path / "old")
    known.write_text(f"{host.place} {public(old)}\n")
    error = await failure(like(host, tmp_path, UserKnownHostsFile=known, StrictHostKeyChecking=checking))
    assert isinstance(error, HostKeyRefused)
    shown = fingerprint(host.folder / "hostkey")
    assert f"It shows ssh-ed25519 {shown}; known is ssh-ed25519 {fingerprint(old)}" in str(error)
    assert f"ssh-keygen -R '{host.place}' -f {known}" in str(error)
    assert known.read_text() == f"{host.place} {public(old)}\n"


@pytest.mark.parametrize("checking", ["yes", "no"])
async def test_only_a_key_of_another_type_is_known(tmp_path: Path, sshd_fleet: SshdFleet, checking: str) -> None:
    """A key of another type than the known one is a host key fault, not a connection that is reset."""
    host, known, old = sshd_fleet[0], tmp_path / "known", make_key(tmp_path / "old", kind="ecdsa")
    known.write_text(f"{host.place} {public(old)}\n")
    error = await failure(like(host, tmp_path, UserKnownHostsFile=known, StrictHostKeyChecking=checking))
    assert isinstance(error, HostKeyRefused)
    assert "known is ecdsa-sha2-nistp256 SHA256:" in str(error)


async def test_the_known_one_of_several_keys_is_asked_for(tmp_path: Path) -> None:
    """A machine with keys of two types is recognised by the one that we know, whichever it prefers."""
    known, second = tmp_path / "known", make_key(tmp_path / "second", kind="rsa")
    with start_fleet(hosts=1, sshd_options=[f"HostKey {second}"]) as fleet:
        known.write_text(f"{fleet[0].place} {public(second)}\n")
        assert await works(like(fleet[0], tmp_path, UserKnownHostsFile=known))


async def test_revoked_key(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A revoked key is refused, even where it is listed as trusted too."""
    host, known = sshd_fleet[0], tmp_path / "known"
    known.write_text(f"@revoked * {host.host_key}\n{host.place} {host.host_key}\n")
    error = await failure(like(host, tmp_path, UserKnownHostsFile=known, StrictHostKeyChecking="no"))
    assert isinstance(error, HostKeyRefused)
    assert "Host key is revoked" in str(error)
    assert str(known) in str(error)


async def test_a_key_revoked_on_its_port_is_not_borrowed(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """What is revoked on the machine's own port is not trusted because the same host has it on port 22."""
    host, known = sshd_fleet[0], tmp_path / "known"
    known.write_text(f"@revoked {host.place} {host.host_key}\n127.0.0.1 {host.host_key}\n")
    error = await failure(like(host, tmp_path, UserKnownHostsFile=known))
    assert isinstance(error, HostKeyRefused)
    assert "Host key is revoked" in str(error)


async def test_no_known_hosts_file_is_no_way_around(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """`UserKnownHostsFile none` does not turn the check off."""
    where = like(sshd_fleet[0], tmp_path, UserKnownHostsFile="none", StrictHostKeyChecking="no")
    error = await failure(where)
    assert isinstance(error, HostKeyRefused)
    assert "name a known_hosts_file for it" in str(error)


async def test_missing_files_beside_a_good_one(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """A file that is not there is left out, and a damaged line harms no other."""
    known = tmp_path / "known"
    damaged = f"|1|A|b {public(sshd_fleet[0].identity)}\n{sshd_fleet[0].place} ssh-ed25519 AAAA=é\n"
    known.write_text(f"nonsense\n@nonsense\n\n# {'x' * 5000}\n{damaged}{sshd_fleet.known_hosts.read_text()}")
    assert await works(like(sshd_fleet[0], tmp_path, UserKnownHostsFile=f"/no/such/file {known}"))


async def test_hashed_and_aliased(tmp_path: Path, sshd_fleet: SshdFleet) -> None:
    """Hashed names are found, and HostKeyAlias is looked up instead of the address."""
    known = tmp_path / "known"
    known.write_text(sshd_fleet.known_hosts.read_text())
    keygen("-q", "-H", "-f", known)
    assert "127.0.0.1" not in known.read_text()
    assert await works(like(sshd_fleet[0], tmp_path, UserKnownHostsFile=known))
    known.write_text(f"the-mac {sshd_fleet[0].host_key}\n")
    assert await works(like(sshd_fleet[0], tmp_path, UserKnownHostsFile=known, HostKeyAlias="the-mac"))


@pytest.mark.parametrize(
    "names",
    [
        *("mac", "MAC,other", "?ac", "*,!mac", "!mac", "mac,", ",", "m[a]c", "[mac]:2222", "[*]:2222", "[MAC]:2222,x"),
        *("10.0.0.1", "10.0.0.1,*.lan", "10.0.0.0/8", "*,!10.0.0.0/8", "::1", "0:0:0:0:0:0:0:1,*.lan", "fe80::/16,x*"),
    ],
)
def test_names_are_compared_as_by_ssh(tmp_path: Path, names: str) -> None:
    """A line is found for exactly those names for which OpenSSH finds it."""
    text = f"@nonsense x y\n{names} {public(make_key(tmp_path / 'key'))} a comment\n"
    (tmp_path / "known").write_text(text)
    for name in ("mac", "[mac]:2222", "10.0.0.1", "[10.0.0.1]:2222", "::1", "fe80::1", "a.lan"):
        ours, ssh = keys_of(name, known_hosts(text)).keys, ssh_knows(name, tmp_path / "known")
        assert bool(ours) is ssh, name


@pytest.mark.parametrize(
    ("principal", "valid", "fault"),
    [
        ("127.0.0.1", "-1m:+1h", None),
        ("127.0.0.1", "20200101:20200102", "expired"),
        ("elsewhere", "-1m:+1h", "principal mismatch"),
    ],
)
async def test_host_certificates(tmp_path: Path, principal: str, valid: str, fault: str | None) -> None:
    """A certificate of a trusted authority is trusted; an expired or foreign one is refused with the reason."""
    authority, known, key = make_key(tmp_path / "ca"), tmp_path / "known", make_key(tmp_path / "hk")
    keygen("-q", "-s", authority, "-h", "-I", "h", "-n", principal, "-V", valid, f"{key}.pub")
    known.write_text(f"@cert-authority * {public(authority)}\n")
    with start_fleet(hosts=1, sshd_options=[f"HostKey {key}", f"HostCertificate {key}-cert.pub"]) as fleet:
        where = like(fleet[0], tmp_path, UserKnownHostsFile=known)
        if fault is None:
            assert await works(where)
        else:
            error = await failure(where)
            assert isinstance(error, HostKeyRefused)
            assert fault in str(error)
