"""The lock of a run's folder, between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from miyabi.errors import BadInput
from miyabi.runs import RunFolder
from tests.support.values.results import RUN


def test_a_killed_orchestrator_leaves_no_lock(tmp_path: Path) -> None:
    """The lock of a process that was killed is free at once, although its file is still there."""
    folder = RunFolder(tmp_path, RUN).create()
    program = (
        "import sys, time; from pathlib import Path; from miyabi.runs.folder import RunFolder\n"
        f"with RunFolder(Path({str(tmp_path)!r}), {RUN!r}).lock():\n  print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"pid {process.pid}"), folder.lock():
            pass
        process.kill()
    with folder.lock():
        pass
