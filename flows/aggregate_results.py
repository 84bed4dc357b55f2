"""What came of a run: its branches merged and verified, and the report, as artifacts in the UI and as files."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from flows.parameters import OptionalPath, OptionalText, overrides
from flows.steps import Integrating, cancelled, failed, report_artifacts, state_of, state_of_run, with_room
from miyabi.errors import DiskFull, MiyabiError
from miyabi.integration import Integration, NotIntegrated
from miyabi.reports import Report, integration_sentence, summary_sentence, write_report
from miyabi.runs import RunFolder
from tasks.declaration import FLOW
from tasks.prefect_server import retry_briefly, with_server
from tasks.runner import DISK_FULL, FleetTaskRunner, current_runner


@flow(name="aggregate-results", flow_run_name="report {run}", task_runner=FleetTaskRunner(), **FLOW)
def aggregate_results(
    repository: Path,
    run: str,
    config: OptionalPath = None,
    fleet: OptionalText = None,
    session_defaults: OptionalText = None,
    until: OptionalText = None,
) -> Any:
    """Merges the branches of a run into one, verifies it and makes the report, as often as you like.

    Args:
        repository: The git repository that the run worked on, an absolute path.
        run: Name of the run.
        config: Configuration file. Empty: .miyabi/config.toml of the repository.
        fleet: Name of a Water Spider Fleet block, for sessions that resolve conflicts or mend merges.
        session_defaults: Name of a Water Spider Session Defaults block, for the same.
        until: Hour at which it is to be over, such as 07:00 or 07:00 Europe/Berlin. Empty: as configured.
    """
    runner = current_runner()
    try:
        given = overrides(fleet, session_defaults, until=until)
        work = runner.call(Integrating.open(run, repository=repository, config=config, overrides=given, runner=runner))
        with ExitStack() as held:
            folder = work.folder
            with_room(lambda: held.enter_context(folder.integration_lock()), patience_seconds=work.patience_seconds)
            came = work.run()
            report = with_room(lambda: write_report(folder), patience_seconds=work.patience_seconds)
            patience_seconds = 60 * work.settings.runs.server_patience_minutes
            return with_server(runner, lambda: _end_state(came, report, folder), patience_seconds=patience_seconds)
    except DiskFull as error:
        said = f"{error} To go on: miyabi orchestrate --run {run}"
        get_run_logger().error("%s", said)
        return failed(said, name=DISK_FULL)
    except MiyabiError as error:
        return state_of(error)
    except OSError as error:
        said = f"run {run}: its folder cannot be written: {error}."
        get_run_logger().error("%s", said)
        return failed(said)
    except CancelledError:
        return cancelled(f"run {run} was not integrated: the flow run was cancelled. To go on: the same again.")
    except KeyboardInterrupt:
        return _interrupted(run)


def _interrupted(run: str) -> Any:
    retry_briefly()  # a server that is away would hold whoever wants to leave for minutes
    return cancelled(f"run {run} was not integrated: interrupted. To go on: the same again.")


def _end_state(came: Integration | NotIntegrated, report: Report, folder: RunFolder) -> Any:
    """The flow run's last state, which says what the logs and the artifact say."""
    integration = came if isinstance(came, Integration) else None
    if isinstance(came, NotIntegrated):
        get_run_logger().error("not integrated: %s", came.reason)
    said = integration_sentence(came, report)
    _show(report, folder, said)
    sentence = f"{summary_sentence(report)} {said}"
    return state_of_run(sentence, report=report, integration=integration)


def _show(report: Report, folder: RunFolder, said: str) -> None:
    log = get_run_logger()
    for artifact in report_artifacts(folder, report):
        artifact.create()
    for line in (summary_sentence(report), said, f"report: {folder.report_file}"):
        log.info("%s", line)
