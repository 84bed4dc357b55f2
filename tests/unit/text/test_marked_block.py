"""A block of ours in a text of other people's: found again and replaced, and no word of theirs is ever lost."""

from __future__ import annotations

import random
import re

import pytest

from miyabi.text import replace_block
from miyabi.text.marked_block import wrap

OLD = wrap("### Water Spider\n\n`███░` **75 %**: 3 of 4\n\n| Issue | Outcome |\n|:--|:--|\n| #1 | succeeded |")
NEW = wrap("### Water Spider\n\n`████` **100 %**: 4 of 4\n\n| Issue | Outcome |\n|:--|:--|\n| #2 | 成功 |")
BEGIN, *CONTENT, END = OLD.split("\n")
MARKER = re.compile(r"<!--\s*miyabi:(begin|end)\b.*?-->")

TEXTS = {
    "empty": "",
    "one line": "Goal: ship it.",
    "ends with a line break": "Goal: ship it.\n",
    "ends with blank lines": "Goal\n\n\n",
    "Japanese": "目標 出荷する 🚀\n\n・一つ目\n",
    "CRLF": "Goal\r\n\r\n目標\r\n",
    "looks like Markdown": "### Water Spider\n\n| Issue | Outcome |\n|:--|:--|\n",
    "has other comments": "<!-- keep me -->\n<!-- miyabi:other -->\n",
}


def put(text: str, block: str = NEW) -> str:
    """The text with the block, which does not change when it is put once more."""
    once = replace_block(text, block)
    assert replace_block(once, block) == once
    assert len(MARKER.findall(once)) == 2
    assert block in once.replace("\r\n", "\n")
    return once


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_block_is_appended_after_a_blank_line(text: str) -> None:
    """The text stays byte for byte at the beginning; the block comes last, with the text's own line ends."""
    made = put(text)
    assert made.startswith(text)
    gap = made[len(text) :].removesuffix(NEW.replace("\n", "\r\n") if "\r\n" in text else NEW)
    assert gap.strip() == ""
    if text:
        assert f"{text}{gap}".replace("\r\n", "\n").endswith("\n\n")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("after", ["", "\n", "\n\nwords after\n", "\r\nverder 終わり"])
def test_text_around_the_block_stays_byte_for_byte(text: str, after: str) -> None:
    """What stands before and after an old block is the same around the new one."""
    before = f"{text}\n\n" if text else ""
    made = put(f"{before}{OLD}{after}")
    assert made.startswith(before)
    assert made.endswith(after)
    assert "75 %" not in made


def test_windows_line_ends_are_kept() -> None:
    """In a description that a browser has written every line of ours ends like the others."""
    made = put(f"Goal\n\n{OLD}\n\nmore\n".replace("\n", "\r\n"))
    assert made == f"Goal\n\n{NEW}\n\nmore\n".replace("\n", "\r\n")


def test_words_between_the_markers_are_moved_below() -> None:
    """What somebody wrote into the block stands after it, in its order, with the blank lines between."""
    inside = "\n".join([BEGIN, "my words", *CONTENT[:5], "a note", "", "second paragraph", *CONTENT[5:], END])
    assert put(f"before\n{inside}\nafter") == f"before\n{NEW}\nmy words\na note\n\nsecond paragraph\nafter"


def test_a_changed_line_of_ours_is_kept() -> None:
    """Who corrects a row of our table has written words: the row stands below the block."""
    changed = OLD.replace("| #1 | succeeded |", "| #1 | succeeded, but see Slack |")
    assert put(changed) == f"{NEW}\n| #1 | succeeded, but see Slack |\n"


def test_a_line_of_theirs_that_looks_like_ours_is_kept() -> None:
    """As many lines as we wrote are ours: a copy of one of them is somebody's."""
    copied = "\n".join([BEGIN, *CONTENT, CONTENT[-1], END])
    assert put(copied) == f"{NEW}\n{CONTENT[-1]}\n"


@pytest.mark.parametrize("after", ["", "\nafter", "\n\nafter\n\n### Water Spider, they wrote\n"])
def test_a_deleted_end_marker(after: str) -> None:
    """The block ends with the last line that is surely ours; what follows stays."""
    broken = f"before\n\n{OLD}".removesuffix(f"\n{END}") + after
    made = put(broken)
    assert made == f"before\n\n{NEW}{after}"


@pytest.mark.parametrize("before", ["", "before\n\n"])
def test_a_deleted_begin_marker(before: str) -> None:
    """The block begins with the first line that is surely ours."""
    broken = before + OLD.removeprefix(f"{BEGIN}\n") + "\nafter\n"
    assert put(broken) == f"{before}{NEW}\nafter\n"


def test_words_in_a_block_without_end() -> None:
    """Words between our lines are moved below, words behind them stay where they are."""
    broken = "\n".join([BEGIN, *CONTENT[:2], "inside", *CONTENT[2:], "behind"])
    assert put(broken) == f"{NEW}\ninside\nbehind"


def test_both_markers_deleted() -> None:
    """Nothing says that the lines were ours, so they stay, and a new block is appended."""
    text = "\n".join(CONTENT)
    assert put(text) == f"{text}\n\n{NEW}"


def test_a_duplicated_block_becomes_one() -> None:
    """The first one is replaced, the copy goes, and the words between and behind stay."""
    assert put(f"before\n{OLD}\nbetween\n{OLD}\nbehind") == f"before\n{NEW}\nbetween\nbehind"


def test_two_begins_and_one_end() -> None:
    """A copy that lost its end is a block, too."""
    half = "\n".join([BEGIN, *CONTENT[:3]])
    assert put(f"{half}\nbetween\n{OLD}\n") == f"{NEW}\nbetween\n"


def test_markers_by_hand_say_where_the_block_is_to_stand() -> None:
    """Markers without our hashes: the block comes there, and words between them stay."""
    text = "intro\n<!-- miyabi:begin -->\nplaceholder\n<!-- miyabi:end -->\noutro\n"
    assert put(text) == f"intro\n{NEW}\nplaceholder\noutro\n"


@pytest.mark.parametrize("bare", ["begin", "end"])
def test_a_marker_that_lost_its_hashes(bare: str) -> None:
    """The other one still tells our lines."""
    text = re.sub(rf"miyabi:{bare}[ 0-9a-f]*", f"miyabi:{bare} ", f"before\n{OLD}\nafter")
    assert put(text) == f"before\n{NEW}\nafter"


def test_a_marker_in_a_line_of_words_is_no_marker() -> None:
    """A quoted marker is a person's text."""
    text = f"Do not touch `{BEGIN}` please.\n"
    made = replace_block(text, NEW)
    assert made == f"{text}\n{NEW}"
    assert replace_block(made, NEW) == made


def test_the_same_block_changes_nothing() -> None:
    """Also after an editor has put blanks at the ends of lines, or indented the markers."""
    text = f"Goal\n\n{NEW}\n"
    assert replace_block(text, NEW) == text
    edited = text.replace("\n", "  \n").replace("<!-- miyabi:end", "  <!--  miyabi:end")
    assert "100 %" in put(edited)
    assert put(edited).count("| #2 |") == 1


def damaged(lines: list[str], chance: random.Random) -> list[str]:
    """Lines of somebody's and ours as editors and people leave them: markers gone, lines moved in, copies."""
    for _ in range(chance.randrange(4)):
        ours = [n for n, line in enumerate(lines) if not line.startswith("person")]
        match chance.choice(["drop", "drop marker", "copy", "blank"]):
            case "drop" if ours:
                del lines[chance.choice(ours)]
            case "drop marker" if markers := [n for n in ours if MARKER.fullmatch(lines[n])]:
                del lines[chance.choice(markers)]
            case "copy" if ours:
                lines[(at := chance.randrange(len(lines) + 1)) : at] = [lines[n] for n in ours]
            case _:
                lines.insert(chance.randrange(len(lines) + 1), "")
    return lines


@pytest.mark.parametrize("seed", range(20))
def test_no_word_is_lost_whatever_happens_to_the_text(seed: int) -> None:
    """In a hundred random damages a seed: every line of a person stays, in order, and there is one whole block."""
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    for _ in range(100):
        lines = OLD.split("\n")
        people = [f"person {n} 言葉 {chance.random()}" for n in range(chance.randrange(8))]
        places = sorted(chance.randrange(len(lines) + 1) for _ in people)
        for place, words in reversed(list(zip(places, people, strict=True))):
            lines.insert(place, words)
        text = chance.choice(["\n", "\r\n"]).join(damaged(lines, chance))
        made = put(text)
        assert [line for line in made.splitlines() if line.startswith("person")] == people
