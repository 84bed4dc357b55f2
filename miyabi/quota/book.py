"""What is known of the usage limits of all accounts, in this process and in a file that outlives it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from miyabi.errors import DiskFull
from miyabi.quota.account import AccountQuota
from miyabi.quota.figure import Figure
from miyabi.system import files, miyabi_home

QUOTA_FILE = "quota.json"
_ACCOUNTS = TypeAdapter(dict[str, AccountQuota])


class QuotaBook:
    """The state of each account. Thread-safe; the file may be shared by any number of processes.

    It is never wrong to merge an old state in, nor to do so twice: a newer figure stays. A file that is damaged counts
    as empty, and one that cannot be written is left: the Prefect server and the machines have the same. `version` is
    another one when something else is known.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._accounts: dict[str, AccountQuota] = {}
        self._listeners: list[Callable[[], None]] = []
        self._written: Mapping[str, AccountQuota] = {}
        self.version = 0
        self.sessions: Counter[str] = Counter()

    def __getitem__(self, account: str) -> AccountQuota:
        with self._lock:
            return self._accounts.get(account) or AccountQuota(account=account)

    @contextmanager
    def using(self, account: str) -> Iterator[None]:
        """Counts, inside the context, a session of this process that uses the account, in `sessions`."""
        with self._lock:
            self.sessions[account] += 1
        try:
            yield
        finally:
            with self._lock:
                self.sessions[account] -= 1

    @contextmanager
    def on_closing(self, call: Callable[[], None]) -> Iterator[None]:
        """Calls it, inside the context, each time that a window turns out to be spent, in the thread that notes it."""
        self._listeners.append(call)
        try:
            yield
        finally:
            self._listeners.remove(call)

    def note(self, account: str, figures: Iterable[Figure]) -> None:
        """Takes in what a session was told."""
        with self._lock:
            before = self._accounts.get(account) or AccountQuota(account=account)
            known = self._accounts[account] = before.noting(figures)
            self.version += 1
        if any(figure.is_spent and before.figures.get(name) != figure for name, figure in known.figures.items()):
            for call in tuple(self._listeners):
                call()

    def merge(self, quotas: Iterable[AccountQuota]) -> None:
        """Takes in what others know."""
        with self._lock:
            for quota in quotas:
                before = self._accounts.get(quota.account)
                known = before.merged(quota) if before else quota
                self.version += known != before
                self._accounts[quota.account] = known

    @property
    def is_shared(self) -> bool:
        """Whether others are to know what is known here."""
        return self._file is not None

    def sync(self, *, write: bool = True) -> None:
        """Reads the file, and with `write` writes it where there is something that it has not."""
        if self._file is None:
            return
        self.merge(self._read(self._file).values())
        with self._lock:
            known = dict(self._accounts)
        if write and known and known != self._written:
            with suppress(OSError, DiskFull):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with files.locked(self._file.with_suffix(".lock")):
                    self.merge(self._read(self._file).values())
                    files.atomic_write(self._file, self.json())
                self._written = known

    def json(self, accounts: Iterable[str] | None = None) -> str:
        """Returns the state of these accounts, or of all, as the file has it."""
        with self._lock:
            chosen = {name: each for name, each in self._accounts.items() if accounts is None or name in set(accounts)}
        return _ACCOUNTS.dump_json(chosen, exclude_defaults=True).decode()

    @classmethod
    def of_user(cls) -> QuotaBook:
        """Returns the book of the user of this computer, one for the whole process.

        Raises:
            SettingsError: as `miyabi_home`.
        """
        return _book(miyabi_home() / QUOTA_FILE)

    @staticmethod
    def parse(text: str | bytes) -> Mapping[str, AccountQuota]:
        """Reads what `json` made; nothing where it is damaged."""
        try:
            return _ACCOUNTS.validate_json(text)
        except ValidationError:
            return {}

    def _read(self, file: Path) -> Mapping[str, AccountQuota]:
        with suppress(OSError):
            return self.parse(file.read_bytes())
        return {}


@cache
def _book(file: Path) -> QuotaBook:
    return QuotaBook(file)
