from __future__ import annotations

from typing import Any

import pytest

from tests.support.claude.messages_script import Answer, Conversation, Drop, Hang, Refuse, Say, answer


def user(*texts: str) -> dict[str, Any]:
    """A message of the user, a text a block."""
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def tool_result(text: str) -> dict[str, Any]:
    """What a tool printed."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]}


ASSISTANT = {"role": "assistant", "content": [{"type": "text", "text": "…"}]}


def say(scenario: str, argument: str = "", *, before: int = 0, step: int = 0, printed: str = "wrote t1.txt") -> Answer:
    """The answer in a scenario."""
    talk = Conversation(prompt="p", scenario=None, task="t1", step=step, tool_output=printed)
    return answer(talk, scenario=scenario, argument=argument, before=before, now=1000, limited_until=None)


def test_markers_and_steps() -> None:
    """The last prompt's marker counts, and the steps since that prompt, whatever reminders are put in between."""
    first = [user("<system-reminder>x</system-reminder>", "Do. [[scenario:slow:3]] [[task:a]]"), ASSISTANT]
    talk = Conversation.read({"messages": [*first, tool_result("out"), user("<task-notification>x"), ASSISTANT]})
    assert (talk.scenario, talk.task, talk.step, talk.tool_output) == (("slow", "3"), "a", 2, "out")
    again = Conversation.read({"messages": [*first, user("Go on [[scenario:write]]"), ASSISTANT]})
    assert (again.scenario, again.task, again.step) == (("write", ""), "a", 1)


def test_errors_end_after_their_count() -> None:
    """An error with a count is answered so many times in a session, one without for ever."""
    assert isinstance(say("error429", "2", before=1), Refuse)
    assert isinstance(say("error429", "2", before=2), Say)
    assert isinstance(say("error500", before=99), Refuse)


def test_the_limit_names_its_end() -> None:
    """The usage limit tells its reset in epoch seconds."""
    refused = say("usage_limit")
    assert isinstance(refused, Refuse)
    assert refused.headers["anthropic-ratelimit-unified-reset"] == "4600"


@pytest.mark.parametrize(("scenario", "kind"), [("drop", Drop), ("hang", Hang)])
def test_no_answer(scenario: str, kind: type) -> None:
    """A drop and a hang are no answers of the API at all."""
    assert isinstance(say(scenario), kind)


def test_a_session_ends_with_what_the_tool_printed() -> None:
    """After its tools the model says what the last one printed."""
    assert say("write", step=1) == Say(text="Done. wrote t1.txt")


def test_a_talk_goes_on_until_its_gate_is_open() -> None:
    """What the tool printed last decides: it talks on, writes once the gate is open, and is done with that."""
    first, again = say("talk", "g"), say("talk", "g", step=7, printed="0 line 1 of the talk")
    assert first == again
    assert isinstance(first, Say)
    assert "/g;" in str(first.bash)
    writing = say("talk", "g", step=8, printed="open")
    assert isinstance(writing, Say)
    assert "git commit" in str(writing.bash)
    assert say("talk", "g", step=9) == Say(text="Done.")
