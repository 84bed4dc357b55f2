"""What every flow and task of ours is declared with, so that the user's own Prefect defaults do not apply to it.

Prefect takes what a flow or task leaves open from the profile, the shell, or a file of the working directory: a task
that the user's projects retry by default would run our sessions again, and bad input be tried three times.
"""

from __future__ import annotations

from typing import TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy


class FlowOptions(TypedDict):
    """Options of `@flow` that have a default among Prefect's settings."""

    retries: int
    retry_delay_seconds: int
    persist_result: bool
    log_prints: bool


class TaskOptions(FlowOptions):
    """The same of `@task`."""

    cache_policy: CachePolicy


FLOW: FlowOptions = {"retries": 0, "retry_delay_seconds": 0, "persist_result": False, "log_prints": False}
TASK: TaskOptions = {**FLOW, "cache_policy": NO_CACHE}
