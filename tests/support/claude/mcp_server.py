"""An MCP server on stdin and stdout with one tool, `say`; notes its environment in $MCP_NOTES where that is set."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_TOOLS = {"tools": [{"name": "say", "description": "Says it", "inputSchema": {"type": "object", "properties": {}}}]}


def server(**environment: str) -> dict[str, Any]:
    """The entry of such a server in an MCP configuration."""
    return {"command": sys.executable, "args": ["-IS", __file__], "env": environment}


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    match asked["method"]:
        case "initialize":
            version = asked["params"]["protocolVersion"]
            about = {"name": "scripted", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            return _TOOLS
        case "tools/call":
            return {"content": [{"type": "text", "text": "said it"}]}
    return {}


def _main() -> None:
    if notes := os.environ.get("MCP_NOTES"):
        Path(notes).write_text(json.dumps(dict(os.environ)))
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": _answer(asked)}), flush=True)


if __name__ == "__main__":
    _main()
