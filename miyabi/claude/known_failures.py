"""What each known fault of a session means, and what to do about it. Tables only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from miyabi.claude.events import WritesLost
from miyabi.sessions import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A known fault. `advice` is the next step, with `{machine}` and `{task}` to be filled in."""

    outcome: Outcome
    kind: str
    advice: str


def launch_fault(kind: str, advice: str) -> Fault:
    """Makes a fault that keeps claude from starting on that machine."""
    return Fault(outcome=Outcome.LAUNCH_FAILED, kind=kind, advice=advice)


_SETUP_TOKEN = "run `claude setup-token`, save the token in a 0600 file on {machine} and set `oauth_token_file`"  # noqa: S105
_NEW_KEY = (
    "put a valid key into `{source}`, where {{machine}} gets it from (`environment`, `inherit_environment` or Claude's"
    " settings there), or take it out so that the login there is used"
)
NO_KEY = frozenset({"", "none"})
"""What claude says of the source of its API key where it uses none."""


def login_fault(kind: str, advice: str = "") -> Fault:
    """Makes a fault of the machine's credentials."""
    return Fault(outcome=Outcome.NOT_LOGGED_IN, kind=kind, advice=advice or _SETUP_TOKEN)


def with_key(fault: Fault, source: str) -> Fault:
    """Makes the same fault for a login with the API key from that source: a token would change nothing."""
    if fault.advice != _SETUP_TOKEN or source in NO_KEY:
        return fault
    name = source if re.fullmatch(r"[A-Za-z_]{1,60}", source) else "ANTHROPIC_API_KEY"
    return replace(fault, advice=_NEW_KEY.format(source=name))


def _refused(kind: str, advice: str) -> Fault:
    return Fault(outcome=Outcome.API_REFUSED, kind=kind, advice=advice)


def unavailable_fault(kind: str, advice: str = "try again later, the conversation can go on") -> Fault:
    """Makes a fault that may well be over later."""
    return Fault(outcome=Outcome.API_UNAVAILABLE, kind=kind, advice=advice)


USAGE_LIMIT = Fault(outcome=Outcome.USAGE_LIMIT, kind="usage_limit", advice="the conversation can go on after that")
EXTRA_USAGE = Fault(outcome=Outcome.USAGE_LIMIT, kind="extra_usage", advice=USAGE_LIMIT.advice)
NETWORK = unavailable_fault("network", "check the network of {machine}; the conversation can go on")
UNKNOWN_LAUNCH = launch_fault("launch_failed", "try the same claude command by hand on {machine}")

LAUNCH_EXIT = {
    127: launch_fault(
        "claude_not_found", "install Claude Code on {machine}, or set `claude` there to its absolute path"
    ),
    126: launch_fault("claude_not_executable", "make it executable, or set `claude` of {machine} to another path"),
    78: launch_fault("token_file", "put the token on {machine} in a file of that name with mode 0600"),
    72: launch_fault(
        "worktree_missing", "was the workspace of {machine} cleaned while the run went on? Start the task again"
    ),
    66: launch_fault("path_missing", "put it on {machine}, or mend add_dirs or plugins"),
    73: launch_fault("no_option_files", "see that the workspace of {machine} can be written and has room"),
}
"""Exit statuses of our launcher's script."""

NOT_LOGGED_IN = login_fault("not_logged_in")
NOT_LOGGED_IN_TEXT = re.compile(r"not logged in|invalid api key|please run /login", re.IGNORECASE)

TOO_LONG = _refused("prompt_too_long", "shorten the prompt of task {task}, or name files in it in place of their text")

DISK_FULL = launch_fault("disk_full", "free some space on {machine}")

LAUNCH_TEXT = (
    (re.compile(r"invalid api key", re.IGNORECASE), with_key(NOT_LOGGED_IN, "ANTHROPIC_API_KEY")),
    (NOT_LOGGED_IN_TEXT, NOT_LOGGED_IN),
    (re.compile(r"piped stdin input exceeds", re.IGNORECASE), TOO_LONG),
    (
        re.compile(r"session id .{0,80} is already in use", re.IGNORECASE),
        launch_fault("session_in_use", "another process may still run it on {machine}; resume it instead"),
    ),
    (
        re.compile(r"no conversation found", re.IGNORECASE),
        launch_fault("no_conversation", "the conversation is not on {machine}; start the task without resuming"),
    ),
    (
        re.compile(r"cannot be used with root|bypass_root", re.IGNORECASE),
        launch_fault(
            "bypass_as_root", "use permission mode dontAsk with allowed tools, or a login on {machine} that is not root"
        ),
    ),
    (re.compile(r"no space left on device|disk quota exceeded|ENOSPC", re.IGNORECASE), DISK_FULL),
    (
        re.compile(
            r"(?:settings|mcp).{0,40} (?:file )?(?:not found|does not exist|is not valid|invalid)", re.IGNORECASE
        ),
        launch_fault("bad_settings", "mend the file, or the setting that names it"),
    ),
    (
        re.compile(r"configuration (?:file|error)|config_file_invalid", re.IGNORECASE),
        launch_fault("bad_configuration", "mend or move that file on {machine}"),
    ),
    (
        re.compile(
            r"unknown option|invalid (?:session id|argument|option)|requires --|is not valid json|input must be"
            r"|argument .{0,80} is invalid|argument missing|too many arguments",
            re.IGNORECASE,
        ),
        launch_fault(
            "bad_argument", "compare `claude --version` on {machine} with the version that we are tested with"
        ),
    ),
    (
        re.compile(r"--agent .{0,80} not found", re.IGNORECASE),
        launch_fault("agent_not_found", "commit it below .claude/agents, or mend the agent of {task}"),
    ),
    (
        re.compile(r"exec format error|bad cpu type|cannot execute|GLIBC|dyld", re.IGNORECASE),
        launch_fault("wrong_binary", "install the Claude Code build for {machine}'s system"),
    ),
)
"""What claude says on stderr (or stdout) where it does not start."""

MCP_SERVER = launch_fault("mcp_server", "see on {machine} why it does not start, or take it out of requires_mcp")

BILLING = _refused("billing_error", "look at the account's balance and plan; no waiting will help")
BILLING_TEXT = re.compile(
    r"credit balance is too low|out of usage credits|requires usage credits|add funds to continue"
    r"|seat type doesn.t include",
    re.IGNORECASE,
)

API_ERRORS = {
    "usage_limit_reached": USAGE_LIMIT,
    "connection_failed": NETWORK,
    "no_response": NETWORK,
    "stream_idle_timeout": NETWORK,
    "computer_slept": unavailable_fault("computer_slept", "keep {machine} awake; the conversation can go on"),
    "max_output_tokens": Fault(
        outcome=Outcome.AGENT_ERROR, kind="max_output_tokens", advice="split task {task} into smaller ones"
    ),
    "model_requires_usage_credits": _refused("billing_error", "buy credits, or choose another model"),
    "claude_code_version_too_old": launch_fault("claude_too_old", "update Claude Code on {machine}"),
    "org_disabled_credential": login_fault("org_disabled_credential"),
}
"""By the result's `api_error`."""

ASSISTANT_ERRORS = {
    "billing_error": _refused("billing_error", "look at the account's balance and plan"),
    "model_not_found": _refused("model_not_found", "set `model` of task {task} to one that the account has"),
    "authentication_failed": login_fault("authentication_failed"),
    "oauth_org_not_allowed": login_fault(
        "oauth_org_not_allowed", "log in on {machine} with an account of an allowed organisation"
    ),
    "account_on_hold": login_fault("account_on_hold", "look at the account; nothing will run on it until then"),
    "verification_required": login_fault("verification_required", "finish the account's verification"),
    "cloud_credential_error": login_fault("cloud_credential_error", "renew the cloud credentials on {machine}"),
    "overloaded": unavailable_fault("overloaded"),
    "rate_limit": unavailable_fault(
        "rate_limit", "try again in some minutes, or use fewer slots; the conversation can go on"
    ),
    "server_error": unavailable_fault("server_error"),
    "invalid_request": _refused("invalid_request", "reword task {task}; repeating it changes nothing"),
    "max_output_tokens": API_ERRORS["max_output_tokens"],
}
"""By the failing assistant message's `error`."""

REASONS = {
    "prompt_too_long": _refused("prompt_too_long", "split task {task}, or shorten its prompt"),
    "blocking_limit": TOO_LONG,
    "image_error": _refused("image_error", "leave large images and files out of task {task}"),
    "refusal": _refused("refusal", "reword task {task}; repeating it changes nothing"),
}
"""By the result's `terminal_reason` or `stop_reason`."""


def by_status(status: int | None) -> Fault | None:
    """Returns the meaning of an HTTP status of the API, where nothing closer is known."""
    if status is None:
        return None
    if status in {401, 403}:
        return ASSISTANT_ERRORS["authentication_failed"]
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        return ASSISTANT_ERRORS["rate_limit"]
    if status in {408, 409} or status >= 500:  # noqa: PLR2004 - HTTP's own number
        return ASSISTANT_ERRORS["server_error"]
    return ASSISTANT_ERRORS["invalid_request"]


def by_launch_text(text: str) -> Fault | None:
    """Returns the fault that claude's own words at the start mean; None where they are not known."""
    return next((fault for pattern, fault in LAUNCH_TEXT if pattern.search(text)), None)


_LOST_WRITES = re.compile(
    r"could not save (?P<what>[^\n]{1,20000}) because (?:the disk is full|your disk quota is used up)"
    r" \((?P<reason>\w+)\)"
)
_WRITES = {
    "output": "all of the output",
    "transcript": " transcript under ",
    "global_config": "changes this run made to ",
}
"""What could not be saved, as `session_writes_lost` names it, and claude's words for it on stderr."""


def lost_writes(stderr: str) -> WritesLost | None:
    """Reads in stderr what claude, at its end, could not save on a full disk; None where it says no such thing.

    With `output` among it claude has worked to its end, and ends with exit status 1, even after a result that says
    success. An exit status 1 comes without the event `session_writes_lost` (Claude Code 2.1.332).
    """
    if not (found := _LOST_WRITES.search(stderr)):
        return None
    lost = tuple(name for name, words in _WRITES.items() if words in found["what"])
    return WritesLost(reason=found["reason"], lost=lost)


def lost_output(stderr: str) -> bool:
    """Returns whether claude says so of its output."""
    lost = lost_writes(stderr)
    return lost is not None and "output" in lost.lost


_MANAGED = "ask the administrator of {machine} about its managed settings of Claude Code"
_HOST = "compare `claude --version` on {machine} with the version that we are tested with"
_LOG_IN = "log in on {machine} with an account that its organisation allows"

STARTUP_FAULTS: Mapping[str, Fault] = {
    "bypass_root": launch_fault(
        "bypass_as_root", "use permission mode dontAsk with allowed tools, or a login on {machine} that is not root"
    ),
    "config_file_invalid": launch_fault("bad_configuration", "mend or move that file on {machine}"),
    "cli_version_too_old": launch_fault("claude_too_old", "update Claude Code on {machine}"),
    "cwd_unavailable": launch_fault(
        "worktree_missing", "was the workspace of {machine} cleaned while the run went on? Start the task again"
    ),
    "session_held_by_background": launch_fault(
        "session_in_use", "another process may still run it on {machine}; resume it instead"
    ),
    "temp_dir_unusable": launch_fault("temporary_folder", "mend the temporary folder of the user on {machine}"),
    "shell_tool_missing": launch_fault("no_shell", "install a shell on {machine} that Claude Code knows"),
    "proxy_invalid": launch_fault("bad_proxy", "mend the proxy variables of {machine}; each needs a whole address"),
    "sandbox_required_unavailable": launch_fault(
        "no_sandbox", "install what the sandbox needs on {machine} (bubblewrap), or have the requirement changed"
    ),
    "worktree_resume_refused": launch_fault("resume_refused", "start the task without resuming"),
    "managed_settings_invalid": launch_fault("managed_settings", _MANAGED),
    "managed_settings_not_delivered": launch_fault("managed_settings", _MANAGED),
    "provider_not_allowed": launch_fault("provider_not_allowed", _MANAGED),
    "org_pin_api_key_conflict": launch_fault(
        "api_key_not_allowed", "take the API key out of the environment of {machine}; its organisation wants a login"
    ),
    "sideload_flags_disabled": launch_fault("flags_not_allowed", _MANAGED),
    "initialize_not_first": launch_fault("bad_argument", _HOST),
    "initialize_fields_not_delivered": launch_fault("bad_argument", _HOST),
    "org_pin_mismatch": login_fault("org_pin_mismatch", _LOG_IN),
    "org_config_refused": login_fault("org_config_refused", _LOG_IN),
    "gateway_signin_required": login_fault("gateway_signin_required", "sign in to the gateway again on {machine}"),
    "gateway_access_denied": login_fault("gateway_access_denied", _LOG_IN),
    "org_verify_failed": unavailable_fault("org_verify_failed"),
    "org_config_required_unavailable": unavailable_fault("org_config_unavailable"),
    "remote_settings_required_unavailable": unavailable_fault("remote_settings_unavailable"),
    "worktree_unverified": unavailable_fault("worktree_unverified"),
}
"""By the result's `startup_failure_reason`. Those that may pass are waited for like an API that fails."""
