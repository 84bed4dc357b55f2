"""From what a person asked for to a run that can start: everything that can be refused is refused here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from miyabi.dag import Dag, unfinished
from miyabi.errors import BadInput, DagError, DiskFull
from miyabi.git import RemoteToken, Repository, complete_partial_clone
from miyabi.machines import Load, Machine, unplaceable
from miyabi.runs.copies import require_copies
from miyabi.runs.deadline import Deadline
from miyabi.runs.folder import RunFolder
from miyabi.runs.info import FleetMember, RunInfo
from miyabi.runs.names import new_run_name, valid_run_name
from miyabi.runs.options import require_options
from miyabi.runs.progress import Board
from miyabi.runs.repository import open_repository
from miyabi.runs.run import Run
from miyabi.sessions import SessionPaths, State, is_reviewing, list_sessions, reviewed
from miyabi.settings import CONFIG_FILE, GitHubSettings, Settings
from miyabi.system import files


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person asked for. `retry`: of a known run these tasks alone, and what waits for them."""

    tasks: Path | None
    repository: Path = Path()
    base: str | None = None
    run: str | None = None
    config: Path | None = None
    rehearse: bool = False
    retry: tuple[str, ...] = ()
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What a run starts with, or goes on with: its request, read and found good.

    `base` is a commit; `is_new` is whether there was no run of that name when the request was read; `warnings` are what
    the reader of the report should know.
    """

    dag: Dag
    settings: Settings
    repository: Repository
    base: str
    is_new: bool
    warnings: tuple[str, ...] = ()


async def read_request(request: RunRequest) -> RunStart:
    """Reads the request's DAG file, configuration, repository and base, or those of the run that it names.

    Raises:
        BadInput: DagError, SettingsError, NotARepository, BaseMissing, each naming what was found and what to do.
    """
    repository, settings = await open_repository(request.repository, config=request.config, **request.overrides)
    unmatched = await require_copies(repository, settings, file=request.config or repository.root / CONFIG_FILE)
    start = partial(RunStart, settings=settings, repository=repository, warnings=unmatched)
    known = RunFolder(repository.root, valid_run_name(request.run)) if request.run else None
    if known and known.info_file.exists():
        dag, base = _again(request, known), known.info().base
        _require_retriable(request.retry, dag, known)
        require_options(dag, settings, root=repository.root)
        return start(dag=dag, base=base, is_new=False)
    if request.run:
        _require_own_name(repository.root, request.run)
    if known and (request.tasks is None or known.lacks_info):
        raise known.unknown()
    if request.tasks is None:
        raise BadInput("no DAG file was given. Name one, e.g. tasks.json, or a run to go on with.")
    plan = unfinished(Dag.load(request.tasks))
    dag = replace(plan.dag, not_scheduled=plan.sentences)
    _require_labels(dag, settings.machines)
    require_options(dag, settings, root=repository.root)
    base = await repository.resolve(request.base or settings.runs.base)
    return start(dag=dag, base=base, is_new=True)


async def start_run(request: RunRequest, *, token: Callable[[GitHubSettings], RemoteToken | None]) -> Run:
    """Starts a new run, or the known one of that name, which is ready to be equipped with its machines then.

    A partial clone has all that the run's base needs then.

    Args:
        request: what a person asked for.
        token: makes the token that the settings mean, with which a partial clone's remote is asked; None: without one.

    Raises:
        BadInput: as `read_request`; another orchestrator has just begun the run, or the disk is full.
        GitFailed: git could not read the base.
    """
    start = await read_request(request)
    await complete_partial_clone(start.repository, start.base, token=token(start.settings.github))
    name = request.run or new_run_name(datetime.now(UTC), rehearse=request.rehearse)
    folder = RunFolder(start.repository.root, name).create()
    if start.is_new:
        await _create(folder, start, request)
    live = await _run_of(folder, start, retry=request.retry)
    await live.copied_files()
    submodules = await live.worktrees.submodules(start.base)
    for warning in (*start.warnings, *([submodules.warning] if submodules.warning else [])):
        live.warn(warning)
    return live


async def _create(folder: RunFolder, start: RunStart, request: RunRequest) -> None:
    dag, settings, base = start.dag, start.settings, start.base
    branch = await start.repository.branch_of(request.base or settings.runs.base)
    with folder.lock():
        _require_new(folder)
        try:
            create_run(folder, dag=dag, settings=settings, base=base, base_branch=branch, rehearse=request.rehearse)
        except DiskFull as error:  # nothing was started
            folder.discard_unless_used()
            raise BadInput(str(error)) from error


async def _run_of(folder: RunFolder, start: RunStart, *, retry: Sequence[str]) -> Run:
    info = folder.info()
    board = Board(run=folder.run, tasks=start.dag.order, rehearsal=info.rehearse)
    reviews = [result for result in folder.results() if is_reviewing(result.task)]
    for name in {result.task for result in reviews}:
        board.note_beside(name, cost_usd=sum(result.cost_usd for result in reviews if result.task == name))
    return Run(
        run=folder.run,
        run_id=info.id,
        dag=start.dag,
        settings=start.settings,
        folder=folder,
        repository=start.repository,
        base=start.base,
        author=await start.repository.identity(),
        board=board,
        rehearse=info.rehearse,
        retry=frozenset(retry),
        deadline=Deadline.of(start.settings, repository=start.repository.root, rehearse=info.rehearse),
    )


def _require_retriable(tasks: Sequence[str], dag: Dag, folder: RunFolder) -> None:
    results = folder.latest_results() if tasks else {}
    done = {task for task, result in results.items() if result.succeeded}
    for task in tasks:
        folder.require_task(task)
        if task not in dag.by_id:
            merged = "resolved a conflict; retry the task whose merge that is"
            what = f"reviewed a task; retry that one, {reviewed(task)}" if is_reviewing(task) else merged
            raise BadInput(f"run {folder.run}: {task} {what}.")
        if task in done:
            raise BadInput(f"run {folder.run}: task {task} succeeded: there is nothing to try again.")
        if missing := sorted(set(dag.dependencies(task)) - done - set(tasks)):
            also = " ".join((*missing, *tasks))
            raise BadInput(
                f"run {folder.run}: task {task} builds on {missing[0]}, which did not succeed. "
                f"Try that again too: miyabi retry {folder.run} {also}"
            )


def _require_new(folder: RunFolder) -> None:
    if folder.info_file.exists():
        raise BadInput(f"run {folder.run} was begun by another orchestrator this moment. Choose another run name.")


def record_machines(live: Run) -> None:
    """Records which machines a run that is gone on with has now; those that it had before stay known.

    Raises:
        BadInput: run.json is missing or damaged.
        DiskFull: there is no room for it.
    """
    info = live.folder.info()
    fleet = {member.name: member for member in (*info.machines, *map(FleetMember.of, live.settings.machines))}
    if tuple(fleet.values()) != info.machines:
        live.folder.write_info(info.model_copy(update={"machines": tuple(fleet.values())}))


def create_run(
    folder: RunFolder, *, dag: Dag, settings: Settings, base: str, base_branch: str | None, rehearse: bool
) -> None:
    """Writes what a run starts with, so that `start_run` goes on with it.

    Args:
        folder: the run's, which is there already.
        dag: what is to be done.
        settings: those of the run.
        base: commit that the run starts from.
        base_branch: branch that it is the head of, as far as that is known.
        rehearse: whether no real session is to run.

    Raises:
        DiskFull: there is no room for it.
    """
    info = RunInfo(
        run=folder.run,
        id=uuid.uuid4().hex,
        repository=str(folder.repository),
        base=base,
        base_branch=base_branch,
        started=datetime.now(UTC),
        machines=tuple(FleetMember.of(machine) for machine in settings.machines),
        rehearse=rehearse,
        version=version("miyabi-scheduler"),
        warnings=dag.not_scheduled,
    )
    files.atomic_write(folder.dag_file, dag.to_json())
    folder.write_info(info)


def _require_own_name(root: Path, run: str) -> None:
    for other in RunFolder.all(root):
        if other.run.casefold() == run.casefold() and other.run != run:
            raise BadInput(
                f"run {run!r}: there is a run {other.run!r}, which some file systems take for the same. "
                f"Write it like that to go on with it, or choose another run name."
            )


def _again(request: RunRequest, folder: RunFolder) -> Dag:
    dag = Dag.load(folder.dag_file)
    if request.rehearse and not folder.info().rehearse:
        raise BadInput(
            f"run {folder.run} is no rehearsal: going on with it would start real sessions. "
            f"Leave the rehearsal out, or rehearse under another run name."
        )
    if request.tasks is not None and not _is_of(Dag.load(request.tasks), dag):
        raise BadInput(
            f"{request.tasks}: differs from the DAG that run {folder.run} was started with. "
            f"Leave the file out to go on with that run, or choose another run name."
        )
    return dag


def _is_of(given: Dag, run: Dag) -> bool:
    """Whether a run was begun with that DAG; one of an earlier build has its finished nodes too."""
    return given == run or unfinished(given).dag == run


def _require_labels(dag: Dag, machines: Sequence[Machine]) -> None:
    fleet = [Load(machine=m, used=0) for m in machines]
    for node in dag.nodes:
        if reason := unplaceable(fleet, requires=node.requires):
            raise DagError(f"{dag.name}: node {node.id!r}: requires: {reason}. Name one, or give it the label.")


_NEVER_RAN = {State.NONE, State.STAGED}


async def require_free_name(live: Run, machine: Machine) -> None:
    """Checks that the machine has no session of a task of this run that the run's folder does not know.

    Raises:
        BadInput: it has one: the folder of its run is gone, or it is another repository's; says how to remove it.
        MachineError: as `Host.run`.
    """
    there = await list_sessions(live.host(machine), workspace=machine.workspace)
    ran = [name for name, status in there if status.state not in _NEVER_RAN and name.startswith(f"{live.run}.")]
    unknown = [
        paths for paths in map(SessionPaths.of, ran) if paths.task in live.dag.by_id and not _is_known(live, paths)
    ]
    if not unknown:
        return
    foreign = await live.workspace(machine).foreign_tasks(live.run)
    first = min(unknown, key=lambda paths: (paths.task not in foreign, paths.session))
    whose, where = (
        ("another repository's", " there") if first.task in foreign else ("of a run whose folder is gone", "")
    )
    raise BadInput(
        f"run {live.run}: {machine.name} has session {first.session}, which is {whose}. "
        f"Remove what that run made{where}: miyabi sweep {live.run}, or choose another run name."
    )


def _is_known(live: Run, paths: SessionPaths) -> bool:
    file = live.folder.ahead_file(paths.task) if paths.is_ahead else live.folder.attempt(paths.task, paths.attempt)
    return file.exists()
