"""What a session is told that takes up work which was begun: its own, or that of a conversation that is gone. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from miyabi.sessions import Outcome, SessionResult
from miyabi.text import clean, count, dollars, duration, redact, render_markdown, shorten

_WORDS_CHARACTERS = 4_000
_NAMED = 50
_ATTEMPTS = 5


def fix_up(
    failed: SessionResult, *, number: int, most: int, check: str | None, output: str, tools: Sequence[str], left: str
) -> str:
    """Composes the message that gives what failed back to the conversation that made it.

    Args:
        failed: what its last attempt ended with.
        number: of the fix-up, from 1.
        most: how many there may be.
        check: the command that has to pass.
        output: its last lines, without secrets.
        tools: those that the session may use.
        left: what it may use still, one sentence.
    """
    status, is_red = failed.check_exit_status, failed.outcome is Outcome.CHECK_FAILED
    return render_markdown(
        "claude/fix_up.md.jinja",
        check=check if is_red else "",
        how="did not run to its end" if status is None else f"ended with exit status {status}",
        output=output,
        unresolved="\n".join(failed.unresolved[:_NAMED]) if failed.outcome is Outcome.UNRESOLVED_CONFLICT else "",
        denied="\n".join(failed.permission_denials[:_NAMED]) if failed.outcome is Outcome.PERMISSION_DENIED else "",
        tools=", ".join(tools),
        findings=findings_text(failed),
        has_check=bool(check),
        left_there="\n".join(failed.left_there[:_NAMED]),
        number=number,
        most=most,
        left=left,
    )


def findings_text(result: SessionResult) -> str:
    """Says what the review of a task's work asks for, a line each; nothing where it asks for nothing."""
    found = result.review.findings if result.review and result.is_to_be_changed else ()
    return "\n".join(f"{each.where}: {each.why}" for each in found)


def earlier_attempts(earlier: Sequence[SessionResult], *, base: str, check: str | None, output: str, left: str) -> str:
    """Composes the section that tells a new conversation what was done in others before it.

    Args:
        earlier: the attempts that are over, in their order; at least one.
        base: the commit that the task started from.
        check: the command that has to pass.
        output: its last lines, without secrets; nothing where it passed or was not run.
        left: what the session may use, one sentence.
    """
    words = next((each.final_message for each in reversed(earlier) if each.final_message), "")
    return render_markdown(
        "claude/earlier_attempts.md.jinja",
        base=base[:12],
        attempts=earlier[-_ATTEMPTS:],
        words=shorten(redact(clean(words)).strip(), characters=_WORDS_CHARACTERS),
        check=check or "",
        output=output,
        findings=findings_text(earlier[-1]),
        spent=_amounts(
            seconds=sum(each.seconds for each in earlier),
            turns=sum(each.turns for each in earlier),
            usd=sum(each.cost_usd for each in earlier),
        ),
        left=left,
    )


def left_words(*, seconds: float, turns: int | None, usd: float | None) -> str:
    """Says what a session may use, where None is no limit, in one sentence."""
    return f"You have {_amounts(seconds=seconds, turns=turns, usd=usd)}."


def _amounts(*, seconds: float, turns: int | None, usd: float | None) -> str:
    parts = [duration(seconds)]
    parts += [count(turns, "turn")] if turns is not None else []
    parts += [dollars(usd)] if usd is not None else []
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
