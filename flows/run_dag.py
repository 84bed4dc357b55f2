"""The main job: a DAG of Claude Code sessions in the slots of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed

from blocks.fleet import Fleet, SessionDefaults
from flows.aggregate_results import aggregate_results
from flows.wiring import equip, see_through, submit_all
from miyabi.errors import BadInput
from miyabi.live_run import LiveRun, use_run
from miyabi.opening import RunRequest, open_run
from miyabi.placement import Strategy
from miyabi.reporting import write_report
from miyabi.run_folder import run_name_of
from tasks.runner import FleetTaskRunner, current_runner


def _run_name() -> str:
    """The run's name: the parameter, else made of the flow run, so that a retried flow run goes on with its run."""
    asked = flow_run.parameters.get("run")
    return asked or run_name_of(
        flow_run.id, started=flow_run.scheduled_start_time, rehearse=bool(flow_run.parameters.get("rehearse"))
    )


@flow(name="run-dag", flow_run_name=_run_name, task_runner=FleetTaskRunner(), persist_result=False)
def run_dag(
    tasks: Path | None = None,
    repository: Path = Path(),
    base: str | None = None,
    run: str | None = None,  # noqa: ARG001 - read by _run_name
    config: Path | None = None,
    fleet: str | None = None,
    session_defaults: str | None = None,
    strategy: Strategy | None = None,
    fail_fast: bool | None = None,
    rehearse: bool = False,
) -> Any:
    """Runs each task of a DAG as a Claude Code session on the machines of the fleet and brings every branch home.

    Args:
        tasks: DAG file (JSON or YAML) on the machine where this flow runs. Empty only to go on with a known run.
        repository: Git repository that the sessions work on. Its checkout is never touched.
        base: Branch, tag or commit to start from. Empty: what the configuration says, else HEAD.
        run: Name of the run. The name of an earlier run goes on with it: finished tasks are kept, live ones joined.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block to use in place of the configured machines.
        session_defaults: Name of a Water Spider Session Defaults block to use in place of the configured ones.
        strategy: fill-first completes one machine before the next; spread uses all alike.
        fail_fast: Start nothing further after the first task that does not succeed.
        rehearse: Run the whole path with a small shell agent in place of claude. Costs no tokens.
    """
    overrides = _overrides(fleet, session_defaults, strategy, fail_fast)
    request = RunRequest(
        tasks=tasks,
        repository=repository,
        base=base,
        run=_run_name(),
        config=config,
        rehearse=rehearse,
        overrides=overrides,
    )
    runner = current_runner()
    try:
        live = runner.call(open_run(request))
        with live.folder.lock(), use_run(live):
            equip(live, runner)
            return _run(live, runner)
    except BadInput as error:
        get_run_logger().error("%s", error)
        return Failed(name="BadInput", message=str(error))


def _run(live: LiveRun, runner: FleetTaskRunner) -> Any:
    try:
        see_through(live, runner, submit_all(live))
    finally:
        write_report(live.folder)
    return aggregate_results(run=live.run, repository=live.repository.root, return_state=True)


def _overrides(
    fleet: str | None, session_defaults: str | None, strategy: Strategy | None, fail_fast: bool | None
) -> dict[str, Any]:
    """What the flow's parameters say, shaped like the configuration file."""
    runs = {"strategy": strategy, "fail_fast": fail_fast}
    return {
        **(cast("Fleet", Fleet.load(fleet)).overrides() if fleet else {}),
        **(cast("SessionDefaults", SessionDefaults.load(session_defaults)).overrides() if session_defaults else {}),
        "runs": {name: value for name, value in runs.items() if value is not None} or None,
    }
