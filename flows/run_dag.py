"""The main job: a DAG of Claude Code sessions in the slots of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.aggregate_results import aggregate_results
from flows.parameters import OptionalNames, OptionalPath, OptionalStrategy, OptionalText, overrides
from flows.steps import (
    cancelled,
    equip,
    failed,
    see_through,
    show_unfinished,
    state_of,
    submit_all,
    tell_broken,
    tell_end,
    with_room,
)
from miyabi.errors import BadInput, DiskFull, MiyabiError, ServerAway
from miyabi.github import token_of_environment
from miyabi.pull_requests import require_readable
from miyabi.reports import write_report
from miyabi.runs import Run, RunRequest, run_name_of, start_run, use_run
from tasks.declaration import FLOW
from tasks.prefect_server import retry_briefly, with_server
from tasks.runner import DISK_FULL, FleetTaskRunner, current_runner


def _run_name() -> str:
    """The run's name: the parameter, else made of the flow run, so that a retried flow run goes on with its run."""
    asked = flow_run.parameters.get("run")
    return asked or run_name_of(
        flow_run.id, started=flow_run.scheduled_start_time, rehearse=bool(flow_run.parameters.get("rehearse"))
    )


@flow(name="run-dag", flow_run_name=_run_name, task_runner=FleetTaskRunner(), **FLOW)
def run_dag(
    repository: Path,
    tasks: OptionalPath = None,
    rehearse: bool = False,
    base: OptionalText = None,
    run: OptionalText = None,  # noqa: ARG001 - read by _run_name
    config: OptionalPath = None,
    fleet: OptionalText = None,
    session_defaults: OptionalText = None,
    strategy: OptionalStrategy = None,
    fail_fast: bool = False,
    until: OptionalText = None,
    retry: OptionalNames = None,
) -> Any:
    """Runs each task of a DAG as a Claude Code session on the machines of the fleet and brings every branch home.

    Args:
        repository: Git repository that the sessions work on, an absolute path. Its checkout is never touched.
        tasks: DAG file (JSON or YAML), an absolute path. Empty only to go on with a known run.
        rehearse: Run the whole path with a small shell agent in place of claude. Costs no tokens.
        base: Branch, tag or commit to start from. Empty: what the configuration says, else HEAD.
        run: Name of the run, else it gets one. An earlier run's name goes on with it: what is finished is kept.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block to use in place of the configured machines.
        session_defaults: Name of a Water Spider Session Defaults block to use in place of the configured ones.
        strategy: fill-first completes one machine before the next, spread uses all alike.
        fail_fast: Start nothing further after the first task that does not succeed. Off: what the configuration says.
        until: Hour at which the run is to be over, such as 07:00 or 07:00 Europe/Berlin. Empty: as configured.
        retry: Ids of the tasks of a known run to try again, with what waits for them. Empty: all that did not succeed.
    """
    runner = current_runner()
    try:
        request = RunRequest(
            tasks=tasks,
            repository=repository,
            base=base,
            run=_run_name(),
            config=config,
            rehearse=rehearse,
            retry=tuple(retry or ()),
            overrides=overrides(fleet, session_defaults, strategy=strategy, fail_fast=fail_fast or None, until=until),
        )
        live = runner.call(start_run(request, token=token_of_environment))
        for warning in live.warnings:
            get_run_logger().warning("%s", warning)
        with live.folder.lock(), use_run(live):
            require_readable(live.folder)
            return _orchestrate(live, runner, config=config, fleet=fleet, session_defaults=session_defaults)
    except DiskFull as error:
        return _out_of_room(error, runner)
    except MiyabiError as error:
        return state_of(error)
    except KeyboardInterrupt:
        retry_briefly()  # a server that is away would hold whoever wants to leave for minutes
        return cancelled(_to_go_on(_run_name(), "The run was interrupted."))


def _to_go_on(run: str, why: str) -> str:
    return f"{why} To go on: miyabi orchestrate --run {run}, or run-dag with the parameter run {run}."


def _orchestrate(live: Run, runner: FleetTaskRunner, **parameters: Any) -> State[Any]:
    """Runs and aggregates it, and tells people how that ended, but for who has ended it."""
    equip(live, runner)
    folder, notify = live.folder, live.settings.notify
    try:
        _run(live, runner)
        if runner.cancelled:
            return cancelled(_to_go_on(live.run, runner.cancelled))
        patience_seconds = 60 * live.settings.runs.server_patience_minutes
        state = with_server(runner, lambda: _aggregate(live, **parameters), patience_seconds=patience_seconds)
    except BadInput as error:  # which as a state means that nothing was started
        get_run_logger().error("%s", error)
        tell_broken(folder, notify, str(error))
        return failed(str(error))
    except (DiskFull, ServerAway) as error:
        if not runner.cancelled:
            tell_broken(folder, notify, _to_go_on(live.run, str(error)))
        raise
    if not state.is_cancelled():
        tell_end(folder, notify)
    return state


def _out_of_room(error: DiskFull, runner: FleetTaskRunner) -> State[Any]:
    said = _to_go_on(_run_name(), str(error))
    get_run_logger().error("%s", said)
    if runner.cancelled:
        return cancelled(_to_go_on(_run_name(), runner.cancelled))
    return failed(said, name=DISK_FULL)


def _run(live: Run, runner: FleetTaskRunner) -> None:
    is_whole = False
    try:
        see_through(live, runner, submit_all(live))
        is_whole = not runner.cancelled
    finally:
        if is_whole:
            with_room(lambda: write_report(live.folder), patience_seconds=live.outages.patience_seconds)
        else:
            why = runner.cancelled or "The run broke."
            runner.call(show_unfinished(live.folder, to_go_on=_to_go_on(live.run, why)))


def _aggregate(live: Run, **parameters: Any) -> State[Any]:
    given: dict[str, Any] = {"repository": live.repository.root, "until": live.deadline.text, **parameters}
    state: Any = aggregate_results(run=live.run, return_state=True, **given)
    if state.name == "BadInput":
        return failed(state.message)
    return State(type=state.type, name=state.name, message=state.message)  # a sub-flow's own would lose its message
