"""What the scripted Messages API answers: pure, from a conversation and a scenario to an answer.

A scenario is named in the prompt, `[[scenario:NAME]]` or `[[scenario:NAME:ARGUMENT]]`:

    write               a Bash tool writes TASK.txt with the names of the others it found, and commits it
    write_uncommitted   the same, without the commit
    slow:SECONDS        a Bash tool sleeps that long, then `write`
    gate:NAME           the Bash tools write TASK.txt, wait until the file $SCRIPTED_GATES/NAME is there, and commit
    gate_uncommitted:NAME   the same, without the commit
    strays:NAME         `gate_uncommitted` beside a process that left its group, its session and its parents
    stubborn:NAME       the same, and no TERM ends that process
    talk:NAME           Bash tools print 8 KB each, in half a second, until the file of `gate` is there, then `write`
    chatty:TURNS        so many Bash tools print 8 KB each, in half a second, then `write`
    into:FILE           writes the task's name into that file, and commits it
    resolve             takes the lines of both sides of every conflict, and commits
    resolve:NAME        the same, once the file of `gate` is there
    beside              commits TASK.txt on a branch of its own, and goes back to the task's
    partly              `write`, then `beside` with another file
    conflict            ends in the middle of a merge of two branches that both changed TASK.txt
    fail_check          commits TASK.txt and broken.txt: a check like `test ! -e broken.txt` fails
    no_changes          looks around and says that it is done
    background          starts a command in the background that ends after the first result, then `write`
    script:NAME         a Bash tool runs that file of $SCRIPTED_GATES with sh, and commits what it has made
    server              `write`, then starts a command in the background that never ends
    agent:SECONDS       an agent in the background sleeps that long, then does `write`; the session waits for it
    call:SERVER         calls the tool `say` of that MCP server, and says what came of it
    max_turns           calls one more tool for ever
    error400 error401 error403 error404 error429 error500 overloaded529
                        that status each time, or with an argument (`error429:2`) the first 2 times in a session
    usage_limit         the subscription limit (429 and unified headers), reset in an hour
    limit_once:SECONDS  the same until SECONDS after the first request of this scenario, then `write`
    drop                the connection is reset in mid-stream, each time
    hang                the request is accepted and never answered

A prompt that begins with `# Review` gets its answer by the lines that the diff in it adds, whatever it names: `BUG` is
a finding, `GARBLED` no structured answer, `CRASH` an HTTP error 400; anything else is approved.

TASK is `[[task:NAME]]` in the prompt, else $MIYABI_TASK, else the name of the working directory.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MARKER = re.compile(r"\[\[(scenario|task):([A-Za-z0-9._-]+)(?::([A-Za-z0-9._-]+))?\]\]")
_INJECTED = ("<system-reminder>", "<task-notification>", "[Request interrupted", "[SYSTEM NOTIFICATION")

_MARKERS = "print unless /^(<{7}|>{7}) |^={7}$/"
_RESOLVE = f"git grep -lzE '^<{{7}} ' | xargs -0 perl -ni -e '{_MARKERS}'; git commit -qam resolved && git log -1"
_CONFLICT = 'echo mine > "$t.txt"; git add -A; git commit -q -m mine; git merge -q beside; git status --short'
_IN_BACKGROUND = "python3 -c 'import time; time.sleep(2)'"
_ENDLESS = "python3 -m http.server 0 --bind 127.0.0.1"
_STRAY = """perl -MPOSIX -e 'fork and exit; setsid; fork and exit; sleep 300' </dev/null >/dev/null 2>&1;"""

REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "error400": (400, "invalid_request_error", "scripted: this request is not valid"),
    "error401": (401, "authentication_error", "invalid x-api-key"),
    "error403": (403, "permission_error", "OAuth token has been revoked"),
    "error404": (404, "not_found_error", "model: scripted"),
    "error429": (429, "rate_limit_error", "scripted: too many requests"),
    "error500": (500, "api_error", "Internal server error"),
    "overloaded529": (529, "overloaded_error", "Overloaded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A turn of the model: a text, or one call of the Bash tool or of another one."""

    text: str = ""
    bash: Mapping[str, Any] | None = None
    tool: str = "Bash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """An HTTP error with the API's error body."""

    status: int
    kind: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is reset in mid-answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer at all."""


Answer = Say | Refuse | Drop | Hang


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What matters in a request: markers, the step since the last prompt, what the last tool printed."""

    prompt: str
    scenario: tuple[str, str] | None
    task: str | None
    step: int
    tool_output: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Conversation:
        """The conversation of a Messages API request body."""
        prompt, scenario, task, step, output = "", None, None, 0, ""
        for role, texts, results in map(_parts, body.get("messages", ())):
            step += role == "assistant"
            output = results or output
            if role == "user" and texts:
                prompt, step = "\n".join(texts), 0
                for kind, name, argument in _MARKER.findall(prompt):
                    scenario = (name, argument) if kind == "scenario" else scenario
                    task = name if kind == "task" else task
        return cls(prompt=prompt, scenario=scenario, task=task, step=step, tool_output=output)


def _parts(message: Mapping[str, Any]) -> tuple[str, list[str], str]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [b["text"] for b in blocks if b["type"] == "text" and not b["text"].lstrip().startswith(_INJECTED)]
    results = "\n".join(_result_text(b) for b in blocks if b["type"] == "tool_result")
    return message["role"], texts, results


def _result_text(block: Mapping[str, Any]) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else "\n".join(str(b.get("text", "")) for b in content)


def answer(
    talk: Conversation, *, scenario: str, argument: str, before: int, now: float, limited_until: float | None
) -> Answer:
    """The scripted answer.

    `before` counts the earlier requests of this session in this scenario; `limited_until` is when the
    limit of `limit_once` ends (epoch seconds), None where it does not apply.
    """
    refused = scenario in REFUSALS and not (argument and before >= int(argument))
    limit = now + 3600 if scenario == "usage_limit" else limited_until
    if refused:
        return _refuse(scenario, once=bool(argument))
    if limit is not None and now < limit:
        return usage_limit(limit)
    if scenario in {"drop", "hang"}:
        return Drop() if scenario == "drop" else Hang()
    if talk.prompt.startswith("# Review"):
        return _review(talk)
    steps = _steps(scenario, argument, task=talk.task)
    return _talk(talk, *steps) if scenario == "talk" else _say(talk, steps)


def _review(talk: Conversation) -> Answer:
    """The answer of a session that reviews, by the tool that claude's `--json-schema` gives it."""
    added = re.findall(r"^[+](BUG|GARBLED|CRASH)\b(.*)$", talk.prompt, re.MULTILINE)
    kinds = {kind for kind, _ in added}
    if "CRASH" in kinds:
        return _refuse("error400", once=False)
    if "GARBLED" in kinds or talk.step:
        return Say(text="It looks good to me.")
    files = re.findall(r"^[+]{3} b/(.*)$", talk.prompt, re.MULTILINE)
    findings = [{"file": files[0], "line": 1, "why": f"a bug:{rest}"} for kind, rest in added if kind == "BUG"]
    answer = {"verdict": "change" if findings else "approve", "findings": findings}
    return Say(bash={"input": answer}, tool="StructuredOutput")


def _say(talk: Conversation, steps: Sequence[dict[str, Any]]) -> Say:
    if talk.step < len(steps):
        step = steps[talk.step]
        return Say(bash=step, tool=step.get("tool") or ("Agent" if "subagent_type" in step else "Bash"))
    return Say(text=f"Done. {talk.tool_output.strip()[:200]}".strip())


def _talk(talk: Conversation, chat: dict[str, Any], whole: dict[str, Any]) -> Say:
    if talk.step == 0 or not talk.tool_output.startswith(("open", "wrote")):
        return Say(bash=chat)
    return Say(bash=whole) if talk.tool_output.startswith("open") else Say(text="Done.")


def _refuse(scenario: str, *, once: bool) -> Refuse:
    status, kind, message = REFUSALS[scenario]
    headers = {"retry-after": "1" if once else "3600"} if status == 429 else {}
    return Refuse(status=status, kind=kind, message=message, headers=headers)


def usage_limit(resets_at: float) -> Refuse:
    """The refusal of a subscription whose five hours are used up, until `resets_at` (epoch seconds)."""
    prefix, reset = "anthropic-ratelimit-unified", str(int(resets_at))
    headers = {
        f"{prefix}-status": "rejected",
        f"{prefix}-reset": reset,
        f"{prefix}-representative-claim": "five_hour",
        f"{prefix}-5h-status": "rejected",
        f"{prefix}-5h-reset": reset,
        f"{prefix}-5h-utilization": "1.0",
        f"{prefix}-overage-status": "rejected",
        f"{prefix}-overage-disabled-reason": "org_level_disabled",
    }
    return Refuse(status=429, kind="rate_limit_error", message="scripted: limit reached", headers=headers)


def _steps(scenario: str, argument: str, *, task: str | None) -> list[dict[str, Any]]:
    write = _write(task)
    commit = "git add -A && git commit -q -m \"$t: scripted work\" && git log -1 --format='commit %h'"
    whole = {"command": f"{write}; {commit}"}
    scripts: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
        "write_uncommitted": lambda: [{"command": write}],
        "slow": lambda: [_sleep(float(argument or 5)), whole],
        "gate": lambda: [{"command": write}, _wait_for(argument), whole],
        "gate_uncommitted": lambda: [{"command": write}, _wait_for(argument)],
        "strays": lambda: [{"command": f"{_STRAY} {write}"}, _wait_for(argument)],
        "stubborn": lambda: [{"command": f"trap '' TERM; {_STRAY} {write}"}, _wait_for(argument)],
        "talk": lambda: [_chat_or_open(argument), whole],
        "chatty": lambda: [*map(_chat, range(int(argument or 10))), whole],
        "into": lambda: [{"command": f'{_name(task)}; echo "line of $t" > {shlex.quote(argument)}; {commit}'}],
        "resolve": lambda: [*([_wait_for(argument)] if argument else []), {"command": _RESOLVE}],
        "beside": lambda: [{"command": _beside(whole["command"])}],
        "partly": lambda: [whole, {"command": _beside(f'{_name(task)}; echo more > "more-$t.txt"; {commit}')}],
        "conflict": lambda: [{"command": f"{_beside(whole['command'])}; {_name(task)}; {_CONFLICT}"}],
        "fail_check": lambda: [{"command": f"{write}; echo broken > broken.txt; {commit}"}],
        "no_changes": lambda: [{"command": "ls"}],
        "call": lambda: [{"tool": f"mcp__{argument}__say"}],
        "max_turns": lambda: [{"command": f"echo turn {n}"} for n in range(1000)],
        "script": lambda: [{"command": f'{_name(task)}; sh "$SCRIPTED_GATES"/{shlex.quote(argument)}; {commit}'}],
        "server": lambda: [whole, {"command": _ENDLESS, "run_in_background": True}],
        "agent": lambda: [_agent(f"[[scenario:slow:{argument or 5}]]", task=task)],
        "background": lambda: [{"command": _IN_BACKGROUND, "run_in_background": True}, whole],
    }
    return scripts.get(scenario, lambda: [whole])()


def _beside(command: str) -> str:
    return f"git checkout -q -b beside && {{ {command}; }}; git checkout -q -"


def _name(task: str | None) -> str:
    return f"t={shlex.quote(task)}" if task else 't="${MIYABI_TASK:-$(basename "$PWD")}"'


def _write(task: str | None) -> str:
    return (
        f"{_name(task)}; found=$(ls | grep '[.]txt$' | grep -vxF \"$t.txt\" | tr '\\n' ' '); "
        'printf \'task %s\\nfound %s\\n\' "$t" "$found" > "$t.txt"; echo "wrote $t.txt, found: $found"'
    )


def _wait_for(gate: str) -> dict[str, Any]:
    waiting = "perl -e 'select undef, undef, undef, 0.1 until -e $ARGV[0]' \"$SCRIPTED_GATES\"/"
    return {"command": waiting + shlex.quote(gate), "timeout": 300_000}


def _chat_or_open(gate: str) -> dict[str, Any]:
    gate = f'"$SCRIPTED_GATES"/{shlex.quote(gate)}'
    return {"command": f"if test -e {gate}; then echo open; else {_chat(0)['command']}; fi"}


def _chat(turn: int) -> dict[str, Any]:
    talk = f"print qq({turn} line $_ of the talk, and what was said\\n) for 1 .. 200; select undef, undef, undef, 0.5"
    return {"command": f"perl -e {shlex.quote(talk)}"}


def _agent(prompt: str, *, task: str | None) -> dict[str, Any]:
    named = f" [[task:{task}]]" if task else ""
    return {"subagent_type": "general-purpose", "prompt": f"Do it. {prompt}{named}", "run_in_background": True}


def _sleep(seconds: float) -> dict[str, Any]:
    # The Bash tool refuses a bare `sleep` and moves what outlives its timeout to the background.
    return {
        "command": f"python3 -c 'import time; time.sleep({seconds})'",
        "timeout": int(min(600, seconds + 60) * 1000),
    }
