"""How the tests are dealt out to several processes, and where their files are: most of them wait most of the time."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

from xdist.scheduler import LoadFileScheduling

from tests.support.cli.process import TRUST

_SHARE_A_SERVER = ("test_demo.py", "test_deployed.py", "test_ui.py")
_SHARE_NOTHING = (
    "sessions/workspace/test_property.py",
    "git/test_conflict_markers.py",
    "test_costs.py",
    "test_budgets.py",
    "test_run_budget.py",
)
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in memory that Linux has
_ROOM = 6 << 30

gc.set_threshold(50_000, 20, 20)  # looking again and again among all that pytest keeps takes a fifth of the time
atexit.register(gc.freeze)  # nor once more at the end

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; our children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _has_room() -> bool:
    """Whether the tests' files, of which there are about two GiB, fit in memory beside what runs, and run there."""
    if not os.access(_MEMORY, os.W_OK) or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return min(shutil.disk_usage(_MEMORY).free, int(meminfo["MemAvailable"].split()[0]) << 10) >= _ROOM


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each command that a test starts would compile all of ours again

os.environ.update(TRUST)

# What sessions spend in our own process would count as the user's
_HOME = tempfile.TemporaryDirectory(prefix="miyabi-tests-")
os.environ["MIYABI_HOME"] = _HOME.name

if _has_room():  # git and SQLite wait for the disk after each small file: that takes half of the time
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


class ByFile(LoadFileScheduling):
    """A file's tests run in one process, since they share what takes long to make; so do those of some files.

    Those of long files that share nothing are dealt out one by one.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.endswith(_SHARE_NOTHING):
            return nodeid
        return "the new user" if file.endswith(_SHARE_A_SERVER) else file


def pytest_xdist_make_scheduler(config: object, log: object) -> ByFile:
    """See pytest-xdist."""
    return ByFile(config, log)
