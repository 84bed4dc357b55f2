"""The blocks that an operator edits: Prefect's own rules for blocks, and what a flow makes of a saved one."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.states import State
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr

from blocks.fleet import Fleet, SessionDefaults
from blocks.github import GitHubRepository
from flows.aggregate_results import aggregate_results
from flows.parameters import log_in, overrides
from flows.run_dag import run_dag
from flows.run_milestone import run_milestone
from miyabi.errors import SettingsError
from miyabi.machines import Machine
from miyabi.settings import NotifySettings, Settings
from miyabi.settings import SessionDefaults as SessionSettings
from tests.support.prefect.api import ask
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TOKEN = "tok_" + "a1b2c3d4e5"  # nobody's


def test_a_fleet_says_who_is_told(prefect_server: RealServer, tmp_path: Path) -> None:
    """Addresses come back as they were saved, Prefect shows none of them, and what is left as it is stays."""
    (tmp_path / ".miyabi").mkdir()
    (tmp_path / ".miyabi" / "config.toml").write_text("[notify]\nquota_hours = 5\n")
    fleet, url = name(), f"ntfy://{TOKEN}"
    Fleet(notify=NotifySettings(urls=(SecretStr(url),), block="slack-webhook/team")).save(fleet)
    notify = Settings.load(tmp_path, **overrides(fleet)).notify
    assert [each.get_secret_value() for each in notify.urls] == [url]
    assert (notify.block, notify.quota_hours) == ("slack-webhook/team", 5)
    shown = ask(f"{prefect_server.url}/block_types/slug/water-spider-fleet/block_documents/name/{fleet}")
    assert TOKEN not in str(shown)


class TestEachBlock(BlockStandardTestSuite):
    """Prefect's own suite, without its rule about logos: ours have none."""

    @pytest.fixture(params=[Fleet, SessionDefaults, GitHubRepository])
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        """Each of ours."""
        return request.param  # type: ignore[no-any-return]

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """Nothing to look at."""
        assert getattr(block, "_logo_url", None) is None


def name() -> str:
    """A name that no other test has."""
    return f"t-{uuid.uuid4().hex[:8]}"


def test_a_fleet_and_defaults_become_settings(prefect_server: RealServer, tmp_path: Path) -> None:
    """What was saved in the UI wins over the configuration file."""
    machine = Machine(name="mini1", host="mini1.local", slots=3, labels=("xcode",))
    fleet, defaults = name(), name()
    Fleet(machines=[machine]).save(fleet)
    SessionDefaults(settings=SessionSettings(model="sonnet", check="make test")).save(defaults)
    settings = Settings.load(tmp_path, **overrides(fleet, defaults, strategy="spread"))
    assert settings.machines == (machine,)
    assert (settings.sessions.model, settings.sessions.check, settings.runs.strategy) == (
        "sonnet",
        "make test",
        "spread",
    )


def test_a_github_block_gives_repository_and_credential(prefect_server: RealServer, tmp_path: Path) -> None:
    """Repository and address go into the settings, the token only into the login, and it is not shown at the server."""
    block = name()
    GitHubRepository(repository="octocat/app", token=SecretStr(TOKEN), base_url="https://ghe/api/v3").save(block)
    login, said = log_in(block)
    assert login.token == SecretStr(TOKEN)
    settings = Settings.load(tmp_path, **said)
    assert (settings.github.repository, settings.github.base_url) == ("octocat/app", "https://ghe/api/v3")
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name(block, "water-spider-github-repository", include_secrets=False)
    assert TOKEN not in shown.model_dump_json()


def test_an_app_in_place_of_a_token(prefect_server: RealServer) -> None:
    """An App's three values make a login; two of them do not, and the sentence says what is missing."""
    whole, half = name(), name()
    GitHubRepository(app_id=1, installation_id=2, private_key=SecretStr("pem")).save(whole)
    GitHubRepository(app_id=1, private_key=SecretStr("pem")).save(half)
    login, _ = log_in(whole)
    assert login.app
    assert (login.app.app_id, login.app.installation_id, login.app.pem) == (1, 2, "pem")
    with pytest.raises(SettingsError, match="app_id, installation_id and private_key"):
        log_in(half)


def test_a_secret_block_with_a_token(prefect_server: RealServer) -> None:
    """A plain Secret block serves too."""
    secret = name()
    Secret(value=SecretStr(TOKEN)).save(secret)
    login, said = log_in(secret)
    assert (login.token, said) == (SecretStr(TOKEN), {})


def test_a_block_that_is_not_there(prefect_server: RealServer) -> None:
    """Its name is said, and how to make one."""
    with pytest.raises(SettingsError, match=r"'nope'.*prefect block register"):
        log_in("nope")


@pytest.mark.parametrize(("fleet", "defaults", "kind"), [("nope", None, "Fleet"), (None, "nope", "Session Defaults")])
def test_a_fleet_or_defaults_that_are_not_there(
    prefect_server: RealServer, tmp_path: Path, fleet: str | None, defaults: str | None, kind: str
) -> None:
    """Each flow that takes them ends as with any bad input: one sentence with the name, and how to make one."""
    given = {"repository": tmp_path, "fleet": fleet, "session_defaults": defaults, "return_state": True}
    states: list[State[Any]] = [
        run_dag(tasks=tmp_path / "tasks.json", **given),
        aggregate_results(run="r1", **given),
        run_milestone(milestone="1", **given),
    ]
    assert [state.name for state in states] == ["BadInput"] * 3
    (said,) = {state.message for state in states}
    assert said.startswith(f"there is no Water Spider {kind} block named 'nope'. Make one in the Prefect UI (Blocks), ")


def test_the_environments_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a block it is GITHUB_TOKEN, then GH_TOKEN; without any of them the sentence names both."""
    for variable in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingsError, match="GITHUB_TOKEN or GH_TOKEN"):
        log_in(None)
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert log_in(None)[0].token == SecretStr(TOKEN)
