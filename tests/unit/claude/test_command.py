from __future__ import annotations

import subprocess

import pytest

from miyabi.claude import CLAUDE, attached_script, session_prelude, session_script
from miyabi.claude.command import attached_arguments, claude_arguments
from miyabi.machines import Machine, quote_script_word
from miyabi.sessions import SessionSpec
from tests.support.values.specs import session_spec

MACHINE = Machine(name="mini1", environment={"SHARED": "machine"}, inherit_environment=("SHARED", "ONLY_HERE"))


def spec(**fields: object) -> SessionSpec:
    """A task's spec."""
    return session_spec(**({"prompt": "secret plan"} | fields))


def text(machine: Machine = MACHINE, inherited: dict[str, str] | None = None, **fields: object) -> str:
    """The script of a session."""
    return session_script(
        spec(**fields), machine, checkout="~/.miyabi/checkouts/r1/t1/t1", inherited=inherited or {}
    ).decode()


def test_arguments() -> None:
    """Claude gets exactly what the spec says, the variadic options last."""
    given = spec(
        model="opus",
        max_turns=20,
        max_budget_usd=2.5,
        permission_mode="acceptEdits",
        allowed_tools=("Bash(git log *)", "Edit"),
        disallowed_tools=("WebFetch",),
        auto_memory=True,
    )
    assert claude_arguments(given) == (
        *("-p", "--output-format", "stream-json", "--verbose"),
        *("--model", "opus", "--max-turns", "20", "--max-budget-usd", "2.5"),
        *("--permission-mode", "acceptEdits", "--permission-prompts", "none", "--strict-mcp-config"),
        *("--allowedTools", "Bash(git log *)", "Edit", "--disallowedTools", "WebFetch"),
    )


def test_fewest_arguments() -> None:
    """What the spec leaves open is left to claude; there is never a zero, which would mean no limit."""
    assert claude_arguments(spec()) == (
        *("-p", "--output-format", "stream-json", "--verbose"),
        *("--settings", '{"autoMemoryEnabled":false,"env":{"CLAUDE_CODE_DISABLE_AUTO_MEMORY":"1"}}'),
        *("--permission-mode", "dontAsk", "--permission-prompts", "none", "--strict-mcp-config"),
    )
    assert "0.00000001" not in claude_arguments(spec(max_budget_usd=1e-8))
    assert "1000000" in claude_arguments(spec(max_turns=1_000_000))


def test_prompt_is_not_in_the_script() -> None:
    """The prompt comes on stdin and stands nowhere else."""
    assert "secret plan" not in text()


def test_same_spec_same_script() -> None:
    """A script is a function of its spec: whoever starts the same session again attaches to it."""
    environment = (("B", "2"), ("A", "1"))
    assert text(environment=environment) == text(environment=tuple(reversed(environment)))


def test_who_wins() -> None:
    """The task's environment wins over the machine's, that over what is inherited; only what is named is inherited."""
    inherited = {"SHARED": "inherited", "ONLY_HERE": "x", "AWS_SECRET_ACCESS_KEY": "never"}
    assert "export SHARED=machine\n" in text(inherited=inherited)
    assert "export SHARED=task\n" in text(inherited=inherited, environment=(("SHARED", "task"),))
    assert "export ONLY_HERE=x\n" in text(inherited=inherited)
    assert "never" not in text(inherited=inherited)


def test_identity_is_ours() -> None:
    """Nobody can make a session believe that it is another one."""
    lines = text(environment=(("MIYABI_TASK", "other"),)).splitlines()
    assert lines.index("export MIYABI_TASK=other") < lines.index("export MIYABI_TASK=t1")
    assert text(base="a" * 40) != text(base="b" * 40)


def test_conversation() -> None:
    """The first attempt begins the conversation; only one that goes on looks for it."""
    first, later, own = text(), text(resumes="0cbee59b-3eb8-4ada-b90f-516cabf7302f", attempt=2), text(run_id="1")
    assert "miyabi_how=--session-id\nexec" in first
    assert f"{spec(run_id='1').conversation}.jsonl" in own
    assert "--resume" not in first
    assert "miyabi_how=--resume" in later
    assert spec().conversation in first
    assert "0cbee59b-3eb8-4ada-b90f-516cabf7302f.jsonl" in later
    assert spec().conversation not in later


def test_rehearsal() -> None:
    """A rehearsal runs its agent with the same environment, and needs neither claude nor a token."""
    given = spec(rehearse=True, rehearsal_seconds=0.25, oauth_token_file="~/token")  # noqa: S106 - a path
    found = session_script(given, MACHINE, checkout="/w", inherited={}, agent="~/.miyabi/bin/it's.sh").decode()
    assert found.endswith("""exec /bin/sh "$HOME"/'.miyabi/bin/it'"'"'s.sh'\n""")
    assert "export MIYABI_REHEARSAL_SECONDS=0.25\n" in found
    assert "export SHARED=machine\n" in found
    assert "token" not in found
    assert "stream-json" not in found


def test_rehearsal_without_agent() -> None:
    """A rehearsal without its agent is a fault of ours, told before anything starts."""
    with pytest.raises(ValueError, match="rehearsal of t1 without the path"):
        session_script(spec(rehearse=True), MACHINE, checkout="/w", inherited={})


def test_nul() -> None:
    """NUL, which no variable can hold, is refused."""
    with pytest.raises(ValueError, match="not a word for a script"):
        text(environment=(("A", "x\0y"),))


@pytest.mark.parametrize("value", ["", "~/x", "a\nb", "it's", "$HOME `id`", "日本語"])
def test_script_word(value: str) -> None:
    """A word for a script is never expanded, not even its `~`."""
    shown = ["sh", "-c", f"set -- {quote_script_word(value)}; printf '%s:%s' $# \"$1\""]
    assert subprocess.run(shown, capture_output=True, check=True).stdout.decode() == f"1:{value}"


def test_prelude_of_a_preflight() -> None:
    """A preflight sets up the same environment without a session."""
    prelude = session_prelude(MACHINE, {"A": "1"}, oauth_token_file=None)
    assert "miyabi_claude=claude\n" in prelude
    assert "export A=1\n" in prelude
    assert CLAUDE == '"$miyabi_claude"'


def test_arguments_of_who_is_attached() -> None:
    """A person is asked where nobody could be, and has no limit of turns or dollars; the rest is what sessions get."""
    given = spec(model="opus", max_turns=20, max_budget_usd=2.5, allowed_tools=("Bash",), auto_memory=True)
    asked = ("--model", "opus", "--permission-mode", "default", "--strict-mcp-config", "--allowedTools", "Bash")
    assert attached_arguments(given) == asked
    assert attached_arguments(spec(permission_mode="plan"))[2:] == ("--permission-mode", "plan", "--strict-mcp-config")


def test_who_is_attached_has_the_environment_of_a_session() -> None:
    """Up to where claude is called the script is a session's, with its token file; then it resumes the conversation."""
    told = {"environment": (("CLAUDE_CONFIG_DIR", "/c"),), "oauth_token_file": "~/token", "resumes": "c1"}
    attached = attached_script(spec(**told), MACHINE, checkout="~/.miyabi/checkouts/r1/t1/t1", inherited={}).decode()
    same, _, claude = attached.partition("miyabi_found=")
    assert text(**told).startswith(same)
    assert 'miyabi_token="$HOME"/token' in same
    assert 'exec "$miyabi_claude" --resume c1 ' in claude
    assert "secret plan" not in attached
