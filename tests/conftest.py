"""How tests are spread over processes: a file stays together, and so do the files that share a server and a worker."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

_TOGETHER = ("test_demo.py", "test_deployed.py", "test_ui.py")


@pytest.hookimpl(tryfirst=True)  # before the plugin reads the groups
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Names the group of each test for `--dist loadgroup`."""
    for item in items:
        group = "deployed" if item.path.name in _TOGETHER else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
