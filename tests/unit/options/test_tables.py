"""A table in place, or as a JSON file of this computer."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from miyabi.options import FileOrTable, read_table
from miyabi.text import faults_of

SECRET = "s3cr3t-value-99"  # noqa: S105 - nobody's


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with files in it; it is the home as well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "good.json").write_text('{"a": {"b": 1}}')
    (tmp_path / "list.json").write_text(f'["{SECRET}"]')
    (tmp_path / "broken.json").write_text(f'{{"a":\n "{SECRET}" oops}}')
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("path", ["good.json", "~/good.json", "folder/../good.json", "{root}/good.json"])
def test_a_file_is_as_good_as_its_table(root: Path, path: str) -> None:
    """It is named from the repository, from the home here, or absolutely."""
    assert read_table(path.format(root=root), root=root) == read_table({"a": {"b": 1}}, root=root) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.json", "none.json is not there; name a JSON file of this computer"),
        ("folder", "folder cannot be read (Is a directory); name a JSON file"),
        ("broken.json", "broken.json is not valid JSON (line 2: Expecting ',' delimiter); mend it"),
        ("binary.json", "binary.json is not valid JSON; mend it"),
        ("list.json", "list.json holds a list; it must hold an object"),
    ],
)
def test_a_file_that_cannot_be_used(root: Path, path: str, said: str) -> None:
    """One sentence says which, what was found and what to do, and nothing of what it holds."""
    with pytest.raises(ValueError, match=r"^/") as refused:
        read_table(path, root=root)
    assert str(refused.value) == f"{root}/{said}"
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("value", [3, ["a"], "", "a\nb", f'{{"a": "{SECRET}"', {"a": {1, 2}}, {"a": float("nan")}])
def test_what_is_neither(value: object) -> None:
    """Anything else is refused in one sentence that does not quote it: it may hold secrets."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(FileOrTable).validate_python(value)
    (fault,) = faults_of(refused.value)
    assert fault.must.startswith(("must be the path of a JSON file, or a table", "must hold what JSON can"))
    assert SECRET not in fault.must
