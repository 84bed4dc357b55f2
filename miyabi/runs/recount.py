"""What sessions have spent, read from where their streams and results are kept: what the ledger does not have yet.

That is what was spent before there was a ledger, or after its orchestrator was killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from miyabi.claude import Transcript
from miyabi.errors import BadInput, LedgerUnusable
from miyabi.machines import Machine
from miyabi.runs.attempt_record import AttemptRecord
from miyabi.runs.budget import before
from miyabi.runs.folder import RunFolder
from miyabi.runs.info import MilestoneRun
from miyabi.runs.ledger import LedgerEntry, SpendingLedger, Spent
from miyabi.sessions import SessionResult, is_resolving, is_reviewing, resolved_by, reviewed

_CHUNK_BYTES = 1 << 20


def run_key(folder: RunFolder, run_id: str) -> str:
    """Names a run as no other is named; one of an earlier build, which has no id, by where it is."""
    return run_id or str(folder.path)


def milestone_key(folder: RunFolder) -> str:
    """Names the milestone that a run is for as no other is named; empty where it is for none."""
    try:
        of = folder.load(MilestoneRun)
    except BadInput:
        return ""
    return (f"id {of.id}" if of.id else f"{of.repository.casefold()}#{of.number}") if of else ""


def task_of(session: str) -> str:
    """Returns the task that a session works for: its own, or the one whose work it reviews or merges."""
    if is_reviewing(session):
        return reviewed(session)
    return resolved_by(session) if is_resolving(session) else session


def entry_of(
    folder: RunFolder,
    session: str,
    attempt: int,
    *,
    run: str,
    milestone: str = "",
    account: str = "",
    spent: Spent = Spent(),  # noqa: B008 - frozen
    is_over: bool = False,
) -> LedgerEntry:
    """Makes the entry of one attempt.

    Args:
        folder: that of the run.
        session: what stands in its names in place of a task's id.
        attempt: its number.
        run: the run's key.
        milestone: the key of its milestone.
        account: of its machine.
        spent: until now.
        is_over: whether that is all.
    """
    return LedgerEntry(
        run=run,
        session=f"{session}.{attempt}",
        task=task_of(session),
        milestone=milestone,
        account=account,
        folder=str(folder.attempt(session, attempt)),
        is_over=is_over,
        spent=spent,
    )


def account_used(session: SessionResult | AttemptRecord, machines: Mapping[str, Machine]) -> str:
    """Returns the account that a session used; where nobody wrote it down that of its machine, if it has one."""
    at = machines.get(session.machine or "")
    return session.account if session.account is not None else at.logins[0] if at else ""


def recount(ledger: SpendingLedger, repository: Path, *, machines: Mapping[str, Machine]) -> None:
    """Counts what the ledger does not have: of each run of the repository, and of sessions whose orchestrator is gone.

    A run that cannot be read is passed over: it says so itself where it is gone on with.

    Args:
        ledger: that is completed.
        repository: whose runs are looked through.
        machines: by whose names the accounts of sessions are known.

    Raises:
        LedgerUnusable: as `SpendingLedger.spent`, or a stream is there and cannot be read.
    """
    known = ledger.sessions()
    folders = {f for f in RunFolder.all(repository) if len(_attempts(f)) > known.get(_key(f), 0)}
    folders |= {RunFolder(*_place(Path(each.folder))) for each in ledger.unfinished() if each.folder}
    found = list[tuple[LedgerEntry, str]]()
    for folder in folders:
        try:
            found += _entries(folder, machines)
        except FileNotFoundError:  # it is being swept
            continue
        except OSError as error:
            raise LedgerUnusable(f"what run {folder.run} has spent cannot be counted: {error}") from error
    ledger.take_in([entry for entry, _ in found], days=[day for _, day in found])
    ledger.is_recounted = True


def _place(attempt: Path) -> tuple[Path, str]:
    """The repository and the run that an attempt's folder is of: REPO/.miyabi/runs/RUN/sessions/TASK/attempt-N."""
    run = attempt.parents[2]
    return run.parents[2], run.name


def _attempts(folder: RunFolder) -> list[Path]:
    return list(folder.path.glob("sessions/*/attempt-*"))


def _key(folder: RunFolder) -> str:
    try:
        return run_key(folder, folder.info().id)
    except BadInput:
        return ""


def _entries(folder: RunFolder, machines: Mapping[str, Machine]) -> Iterator[tuple[LedgerEntry, str]]:
    """Each attempt of a run, and the day on which it was over, or had said its last word."""
    try:
        info, results = folder.info(), {(r.task, r.attempt): r for r in folder.results()}
    except BadInput:
        return
    names = {"run": run_key(folder, info.id), "milestone": milestone_key(folder)}
    for path in [] if info.rehearse else _attempts(folder):
        task, number = path.parent.name, path.name.removeprefix("attempt-")
        if not number.isdecimal():
            continue
        result, known = results.get((task, int(number))), AttemptRecord.known(path)
        spent = Spent(usd=result.cost_usd, tokens=result.usage.total) if result else _streamed(path, known, results)
        is_over = result is not None and result.is_collected
        session = result or known
        account = account_used(session, machines) if session else ""
        entry = entry_of(folder, task, int(number), **names, account=account, spent=spent, is_over=is_over)
        yield entry, _day(path, result)


def _streamed(path: Path, known: AttemptRecord | None, results: Mapping[tuple[str, int], SessionResult]) -> Spent:
    """What the stream of an attempt says that nobody has seen to its end; the least that it can be."""
    file, transcript = path / "stdout.jsonl", Transcript()
    if not file.exists():
        return Spent()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            transcript.feed(chunk)
    conversation = known.resumes if known else None
    earlier = before(r for r in results.values() if conversation and r.session_id == conversation)
    spend = transcript.spending.spent(earlier)
    return Spent(usd=spend.usd, tokens=spend.usage.total)


def _day(path: Path, result: SessionResult | None) -> str:
    if result and result.end:
        return result.end.astimezone().date().isoformat()
    file = path / "stdout.jsonl"
    moment = (file if file.exists() else path).stat().st_mtime
    return datetime.fromtimestamp(moment).astimezone().date().isoformat()
