"""Words, paths and arguments for claude: which are taken, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from miyabi.options import ExtraArguments, MachinePath, Version, Word
from miyabi.options.values import _OWNED
from miyabi.text import faults_of
from tests.support.values.options import owned_flags


def fault(kind: Any, value: object) -> str:
    """What is said of the value."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return faults_of(refused.value)[0].must


@pytest.mark.parametrize("flag", sorted(_OWNED))
def test_what_is_ours_is_refused_by_name(flag: str) -> None:
    """A flag that the scheduler gives itself is named, with what to do in place of it; so is one with its value."""
    for given in ([flag], ["--betas", "x", flag, "y"], [f"{flag}=x" if flag.startswith("--") else f"{flag}x"]):
        said = fault(ExtraArguments, given)
        assert said.startswith(f"must not have '{flag}' in it: ")
        assert said.endswith(_OWNED[flag])


def test_every_flag_that_a_session_is_given_is_ours() -> None:
    """Nothing that we say can be said a second time, and otherwise."""
    assert owned_flags() - set(_OWNED) == set()


@pytest.mark.parametrize(
    "given", [[], ["--betas", "a", "b"], ["--tools", "Bash,Edit"], ["-d", "api"], ["--plugin-url=https://x"]]
)
def test_the_rest_is_taken(given: list[str]) -> None:
    """Whatever else claude knows may be given to it."""
    assert TypeAdapter(ExtraArguments).validate_python(given) == tuple(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["now do this"], "must begin with an option"),
        (["--betas", "--", "now do this"], "must not have '--' in it"),
        ([""], "at least 1 character"),
        ([1], "valid string"),
        ("--betas", "valid tuple"),
    ],
)
def test_no_prompt_comes_in_by_arguments(given: object, said: str) -> None:
    """What claude would take for a prompt, or what is no argument, is refused."""
    assert said in fault(ExtraArguments, given)


@pytest.mark.parametrize("kind", [MachinePath, Word])
@pytest.mark.parametrize("given", ["", "-x", "a\nb", "a\0b"])
def test_no_word_is_an_option(kind: Any, given: str) -> None:
    """A value that claude would take for an option, or that is no line, is refused."""
    assert "one line" in fault(kind, given)


@pytest.mark.parametrize("given", ["2", "2.", ".1", "2..1", "v2.1", "2.1.x", "latest", ""])
def test_a_version_is_numbers(given: str) -> None:
    """What could not be compared is refused."""
    assert "such as '2.1.311'" in fault(Version, given)


@pytest.mark.parametrize("given", ["2.1", "2.1.311", "3.0.0.1"])
def test_a_version(given: str) -> None:
    """Two numbers or more."""
    assert TypeAdapter(Version).validate_python(given) == given
