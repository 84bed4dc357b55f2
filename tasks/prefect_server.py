"""Prefect's server: waits for it, watches it for a cancellation, ends the flow runs there that crashed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Cancelling, Crashed
from prefect.utilities.urls import url_for

from miyabi.errors import ServerAway
from tasks.concurrency import few_retries
from tasks.runner import FleetTaskRunner

T = TypeVar("T")

_EVERY_SECONDS = 1.0
_END_POLL_SECONDS = 0.2
_NOT_OVER = (StateType.RUNNING, StateType.CANCELLING)
_TIMES = 3


def with_server(runner: FleetTaskRunner, call: Callable[[], T], *, patience_seconds: float) -> T:
    """Returns what the call returns, made when the Prefect server answers, and again where that goes away meanwhile.

    It is made three times at most, each time after a wait of `patience_seconds` at most.

    Raises:
        ServerAway: it was not there in time. From now on this thread's requests are not repeated any more.
        httpx.TransportError: it went away each time.
        Exception: any other of the call.
    """
    for _ in range(_TIMES - 1):
        _wait_for_server(runner, patience_seconds=patience_seconds)
        with suppress(httpx.TransportError):
            return call()
    _wait_for_server(runner, patience_seconds=patience_seconds)
    return call()


def retry_briefly() -> None:
    """Makes the requests of Prefect's client in this thread give up, from now on, after some seconds, not minutes."""
    few_retries(1).__enter__()


def _wait_for_server(runner: FleetTaskRunner, *, patience_seconds: float) -> None:
    if not runner.call(_answers_in_time(patience_seconds)):
        few_retries(0).__enter__()
        raise ServerAway(f"The Prefect server has been away for {patience_seconds / 60:g} min.")


async def _answers_in_time(patience_seconds: float) -> bool:
    clock = asyncio.get_running_loop().time
    deadline, warned = clock() + patience_seconds, False
    while not await server_answers():
        if clock() > deadline:
            return False
        if not warned:
            get_run_logger().warning("The Prefect server does not answer. The run waits for it before its last steps.")
        warned = True
        await asyncio.sleep(_EVERY_SECONDS)
    return True


async def server_answers() -> bool:
    """Returns whether the Prefect server answers at the moment; asks once."""
    with few_retries(0):
        async with get_client() as client:
            return await client.api_healthcheck() is None


POLL_SECONDS = 5.0


async def watch_for_cancellation(
    flow_run_id: UUID, *, cancel: Callable[[str], None], every_seconds: float = POLL_SECONDS
) -> None:
    """Calls `cancel` with the reason, once, when the flow run is being cancelled, and returns.

    Run it with `FleetTaskRunner.spawn`. A server that does not answer is asked again after `every_seconds`.
    """
    while not await _is_cancelled(flow_run_id):  # noqa: ASYNC110 - it is the server that we ask
        await asyncio.sleep(every_seconds)
    cancel("The flow run was cancelled in Prefect.")


async def _is_cancelled(flow_run_id: UUID) -> bool:
    try:
        async with get_client() as client:
            state = (await client.read_flow_run(flow_run_id)).state
    except (httpx.HTTPError, PrefectException, ValueError):  # what is in front of it may answer with anything
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())


async def mark_crashed_flow_runs(run: str, *, repository: str, own: UUID) -> None:
    """Ends the flow runs of a run that were cut short, all but `own`: as Crashed, or Cancelled where that was asked.

    To be called by who holds the run's lock: none of them lives. That the server cannot be asked is no error.
    """
    try:
        await _mark_crashed(run, repository=repository, own=own)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().debug("earlier flow runs were not ended: %s", error)


async def _mark_crashed(run: str, *, repository: str, own: UUID) -> None:
    async with get_client() as client:
        for found in await _flow_runs(client, run, repository=repository, states=_NOT_OVER):
            if found.id != own:
                said = "Its process ended without a word; another flow run went on with the run."
                is_cancelling = found.state is not None and found.state.is_cancelling()
                ending = Cancelled if is_cancelling else Crashed
                await client.set_flow_run_state(found.id, ending(message=said), force=True)


async def cancel_flow_runs(run: str, *, repository: str) -> int:
    """Cancels the flow runs of a run, as its page in Prefect does, and returns how many there were.

    Who orchestrates the run sees that within `POLL_SECONDS`. Where the server cannot be asked there were none.
    """
    found: list[FlowRun] = []
    with suppress(httpx.HTTPError, PrefectException):
        async with get_client() as client:
            found = await _flow_runs(client, run, repository=repository, states=_NOT_OVER)
            for each in found:
                await client.set_flow_run_state(each.id, Cancelling(message="It was stopped by `miyabi stop`."))
    return len(found)


async def end_flow_runs(run: str, *, repository: str, patience_seconds: float) -> None:
    """Ends the flow runs of a run as Cancelled that nobody has ended within that time. As `mark_crashed_flow_runs`."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience_seconds
    with suppress(httpx.HTTPError, PrefectException):
        async with get_client() as client:
            while found := await _flow_runs(client, run, repository=repository, states=_NOT_OVER):
                if clock() >= deadline:
                    break
                await asyncio.sleep(_END_POLL_SECONDS)
            for each in found:
                said = "It was stopped by `miyabi stop`; its process had ended without a word."
                await client.set_flow_run_state(each.id, Cancelled(message=said), force=True)


async def flow_run_pages(run: str, *, repository: str) -> list[str]:
    """Returns the addresses of the pages of a run's flow runs, the latest first; none where the server is away."""
    with suppress(httpx.HTTPError, PrefectException):
        async with get_client() as client:
            found = await _flow_runs(client, run, repository=repository)
            pages = (url_for("flow-run", obj_id=each.id) for each in found)
            return [page for page in pages if page]
    return []


async def _flow_runs(
    client: PrefectClient, run: str, *, repository: str, states: Sequence[StateType] = ()
) -> list[FlowRun]:
    """Those of that name that work on the repository, the latest first."""
    wanted = FlowRunFilter(
        name=FlowRunFilterName(any_=[run]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*states])) if states else None,
    )
    found = await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.START_TIME_DESC)
    return [each for each in found if each.parameters.get("repository") == repository]
