"""A spec with every option that claude can be told."""

from __future__ import annotations

import json
import re

from miyabi.claude import session_script
from miyabi.machines import Machine
from miyabi.sessions import SessionSpec
from tests.support.values.specs import session_spec

CANARY = "canary-7f3a9c2e51d0"
SERVER = {"command": "/no/such/server", "env": {"TICKETS_TOKEN": CANARY}}


def full_spec(**fields: object) -> SessionSpec:
    """The spec of a session that is told all that can be told."""
    told = {
        "model": "opus",
        "max_turns": 9,
        "max_budget_usd": 2,
        "allowed_tools": ("Bash",),
        "disallowed_tools": ("WebFetch",),
        "effort": "high",
        "fallback_model": "sonnet,haiku",
        "append_system_prompt": "Be brief.\nmiyabi_end\n",
        "add_dirs": ("~/more", "beside it"),
        "agent": "reviewer",
        "plugins": ("/opt/plug in",),
        "settings": json.dumps({"env": {"API_TOKEN": CANARY}, "sandbox": {"enabled": True}}),
        "mcp_config": (("", json.dumps({"tickets": SERVER})), ("xcode", json.dumps({"xcode": SERVER}))),
        "extra_args": ("--betas", "x y"),
    }
    return session_spec(**told | fields)


def owned_flags() -> set[str]:
    """The flags of claude that a session is given, both ways of beginning a conversation, but for the user's own."""
    script = session_script(
        full_spec(extra_args=(), run_id="1"), Machine(name="m", labels=("xcode",)), checkout="/w", inherited={}
    )
    last = script.decode().splitlines()[-1]
    return {*re.findall(r"(?<= )--?[A-Za-z][A-Za-z-]*", last), "--session-id", "--resume"}
