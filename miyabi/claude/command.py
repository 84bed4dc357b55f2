"""A spec becomes the POSIX sh text that the machine runs as the session. The prompt comes on its stdin.

The text holds secrets, so it travels on stdin and lies in a 0600 file; nothing secret becomes an argument.
Exit statuses of its own: 66 a folder or plugin is missing, 72 the checkout is, 73 its files cannot be written, 78 the
token file cannot be used, 126 and 127 as sh has them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from miyabi.claude.options import MEMORY_OFF, PROMPT_ANEW, option_words, path_word, write_options
from miyabi.machines import Machine, quote_script_word, quote_word
from miyabi.sessions import SessionSpec
from miyabi.text import hide, secrets_of

DEFAULT_ENVIRONMENT: Mapping[str, str] = {
    "CLAUDE_CODE_STARTUP_FAILURE_RESULTS": "1",
    "DISABLE_AUTOUPDATER": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
"""What every session gets, where neither machine nor task says otherwise."""

_LOGIN_NAMES = ("ANTHROPIC_", "CLAUDE_")
_NOBODY_THERE = "dontAsk"
_WITHOUT_MEMORY = json.dumps(MEMORY_OFF, separators=(",", ":"))
CLAUDE = '"$miyabi_claude"'
"""The machine's claude, as words of a script that begins with `session_prelude`."""
CONFIG_FOLDER = "CLAUDE_CONFIG_DIR"
BAD_TOKEN_FILE = 78
"""Exit status where the token file is missing, empty or open to others."""

_HOME = """\
unset CDPATH CLAUDECODE CLAUDE_CODE_ENTRYPOINT
[ -n "${HOME:-}" ] || HOME=$(perl -e 'print +(getpwuid $<)[7]')
export HOME
miyabi_home=$HOME"""

_LOGIN = """\
miyabi_token={file}
miyabi_refuse() {{ printf 'miyabi: token file %s %s\\n' "$miyabi_token" "$1" >&2; exit 78; }}
[ -f "$miyabi_token" ] || miyabi_refuse 'does not exist'
case $(ls -ldL "$miyabi_token" 2>/dev/null) in
  -??-------+*) miyabi_refuse 'can be read by others (ACL); its mode must be 0600' ;;
  -??-------*) ;;
  *) miyabi_refuse 'can be read by others; its mode must be 0600' ;;
esac
CLAUDE_CODE_OAUTH_TOKEN=$(tr -d '[:space:]' 2>/dev/null <"$miyabi_token") || miyabi_refuse 'cannot be read'
[ -n "$CLAUDE_CODE_OAUTH_TOKEN" ] || miyabi_refuse 'is empty'
export CLAUDE_CODE_OAUTH_TOKEN
unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN"""  # a stray key would win over the token, and bill the API

_PATH = """\
for miyabi_place in "$miyabi_home/.local/bin" /opt/homebrew/bin /usr/local/bin; do
  case ":${PATH:=/usr/bin:/bin}:" in *":$miyabi_place:"*) ;; *) PATH=$PATH:$miyabi_place ;; esac
done
export PATH"""  # a non-login shell, as SSH gives it, reads no profile

_FIND_CLAUDE = """\
miyabi_exit() { printf 'miyabi: claude %s: %s (PATH=%s)\\n' "$1" "$miyabi_claude" "$PATH" >&2; exit "$2"; }
case $miyabi_claude in
  */*) [ -e "$miyabi_claude" ] || miyabi_exit 'not found' 127
       [ -f "$miyabi_claude" ] && [ -x "$miyabi_claude" ] || miyabi_exit 'not executable' 126 ;;
  *) command -v "$miyabi_claude" >/dev/null 2>&1 || miyabi_exit 'not found' 127 ;;
esac"""

_CACHE = """\
MIYABI_CACHE={folder}
[ -d "$MIYABI_CACHE" ] || mkdir -p "$MIYABI_CACHE"
export MIYABI_CACHE"""

# A conversation without a message of the user can neither be resumed nor begun anew under its id.
_FIND_CONVERSATION = """\
miyabi_how=--session-id
for miyabi_file in "${{CLAUDE_CONFIG_DIR:-$HOME/.claude}}"/projects/*/{conversation}.jsonl; do
  [ -f "$miyabi_file" ] || continue
  if grep -q '"type":"user"' "$miyabi_file"; then miyabi_how=--resume; else mv -f "$miyabi_file" "$miyabi_file.old"; fi
done"""

_TOOL_TIMEOUTS = ("BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS", "MCP_TOOL_TIMEOUT")
_MARGIN_SECONDS = 300.0

_NEED_CONVERSATION = """\
miyabi_found=
for miyabi_file in "${{CLAUDE_CONFIG_DIR:-$HOME/.claude}}"/projects/*/{conversation}.jsonl; do
  [ ! -f "$miyabi_file" ] || miyabi_found=yes
done
[ "$miyabi_found" ] || {{ printf 'miyabi: this machine has no conversation %s\\n' {conversation} >&2; exit 66; }}"""


def session_script(
    spec: SessionSpec,
    machine: Machine,
    *,
    checkout: str,
    inherited: Mapping[str, str],
    cache: str = "",
    agent: str | None = None,
) -> bytes:
    """Makes the session's script, for /bin/sh.

    Args:
        spec: what to run; with `rehearse` it is `agent`, by /bin/sh, in place of claude.
        machine: where it will run.
        checkout: path of the checkout there; a leading `~/` means the home there.
        inherited: variables of the orchestrator; those that the machine's `inherit_environment` names are passed on.
        cache: path there of the folder that outlives runs; empty for none.
        agent: path of the rehearsal agent there.

    Raises:
        ValueError: for a rehearsal without agent, and for NUL in any value.
    """
    if spec.rehearse and agent is None:
        raise ValueError(f"rehearsal of {spec.task} without the path of the rehearsal agent")
    parts = (
        *_begin(spec, machine, checkout=checkout, inherited=inherited, cache=cache),
        f"exec /bin/sh {quote_word(agent)}" if spec.rehearse and agent else _claude(spec, machine),
    )
    return "".join(f"{part}\n" for part in parts).encode("utf-8", "surrogateescape")


def attached_script(
    spec: SessionSpec, machine: Machine, *, checkout: str, inherited: Mapping[str, str], cache: str = ""
) -> bytes:
    """Makes the script that takes up the spec's conversation in a terminal; takes what `session_script` takes.

    Raises:
        ValueError: for NUL in any value.
    """
    conversation = quote_script_word(spec.conversation)
    words = (*option_words(spec, machine), *map(quote_script_word, attached_arguments(spec)))
    parts = (
        *_begin(spec, machine, checkout=checkout, inherited=inherited, cache=cache),
        _FIND_CLAUDE,
        write_options(spec, machine),
        _NEED_CONVERSATION.format(conversation=conversation),
        f"exec {CLAUDE} --resume {conversation} {' '.join(words)}",
    )
    return "".join(f"{part}\n" for part in parts if part).encode("utf-8", "surrogateescape")


def _begin(
    spec: SessionSpec, machine: Machine, *, checkout: str, inherited: Mapping[str, str], cache: str
) -> tuple[str, ...]:
    """What comes before claude: its environment and its folder."""
    prelude = session_prelude(
        machine,
        _author(spec) | dict(spec.environment),
        oauth_token_file=None if spec.rehearse else spec.oauth_token_file,
        inherited=inherited,
    )
    return "#!/bin/sh", prelude, *_identity_and_cache(spec, cache), _enter(checkout)


def _identity_and_cache(spec: SessionSpec, cache: str) -> tuple[str, ...]:
    return _exports(_identity(spec)), *([_CACHE.format(folder=path_word(cache))] if cache else [])


def session_prelude(
    machine: Machine,
    environment: Mapping[str, str],
    *,
    oauth_token_file: str | None,
    inherited: Mapping[str, str] | None = None,
) -> str:
    """Makes the sh text that sets up a session's environment on the machine; `CLAUDE` works after it.

    What the machine inherits is overruled by the machine's own environment, and that by `environment`.

    Raises:
        ValueError: for NUL in any value, and for a line break in a path.
    """
    given = inherited or {}
    passed_on = {name: given[name] for name in machine.inherit_environment if name in given}
    everything = {**DEFAULT_ENVIRONMENT, **passed_on, **machine.environment, **environment}
    return "\n".join(
        (
            _HOME,
            f"miyabi_claude={quote_word(machine.claude)}",
            *([_LOGIN.format(file=quote_word(oauth_token_file))] if oauth_token_file else []),
            _exports(everything),
            _PATH,
        )
    )


def check_prelude(
    spec: SessionSpec, machine: Machine, *, inherited: Mapping[str, str] | None = None, cache: str = ""
) -> str:
    """Makes the sh text of the environment of a check or a set-up: the session's, but for what logs claude in.

    Takes what `session_script` takes.

    Raises:
        ValueError: as `session_prelude`.
    """
    environments = machine.environment, _author(spec) | dict(spec.environment), inherited or {}
    there, own, passed_on = ({n: v for n, v in e.items() if not n.startswith(_LOGIN_NAMES)} for e in environments)
    machine = machine.model_copy(update={"environment": there})
    prelude = session_prelude(machine, own, oauth_token_file=None, inherited=passed_on)
    return "\n".join((prelude, *_identity_and_cache(spec, cache)))


def inherited_environment(machine: Machine) -> dict[str, str]:
    """Returns the orchestrator's variables that the machine's sessions get, and no others."""
    return {name: os.environ[name] for name in machine.inherit_environment if name in os.environ}


def stall_seconds(spec: SessionSpec, machine: Machine) -> float:
    """Returns after how long a silence the machine ends the session, in seconds; 0: never.

    That is what the spec says, but five minutes more than any tool may take by what its environment says to claude.
    """
    everything = inherited_environment(machine) | machine.environment | dict(spec.environment)
    said = [everything.get(name, "").strip() for name in _TOOL_TIMEOUTS]
    longest = max((int(each) / 1000 for each in said if each.isdecimal() and each.isascii()), default=0.0)
    return max(spec.stall_seconds, longest + _MARGIN_SECONDS) if spec.stall_seconds and longest else spec.stall_seconds


def hide_secrets(machines: Iterable[Machine], environment: Mapping[str, str]) -> None:
    """Hides what sessions get as secrets in every text that this process shows or stores."""
    for each in (environment, *(inherited_environment(m) | m.environment for m in machines)):
        hide(secrets_of(each))


def claude_arguments(spec: SessionSpec) -> tuple[str, ...]:
    """Makes all of claude's arguments but the conversation and the options that `option_words` has.

    Variadic ones come last, where they can swallow nothing, and behind them the user's own, whose last one may lack its
    value. The flags are those of Claude Code 2.1.332, with which the tests run it.
    """
    return (
        *("-p", "--output-format", "stream-json", "--verbose"),
        *_option("--model", spec.model),
        *_option("--max-turns", spec.max_turns),
        *_option("--max-budget-usd", spec.max_budget_usd),
        *_memory(spec),
        *("--permission-mode", spec.permission_mode, "--permission-prompts", "none", "--strict-mcp-config"),
        *_tools(spec),
    )


def attached_arguments(spec: SessionSpec) -> tuple[str, ...]:
    """Makes claude's arguments for a conversation that a person goes on with in a terminal, as `claude_arguments`.

    Who is there can be asked, so that `dontAsk` is not; what limits a session counts only where nobody is.
    """
    mode = "default" if spec.permission_mode == _NOBODY_THERE else spec.permission_mode
    return (
        *_option("--model", spec.model),
        *_memory(spec),
        *("--permission-mode", mode, "--strict-mcp-config"),
        *_tools(spec),
    )


def _memory(spec: SessionSpec) -> tuple[str, ...]:
    return _option("--settings", None if spec.auto_memory or spec.settings else _WITHOUT_MEMORY)


def _tools(spec: SessionSpec) -> tuple[str, ...]:
    allowed, disallowed = spec.allowed_tools, spec.disallowed_tools
    return (*_list("--allowedTools", allowed), *_list("--disallowedTools", disallowed), *spec.extra_args)


def _option(name: str, value: str | float | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (name, value if isinstance(value, str) else f"{value:.10g}")


def _list(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return (name, *values) if values else ()


def _claude(spec: SessionSpec, machine: Machine) -> str:
    conversation = quote_script_word(spec.conversation)
    how = (
        _FIND_CONVERSATION.format(conversation=conversation)
        if spec.resumes or spec.run_id
        else "miyabi_how=--session-id"
    )
    if spec.prompt_anew:
        how += f'\n[ "$miyabi_how" = --resume ] || exec <"$miyabi_folder"/{PROMPT_ANEW}'
    first, *others = claude_arguments(spec)
    rest = " ".join((*option_words(spec, machine), *(quote_script_word(argument) for argument in others)))
    written = write_options(spec, machine)
    before = "\n".join(part for part in (_FIND_CLAUDE, written, how) if part)
    return f'{before}\nexec {CLAUDE} {first} "$miyabi_how" {conversation} {rest}'


def _enter(checkout: str) -> str:
    path = path_word(checkout)
    return f"cd {path} 2>/dev/null || {{ printf 'miyabi: checkout missing: %s\\n' {path} >&2; exit 72; }}"


def _exports(variables: Mapping[str, str]) -> str:
    return "\n".join(export_line(name, value) for name, value in sorted(variables.items()))


def export_line(name: str, value: str) -> str:
    """Makes the sh line that exports a variable, after `miyabi_home` is set; claude's own folder may be in `~/`."""
    is_path = name == CONFIG_FOLDER and value.startswith("~/")
    return f"export {name}={path_word(value) if is_path else quote_script_word(value)}"


def _author(spec: SessionSpec) -> dict[str, str]:
    roles: Iterable[str] = ("AUTHOR", "COMMITTER")
    pairs = (("NAME", spec.author_name), ("EMAIL", spec.author_email))
    return {f"GIT_{role}_{what}": value for role in roles for what, value in pairs}


def _identity(spec: SessionSpec) -> dict[str, str]:
    own = {
        "MIYABI_RUN": spec.run,
        "MIYABI_TASK": spec.task,
        "MIYABI_ATTEMPT": str(spec.attempt),
        "MIYABI_SESSION": spec.paths.session,
        "MIYABI_SESSION_ID": spec.conversation,
        "MIYABI_BASE": spec.base,  # also makes the script another one than that of a namesake which began elsewhere
    }
    return own | ({"MIYABI_REHEARSAL_SECONDS": f"{spec.rehearsal_seconds:g}"} if spec.rehearse else {})
