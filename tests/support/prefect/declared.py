"""Prints what decides how often each flow and task of ours runs; a program of its own: they are made at import."""

from __future__ import annotations

import json
from typing import Any

from prefect import Flow, Task

import flows.aggregate_results
import flows.open_pull_request
import flows.run_dag
import flows.run_milestone
import flows.update_milestone
import tasks.github
import tasks.run_session
import tasks.verify

MODULES = (
    flows.aggregate_results,
    flows.open_pull_request,
    flows.run_dag,
    flows.run_milestone,
    flows.update_milestone,
    tasks.github,
    tasks.run_session,
    tasks.verify,
)
DECIDING = (
    "retries",
    "retry_delay_seconds",
    "retry_jitter_factor",
    "timeout_seconds",
    "persist_result",
    "result_storage",
    "result_serializer",
    "cache_policy",
    "cache_expiration",
    "refresh_cache",
    "log_prints",
)


def declared() -> dict[str, dict[str, Any]]:
    """By name: what was declared."""
    found = {each.name: each for module in MODULES for each in vars(module).values() if isinstance(each, (Flow, Task))}
    return {name: {field: repr(getattr(each, field, None)) for field in DECIDING} for name, each in found.items()}


if __name__ == "__main__":
    print(json.dumps(declared()))
