"""A value that is kept as JSON is read again, or what is wrong with its file is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from miyabi.errors import BadInput
from miyabi.runs import read_json


class Inner(BaseModel):
    """A part of it."""

    model_config = ConfigDict(extra="forbid")
    number: int


class Kept(BaseModel):
    """What is kept."""

    name: str
    parts: tuple[Inner, ...] = ()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """The same value comes back."""
    file, value = tmp_path / "kept.json", Kept(name="日本語 🎉", parts=(Inner(number=1),))
    file.write_text(value.model_dump_json(indent=2), encoding="utf-8")
    assert read_json(file, Kept, advice="Write it.") == value


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Whether that is a fault is for the caller to say."""
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "kept.json", Kept, advice="Write it.")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"name": 1}', "name: Input should be a valid string, found the number 1"),
        (b'{"parts": []}', "name: Field required"),
        (b'{"name": "a", "parts": "b"}', "parts: Input should be a valid array, found the text 'b'"),
        (
            b'{"name": "a", "parts": [{"number": 1}, {"number": []}]}',
            "parts.1.number: Input should be a valid integer, found a list",
        ),
        (
            b'{"name": "a", "parts": [{"number": 1, "b": null}]}',
            "parts.0.b: Extra inputs are not permitted, found null",
        ),
        (b"[]", "the file: Input should be an object, found a list"),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, content: bytes, sentence: str) -> None:
    """File, field, what it should be, what was found, what to do: in one line."""
    file = tmp_path / "kept.json"
    file.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_json(file, Kept, advice="Write it anew.")
    assert str(refused.value) == f"{file}: {sentence}. Write it anew."


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": "secret', b"\xff\xfe", b"\0" * 5000])
def test_what_is_no_json(tmp_path: Path, content: bytes) -> None:
    """It is said where it breaks off; nothing of what the file holds is repeated."""
    file = tmp_path / "kept.json"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"kept\.json: the file: Invalid JSON: .*\. Write it anew\.$") as refused:
        read_json(file, Kept, advice="Write it anew.")
    assert "secret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
