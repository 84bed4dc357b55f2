"""What Prefect finds around the command decides nothing about our flows: files of the repository, profile, shell."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.process import Command
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

DEFAULTS = {
    "PREFECT_TASKS_DEFAULT_RETRIES": "2",
    "PREFECT_TASKS_DEFAULT_RETRY_DELAY_SECONDS": "1",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "true",
    "PREFECT_TASKS_REFRESH_CACHE": "true",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "2",
    "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "1",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_LOGGING_LOG_PRINTS": "true",
    "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS": "1",
}
TOML = """
[{table}tasks]
default_retries = 2
default_retry_delay_seconds = 1
default_persist_result = true
refresh_cache = true
[{table}flows]
default_retries = 2
[{table}results]
persist_by_default = true
"""
ELSEWHERE = "http://127.0.0.1:9/api"


@pytest.fixture
def local(tmp_path: Path, prefect_server: RealServer) -> Iterator[LocalSite]:
    """A site on this machine."""
    with make_local_site(tmp_path, prefect_server) as site:
        site.write_config()
        yield site


def profile(site: LocalSite, text: str) -> dict[str, str]:
    """The user's profiles; the variables that they need, none."""
    file = site.folder / "home" / ".prefect" / "profiles.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return {}


def _lines(variables: dict[str, str]) -> str:
    return "".join(f'{name} = "{value}"\n' for name, value in variables.items())


def in_shell(_: LocalSite) -> dict[str, str]:
    """Defaults as variables."""
    return DEFAULTS


def in_profile(site: LocalSite) -> dict[str, str]:
    """Defaults as `prefect config set` keeps them."""
    return profile(site, f'active = "mine"\n[profiles.mine]\n{_lines(DEFAULTS)}')


def in_prefect_toml(site: LocalSite) -> dict[str, str]:
    """The repository is itself a Prefect project, at another server and with a home of its own."""
    text = f'home = "./.prefect-home"\n{TOML.format(table="")}[api]\nurl = "{ELSEWHERE}"\n'
    (site.repository / "prefect.toml").write_text(text)
    return {}


def in_pyproject(site: LocalSite) -> dict[str, str]:
    """The same in its pyproject.toml."""
    (site.repository / "pyproject.toml").write_text(TOML.format(table="tool.prefect."))
    return {}


def in_dotenv(site: LocalSite) -> dict[str, str]:
    """The same in its .env, in test mode."""
    (site.repository / ".env").write_text(f"{_lines(DEFAULTS)}PREFECT_API_URL={ELSEWHERE}\nPREFECT_TEST_MODE=true\n")
    return {}


def broken_files(site: LocalSite) -> dict[str, str]:
    """No file of the repository can be read."""
    (site.repository / "prefect.toml").write_text('[server]\nephemeral.enabled = "maybe"\n')
    (site.repository / "pyproject.toml").write_text("[broken\n")
    (site.repository / ".env").write_bytes(b"PREFECT_LOGGING_LEVEL=NONSENSE\nDB_NAME=caf\xe9\n")
    return {}


def unreadable_files(site: LocalSite) -> dict[str, str]:
    """One is a folder, one a pipe into which nobody writes."""
    (site.repository / "pyproject.toml").mkdir()
    os.mkfifo(site.repository / ".env")
    return {}


@pytest.mark.parametrize(
    "given", [in_shell, in_profile, in_prefect_toml, in_pyproject, in_dotenv, broken_files, unreadable_files]
)
def test_they_do_not_change_how_often_a_session_runs(
    local: LocalSite, given: Callable[[LocalSite], dict[str, str]]
) -> None:
    """One session a task and one flow run, as without them; Prefect leaves nothing in the repository."""
    variables = given(local)
    files = set(local.repository.iterdir())
    nodes = [
        {"id": "bad", "check": "false", "prompt": "[[scenario:write]]"},
        {"id": "good", "prompt": "[[scenario:write]]"},
    ]
    command = local.orchestrate(nodes, **variables)
    assert command.wait() == 1, command.output
    assert "1 of 2 tasks succeeded" in command.output
    assert "Traceback" not in command.output
    assert len(local.calls) == 2
    assert set(local.repository.iterdir()) == files


@pytest.mark.parametrize("given", [in_shell, in_profile])
def test_every_flow_and_task_is_declared_whole(local: LocalSite, given: Callable[[LocalSite], dict[str, str]]) -> None:
    """What decides how often each runs, and what is kept of it, is the same with the user's defaults as without."""

    def declared(**variables: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(
            _python(local, "-m", "tests.support.prefect.declared", **variables).succeeds()
        )
        return found

    usual = declared()
    assert declared(**given(local)) == usual
    assert {"run-dag", "run-milestone", "run-session", "verify", "find-milestone"} < usual.keys()
    assert {(each["retries"], each["persist_result"]) for each in usual.values()} == {("0", "False")}


@pytest.mark.parametrize("given", [in_shell, in_profile])
def test_bad_input_is_not_tried_again(local: LocalSite, given: Callable[[LocalSite], dict[str, str]]) -> None:
    """A flow that is pressed in the UI with something that cannot be used ends at once, after one try."""
    text = (
        "from flows.run_dag import run_dag; "
        f"print(run_dag(repository={str(local.folder / 'nowhere')!r}, run='once', return_state=True).name)"
    )
    said = _python(local, "-c", text, **given(local)).succeeds()
    assert said.splitlines()[-1] == "BadInput"
    wanted = {"flow_runs": {"name": {"any_": ["once"]}}, "sort": "EXPECTED_START_TIME_DESC"}
    run = local.ask("/flow_runs/filter", wanted)[0]
    assert (run["state_name"], run["run_count"], run["parameters"]["repository"]) == (
        "BadInput",
        1,
        str(local.folder / "nowhere"),
    )


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("[broken\n", "cannot be read"),
        (b"caf\xe9 = 1\n", "cannot be read"),
        ('active = "mine"\n[profiles]\nmine = 3\n', "[profiles.NAME]"),
        ('active = ["mine"]\n', "active"),
        ('active = "mine"\n[profiles.mine]\nPREFECT_LOGGING_LEVEL = "NONSENSE"\n', "PREFECT_LOGGING_LEVEL: "),
        ('active = "mine"\n[profiles.mine]\nPREFECT_TASKS_DEFAULT_RETRIES = "often"\n', "DEFAULT_RETRIES: "),
        (None, "not a file"),
    ],
)
def test_a_profile_that_cannot_be_used(local: LocalSite, text: str | bytes | None, saying: str) -> None:
    """Bad input in one line that names the file and what to do; no session, no wait, no traceback."""
    profile(local, "")
    file = local.folder / "home" / ".prefect" / "profiles.toml"
    if text is None:
        file.unlink()
        os.mkfifo(file)
    else:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    command = local.orchestrate([{"id": "a", "prompt": "[[scenario:write]]"}])
    assert command.wait() == 2, command.output
    (line,) = command.output.splitlines()
    assert line.startswith("miyabi: ")
    assert saying in line
    assert str(file) in line
    assert local.calls == []


def _python(site: LocalSite, *words: str, **variables: str) -> Command:
    root = Path(__file__).parents[2]
    return site.start(*words, program="python", PYTHONPATH=str(root), PREFECT_LOGGING_LEVEL="CRITICAL", **variables)
