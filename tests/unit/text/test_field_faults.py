"""What pydantic finds wrong is told by field, what it must be and what it is, for all who read something."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from miyabi.text import FieldFault, faults_of, field_name


def even(value: int) -> int:
    """Passes an even number."""
    if value % 2:
        raise ValueError("must be even")
    return value


class Part(BaseModel):
    """What a value is made of."""

    model_config = ConfigDict(extra="forbid")
    number: Annotated[int, AfterValidator(even)]


class Whole(BaseModel):
    """A value."""

    parts: tuple[Part, ...] = ()
    counts: dict[int, int] = {}


def faults(**value: Any) -> list[FieldFault]:
    """What is wrong with a value."""
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate(value)
    return faults_of(refused.value)


@pytest.mark.parametrize(
    ("value", "field", "must", "found"),
    [
        ({"parts": 3}, "parts", "Input should be a valid tuple", 3),
        ({"parts": [{"number": 2}, {"number": "x"}]}, "parts.1.number", "Input should be a valid integer, ", "x"),
        ({"parts": [{"number": 3}]}, "parts.0.number", "must be even", 3),
        ({"parts": [{"number": 2, "nmber": None}]}, "parts.0.nmber", "Extra inputs are not permitted", None),
        ({"parts": [{}]}, "parts.0.number", "Field required", {}),
        ({"counts": {"a key": 1}}, "counts.'a key'", "Input should be a valid integer", "a key"),
    ],
)
def test_a_fault_has_field_demand_and_finding(value: dict[str, Any], field: str, must: str, found: object) -> None:
    """The field is written as in a file, with nothing of pydantic's own notation around it or its sentence."""
    (fault,) = faults(**value)
    assert (fault.field, fault.found) == (field, found)
    assert fault.must.startswith(must)


def test_what_kind_of_fault_it_is() -> None:
    """A validator's sentence, a field that is not there and one that nobody knows are told apart."""
    own, unknown, missing = faults(parts=[{"number": 3}, {"number": 2, "nmber": 1}, {}])
    assert [(f.is_own, f.is_unknown, f.is_missing) for f in (own, unknown, missing)] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_what_is_around_a_fault_is_not_what_was_found() -> None:
    """Where a field is missing, or a text is no JSON, there is nothing of the field to show."""
    assert [fault.is_found for fault in faults(parts=[{"number": 3}, {}])] == [True, False]
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate_json("{")
    (fault,) = faults_of(refused.value)
    assert (fault.field, fault.is_found) == ("", False)


def test_a_name_that_no_file_has_bare_is_quoted() -> None:
    """What a terminal would choke on, and what is endless, is shown like any foreign text."""
    assert field_name(["machines", "0", "a b"]) == "machines.0.'a b'"
    assert field_name(["a\x1b[31m", "b" * 61]) == rf"'a\x1b[31m'.'{'b' * 60}…' (61 characters)"
