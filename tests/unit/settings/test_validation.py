"""Configurations that a fuzzer or a slip of the hand makes: one clear line each, never another error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miyabi.errors import SettingsError
from miyabi.settings import Settings

DIGITS = "9" * 5000


def refusal(folder: Path, data: bytes = b"") -> str:
    """What is said of a configuration file with this content, in one line that a terminal can show."""
    file = folder / ".miyabi" / "config.toml"
    file.parent.mkdir()
    file.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        Settings.load(folder)
    said = str(caught.value)
    assert said.isprintable(), said
    assert len(said.encode()) < 1000, said
    return said.replace(str(file), "FILE")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[sessions]\nmodel = '\xff'", "FILE: line 2 is not UTF-8 (byte 0xff); save the file as UTF-8"),
        (b"\xef\xbb\xbf[runs]", "FILE: begins with a byte order mark, which TOML does not allow; save the file as"),
        (b"a = " + b"[" * 5000, "FILE: nested too deeply"),
        (f"[sessions]\nmax_turns = {DIGITS}".encode(), "FILE: not valid TOML: a whole number in it is too long"),
        (b"[sessions]\nmax_turns = 0x" + b"f" * 5000, "FILE: sessions.max_turns: the number is too large"),
        (b'[sessions]\ncheck = "a\\u0000b"', "FILE: sessions.check: the text holds a NUL character"),
        (b'[sessions]\n"a\\nb\\u001b[31m" = 1', r"FILE: sessions.'a\nb\x1b[31m': unknown field"),
        (b'"' + b"x" * 3000 + b'" = 1', f"FILE: '{'x' * 60}…' (3000 characters): unknown field"),
        (b"[machines]\nname = 'a'", "begin each machine with [[machines]] (found a table)"),
        (b"[[machines]]\nname = 'a'\nssh = {usr = 'x'}", "machines.0.ssh.usr: unknown field; did you mean 'user'?"),
        (b"[[machines]]\nname = 'a'\nslot = 3", "machines.0.slot: unknown field; did you mean 'slots'?"),
        (b"[runs]\nmax_atempts = 3", "runs.max_atempts: unknown field; did you mean 'max_attempts'?"),
        (b"[[machines]]\nhost = 'a'", "FILE: machines.0.name: Field required"),
        (b"[[machines]]\nname = 'a'\nworkspace = 'a/b'", "machines.0.workspace: must be one line, an absolute path or"),
        (b"[[machines]]\nname = 'a'\nworkspace = '~b/c'", "that begins with ~/ (the home there) (found '~b/c')"),
        (b'[[machines]]\nname = "a"\nworkspace = "/a\\nb"', "machines.0.workspace: must be one line"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, data: bytes, said: str) -> None:
    """The file, the field, what was found and what to do; nothing that a terminal would choke on."""
    assert said in refusal(tmp_path, data)


def test_values_of_an_environment_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be secret, also where they are not what they should be."""
    said = refusal(tmp_path, b"[sessions.environment]\nKEY = 12345678")
    assert "sessions.environment.KEY" in said
    assert "12345678" not in said
    monkeypatch.setenv("MIYABI_SESSIONS__ENVIRONMENT", "KEY=12345678")
    with pytest.raises(SettingsError, match=r"^MIYABI_SESSIONS__ENVIRONMENT: not valid JSON; write"):
        Settings.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MIYABI_MACHINES", "{", "MIYABI_MACHINES: not valid JSON (found '{'); write a list as"),
        ("MIYABI_MACHINES", json.dumps([{"name": "a", "slots": "x"}]), "MIYABI_MACHINES: machines.0.slots: "),
        ("MIYABI_MACHINES", json.dumps([{"host": "a"}]), "MIYABI_MACHINES: machines.0.name: Field required"),
        ("MIYABI_SESSIONS", "[" * 5000, "MIYABI_SESSIONS: not valid JSON"),
        ("MIYABI_SESSIONS__ALLOWED_TOOLS", "Bash", "MIYABI_SESSIONS__ALLOWED_TOOLS: not valid JSON (found 'Bash')"),
        ("MIYABI_SESSIONS__MODLE", "x", "MIYABI_SESSIONS__MODLE: sessions.modle: unknown field; did you mean 'model'?"),
        ("MIYABI_SESSIONS__MAX_TURNS", DIGITS, "MIYABI_SESSIONS__MAX_TURNS: sessions.max_turns: "),
        ("MIYABI_SESSIONS__CHECK", "a\udcff", "MIYABI_SESSIONS__CHECK: sessions.check: the text is not UTF-8"),
        ("miyabi_runs__strategy", "fil", "MIYABI_RUNS__STRATEGY: runs.strategy: Input should be 'fill-first' or"),
    ],
)
def test_a_variable_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    """The one variable that is wrong is named, among others and beside a file that is fine."""
    monkeypatch.setenv("MIYABI_RUNS__BASE", "main")
    monkeypatch.setenv(name, text)
    assert refusal(tmp_path, b"[sessions]\nmax_turns = 3\n").startswith(said)


def test_a_file_is_blamed_for_what_a_variable_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of which a variable gives another field is still the file's fault."""
    monkeypatch.setenv("MIYABI_SESSIONS", json.dumps({"model": "sonnet"}))
    assert refusal(tmp_path, b"[sessions]\nmax_turns = 0").startswith("FILE: sessions.max_turns: ")


def test_no_value_of_a_table_is_reported(tmp_path: Path) -> None:
    """What two machines have in their environments stays out of the message that says they have one name."""
    two = b"[[machines]]\nname = 'a'\nenvironment = {KEY = 'hush'}\n" * 2
    assert "hush" not in refusal(tmp_path, two)


def test_a_configuration_that_is_a_folder(tmp_path: Path) -> None:
    """A folder in the file's place is not silently the defaults."""
    (tmp_path / ".miyabi" / "config.toml").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"config\.toml: cannot be read: Is a directory"):
        Settings.load(tmp_path)
