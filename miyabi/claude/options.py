"""What claude is told beside its limits, as words of the session's script and as files in the session's folder.

What may hold secrets, or be long, is a file that only its user can read, written by the script itself: nothing of it
is in a list of processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from miyabi.machines import Machine, quote_script_word, quote_word
from miyabi.sessions import SessionSpec

MEMORY_OFF: Mapping[str, Any] = {"autoMemoryEnabled": False, "env": {"CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1"}}
"""Both, for a repository's own `env` would take the first one back; it cannot where the flag says `env` too."""
PATH_MISSING = 66
"""Exit status where a folder or a plugin is missing: claude says nothing of it."""

_SETTINGS, _SERVERS, _PROMPT = "settings.json", "mcp.json", "system-prompt.txt"
PROMPT_ANEW = "prompt-anew.txt"
"""The file in the session's folder that holds the prompt for a conversation that is begun anew."""
_END = "miyabi_end"
_PUT = """\
miyabi_folder={folder}
miyabi_put() {{
  (umask 077; mkdir -p "$miyabi_folder" && cat >"$miyabi_folder/$1") && return
  printf 'miyabi: cannot write %s\\n' "$miyabi_folder/$1" >&2; exit 73
}}"""
_NEED = """\
miyabi_need() {{ [ -e "$1" ] || {{ printf 'miyabi: not on this machine: %s\\n' "$1" >&2; exit {status}; }}; }}"""


def option_files(spec: SessionSpec, machine: Machine) -> dict[str, str]:
    """Makes the files that the session needs in its folder, by name."""
    servers = _servers(spec, machine)
    return {
        **({_SETTINGS: _settings(spec.settings, auto_memory=spec.auto_memory)} if spec.settings else {}),
        **({_SERVERS: json.dumps({"mcpServers": servers}, sort_keys=True)} if servers else {}),
        **({_PROMPT: spec.append_system_prompt} if spec.append_system_prompt else {}),
        **({PROMPT_ANEW: spec.prompt_anew} if spec.prompt_anew else {}),
    }


def option_words(spec: SessionSpec, machine: Machine) -> list[str]:
    """Makes claude's options, quoted for a script that has begun with `session_prelude` and `write_options`.

    Variadic ones are among them: another option has to follow.
    """
    files = option_files(spec, machine)
    flags = {_SETTINGS: "--settings", _SERVERS: "--mcp-config", _PROMPT: "--append-system-prompt-file"}
    words = [("--effort", spec.effort), ("--fallback-model", spec.fallback_model), ("--agent", spec.agent)]
    return [
        *(f"{flag} {quote_script_word(value)}" for flag, value in words if value),
        *(f"--plugin-dir {path_word(path)}" for path in spec.plugins),
        *([f"--add-dir {' '.join(map(path_word, spec.add_dirs))}"] if spec.add_dirs else []),
        *(f'{flag} "$miyabi_folder"/{name}' for name, flag in flags.items() if name in files),
    ]


def write_options(spec: SessionSpec, machine: Machine) -> str:
    """Makes the sh text that writes the files, and ends where a folder or plugin that claude is told is not there."""
    needed = need_paths((*spec.plugins, *spec.add_dirs))
    return "\n".join((*_puts(spec, machine), *([needed] if needed else [])))


def need_paths(paths: Iterable[str]) -> str:
    """Makes the sh text that exits with PATH_MISSING, and says which, where one is not there; empty for none.

    It works after `session_prelude`.
    """
    each = [f"miyabi_need {path_word(path)}" for path in paths]
    return "\n".join((_NEED.format(status=PATH_MISSING), *each)) if each else ""


def _puts(spec: SessionSpec, machine: Machine) -> Iterator[str]:
    files = option_files(spec, machine)
    if files:
        yield _PUT.format(folder=path_word(f"{machine.workspace}/sessions/{spec.paths.session}"))
    for name, text in files.items():
        end = _END
        while end in text.splitlines():
            end += "_"
        yield f"miyabi_put {name} <<'{end}'\n{text}\n{end}"


def _servers(spec: SessionSpec, machine: Machine) -> dict[str, Any]:
    """Those for all machines, and those of its labels; where two have one name, the label's."""
    found: dict[str, Any] = {}
    for label, servers in spec.mcp_config:
        if not label or label in machine.offers:
            found.update(json.loads(servers))
    return found


def _settings(given: str, *, auto_memory: bool) -> str:
    """The user's settings, and memory off in them as it is without them."""
    settings = json.loads(given)
    if auto_memory:
        return given
    environment = settings["env"] if isinstance(settings.get("env"), dict) else {}
    return json.dumps({**settings, **MEMORY_OFF, "env": {**environment, **MEMORY_OFF["env"]}}, sort_keys=True)


def path_word(path: str) -> str:
    """Quotes a path for a script that begins with `session_prelude`; `~/` is the login's home, whatever HOME is."""
    return quote_word(path).replace('"$HOME"', '"$miyabi_home"')
