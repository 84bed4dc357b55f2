"""What claude is told beside its limits becomes words of the script, or files that only their user can read."""

from __future__ import annotations

import json
import shlex

from miyabi.claude import session_script
from miyabi.claude.options import option_files
from miyabi.machines import Machine
from miyabi.sessions import SessionSpec
from tests.support.values.options import CANARY, SERVER, full_spec

MAC = Machine(name="mac", labels=("xcode",))
OTHER = Machine(name="other")


def command(spec: SessionSpec, machine: Machine = MAC) -> list[str]:
    """The words of the script's last line, as the shell divides them."""
    return shlex.split(session_script(spec, machine, checkout="/w", inherited={}).decode().splitlines()[-1])


def test_all_options() -> None:
    """Each has its flag; what is variadic is followed by another flag, and the user's own come last."""
    folder = "$miyabi_folder"
    assert command(full_spec())[5:] == [
        *("--effort", "high", "--fallback-model", "sonnet,haiku", "--agent", "reviewer"),
        *("--plugin-dir", "/opt/plug in", "--add-dir", "$miyabi_home/more", "beside it"),
        *("--settings", f"{folder}/settings.json", "--mcp-config", f"{folder}/mcp.json"),
        *("--append-system-prompt-file", f"{folder}/system-prompt.txt"),
        *("--output-format", "stream-json", "--verbose", "--model", "opus", "--max-turns", "9"),
        *("--max-budget-usd", "2", "--permission-mode", "dontAsk", "--permission-prompts", "none"),
        *("--strict-mcp-config", "--allowedTools", "Bash", "--disallowedTools", "WebFetch", "--betas", "x y"),
    ]


def test_nothing_secret_is_an_argument() -> None:
    """What servers and settings hold stands in files of the session alone."""
    assert not [word for word in command(full_spec()) if CANARY in word]
    assert [name for name, text in option_files(full_spec(), MAC).items() if CANARY in text] == [
        "settings.json",
        "mcp.json",
    ]


def test_servers_of_a_label() -> None:
    """They are there where the label is, or where the machine is called so; of two of one name the label's counts."""

    def servers(machine: Machine, spec: SessionSpec) -> set[str]:
        return set(json.loads(option_files(spec, machine)["mcp.json"])["mcpServers"])

    assert servers(MAC, full_spec()) == servers(Machine(name="xcode"), full_spec()) == {"tickets", "xcode"}
    assert servers(OTHER, full_spec()) == {"tickets"}
    doubled = full_spec(mcp_config=(("", json.dumps({"a": SERVER})), ("xcode", json.dumps({"a": {"command": "b"}}))))
    assert json.loads(option_files(doubled, MAC)["mcp.json"]) == {"mcpServers": {"a": {"command": "b"}}}
    assert "mcp.json" not in option_files(full_spec(mcp_config=(("xcode", "{}"),)), MAC)
    assert "--mcp-config" not in command(full_spec(mcp_config=(("xcode", json.dumps({"a": SERVER})),)), OTHER)


def test_settings_leave_memory_off() -> None:
    """Whoever gives claude settings does not turn its memory on by it, unless that is asked for."""
    given = {"env": {"A": "1", "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "0"}, "autoMemoryEnabled": True, "model": "opus"}
    made = json.loads(option_files(full_spec(settings=json.dumps(given)), MAC)["settings.json"])
    environment = {"A": "1", "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1"}
    assert made == {"env": environment, "autoMemoryEnabled": False, "model": "opus"}
    kept = option_files(full_spec(settings=json.dumps(given), auto_memory=True), MAC)["settings.json"]
    assert json.loads(kept) == given
    assert json.loads(option_files(full_spec(settings='{"env": 3}'), MAC)["settings.json"])["env"] == {
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1"
    }


def test_a_rehearsal_is_told_nothing() -> None:
    """Its agent knows none of the options, and gets no secret."""
    script = session_script(full_spec(rehearse=True), MAC, checkout="/w", inherited={}, agent="/a")
    assert CANARY.encode() not in script


def test_same_options_same_script() -> None:
    """Whoever starts the same session again attaches to it."""
    scripts = {session_script(full_spec(), MAC, checkout="/w", inherited={}) for _ in range(2)}
    assert len(scripts) == 1
