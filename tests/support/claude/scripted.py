"""Stands in for claude where many runs are to be quick: does what its prompt says, and writes down how it was called.

The last `[[scenario:NAME]]` or `[[scenario:NAME:ARGUMENT]]` of the prompt counts:

    write         commits TASK.txt
    shared:TEXT   commits shared.txt with that text, so that two of them conflict
    inside:PATH   commits TASK.txt in the submodule at PATH, and that commit in the repository around it
    large         commits TASK.txt with two MB in it
    gate:NAME     waits until the file gates/NAME is there beside this program, then `write`
    hold:NAME     writes TASK.txt, waits as gate:NAME, then commits it
    takes:SECONDS writes TASK.txt, works for so long, then commits it
    once          writes TASK.txt and works for ten minutes, but where that file is already commits something else
    until:NAME    fails until the file gates/NAME is there, then `write`
    outage:NAME   the same, with an API that fails and takes no money
    limit:SECONDS waits for gates/limit; meets a usage limit that ends so long after that file came, then `write`
    spent:NAME    meets a usage limit of an hour where CLAUDE_CONFIG_DIR ends so, else `write`
    broken        `write`, then ends with an error
    answer        `write`, and says of a first comment that it is done, of a second one that it is not
    no_changes    ends well and commits nothing
    fail          ends with an error

Where it is given MCP servers it says of each first whether its command is there.

`install` makes the program; what each session was given is in `calls`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_SCENARIO = re.compile(r"\[\[scenario:([a-z_]+)(?::([\w.-]+))?\]\]")
_PATIENCE_SECONDS = 120
_FAILED = {"subtype": "error_during_execution", "is_error": True, "errors": ["scripted: it cannot be done"]}
_ANSWERS = "Comment 1, done: it is renamed.\nComment 2, not done: it is right as it is."
_LIMITED = {
    "subtype": "success",
    "is_error": True,
    "result": "You've hit your 5-hour limit",
    "terminal_reason": "api_error",
    "api_error_status": 429,
    "api_error": "usage_limit_reached",
    "total_cost_usd": 0,
}
_OVERLOADED = {
    "subtype": "success",
    "is_error": True,
    "result": "API Error: Repeated 529 Overloaded errors",
    "terminal_reason": "api_error",
    "api_error_status": 529,
    "total_cost_usd": 0,
}


def install(folder: Path) -> Path:
    """The program, in a folder that it makes."""
    for name in ("gates", "calls"):
        (folder / name).mkdir(parents=True)
    program = folder / "claude"
    program.write_text(f"#!{sys.executable} -IS\n{Path(__file__).read_text()}")
    program.chmod(0o755)
    return program


def calls(program: Path) -> list[dict[str, Any]]:
    """What each session was given: session, prompt, words, environment; in the order in which they began."""
    files = sorted((program.parent / "calls").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    return [json.loads(file.read_text()) for file in files]


def _main(here: Path, words: list[str]) -> int:
    if "--version" in words:
        print("2.1.332 (Claude Code)")
        return 0
    if words[:2] == ["auth", "status"]:
        print('{"loggedIn": true}')
        return 0
    prompt = sys.stdin.read()
    _note(here, words, prompt)
    _begin(words)
    name, argument = _SCENARIO.findall(prompt)[-1]
    is_closed = name in {"until", "outage"} and not (here / "gates" / argument).exists()
    if name == "fail" or is_closed:
        _say(_OVERLOADED if name == "outage" else _FAILED)
        return 1
    if (resets_at := _limited_until(here, name, argument)) > time.time():
        info = {"status": "rejected", "resetsAt": resets_at, "rateLimitType": "five_hour", "isUsingOverage": False}
        print(json.dumps({"type": "rate_limit_event", "rate_limit_info": info}), flush=True)
        _say(_LIMITED)
        return 1
    _take_time(here, name, argument)
    if name == "large":
        argument = "x" * (2 << 20)
    if name == "inside":
        _commit(f"{os.environ['MIYABI_TASK']}.txt", "done", folder=argument)
        _commit(argument)
    elif name != "no_changes":
        _commit("shared.txt" if name == "shared" else f"{os.environ['MIYABI_TASK']}.txt", argument or "done")
    is_broken, said = name == "broken", _ANSWERS if name == "answer" else "done"
    _say(_FAILED if is_broken else {"subtype": "success", "is_error": False, "result": said})
    return int(is_broken)


def _limited_until(here: Path, name: str, argument: str) -> int:
    if name == "spent":
        return int(time.time()) + 3600 if os.environ.get("CLAUDE_CONFIG_DIR", "").endswith(argument) else 0
    if name != "limit":
        return 0
    gate = here / "gates" / "limit"
    _wait(gate)
    return int(gate.stat().st_mtime + float(argument)) + 1


def _take_time(here: Path, name: str, argument: str) -> None:
    file = Path(f"{os.environ['MIYABI_TASK']}.txt")
    is_long = name == "once" and not file.exists()
    if name in {"hold", "takes"} or is_long:
        file.write_text("not committed\n")
    if name in {"gate", "hold"}:
        _wait(here / "gates" / argument)
    if name == "takes" or is_long:
        time.sleep(600 if is_long else float(argument))


def _begin(words: list[str]) -> None:
    if "--mcp-config" not in words:
        return
    servers = json.loads(Path(words[words.index("--mcp-config") + 1]).read_text())["mcpServers"]
    statuses = {name: "connected" if Path(each["command"]).exists() else "failed" for name, each in servers.items()}
    said = [{"name": name, "status": status} for name, status in statuses.items()]
    print(json.dumps({"type": "system", "subtype": "init", "mcp_servers": said}), flush=True)


def _note(here: Path, words: list[str], prompt: str) -> None:
    session = os.environ["MIYABI_SESSION"]
    call = {"session": session, "prompt": prompt, "words": words, "environment": dict(os.environ)}
    whole = here / session  # a test that looks meanwhile sees all of it or nothing
    whole.write_text(json.dumps(call))
    whole.replace(here / "calls" / session)


def _wait(gate: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not gate.exists() and time.monotonic() < until:
        time.sleep(0.05)


def _commit(file: str, text: str | None = None, *, folder: str = ".") -> None:
    if text is not None:
        Path(folder, file).write_text(f"{text}\n")
    subprocess.run(["git", "-C", folder, "add", file], check=True)
    subprocess.run(["git", "-C", folder, "commit", "--quiet", "--message", f"Write {file}"], check=True)


def _say(result: dict[str, Any]) -> None:
    print(json.dumps({"type": "result", "num_turns": 2, "total_cost_usd": 0.05, **result}))


if __name__ == "__main__":
    sys.exit(_main(Path(__file__).parent, sys.argv[1:]))
