"""What each reason means that claude gives for not starting (`startup_failure_reason`). Tables only."""

from __future__ import annotations

from collections.abc import Mapping

from miyabi.claude.known_failures import Fault, launch_fault, login_fault, unavailable_fault

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
