"""A step of `prefect deploy`: what people have set of a deployment outlives the next deploy."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound


async def keep(
    deployment: str, parameters: Mapping[str, Any] | None = None, cron: str | None = None
) -> dict[str, dict[str, Any]]:
    """Reads what is set of the deployment, for the placeholders `{{ kept.… }}` of prefect.yaml.

    Prefect's deploy writes parameters and job variables anew, and leaves schedules alone where prefect.yaml has null
    for them (`prefect/cli/deploy/_schedules.py`, 3.9.1). So the first of a deployment is made here, where it is new.

    Args:
        deployment: its flow and name: run-dag/manual.
        parameters: those of a new one.
        cron: when a new one is run, in UTC, once somebody switches that on.

    Returns:
        Its `parameters` and its `job_variables`.

    Raises:
        httpx.HTTPError: the server refuses, or does not answer.
    """
    logging.getLogger("prefect.utilities.templating").addFilter(_is_no_gap)
    async with get_client() as client:
        known = await _find(client, deployment)
        if known is None and cron:
            await _create(client, deployment, cron=cron)
    if known is None:
        return {"parameters": dict(parameters or {}), "job_variables": {}}
    return {"parameters": known.parameters, "job_variables": known.job_variables or {}}


async def _find(client: PrefectClient, deployment: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        return None


async def _create(client: PrefectClient, deployment: str, *, cron: str) -> None:
    flow, _, name = deployment.partition("/")
    schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone="UTC"), active=False)
    flow_id = await client.create_flow_from_name(flow)
    await client.create_deployment(flow_id=flow_id, name=name, schedules=[schedule])


def _is_no_gap(record: logging.LogRecord) -> bool:
    """Returns whether a line says something else than that a parameter is not set, which is no fault."""
    return "placeholder 'kept." not in record.getMessage()
