from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from miyabi.claude import Evidence, LegacyResult, Transcript
from miyabi.claude.known_failures import lost_writes
from miyabi.claude.outcome import decide
from miyabi.sessions import InSubmodule, Outcome, Strays
from tests.support.claude.recordings import assistant, init, line, read, result, tool

GOOD = Evidence(agent_exit=0, commits=1, machine="mini1", task="t1", timeout_seconds=1800)
SUCCESS = init() + result()
STRAYS = Strays(branch="miyabi/r1/t1+strays", commits=2, files=3, insertions=10, deletions=1)
INSIDE = (InSubmodule(text="1 commit (1 file, +1 -0) on miyabi/r1/t1+strays in the submodule lib"),)


def outcome(evidence: Evidence, stream: bytes = SUCCESS) -> tuple[Outcome, str | None]:
    """Outcome and kind."""
    decision = decide(read(stream), evidence)
    return decision.outcome, decision.error_kind


def test_work_beside_the_branch_is_reported_with_its_size_and_place() -> None:
    """Who committed somewhere else is not said to have left no change, whatever was denied besides."""
    denied = init() + result(permission_denials=[{"tool_name": "Bash", "tool_use_id": "1", "tool_input": {}}])
    for stream in (SUCCESS, denied):
        decision = decide(read(stream), replace(GOOD, commits=0, strays=STRAYS))
        assert decision.outcome is Outcome.OFF_BRANCH
        assert decision.error_text == (
            "the session of t1 left nothing on its branch, but 2 commits (3 files, +10 -1) on miyabi/r1/t1+strays; "
            "merge that by hand, or reword its prompt: its work is to be on the branch that it starts on"
        )


def test_unresolved_files_are_named() -> None:
    """The first three, and how many more there are."""
    decision = decide(read(SUCCESS), replace(GOOD, unresolved=("a", "b", "c", "d", "e")))
    assert decision.error_text == (
        "the session of t1 left conflicts that nobody resolved in a, b, c and 2 more; resolve them on its branch"
    )


def test_success() -> None:
    """Exit 0, a good result, a commit and a passed check are a success without any error."""
    decision = decide(read(SUCCESS), replace(GOOD, check_asked=True, check_exit=0))
    assert (decision.outcome, decision.error_kind, decision.error_text) == (Outcome.SUCCEEDED, None, None)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (replace(GOOD, lost=True, ended_by="stop"), (Outcome.MACHINE_LOST, "machine_lost")),
        (replace(GOOD, ended_by="stop", agent_exit=143), (Outcome.STOPPED, "stopped")),
        (replace(GOOD, ended_by="timeout", agent_exit=143), (Outcome.TIMED_OUT, "timeout")),
        (replace(GOOD, ended_by="stalled", agent_exit=143), (Outcome.STALLED, "stalled")),
        (replace(GOOD, commits=0, leaked=(".env",)), (Outcome.AGENT_ERROR, "copied_file_committed")),
        (replace(GOOD, ended_by="setup", agent_exit=1), (Outcome.SETUP_FAILED, "setup_failed")),
        (replace(GOOD, ended_by="setup_timeout", agent_exit=143), (Outcome.SETUP_FAILED, "setup_failed")),
        (replace(GOOD, missing_command="x", ended_by="stop"), (Outcome.AGENT_ERROR, "missing_command")),
        (replace(GOOD, agent_exit=143), (Outcome.KILLED, "killed")),
        (replace(GOOD, agent_exit=143, ended_by="lingered"), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, agent_exit=137, ended_by="lingered", commits=0), (Outcome.NO_CHANGES, "no_changes")),
        (replace(GOOD, agent_exit=143, ended_by="lingered", check_asked=True), (Outcome.CHECK_FAILED, "check_failed")),
        (replace(GOOD, agent_exit=-9), (Outcome.KILLED, "killed")),
        (replace(GOOD, agent_exit=None), (Outcome.KILLED, "no_exit_status")),
        (replace(GOOD, agent_exit=3), (Outcome.AGENT_ERROR, "exit_status")),
        (replace(GOOD, agent_exit=255), (Outcome.AGENT_ERROR, "exit_status")),
        (replace(GOOD, commits=0), (Outcome.NO_CHANGES, "no_changes")),
        (replace(GOOD, checkout_gone=True, commits=0), (Outcome.AGENT_ERROR, "checkout_removed")),
        (replace(GOOD, checkout_gone=True, expect_changes=False), (Outcome.AGENT_ERROR, "checkout_removed")),
        (replace(GOOD, checkout_gone=True, check_asked=True, check_exit=2), (Outcome.AGENT_ERROR, "checkout_removed")),
        (replace(GOOD, commits=0, expect_changes=False), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, check_asked=True, check_exit=2), (Outcome.CHECK_FAILED, "check_failed")),
        (replace(GOOD, check_asked=True, check_exit=None), (Outcome.CHECK_FAILED, "check_failed")),
        (replace(GOOD, commits=0, check_asked=True, check_exit=2), (Outcome.NO_CHANGES, "no_changes")),
        (replace(GOOD, commits=0, strays=STRAYS), (Outcome.OFF_BRANCH, "off_branch")),
        (replace(GOOD, commits=0, strays=STRAYS, check_asked=True, check_exit=2), (Outcome.OFF_BRANCH, "off_branch")),
        (replace(GOOD, commits=0, strays=STRAYS, expect_changes=False), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, strays=STRAYS), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, commits=0, submodules=INSIDE), (Outcome.OFF_BRANCH, "off_branch")),
        (replace(GOOD, commits=0, submodules=INSIDE, expect_changes=False), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, submodules=INSIDE), (Outcome.SUCCEEDED, None)),
        (replace(GOOD, commits=0, strays=STRAYS, ended_by="stop"), (Outcome.STOPPED, "stopped")),
        (replace(GOOD, unresolved=("a",)), (Outcome.UNRESOLVED_CONFLICT, "unresolved_conflict")),
        (replace(GOOD, unresolved=("a",), commits=0), (Outcome.UNRESOLVED_CONFLICT, "unresolved_conflict")),
        (
            replace(GOOD, unresolved=("a",), check_asked=True, check_exit=2),
            (Outcome.UNRESOLVED_CONFLICT, "unresolved_conflict"),
        ),
        (replace(GOOD, unresolved=("a",), ended_by="timeout"), (Outcome.TIMED_OUT, "timeout")),
        (replace(GOOD, expect_structured_output=True), (Outcome.AGENT_ERROR, "no_structured_output")),
        (replace(GOOD, missing_servers=("a",)), (Outcome.LAUNCH_FAILED, "mcp_server")),
        (replace(GOOD, missing_servers=("a",), agent_exit=143, ended_by="stop"), (Outcome.LAUNCH_FAILED, "mcp_server")),
        (replace(GOOD, missing_servers=("a",), lost=True), (Outcome.MACHINE_LOST, "machine_lost")),
    ],
)
def test_evidence_wins(evidence: Evidence, expected: tuple[Outcome, str | None]) -> None:
    """A result that claims success is believed only as far as the evidence goes."""
    assert outcome(evidence) == expected


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (127, "miyabi: claude not found: claude (PATH=/bin)", (Outcome.LAUNCH_FAILED, "claude_not_found")),
        (126, "sh: claude: Permission denied", (Outcome.LAUNCH_FAILED, "claude_not_executable")),
        (72, "miyabi: checkout missing: /w", (Outcome.LAUNCH_FAILED, "worktree_missing")),
        (66, "miyabi: not on this machine: /p", (Outcome.LAUNCH_FAILED, "path_missing")),
        (73, "miyabi: cannot write /f/mcp.json", (Outcome.LAUNCH_FAILED, "no_option_files")),
        (1, "--agent 'x' not found. Available agents: claude, Explore", (Outcome.LAUNCH_FAILED, "agent_not_found")),
        (78, "miyabi: token file /t is empty", (Outcome.LAUNCH_FAILED, "token_file")),
        (1, "error: unknown option '--permission-prompts'", (Outcome.LAUNCH_FAILED, "bad_argument")),
        (1, "Error: Invalid session ID. Must be a valid UUID.", (Outcome.LAUNCH_FAILED, "bad_argument")),
        (1, "Error: MCP config file not found: /x", (Outcome.LAUNCH_FAILED, "bad_settings")),
        (1, "ENOSPC: no space left on device, write", (Outcome.LAUNCH_FAILED, "disk_full")),
        (1, "", (Outcome.LAUNCH_FAILED, "launch_failed")),
        (0, "", (Outcome.KILLED, "no_result")),
        (137, "Session ID x is already in use", (Outcome.KILLED, "killed")),
        (None, "", (Outcome.KILLED, "no_exit_status")),
    ],
)
def test_nothing_said(status: int | None, stderr: str, expected: tuple[Outcome, str]) -> None:
    """A session that said nothing is explained by its exit status and its stderr."""
    assert outcome(replace(GOOD, agent_exit=status, stderr=stderr), b"") == expected


def test_broken_down() -> None:
    """A session that began and ended without a result was not launched badly, it broke down."""
    assert outcome(replace(GOOD, agent_exit=1, stderr="TypeError: x"), init()) == (Outcome.KILLED, "crashed")


@pytest.mark.parametrize("words", ["ENOSPC: no space left on device, write", "Disk quota exceeded"])
def test_broken_down_on_a_full_disk(words: str) -> None:
    """Nor is one that began and then found no room; its conversation can go on once there is some."""
    assert outcome(replace(GOOD, agent_exit=1, stderr=words), init()) == (Outcome.KILLED, "crashed")


@pytest.mark.parametrize(
    ("free_kib", "stderr", "expected"),
    [
        (0, "\n", "disk_full"),
        (255, "", "disk_full"),
        (256, "\n", "launch_failed"),
        (None, "\n", "launch_failed"),
        (0, "error: unknown option '--x'", "bad_argument"),
    ],
)
def test_no_room_for_a_word(free_kib: int | None, stderr: str, expected: str) -> None:
    """A session that could say nothing at all on a full disk did not begin for want of room; its own words win."""
    evidence = replace(GOOD, agent_exit=1, stderr=stderr, free_kib=free_kib)
    assert outcome(evidence, b"") == (Outcome.LAUNCH_FAILED, expected)


def test_no_room_in_the_middle() -> None:
    """One that had begun broke down, and is told with the reason."""
    transcript = Transcript()
    transcript.feed(init())
    decision = decide(transcript, replace(GOOD, agent_exit=1, stderr="\n", free_kib=4))
    assert (decision.outcome, decision.error_kind) == (Outcome.KILLED, "crashed")
    assert "exit status 1: No space left on device: 4 KiB are free there" in str(decision.error_text)


LOST_OUTPUT = (
    "Claude Code could not save all of the output sent to a file because the disk is full (ENOSPC). Free up space on "
    "that disk before the next run.\n"
)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (GOOD, (Outcome.SUCCEEDED, None)),
        (replace(GOOD, check_asked=True, check_exit=2), (Outcome.CHECK_FAILED, "check_failed")),
        (replace(GOOD, commits=0), (Outcome.NO_CHANGES, "no_changes")),
    ],
)
def test_output_that_is_not_whole(evidence: Evidence, expected: tuple[Outcome, str | None]) -> None:
    """A claude that could not save all that it said, on a full disk, is judged by its work (Claude Code 2.1.332)."""
    assert outcome(replace(evidence, agent_exit=1, stderr=LOST_OUTPUT)) == expected


LOST_MORE = (
    "Error: Claude Code could not save all of the output sent to a file, all of this session's transcript under "
    "{home}, and changes this run made to {home}.json because the disk is full (ENOSPC). If you resume this session, "
    "part of the conversation may be missing. Free up space on that disk before the next run.\n"
)
LOST = (
    LOST_OUTPUT,
    LOST_MORE.format(home="/Users/x/.claude"),
    LOST_MORE.format(home=f"/{'long/' * 60}.claude"),
    LOST_OUTPUT.replace("the disk is full (ENOSPC)", "your disk quota is used up (EDQUOT)"),
)


@pytest.mark.parametrize("stderr", LOST)
@pytest.mark.parametrize("stream", [b"", init()])
def test_output_that_is_lost(stderr: str, stream: bytes) -> None:
    """A claude that worked to its end and could not say its result is no failed launch; with one its work counts."""
    evidence = replace(GOOD, agent_exit=1, stderr=stderr)
    assert outcome(evidence, stream) == (Outcome.KILLED, "crashed")
    assert outcome(evidence, stream + result()) == (Outcome.SUCCEEDED, None)


def test_what_was_lost_besides() -> None:
    """A transcript that claude says on stderr not to have saved whole is not resumed; other words mean nothing."""
    lost = [lost_writes(stderr) for stderr in LOST]
    assert [each and each.lost for each in lost] == [
        ("output",),
        ("output", "transcript", "global_config"),
        ("output", "transcript", "global_config"),
        ("output",),
    ]
    assert [each and each.reason for each in lost] == ["ENOSPC", "ENOSPC", "ENOSPC", "EDQUOT"]
    assert lost_writes("Error: could not save x because the moon is full (ENOSPC)") is None


def test_not_found_says_where() -> None:
    """A claude that is not there: the line names machine, path and PATH, and what to do."""
    stderr = "miyabi: claude not found: /opt/x/claude (PATH=/usr/bin:/bin)\n"
    decision = decide(Transcript(), replace(GOOD, agent_exit=127, stderr=stderr))
    assert decision.error_text == (
        "claude did not start on mini1: claude not found: /opt/x/claude (PATH=/usr/bin:/bin); "
        "install Claude Code on mini1, or set `claude` there to its absolute path"
    )


@pytest.mark.parametrize(
    ("stream", "stderr", "said"),
    [
        (
            b"",
            "error: unknown option '--modle'\n(Did you mean --model?)\n",
            "did not start on mini1: error: unknown option",
        ),
        (init(), "Error: no room\nTry again later\n", "broke down with exit status 1: no room Try again later"),
        (
            init() + result(),
            "Error: cannot save\n  the transcript\n",
            "ended with exit status 1: cannot save the transc",
        ),
    ],
)
def test_an_error_of_several_lines(stream: bytes, stderr: str, said: str) -> None:
    """The first line of an error is told with its hint, wherever stderr explains the outcome."""
    transcript = Transcript()
    transcript.feed(stream)
    assert said in str(decide(transcript, replace(GOOD, agent_exit=1, stderr=stderr)).error_text)


def failed(error: str = "", status: int | None = None, api_error: str = "", **fields: Any) -> bytes:
    """A session that the API ended."""
    said: dict[str, Any] = {"error": error, "api_error_status": status, "api_error": api_error}
    failure = {"is_error": True, "terminal_reason": "api_error", "api_error_status": status, "result": "API Error"}
    return (
        init()
        + assistant({"type": "text", "text": "x"}, is_api_error_message=True, **said)
        + result(**(failure | fields))
    )


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (failed("oauth_org_not_allowed", 403), (Outcome.NOT_LOGGED_IN, "oauth_org_not_allowed")),
        (failed("account_on_hold"), (Outcome.NOT_LOGGED_IN, "account_on_hold")),
        (failed("billing_error", 403), (Outcome.API_REFUSED, "billing_error")),
        (failed("", 413, terminal_reason="image_error"), (Outcome.API_REFUSED, "image_error")),
        (failed("", 418), (Outcome.API_REFUSED, "invalid_request")),
        (failed("", 503), (Outcome.API_UNAVAILABLE, "server_error")),
        (failed("unknown", 408), (Outcome.API_UNAVAILABLE, "server_error")),
        (failed("", None, "computer_slept"), (Outcome.API_UNAVAILABLE, "computer_slept")),
        (failed("", None, "claude_code_version_too_old"), (Outcome.LAUNCH_FAILED, "claude_too_old")),
        (failed("", None, "org_disabled_credential"), (Outcome.NOT_LOGGED_IN, "org_disabled_credential")),
        (failed(""), (Outcome.API_UNAVAILABLE, "network")),
        (failed("rate_limit", 429, "usage_limit_reached"), (Outcome.USAGE_LIMIT, "usage_limit")),
        (
            init() + result(is_error=True, terminal_reason="", result="API Error: 500 oops"),
            (Outcome.API_UNAVAILABLE, "server_error"),
        ),
        (
            init() + result(is_error=True, terminal_reason="", result="Claude AI usage limit reached|1799999999"),
            (Outcome.USAGE_LIMIT, "usage_limit"),
        ),
        (init() + result(subtype="error_max_turns", is_error=True), (Outcome.MAX_TURNS, "max_turns")),
        (init() + result(subtype="brand_new"), (Outcome.AGENT_ERROR, "completed")),
        (init() + result(terminal_reason="hook_stopped"), (Outcome.AGENT_ERROR, "hook_stopped")),
        (
            init() + result(subtype="error_max_structured_output_retries", is_error=True, terminal_reason=""),
            (Outcome.AGENT_ERROR, "error_max_structured_output_retries"),
        ),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_api(stream: bytes, expected: tuple[Outcome, str], status: int) -> None:
    """A failure of the API is told apart by its closest word; older versions exit with 0 even then."""
    assert outcome(replace(GOOD, agent_exit=status), stream) == expected


def test_limit_that_is_over() -> None:
    """A limit met and outlived has no say in a later failure of another kind."""
    limit = line(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 1799999999})
    assert outcome(GOOD, init() + limit + result()) == (Outcome.SUCCEEDED, None)
    assert outcome(GOOD, limit + failed("", 500))[0] is Outcome.API_UNAVAILABLE
    assert outcome(GOOD, limit + failed("", 429))[0] is Outcome.USAGE_LIMIT


def test_failure_of_an_earlier_turn() -> None:
    """What failed in a turn before says nothing of the last one."""
    stream = failed("billing_error", 400) + init() + result(is_error=True, terminal_reason="hook_stopped")
    assert outcome(GOOD, stream) == (Outcome.AGENT_ERROR, "hook_stopped")


def test_denied_but_done() -> None:
    """Denied tools are no failure where the work was done in another way."""
    denial = line(type="system", subtype="permission_denied", tool_name="Bash", tool_use_id="u")
    assert outcome(GOOD, init() + denial + result())[0] is Outcome.SUCCEEDED
    assert outcome(replace(GOOD, commits=0), init() + denial + result())[0] is Outcome.PERMISSION_DENIED


@pytest.mark.parametrize(("succeeded", "expected"), [(True, "succeeded"), (None, "succeeded"), (False, "agent_error")])
def test_declared_failure(succeeded: bool | None, expected: str) -> None:  # noqa: FBT001 - a case
    """An agent that declares failure is believed, against all other evidence."""
    legacy = LegacyResult(succeeded=succeeded, error="tests are red")
    decision = decide(read(SUCCESS), replace(GOOD, legacy=legacy))
    assert decision.outcome == expected
    assert ("tests are red" in (decision.error_text or "")) is (succeeded is False)


@pytest.mark.parametrize("evidence", [replace(GOOD, commits=0), replace(GOOD, agent_exit=1)])
def test_declared_success(evidence: Evidence) -> None:
    """An agent that declares success makes nothing succeed."""
    legacy = LegacyResult(succeeded=True)
    assert outcome(replace(evidence, legacy=legacy)) == outcome(evidence)
    assert outcome(evidence)[0] is not Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("denied", "evidence", "expected"),
    [
        (False, replace(GOOD, added_nothing=True), Outcome.SUCCEEDED),
        (False, replace(GOOD, added_nothing=True, check_asked=True, check_exit=0), Outcome.SUCCEEDED),
        (False, replace(GOOD, added_nothing=True, check_asked=True, check_exit=1), Outcome.CHECK_FAILED),
        (True, replace(GOOD, added_nothing=True), Outcome.PERMISSION_DENIED),
        (True, GOOD, Outcome.SUCCEEDED),
    ],
)
def test_commits_of_an_earlier_run(evidence: Evidence, expected: Outcome, *, denied: bool) -> None:
    """They are the task's work, and may be all of it; but not of a session that was allowed nothing."""
    denial = {"tool_name": "Bash", "tool_use_id": "u", "tool_input": {"command": "ls"}}
    barred = init() + assistant(tool("Bash", command="ls")) + result(permission_denials=[denial])
    stream = barred if denied else SUCCESS
    assert outcome(evidence, stream)[0] is expected
