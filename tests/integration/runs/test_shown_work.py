"""What a report shows of sessions beside their results, of a real repository."""

from __future__ import annotations

import json
from pathlib import Path

from miyabi.git import Changes
from miyabi.reports import write_report
from miyabi.runs import RunFolder, shown_work
from miyabi.text import hide
from tests.support.git.repositories import commit, git, project, quiet_home  # noqa: F401
from tests.support.values.results import result, run_folder, small_dag

SECRET = "sk-ant-api03-" + "a1B2" * 8
KNOWN = "correct-Horse7-battery"


def said(*texts: str) -> str:
    """A stream in which the session says that."""
    events = [{"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}} for text in texts]
    return "".join(json.dumps(event) + "\n" for event in events)


def worked(root: Path, changed: dict[str, str | bytes], *texts: str) -> RunFolder:
    """A run whose one session changed that and said that."""
    base = git(root, "rev-parse", "HEAD").strip()
    head = commit(root, changed)
    changes = Changes(commits=1, files=tuple(changed), insertions=3)
    of = result("a", base=base, head=head, changes=changes, branch="main")
    folder = run_folder(root, "r1", small_dag({"a": [], "gone": []}), of, result("gone", base="1" * 40, head="2" * 40))
    (folder.attempt("a") / "stdout.jsonl").write_text(said(*texts))
    return folder


def test_what_it_said_and_changed(project: Path) -> None:
    """Both are there, without secrets and escaped, in the file beside report.md; what is not there is left out."""
    hide([KNOWN])
    new = f"<script>x</script>\nkey = {SECRET}\n{KNOWN}\n"
    folder = worked(project, {"new.txt": new, "data.bin": b"\0\1"}, "I begin.", f"<b> {SECRET} {KNOWN}")
    work = shown_work(folder, folder.results())
    assert work["a"].said[1].text == "I begin.\n<b> [redacted] [redacted]"
    assert "gone" not in work
    diff = work["a"].diff
    assert diff
    assert "+<script>x</script>\n+key = [redacted]\n+[redacted]" in diff.text
    assert "Binary files /dev/null and b/data.bin differ" in diff.text
    write_report(folder)
    page = folder.report_page_file.read_text()
    assert "<ins>+&lt;script&gt;x&lt;/script&gt;</ins>" in page
    assert "&lt;b&gt; [redacted] [redacted]" in page
    assert [secret in page for secret in (SECRET, KNOWN, "<script>")] == [False] * 3
    assert folder.report_page_file.stat().st_mode & 0o077 == 0


def test_long_ones_are_cut(project: Path) -> None:
    """What a browser need not show at once is left out, and said to be: no line is torn, no secret shines through."""
    lines = "".join(f"line {number} {SECRET}\n" for number in range(1_500))
    folder = worked(
        project, {"long.txt": lines}, "It begins.", *(f"step {at} {'x' * 90}" for at in range(1_000)), "End."
    )
    work = shown_work(folder, folder.results())["a"]
    told, diff = work.said[1], work.diff
    assert told.text.startswith("It begins.\nstep 0 ")
    assert told.text.endswith(f"step 999 {'x' * 90}\nEnd.")
    assert (len(told.text) < 50_000, "\n…\n" in told.text, "left out" in told.note) == (True, True, True)
    assert diff
    assert len(diff.text.split("\n")) <= 1_000
    assert "sk-ant" not in diff.text
    assert diff.text.endswith("[redacted]")
    assert diff.note.startswith("the first ")
    assert " of 1,506 lines; all: git diff " in diff.note


async def test_inside_an_event_loop(project: Path) -> None:
    """A report is written from where a loop runs too."""
    folder = worked(project, {"new.txt": "x\n"}, "Done.")
    write_report(folder)
    assert "<ins>+x</ins>" in folder.report_page_file.read_text()
