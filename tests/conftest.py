"""How the tests are dealt out to several processes: most of them wait most of the time."""

from __future__ import annotations

import signal

from xdist.scheduler import LoadFileScheduling

_SHARE_A_SERVER = ("test_demo.py", "test_deployed.py", "test_ui.py")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; our children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ByFile(LoadFileScheduling):
    """A file's tests run in one process, since they share what takes long to make; so do those of some files."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the new user" if file.endswith(_SHARE_A_SERVER) else file


def pytest_xdist_make_scheduler(config: object, log: object) -> ByFile:
    """See pytest-xdist."""
    return ByFile(config, log)
