"""What a session is told of a review, and what is answered: the commit that it made of it, or why not. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from miyabi.claude import HOUSE_RULES, must_pass
from miyabi.github import PullRequest
from miyabi.tending.asked import Asked
from miyabi.text import clean, markdown, one_line, redact, render_github_markdown, shorten

_WORDS_CHARACTERS = 8_000
_ALL_WORDS_CHARACTERS = 100_000
"""Of all that is quoted: GitHub takes 65,536 in each comment, and a session has to have room for the work."""

_MOST_WORDS = 10
_ANSWER_CHARACTERS = 4_000
_NUMBERED = re.compile(
    r"^[ \t#>*_-]{0,8}comment[ \t]+#?(\d{1,3})(?!\w)[ \t,:;.(*_\u2013\u2014-]{0,8}(not[ \t]+done|done)?(?!\w)"
    r"[ \t,:;.)*_\u2013\u2014-]*",
    re.IGNORECASE | re.MULTILINE,
)
"""How a line begins that says of a comment what was done; claude likes to set such a line in bold, or as a heading."""

_HOW = """\
Your checkout is its head. People with write access to the repository have reviewed it; what they said is quoted \
below. Do what each comment asks for. Where you find that it should not be done, leave it and say why; where it is a \
question, answer it. Do nothing else."""
_END = """\
Your last message is taken apart and posted: each comment is answered with your own words of it. So it has to have, \
for each of them, in their order, a line that begins as shown here, and nothing before the first:

Comment 1, done: what you did, in one to three sentences.
Comment 2, not done: why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What came of the session: the commit that holds it, if it made any, and what kept it back, if anything did.

    `words` are its last ones.
    """

    commit: str = ""
    fault: str = ""
    words: str = ""


def answer_prompt(pull: PullRequest, asked: Sequence[Asked], *, check: str | None) -> str:
    """Composes the message that starts the session which answers a review.

    Args:
        pull: the pull request.
        asked: what is to be answered.
        check: command that must pass in the checkout afterwards.
    """
    lengths = [min(len(words.text), _WORDS_CHARACTERS) for each in asked for words in each.said[-_MOST_WORDS:]]
    is_much = sum(lengths) > _ALL_WORDS_CHARACTERS
    most = _ALL_WORDS_CHARACTERS // len(lengths) if is_much else _WORDS_CHARACTERS
    parts = [
        f"# Answer the review of pull request #{pull.number}",
        one_line(pull.title),
        _HOW,
        *(_section(number, each, characters=most) for number, each in enumerate(asked, 1)),
        f"## Rules\n\n{HOUSE_RULES}",
        must_pass(check),
        f"## Your last message\n\n{_END}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(number: int, asked: Asked, *, characters: int) -> str:
    said = "\n\n".join(
        f"{f'@{one_line(words.by)}' if words.by else 'You'} said:\n\n{_quoted(words.text, characters)}"
        for words in asked.said[-_MOST_WORDS:]
    )
    return f"## Comment {number}\n\n{_place(asked)}\n\n{said}"


def _place(asked: Asked) -> str:
    if not asked.path:
        return "On all of it."
    line = f", line {asked.line}" if asked.line else ""
    return f"On {one_line(asked.path)}{line}{' of an earlier commit' if asked.is_outdated else ''}."


def _quoted(text: str, characters: int) -> str:
    return markdown.block_quote(shorten(redact(clean(text)).strip(), characters=characters))


def names_comments(words: str) -> bool:
    """Returns whether a session's last words say of any comment what became of it."""
    return bool(_said(words))


def answer_text(asked: Asked, number: int, work: Work, *, is_outside: bool = False) -> str:
    """Makes the answer to a comment, which is true whatever the session said.

    Args:
        asked: what is answered.
        number: its place among what the session was asked, from 1.
        work: what came of the session.
        is_outside: whether it stands outside of the thread, and so has to say what it is about.
    """
    said = _said(work.words).get(number)
    is_done = said is None or said.is_done is not False
    return render_github_markdown(
        "tending/answer.md.jinja",
        marker=asked.marker,
        path=asked.path if is_outside else "",
        commit=work.commit if is_done else "",
        fault=work.fault,
        is_its_own=said is not None,
        words=shorten(said.text if said else work.words, characters=_ANSWER_CHARACTERS),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    is_done: bool | None


def _said(words: str) -> Mapping[int, _Said]:
    """What the session says of each comment, by its number; of one that it names twice the last."""
    parts = _NUMBERED.split(words)
    lines = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {
        int(number): _Said(text.strip(), mark.lower() == "done" if mark else None)
        for number, mark, text in lines
        if text.strip()
    }
