"""How a live run and the task runner meet. Wires only; what is decided is decided in `miyabi`."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect.artifacts import Artifact
from prefect.logging import get_run_logger

from miyabi.live_run import LiveRun
from miyabi.opening import preflight
from tasks.run_session import run_session
from tasks.runner import FleetTaskRunner

PROGRESS_SECONDS = 10.0
STATUS_SECONDS = 0.5
