"""What sessions have spent, over all runs and orchestrators of one user: a file that outlives each of them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from miyabi.errors import LedgerUnusable
from miyabi.system import private_files

T = TypeVar("T")

LEDGER_FILE = "spending.db"
_WAIT_SECONDS = 10.0  # for another orchestrator that writes
_BETWEEN_SECONDS = 1.0
_TABLE = """\
CREATE TABLE IF NOT EXISTS spent (
    run TEXT, session TEXT, day TEXT, task TEXT, milestone TEXT, account TEXT, folder TEXT, is_over INTEGER,
    usd REAL, tokens INTEGER, PRIMARY KEY (run, session, day)) WITHOUT ROWID"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS spent_by_day ON spent (day)",
    "CREATE INDEX IF NOT EXISTS spent_by_milestone ON spent (milestone)",
)
_SO_FAR = "SELECT day, usd, tokens, account FROM spent WHERE run = ? AND session = ?"
_PUT = "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OVER = "UPDATE spent SET is_over = ? WHERE run = ? AND session = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """An amount: US dollars and tokens."""

    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one session has spent until now. `run` and `session` together are no other session's.

    Args:
        run: what tells its run from all others.
        session: its name in the run, with the number of the attempt.
        task: the task that it works for.
        milestone: that of the run; empty: none.
        account: of its machine.
        folder: where its stream is kept.
        is_over: whether that is all.
        spent: until now.
    """

    run: str
    session: str
    task: str
    milestone: str = ""
    account: str = ""
    folder: str = ""
    is_over: bool = False
    spent: Spent = field(default_factory=Spent)


class SpendingLedger:
    """The count. Thread-safe, and safe between processes; the same entry may be noted again and again.

    What a session spends is counted on the day on which it was noted. An amount only grows until the session is over:
    who reads its stream once more, from the beginning, takes nothing back. `is_recounted`: what other
    orchestrators had left uncounted when this one began is in it; not so in a file that had to be begun anew.
    """

    def __init__(self, file: Path, *, now: Callable[[], datetime] = datetime.now) -> None:
        self._file, self._now = file, now
        self._lock = threading.Lock()
        self._news: dict[tuple[str, str], LedgerEntry] = {}
        self._written = 0.0
        self.is_recounted = False

    def note(self, entry: LedgerEntry) -> bool:
        """Notes an entry, and writes all that is new at most once a second; at once where the session is over.

        What cannot be written now is kept, for the next time.

        Returns:
            Whether it has been written.
        """
        with self._lock:
            self._news[entry.run, entry.session] = entry
        if not entry.is_over and time.monotonic() - self._written < _BETWEEN_SECONDS:
            return False
        with suppress(LedgerUnusable):
            self._flush()
            return True
        return False

    def flush(self) -> None:
        """Writes what was noted and is not written yet, as far as it can be written."""
        if self._news:
            with suppress(LedgerUnusable):
                self._flush()

    def spent(self, **where: str) -> Spent:
        """Adds up what was spent by the sessions of that `run`, `session`, `task`, `milestone`, `account`, `day`.

        Raises:
            LedgerUnusable: it cannot be read or written.
        """
        self._flush()
        words = " AND ".join(f"{name} = ?" for name in where)  # names are the callers' own
        (row,) = self._ask(f"SELECT total(usd), sum(tokens) FROM spent WHERE {words}", *where.values())  # noqa: S608
        return Spent(usd=row[0], tokens=row[1] or 0)

    @property
    def today(self) -> str:
        """The calendar day, as days are noted."""
        return self._now().date().isoformat()

    def sessions(self) -> Mapping[str, int]:
        """Counts the sessions that are known of each run.

        Raises:
            LedgerUnusable: as `spent`.
        """
        return dict(self._ask("SELECT run, count(DISTINCT session) FROM spent GROUP BY run"))

    def unfinished(self) -> tuple[LedgerEntry, ...]:
        """Lists the sessions that were not noted as over.

        Raises:
            LedgerUnusable: as `spent`.
        """
        names = ("run", "session", "task", "milestone", "account", "folder")
        rows = self._ask(f"SELECT DISTINCT {', '.join(names)} FROM spent WHERE NOT is_over")  # noqa: S608 - our own
        return tuple(LedgerEntry(**dict(zip(names, row, strict=True))) for row in rows)

    def take_in(self, entries: Sequence[LedgerEntry], *, days: Sequence[str]) -> None:
        """Notes what was not noted when it was spent, on the day that each entry has.

        Raises:
            LedgerUnusable: as `spent`.
        """
        self._put_all(zip(entries, days, strict=True))

    def _flush(self) -> None:
        with self._lock:
            news = dict(self._news)
        if news:
            self._put_all((entry, self.today) for entry in news.values())
        self._written = time.monotonic()
        with self._lock:
            self._news = {key: entry for key, entry in self._news.items() if news.get(key) is not entry}

    def _put_all(self, entries: Iterable[tuple[LedgerEntry, str]]) -> None:
        rows = tuple(entries)

        def put(database: sqlite3.Connection) -> None:
            for entry, day in rows:
                _put(database, entry, day)

        self._do(put)

    def _ask(self, words: str, *values: str) -> list[Any]:
        return self._do(lambda database: database.execute(words, values).fetchall())

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does it in one transaction; a file that is damaged is moved aside before, and all begins anew."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                return self._in_transaction(work)
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # it is busy, or cannot be opened or written
                    raise
                self._file.replace(self._file.with_name(f"{LEDGER_FILE}.damaged"))
                return self._in_transaction(work)
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnusable(f"{self._file}: {error}. The count of what was spent is kept there.") from error

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self._file.exists():
            self.is_recounted = False
        with closing(_open(self._file)) as database, database:
            return work(database)


def _open(file: Path) -> sqlite3.Connection:
    private_files.open_to_append(file).close()
    database = sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = NORMAL")
        for words in (_TABLE, *_INDEXES):
            database.execute(words)
        database.execute("BEGIN IMMEDIATE")
    except BaseException:
        database.close()
        raise
    return database


def _put(database: sqlite3.Connection, entry: LedgerEntry, day: str) -> None:
    """The day gets what other days have not."""
    key = entry.run, entry.session
    rows = database.execute(_SO_FAR, key).fetchall()
    account = rows[0][3] if rows else entry.account  # a session has one, and who counts it again may not know it
    counted, others = [row for row in rows if row[0] == day], [row for row in rows if row[0] != day]
    usd, tokens = entry.spent.usd - sum(row[1] for row in others), entry.spent.tokens - sum(row[2] for row in others)
    if not entry.is_over:
        usd = max(usd, *(row[1] for row in counted), 0.0)
        tokens = max(tokens, *(row[2] for row in counted), 0)
    fixed = entry.task, entry.milestone, account, entry.folder, entry.is_over
    database.execute(_PUT, (*key, day, *fixed, usd, tokens))
    database.execute(_OVER, (entry.is_over, *key))
