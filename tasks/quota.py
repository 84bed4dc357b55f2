"""What is known of accounts' usage limits, shared: a Prefect variable each, for all who use the server.

A copy is on every machine, and in a file of the user here: a server that is lost has forgotten nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import PrefectException

from miyabi.errors import MachineError
from miyabi.machines import Machine
from miyabi.quota import AccountQuota, QuotaBook
from miyabi.runs import Run
from tasks.concurrency import fast_retrying_client, few_retries

EVERY_SECONDS = 0.4
FIGURES_SECONDS = 10.0
"""So often figures are written that close nothing; what closes an account is written at once."""

_MACHINE_SECONDS = 20.0
_SERVER_AWAY = (httpx.HTTPError, PrefectException, ValueError)  # what is in front of it may answer with anything
_FILE = "quota.json"
_WRITE = 'umask 077; mkdir -p "${1%/*}" && cat >"$1.$$" && mv -f "$1.$$" "$1"'
_READ = '[ ! -f "$1" ] || cat "$1"'
_PLAIN = re.compile(r"[a-z0-9_-]{1,60}")


def variable_name(account: str) -> str:
    """Returns the name of the variable that has an account's state: `miyabi_quota_default` where it has no name."""
    plain = account or "default"
    if not _PLAIN.fullmatch(plain) or account == "default":
        digest = hashlib.sha256(account.encode()).hexdigest()[:12]
        plain = f"{re.sub('[^a-z0-9_-]', '_', account.lower())[:40]}_{digest}"
    return f"miyabi_quota_{plain}"


@dataclass(kw_only=True)
class SharedQuota:
    """The variables of some accounts on one server. `has_pushed`: the last `sync` has written something."""

    client: PrefectClient
    accounts: Iterable[str]
    has_pushed: bool = field(default=False, init=False)
    _pushed: float = field(default=0.0, init=False)

    async def sync(self, book: QuotaBook) -> None:
        """Reads what others know, and writes what they do not: at once what closes a window, else now and then.

        Two that write at the same moment lose nothing: each looks again, and writes what is missing still.

        Raises:
            httpx.HTTPError: the server does not answer, or refuses.
            PrefectException: the same.
        """
        is_due, self.has_pushed = time.monotonic() - self._pushed >= FIGURES_SECONDS, False
        for account in self.accounts:
            known = await self._read(account)
            if known:
                book.merge([known])
            own = book[account]
            if own.figures and own != known and (is_due or _closes(own, known)):
                await self._write(own, is_new=known is None)
                self.has_pushed = True
        if self.has_pushed:
            self._pushed = time.monotonic()

    async def _read(self, account: str) -> AccountQuota | None:
        """The state there; an empty one where it cannot be read, None where there is none."""
        variable = await self.client.read_variable_by_name(variable_name(account))
        if variable is None:
            return None
        return AccountQuota.read(variable.value, account=account)

    async def _write(self, quota: AccountQuota, *, is_new: bool) -> None:
        name, value = variable_name(quota.account), quota.model_dump(mode="json", exclude_defaults=True)
        if is_new:
            await self.client.create_variable(VariableCreate(name=name, value=value))
        else:
            await self.client.update_variable(VariableUpdate(name=name, value=value))


def _closes(own: AccountQuota, known: AccountQuota | None) -> bool:
    """Whether a window is spent by what is known here, and not, or otherwise, by what is known there."""
    there = known.figures if known else {}
    return any(figure.is_spent and there.get(name) != figure for name, figure in own.figures.items())


async def read_quota(live: Run) -> None:
    """Reads what is known here, on the server and on the machines, before anything begins; who is away is left out."""
    book = live.quota.book
    if not book.is_shared:
        return
    book.sync(write=False)
    async with fast_retrying_client() as client:
        with suppress(*_SERVER_AWAY):
            await SharedQuota(client=client, accounts=live.quota.accounts).sync(book)
    await asyncio.gather(*(_exchange(live, machine, read=True) for machine in live.fleet()))


async def keep_quota(live: Run, *, on_closing: Callable[[], None]) -> None:
    """Keeps what is known the same here, on the server and on the machines, until it is cancelled.

    `on_closing` is called after a window has turned out to be spent, whoever met it. A server or a machine that does
    not answer keeps nobody else from hearing of it.
    """
    book, news, loop = live.quota.book, asyncio.Event(), asyncio.get_running_loop()
    closed, writing = live.quota.closed(), defaultdict[str, asyncio.Lock](asyncio.Lock)

    def wake() -> None:
        loop.call_soon_threadsafe(news.set)

    with book.on_closing(wake), few_retries(0):
        async with get_client() as client, asyncio.TaskGroup() as machines:
            shared = SharedQuota(client=client, accounts=live.quota.accounts)
            while True:
                is_urgent = news.is_set()
                news.clear()
                await _share(shared, book, is_urgent=is_urgent)
                live.board.show_quota("; ".join(live.quota.rows()))
                if (now_closed := live.quota.closed()) != closed:
                    closed = now_closed
                    on_closing()
                    for machine in live.fleet() if book.is_shared else ():
                        machines.create_task(_tell(live, machine, writing[machine.name]))
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), EVERY_SECONDS)


async def _share(shared: SharedQuota, book: QuotaBook, *, is_urgent: bool) -> None:
    if book.is_shared:
        with suppress(*_SERVER_AWAY):
            await shared.sync(book)
        book.sync(write=is_urgent or shared.has_pushed)


async def _tell(live: Run, machine: Machine, writing: asyncio.Lock) -> None:
    """Writes what is known now, after what was written before."""
    async with writing:
        await _exchange(live, machine)


async def _exchange(live: Run, machine: Machine, *, read: bool = False) -> None:
    """Reads what a machine has of its accounts, or writes what is known now. One that is away is left out."""
    accounts, file = machine.logins, f"{machine.workspace}/{_FILE}"
    host, book = live.host(machine), live.quota.book
    with suppress(MachineError, OSError):
        if read:
            done = await host.run(["sh", "-c", _READ, "sh", file], timeout_seconds=_MACHINE_SECONDS)
            book.merge(each for name, each in book.parse(done.stdout or b"{}").items() if name in accounts)
        else:
            text = book.json(accounts).encode()
            await host.run(["sh", "-c", _WRITE, "sh", file], stdin=text, timeout_seconds=_MACHINE_SECONDS)
