"""What every command over SSH may rely on, on a real sshd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from miyabi.errors import ConnectionDropped, MachineError, MachineUnreachable
from miyabi.machines import LOCAL, Completed, Host, open_host, opened_host
from miyabi.machines.local import LocalHost
from miyabi.machines.ssh import host as ssh_host
from tests.support.machines import sshd as fleets
from tests.support.machines.sshd import SshdFleet, start_fleet

sshd_fleet = fleets.sshd_fleet


@pytest.fixture
async def host(sshd_fleet: SshdFleet) -> AsyncIterator[Host]:
    """One machine of the fleet."""
    opened = open_host(sshd_fleet[0].machine())
    yield opened
    await opened.close()


def logins(fleet: SshdFleet) -> int:
    """How many logins the first machine has seen."""
    return fleet[0].log.count("Accepted publickey")


def test_a_machine_without_address_is_this_one() -> None:
    """No host, no SSH; and opening a host connects to nothing."""
    assert isinstance(open_host(LOCAL), LocalHost)
    assert open_host(LOCAL.model_copy(update={"name": "far", "host": "no-such-host.invalid"})).name == "far"


async def test_exit_status_and_output(host: Host) -> None:
    """Any exit status is a result, 126 and 127 too; a signal is 128 and its number."""
    done = await host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert done == Completed(exit_status=3, stdout=b"out\n", stderr=b"err\n")
    assert (await host.run(["no-such-command"])).exit_status == 127
    assert (await host.run(["/"])).exit_status == 126
    assert (await host.run(["sh", "-c", "kill -9 $$"])).exit_status == 137


async def test_words_arrive_as_they_are(host: Host, sshd_fleet: SshdFleet) -> None:
    """Blanks, quotes and signs arrive in one word; a leading ~/ is the home there."""
    words = ["", " a  b ", "it's", '"$HOME"', "*", "日本語", "-n", "\\", "`id`"]
    done = await host.run(["printf", "[%s]", *words, "~/x"])
    assert done.stdout.decode() == "".join(f"[{w}]" for w in words) + f"[{sshd_fleet[0].home}/x]"


async def test_bytes_that_are_no_text(host: Host) -> None:
    """One invalid byte harms neither its own command nor those beside it."""
    beside = asyncio.create_task(host.run(["sh", "-c", "sleep 0.3; echo fine"]))
    assert (await host.run(["printf", r"a\377b"])).stdout == b"a\xffb"
    assert await beside == Completed(exit_status=0, stdout=b"fine\n")


async def test_a_line_of_three_megabytes(host: Host) -> None:
    """A line longer than asyncssh's window arrives whole, by run and by stream."""
    words = ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo"]
    assert (await host.run(words)).stdout == b"x" * 3_000_000 + b"\n"
    async with host.stream(words) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"x" * 3_000_000 + b"\n"


async def test_forty_commands_at_once(host: Host, sshd_fleet: SshdFleet) -> None:
    """However many ask, one connection serves them all and sshd's MaxSessions refuses none."""
    before = logins(sshd_fleet)
    done = await asyncio.gather(*(host.run(["echo", str(n)]) for n in range(40)))
    assert [d.stdout for d in done] == [f"{n}\n".encode() for n in range(40)]
    assert logins(sshd_fleet) - before == 1


async def test_a_small_max_sessions(tmp_path: Path) -> None:
    """Where sshd allows two sessions only, commands wait for each other and none is lost."""
    with start_fleet(hosts=1, sshd_options=["MaxSessions 2"]) as fleet:
        host = open_host(fleet[0].machine())
        done = await asyncio.gather(*(host.run(["echo", str(n)]) for n in range(20)))
        await host.close()
    assert [d.stdout for d in done] == [f"{n}\n".encode() for n in range(20)]


async def test_no_session_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sessions are never freed the message says which setting to raise, and that nothing ran."""
    monkeypatch.setattr(ssh_host, "OPEN_ATTEMPTS", 5)
    with start_fleet(hosts=1, sshd_options=["MaxSessions 1"]) as fleet:
        host = open_host(fleet[0].machine())
        async with host.stream(["sleep", "60"]):
            with pytest.raises(MachineUnreachable, match="Raise MaxSessions in its sshd_config"):
                await host.run(["true"])
        await host.close()


async def test_thirty_machines_at_one_address() -> None:
    """Thirty machines behind one sshd log in a few at a time: MaxStartups refuses none, all at once would be twenty.

    On a loaded machine sshd counts a login that is over for a moment more, so that one may be refused and comes again.
    """
    with start_fleet(hosts=1, sshd_options=["MaxStartups 10:100:10"]) as fleet:
        hosts = [open_host(fleet[0].machine(name=f"m{n}")) for n in range(30)]
        done = await asyncio.gather(*(host.run(["true"]) for host in hosts))
        await asyncio.gather(*(host.close() for host in hosts))
        assert {d.exit_status for d in done} == {0}
        assert fleet[0].log.count("past MaxStartups") <= 3


async def test_stdin_of_every_kind(host: Host, tmp_path: Path) -> None:
    """Bytes and files arrive whole; no stdin is an empty one; a command that reads none of it still ends."""
    data = bytes(range(256)) * 20_000
    (tmp_path / "in").write_bytes(data)
    assert (await host.run(["cat"], stdin=data)).stdout == data
    assert (await host.run(["cat"], stdin=tmp_path / "in")).stdout == data
    assert (await host.run(["cat"])).stdout == b""
    assert (await host.run(["true"], stdin=data)).exit_status == 0


async def test_output_into_a_file(host: Host, tmp_path: Path) -> None:
    """Large output goes to a file and not through memory."""
    done = await host.run(["head", "-c", "50000000", "/dev/zero"], stdout=tmp_path / "out")
    assert done == Completed(exit_status=0)
    assert (tmp_path / "out").stat().st_size == 50_000_000


async def test_much_stderr(host: Host) -> None:
    """Of stderr the last 64 KiB are kept, however much there is."""
    done = await host.run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x >&2; echo end >&2"])
    assert len(done.stderr) == 65536
    assert done.stderr.endswith(b"xend\n")


async def test_time_is_up(host: Host) -> None:
    """A command that takes too long is an error of its own kind, and the connection stays."""
    with pytest.raises(MachineError, match=r"no answer within 0\.5 s to: sleep 5\.") as caught:
        await host.run(["sleep", "5"], timeout_seconds=0.5)
    assert not isinstance(caught.value, ConnectionDropped | MachineUnreachable)
    assert (await host.run(["true"])).exit_status == 0


async def test_a_child_that_keeps_the_output(host: Host) -> None:
    """A process in a session of its own that holds stdout, which no signal of ours reaches, takes our time only."""
    with pytest.raises(MachineError, match=r"no answer within 0\.5 s"):
        async with asyncio.timeout(120):
            await host.run(["sh", "-c", "setsid sleep 600 & exit 0"], timeout_seconds=0.5)
    assert (await host.run(["echo", "on"])).stdout == b"on\n"


async def test_cancelled(host: Host) -> None:
    """A command whose caller goes away holds nothing up."""
    running = [asyncio.create_task(host.run(["sleep", "5"])) for _ in range(20)]
    await asyncio.sleep(0.3)
    for task in running:
        task.cancel()
    assert {type(e) for e in await asyncio.gather(*running, return_exceptions=True)} == {asyncio.CancelledError}
    assert (await host.run(["true"])).exit_status == 0


async def test_used_again_after_close(host: Host) -> None:
    """Closing gives the connection back; a later command makes a new one."""
    await host.run(["true"])
    await host.close()
    assert (await host.run(["echo", "again"])).stdout == b"again\n"


async def test_a_context_closes_its_host(sshd_fleet: SshdFleet) -> None:
    """However the context is left its connection has ended: what is asked afterwards logs in anew."""
    before = logins(sshd_fleet)
    with suppress(LookupError):
        async with opened_host(sshd_fleet[0].machine()) as host:
            await host.run(["true"])
            raise LookupError
    await host.run(["true"])
    await host.close()
    assert logins(sshd_fleet) - before == 2
