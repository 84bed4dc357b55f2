"""What earlier runs of a repository made of their tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from miyabi.dag import Dag, TaskType
from miyabi.errors import BadInput
from miyabi.runs.budget import GOES_ON
from miyabi.runs.folder import RunFolder
from miyabi.runs.recount import task_of
from miyabi.sessions import SessionResult

MOST_RUNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTask:
    """What one task of an earlier run came to, with its fix-ups, reviews and merges that went back."""

    run: str
    type: TaskType
    usd: float
    seconds: float


def earlier_tasks(repository: Path, *, most_runs: int = MOST_RUNS, rehearse: bool = False) -> tuple[EarlierTask, ...]:
    """Reads what the latest runs of a repository made of their tasks: of rehearsals alone, or of all others.

    Left out are runs that cannot be read, and tasks without a session, in which a person had a hand, or whose last
    session was cut short: what is gone on with says too little.
    """
    folders = RunFolder.by_start(repository)[-most_runs:]
    return tuple(task for folder in folders for task in _tasks(folder, rehearse=rehearse))


def _tasks(folder: RunFolder, *, rehearse: bool) -> Iterator[EarlierTask]:
    try:
        if folder.info().rehearse != rehearse:
            return
        dag, results = Dag.load(folder.dag_file), folder.results()
    except BadInput:
        return
    last, all_of = {result.task: result for result in results}, defaultdict[str, list[SessionResult]](list)
    for result in results:
        all_of[task_of(result.task)].append(result)
    for node in dag.nodes:
        end = last.get(node.id)
        if end and end.start and end.outcome not in GOES_ON and not end.by_hand:
            usd, seconds = sum(r.cost_usd for r in all_of[node.id]), sum(r.seconds for r in all_of[node.id])
            yield EarlierTask(run=folder.run, type=node.type, usd=usd, seconds=seconds)
