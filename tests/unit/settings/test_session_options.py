"""What settings let claude be told: files become tables, and each mistake is one line before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miyabi.errors import SettingsError
from miyabi.settings import Settings

SECRET = "s3cr3t-value-99"  # noqa: S105 - nobody's
MACHINE = '[[machines]]\nname = "mini1"\nlabels = ["xcode"]\n'
SERVER = {"command": "xcrun", "args": ["mcpbridge"], "env": {"TOKEN": SECRET}}


def load(folder: Path, text: str) -> Settings:
    """The settings of a repository whose configuration is this, and where `.mcp.json` has a server."""
    (folder / ".miyabi").mkdir(exist_ok=True)
    (folder / ".miyabi/config.toml").write_text(MACHINE + text, encoding="utf-8")
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"tickets": SERVER}}))
    return Settings.load(folder)


def test_a_file_is_read_with_the_settings(tmp_path: Path) -> None:
    """A file, seen from the repository, and the same as a table are one; servers are by name in both."""
    text = "[sessions.mcp_config.tickets]\ncommand = 'xcrun'\nargs = ['mcpbridge']\nenv = { TOKEN = '%s' }"
    from_file = load(tmp_path, '[sessions]\nmcp_config = ".mcp.json"\nsettings = ".mcp.json"').sessions
    assert from_file.mcp_config == load(tmp_path, text % SECRET).sessions.mcp_config == {"tickets": SERVER}
    assert from_file.settings == {"mcpServers": {"tickets": SERVER}}
    of_label = load(tmp_path, '[sessions.labels.xcode]\nmcp_config = ".mcp.json"').sessions
    assert (of_label.mcp_config, of_label.labels["xcode"].mcp_config) == (None, {"tickets": SERVER})


def test_variables_say_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable may hold a path, or the table as JSON."""
    monkeypatch.setenv("MIYABI_SESSIONS__SETTINGS", ".mcp.json")
    monkeypatch.setenv("MIYABI_SESSIONS__MCP_CONFIG", json.dumps({"tickets": SERVER}))
    sessions = load(tmp_path, "").sessions
    assert (sessions.mcp_config, sessions.settings) == ({"tickets": SERVER}, {"mcpServers": {"tickets": SERVER}})


def test_what_was_read_can_be_handed_on(tmp_path: Path) -> None:
    """Settings that were read once, as a block keeps them, are read again as they are."""
    text = '[sessions]\nmcp_config = ".mcp.json"\n[sessions.labels.xcode]\nmcp_config = ".mcp.json"'
    sessions = load(tmp_path, text).sessions
    (tmp_path / ".miyabi/config.toml").write_text(MACHINE)
    assert Settings.load(tmp_path, sessions=sessions.model_dump()).sessions == sessions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "effort = 'most'",
            "sessions.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max' (found 'most')",
        ),
        ("fallback_model = ''", "sessions.fallback_model: must be one line that does not begin with '-' (found '')"),
        ("agent = '-x'", "sessions.agent: must be one line that does not begin with '-' (found '-x')"),
        ("append_system_prompt = 3", "sessions.append_system_prompt: Input should be a valid string (found 3)"),
        ("add_dirs = '/x'", "sessions.add_dirs: Input should be a valid tuple (found '/x')"),
        ("plugins = ['-x']", "sessions.plugins.0: must be a path of one line"),
        (
            "copy_files = ['../.env']",
            "sessions.copy_files.0: must be a path or pattern in the repository, such as '.env' or 'config/*.local.*',",
        ),
        ("copy_files = '.env'", "sessions.copy_files: Input should be a valid tuple (found '.env')"),
        ("setup = 3", "sessions.setup: Input should be a valid string (found 3)"),
        (
            "extra_args = ['--model', 'x']",
            "sessions.extra_args: must not have '--model' in it: set model (found a list)",
        ),
        ("min_claude = 2.1", "sessions.min_claude: Input should be a valid string (found 2.1)"),
        ("min_claude = 'newest'", "sessions.min_claude: must be a version of Claude Code such as '2.1.311'"),
        ("mcp_config = 3", "sessions.mcp_config: must be the path of a JSON file, or a table"),
        ("mcp_config = 'none.json'", "sessions.mcp_config: {root}/none.json is not there; name a JSON file of this"),
        ("mcp_config.a = 3", "sessions.mcp_config: server 'a' must be a table with command"),
        (f"mcp_config.a = {{ url = '{SECRET}' }}", "sessions.mcp_config: server 'a' must have a text as command; one"),
        (f'settings = \'{{"env": "{SECRET}"\'', "sessions.settings: must be the path of a JSON file, or a table; this"),
        ("settings = { day = 2026-01-01 }", "sessions.settings: must hold what JSON can"),
        ("settings = ['x']", "sessions.settings: must be the path of a JSON file, or a table"),
        ("labels.xcode = { mcp_confg = 'x' }", "sessions.labels.xcode.mcp_confg: unknown field"),
        ("labels.xcode.mcp_config.a = {}", "sessions.labels.xcode.mcp_config: server 'a' must have a text as command"),
        (
            "labels.xcod.mcp_config = '.mcp.json'",
            "sessions.labels.xcod: no machine has this label; did you mean 'xcode'",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """It names the file, the field, what was found and what to do, and gives no secret away."""
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, f"[sessions]\n{text}")
    line = str(refused.value)
    assert line.startswith(f"{tmp_path}/.miyabi/config.toml: {said.format(root=tmp_path)}"), line
    assert "\n" not in line
    assert SECRET not in line


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a file that it names and that is not there; JSON that is broken is not quoted."""
    monkeypatch.setenv("MIYABI_SESSIONS__MCP_CONFIG", "none.json")
    with pytest.raises(SettingsError, match=r"^MIYABI_SESSIONS__MCP_CONFIG: sessions\.mcp_config: .* is not there"):
        load(tmp_path, "")
    monkeypatch.setenv("MIYABI_SESSIONS__MCP_CONFIG", f'{{"a": "{SECRET}"')
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, "")
    assert str(refused.value).startswith("MIYABI_SESSIONS__MCP_CONFIG: ")
    assert SECRET not in str(refused.value)
