"""What people are told: a first line that says it all on a locked phone, then details and links. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from miyabi.reports import Report
from miyabi.settings import NotifyKind
from miyabi.text import dollars, duration, in_words, one_line, redact, several, time_of_day

_WHY_CHARACTERS, _NAMED = 300, 5
_MENTION = re.compile(r"@(?=[\w-])")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Of those with the same `cause` a run sends one."""

    kind: NotifyKind
    cause: str
    headline: str
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What comes below the headline."""
        return "\n".join(self.lines)


def end_of_run(
    report: Report,
    *,
    pull_requests: Sequence[tuple[int, str]] = (),
    integration: str = "",
    fault: str = "",
    links: Sequence[str] = (),
) -> Message:
    """Makes the message about the end of a run.

    Args:
        report: of the run. Where it goes on and ends anew, that is another message.
        pull_requests: number and address of each.
        integration: what came of its branches, as a sentence.
        fault: why its work is not at GitHub, where it was to be.
        links: further addresses and files to look at.
    """
    r = report
    named = several([f"#{number}" for number, _ in pull_requests], most=3)
    of = "pull request" if len(pull_requests) == 1 else "pull requests"
    parts = [
        f"{r.succeeded} of {r.total} succeeded",
        f"{r.failed} failed" if r.failed else "",
        f"{r.skipped} skipped" if r.skipped else "",
        dollars(r.cost_usd, is_partial=r.cost_is_partial) if r.cost_usd or r.cost_is_partial else "",
        f"{of} {named}" if pull_requests else "",
        "not at GitHub" if fault else "",
    ]
    kind = "rehearsal" if r.rehearsal else "run"
    failed = [f"{each.task} ({in_words(each.outcome)})" for each in r.troubles]
    lines = [
        f"Failed: {several(failed, most=_NAMED)}" if failed else "",
        integration and _foreign(integration),
        f"Not at GitHub: {_foreign(fault)}" if fault else "",
        f"It took {duration(r.wall_seconds)}.",
        *(address for _, address in pull_requests),
        *links,
    ]
    headline = f"miyabi {kind} {r.run}: {', '.join(filter(None, parts))}"
    return Message(NotifyKind.END, f"end {r.ended.isoformat()}", headline, tuple(filter(None, lines)))


def run_broke(run: str, why: str) -> Message:
    """Makes the message about a run that could not be seen through; `why` says how to go on."""
    return _needs_you(f"broke {_foreign(why)}", run, "it broke off", _foreign(why))


def stuck(run: str, *, number: int, url: str, why: str) -> Message:
    """Makes the message about a pull request that does not go on by itself."""
    return _needs_you(stuck_cause(number), run, f"pull request #{number} is stuck", _foreign(why), url)


def stuck_cause(number: int) -> str:
    """Returns the cause of the message about that pull request, to be forgotten when it is stuck no more."""
    return f"stuck #{number}"


def quota_closed(run: str, *, account: str, until: float, now: float) -> Message:
    """Makes the message about a usage limit. Times are seconds since 1970; `account` is empty where none is named."""
    when = time_of_day(until, now=now)
    of = f" of account {account}" if account else ""
    lines = (f"Its sessions wait for that; a person who wants them to go on now needs another account or limit{of}.",)
    return _needs_you(f"quota {account} {_hour(until)}", run, f"usage limit{of} until {when}", *lines)


def machine_gone(run: str, *, machine: str, why: str) -> Message:
    """Makes the message about a machine that gets no further session of a run."""
    return _needs_you(f"machine {machine}", run, f"{machine} takes no more sessions", _foreign(why))


def login_refused(run: str, *, machine: str, why: str) -> Message:
    """Makes the message about a machine on which claude is not logged in any more."""
    return _needs_you(f"login {machine}", run, f"claude is not logged in on {machine}", _foreign(why))


def trial() -> Message:
    """Makes the message of `miyabi notify --test`."""
    return Message(NotifyKind.END, "", "miyabi: this is a test", ("Messages about your runs arrive here.",))


def _needs_you(cause: str, run: str, what: str, *lines: str) -> Message:
    return Message(NotifyKind.NEEDS_YOU, cause, f"miyabi run {run} needs you: {what}", tuple(filter(None, lines)))


def _foreign(text: str) -> str:
    """Words that others may have written: in one line, without secrets, and calling nobody by an @name."""
    return _MENTION.sub("@\u200b", one_line(redact(text), characters=_WHY_CHARACTERS))


def _hour(moment: float) -> str:
    """The same for all who met the same limit, whose ends differ by seconds."""
    return time.strftime("%Y-%m-%dT%H", time.gmtime(moment))
