"""What a DAG file may say, and what each mistake in it is answered with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from miyabi.dag import DEFAULT_MINUTES, Dag, TaskType
from miyabi.dag.validate import parsed
from miyabi.errors import DagError
from tests.support.values.dags import read

CASES = Path(__file__).parents[2] / "cases" / "dags"
ANSWERS: dict[str, str] = json.loads((CASES / "bad.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", sorted(ANSWERS))
def test_a_bad_file_is_answered_with_one_clear_line(case: str) -> None:
    """The line names the file, then the node, the field, what was found and what to do."""
    with pytest.raises(DagError) as refused:
        Dag.load(CASES / "bad" / case)
    assert str(refused.value) == f"{CASES / 'bad' / case}: {ANSWERS[case]}"


def test_every_bad_file_has_its_answer() -> None:
    """No case lies about unused."""
    assert {file.name for file in (CASES / "bad").iterdir()} == set(ANSWERS)


def test_only_the_id_is_needed() -> None:
    """Everything else has a default."""
    (only,) = read({"id": "a", "description": "Do it"}).nodes
    assert (only.title, only.type, only.priority, only.dependencies) == ("a", TaskType.FEATURE, 5, ())
    assert only.estimated_duration == DEFAULT_MINUTES
    assert only.expect_changes
    assert only.allowed_tools is None


def test_null_is_as_good_as_left_out() -> None:
    """Generators that write every field with null are understood."""
    fields = ("title", "type", "priority", "dependencies", "prompt", "issue", "metadata", "expect_changes")
    assert read({"id": "a", **dict.fromkeys(fields)}, edges=None, levels=None) == read({"id": "a"})


def test_whole_numbers_are_taken_as_ids() -> None:
    """`270` and `"270"` are the same id wherever one is named: nothing is lost by it."""
    given = read({"id": 270}, {"id": "271", "dependencies": [270]}, {"id": 272}, edges=[{"from": 271, "to": "272"}])
    assert given.order == ("270", "271", "272")


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    """Some writers make 2 a 2.0."""
    assert read({"id": "a", "priority": 2.0}).nodes[0].priority == 2


def test_dependencies_and_edges_are_united() -> None:
    """An edge's `to` waits for its `from`; what is said twice counts once."""
    edges = [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}]
    given = read({"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["b"]}, edges=edges)
    assert given.dependencies("c") == ("b", "a")
    assert given.by_id["c"].dependencies == ("b", "a")


@pytest.mark.parametrize("levels", [[], [["a"], ["b"]]])
def test_levels_that_agree_are_not_worth_a_word(levels: list[list[str]]) -> None:
    """No warning where the file has none or the right ones."""
    assert not read({"id": "a", "issue": 1}, {"id": "b", "issue": 2, "dependencies": ["a"]}, levels=levels).warnings


@pytest.mark.parametrize(
    ("levels", "example"),
    [
        ([["b"], ["a"]], "for example 'a'"),
        ([["a", "b"]], "for example 'b'"),
        ([["a"], ["b", "gone"]], "for example 'gone'"),
        ([["a"], [], ["b"]], "for example 'b'"),
        ([["a"], ["b"], []], "some are empty or name a node twice"),
    ],
)
def test_levels_that_differ_are_warned_of_and_not_used(levels: list[list[str]], example: str) -> None:
    """The computed levels count, and the warning names a node that the file has elsewhere."""
    given = read({"id": "a", "issue": 1}, {"id": "b", "issue": 2, "dependencies": ["a"]}, levels=levels)
    assert given.levels == (("a",), ("b",))
    (warning,) = given.warnings
    assert warning == (
        f"tasks.json: 'levels' differ from what the dependencies say ({example}); the computed ones are used"
    )


def test_a_command_that_is_no_slash_command_is_warned_of() -> None:
    """Whoever writes a shell command there learns that claude gets it."""
    (warning,) = read({"id": "a", "command": "npm test"}).warnings
    assert "'command' 'npm test' is given to claude as a prompt, not to a shell" in warning


def test_a_node_that_says_nothing_is_warned_of() -> None:
    """An id alone is no task."""
    (warning,) = read({"id": "a"}, {"id": "b", "title": "Do it"}).warnings
    assert warning == "tasks.json: node 'a' says nothing but its id; give it a title, a description or a prompt"


def test_the_established_names_of_start_and_end_are_understood() -> None:
    """`start_time` and `end_time` are kept as `start` and `end`."""
    (kept,) = read({"id": "a", "start_time": 1_700_000_000, "end_time": 1.5}).nodes
    assert (kept.start, kept.end) == (1_700_000_000, 1.5)


def test_a_title_is_one_line() -> None:
    """Line breaks and runs of blanks become one blank; emoji of several characters stay whole."""
    assert read({"id": "a", "title": " One\n two\t📒👩‍💻 "}).nodes[0].title == "One two 📒👩‍💻"


def test_prompt_and_description_keep_every_character() -> None:
    """Blanks, tabs and line breaks may mean something there."""
    text = "  first\n\n\tsecond \r\n"
    (kept,) = read({"id": "a", "prompt": text, "description": text}).nodes
    assert kept.prompt == kept.description == text


def test_an_id_of_sixty_four_characters_is_allowed() -> None:
    """The limit itself is inside."""
    assert read({"id": "a" * 64}).order == ("a" * 64,)


def test_a_text_is_parsed_once_whatever_its_file_is_called(tmp_path: Path) -> None:
    """What was read lately is not parsed again; what is said of it names the file that is asked for."""
    text = json.dumps({"nodes": [{"id": str(tmp_path)[-40:].replace("/", "-").strip("-"), "command": "make"}]})
    before = parsed.cache_info()
    first, second = (Dag.from_text(text, name=name) for name in ("one.json", "two"))
    assert parsed.cache_info().misses - before.misses == 1
    assert first == second
    assert [dag.warnings[0].split(":")[0] for dag in (first, second)] == ["one.json", "two"]


def test_a_file_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    """What was parsed before never stands for another content of the same file, be its size and time the same."""
    file = tmp_path / "tasks.json"
    for task in ("a", "b", "a"):
        file.write_text(json.dumps({"nodes": [{"id": task}]}))
        os.utime(file, (0, 0))
        assert Dag.load(file).order == (task,)


def test_one_text_as_yaml_and_as_json() -> None:
    """A text that is one thing as JSON and another as YAML is read as what its file's name says, in any order."""
    text = '{"nodes": [{"id": "a", "title": "\\ud83d\\ude80"}]}'
    for name in ("a.json", "a.yaml", "b.json", "b.yaml"):
        if name.endswith("json"):
            assert Dag.from_text(text, name=name).nodes[0].title == "🚀"
        else:
            with pytest.raises(DagError, match=name):
                Dag.from_text(text, name=name)


def test_a_fault_is_said_of_each_file_that_has_it() -> None:
    """Nothing wrong is kept: the same text under another name is refused under that name."""
    for name in ("one.json", "two.json", "one.json"):
        with pytest.raises(DagError, match=rf"^{name}: node 'a': "):
            Dag.from_text('{"nodes": [{"id": "a", "priority": "high"}]}', name=name)
