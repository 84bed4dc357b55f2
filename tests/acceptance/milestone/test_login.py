"""As whom a milestone is run: out of blocks that the Prefect server keeps, with nothing in the environment."""

from __future__ import annotations

from base64 import b64decode

import pytest
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from pydantic import SecretStr

from blocks.github import GitHubRepository
from tests.support.cli.canary import Canary
from tests.support.cli.local_site import LocalSite
from tests.support.cli.milestone_site import MilestoneSite, closed, emulate, github, quick  # noqa: F401 - fixtures
from tests.support.github.emulate import APP_ID, INSTALLATION_ID
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

Quick = MilestoneSite[LocalSite]


def press(quick: Quick, milestone: int, block: Block) -> int:
    """The exit code of a run as whom a block says, which is saved under the repository's name."""
    name = quick.remote.name.rpartition("/")[2]
    block.save(name, overwrite=True)
    words = ["orchestrate", "--milestone", str(milestone), "-C", str(quick.site.repository), "--github", name]
    return quick.miyabi(*words, GITHUB_TOKEN="", GH_TOKEN="").status


@pytest.mark.parametrize("kind", ["repository", "secret"])
def test_a_token(quick: Quick, kind: str) -> None:
    """A repository's block says all that the configuration does not, a secret's has the token, and both keep it."""
    token = SecretStr(quick.remote.token())
    block: Block = Secret(value=token)
    if kind == "repository":
        quick.site.write_config(github={"write_interval_seconds": 0})
        block = GitHubRepository(repository=quick.remote.name, token=token, base_url=quick.hub.url)
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Some", milestone)
    assert press(quick, milestone, block) == 0
    assert [closed(pull["body"]) for pull in quick.remote.pulls()] == [[issue]]
    assert Canary(token.get_secret_value()).files(quick.site.folder, quick.site.server.home) == []


def test_an_app(quick: Quick) -> None:
    """An installed App reads, pushes and writes with tokens of its own, and finds its own comment again."""
    alice, quick.hub.token = quick.remote.token(), None
    app = quick.github.app
    block = GitHubRepository(app_id=APP_ID, installation_id=INSTALLATION_ID, private_key=app.private_key)
    milestone = quick.remote.milestone("v1")
    issue = quick.issue("Some", milestone, scenario="fail")
    assert press(quick, milestone, block) == 1
    quick.remote.comment(issue, "[[scenario:write]]")
    assert press(quick, milestone, block) == 0
    assert [closed(pull["body"]) for pull in quick.remote.pulls()] == [[issue]]
    assert "done and ready for review" in quick.comment(issue)
    logins = {b64decode((r.authorization or "").removeprefix("Basic ")).decode() for r in quick.hub.requests}
    assert all(login.startswith("x-access-token:") and alice not in login for login in logins)
