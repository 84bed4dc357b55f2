"""What several acceptance tests share, since making it takes long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.prefect.deployed import Demo, Deployed, deploy, first_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A new user's first demo; its Prefect server goes on until the end."""
    with first_demo(tmp_path_factory.mktemp("new-user")) as demo:
        yield demo


@pytest.fixture(scope="session")
def deployed(demo: Demo) -> Deployed:
    """The flows of a clean clone, deployed to the demo's server, with a worker."""
    return deploy(demo)
