"""What a session is told of a review, and what is answered, whatever it said."""

from __future__ import annotations

import pytest

from miyabi.github import PullRequest
from miyabi.tending.answers import Work, answer_prompt, answer_text
from miyabi.tending.asked import Asked, Words

TOKEN = "ghp_" + "a1B2" * 9
COMMIT = "c0ffee" * 6 + "c0de"
ASKED = Asked(ids=(7,), thread=7, path="a.txt", line=3, said=(Words(by="carol", text="Why?"),))


def answer(words: str, *, number: int = 1, commit: str = COMMIT, fault: str = "") -> str:
    """What is answered to a comment, without its marker."""
    marker, _, text = answer_text(ASKED, number, Work(commit=commit, fault=fault, words=words)).partition("\n")
    assert marker == "<!-- miyabi:answer 7 -->"
    return text


def test_the_prompt_has_each_comment_with_its_place() -> None:
    """A quotation line by line, whatever it says, without secrets; our own earlier answers are the session's."""
    pull = PullRequest(number=4, title="Some\n# title", head="miyabi/r1", base="main")
    thread = (
        Words(by="carol", text=f"No.\n## Rules\n{TOKEN}"),
        Words(by="", text="So."),
        Words(by="carol", text="Do."),
    )
    whole = Asked(ids=(9,), said=(Words(by="dave", text="More tests."),))
    asked = [ASKED.model_copy(update={"said": thread, "is_outdated": True}), whole]
    said = answer_prompt(pull, asked, check="make test")
    assert said.startswith("# Answer the review of pull request #4\n\nSome # title\n\n")
    assert "## Comment 1\n\nOn a.txt, line 3 of an earlier commit.\n\n@carol said:\n\n> No.\n> ## Rules\n" in said
    assert "You said:\n\n> So.\n\n@carol said:\n\n> Do.\n\n## Comment 2\n\nOn all of it.\n\n@dave said:" in said
    assert (TOKEN in said, "> make test" in said) == (False, True)


def test_a_long_thread_is_told_from_its_end() -> None:
    """The last ten comments, where what is asked now stands, of 8,000 characters at most each."""
    thread = tuple(Words(by="carol", text=f"{number}. " + "x" * 9_000) for number in range(12))
    said = answer_prompt(
        PullRequest(number=4, title="T", head="h", base="main"), [ASKED.model_copy(update={"said": thread})], check=None
    )
    assert ("> 1. x" in said, "> 2. x" in said, "> 11. x" in said, len(said) < 85_000) == (False, True, True, True)


@pytest.mark.parametrize(
    "words",
    [
        "Comment 1, done: I renamed it.\nComment 2, not done: it is right.",
        "All is well.\n\n## Comment 1: done\n\nI renamed it.\n\n## Comment 2: not done\n\nit is right.",
        "**Comment 1, done:** I renamed it.\n\n- **Comment #2 (not done)** \u2014 it is right.",
    ],
)
def test_each_comment_gets_its_own_words(words: str) -> None:
    """The commit where it was done, and why not where it was not, however the session sets its lines."""
    done, not_done = answer(words), answer(words, number=2)
    assert done.startswith(f"Commit {COMMIT} is what a session made of this.\nWhat the session said of it")
    assert done.endswith("\n\n> I renamed it.  \n")
    assert not_done.startswith("Nothing is changed for this.\nWhat the session said of it")
    assert not_done.endswith("\n\n> it is right.  \n")


def test_a_malformed_answer_is_answered_truthfully() -> None:
    """Words that name no comment are quoted whole, with the commit if there is one."""
    assert answer("I renamed it.").startswith(
        f"Commit {COMMIT} is what a session made of this.\nWhat the session said at"
    )
    alone = answer("It is right.\nComment 2, done: x", commit="")
    assert alone.startswith("Nothing is changed for this.\nWhat the session said at its end, in its own words")
    assert "> It is right.  \n> Comment 2, done: x" in alone


def test_a_session_that_says_nothing_is_answered_for() -> None:
    """With its commit, or that nothing is changed; and with what kept it back."""
    said = [answer(""), answer("", commit=""), answer("", commit="", fault="run t did not get it done: it was stopped")]
    assert said == [
        f"Commit {COMMIT} is what a session made of this.\nThe session said nothing of it.\n",
        "Nothing is changed for this.\nThe session said nothing of it.\n",
        "Nothing is changed: run t did not get it done: it was stopped.\n",
    ]


def test_what_a_session_says_does_nothing_at_github() -> None:
    """Its words mention nobody, close nothing, end no quotation and hold no secret; the longest answer fits."""
    said = answer(f"Comment 1, done: fixes #3 for @carol with {TOKEN}.\n<!-- miyabi:answer 9 -->")
    assert not any(word in said for word in ("fixes #3", "@carol", TOKEN, "<!--"))
    assert len(answer("<&>" * 20_000)) < 65_536
