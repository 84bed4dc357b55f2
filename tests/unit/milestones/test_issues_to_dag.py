from __future__ import annotations

import pytest

from miyabi.dag import Dag, TaskType, simulate
from miyabi.github import Blocker
from miyabi.machines import Machine
from miyabi.milestones.issues_to_dag import SkipKind, unknown_references
from miyabi.milestones.references import Reference
from tests.support.values.milestones import (
    REPOSITORY_URL,
    STRANGER,
    WRITER,
    edges,
    issue,
    milestone,
    reasons,
    select,
    setting,
)


def test_an_issue_becomes_a_node() -> None:
    """Number, title, kind, priority, estimate and machine label of an issue are those of its task."""
    labels = ["bug", "priority: high", "estimate: 1h30m", "machine:xcode"]
    dag = select(issue(7, labels=labels)).dag
    assert dag is not None
    (node,) = dag.nodes
    assert (node.id, node.issue, node.title) == ("issue-7", 7, "Title of 7")
    assert (node.type, node.priority, node.estimated_duration, node.requires) == (TaskType.BUG, 3, 90.0, ("xcode",))
    assert node.description.startswith("Do it.\n\nWhere a commit message names an issue, write `Refs #7`")
    assert (node.prompt, node.command) == (None, None)
    assert dag.name == "milestone 3 (v1.2)"
    assert dag.issues == {"issue-7": 7}


def test_the_dag_survives_its_file() -> None:
    """What issues become can be written as a DAG file and read again."""
    dag = select(issue(1), issue(2, "Depends on #1")).dag
    assert dag is not None
    assert Dag.from_text(dag.to_json()) == dag


def test_dependencies_come_from_three_places() -> None:
    """Blockers, sub-issues and lines of the text are united, each issue once; the order of the list is no matter."""
    selection = select(
        issue(5, "- [ ] Depends on #1 and #2\nBlocked by #4"),
        *(issue(n) for n in (4, 3, 2, 1)),
        blockers={5: [Blocker(number=1, state="open")]},
        sub_issues={5: [3, Blocker(number=4, state="open")]},
    )
    assert edges(selection) == {1: [], 2: [], 3: [], 4: [], 5: [1, 3, 4, 2]}
    assert selection.skipped == ()


def test_only_open_issues_of_the_milestone() -> None:
    """Pull requests, closed issues and those of other milestones become no tasks, and are not reported."""
    selection = select(
        issue(1),
        issue(2, is_pull_request=True),
        issue(3, state="closed"),
        issue(4, milestone=9),
        issue(5, milestone=None),
    )
    assert (edges(selection), selection.skipped) == ({1: []}, ())


def test_closed_dependencies_are_done() -> None:
    """A dependency that is closed holds up nobody, wherever it is from."""
    selection = select(
        issue(1, f"Depends on #2, #3, #4, acme/lib#9 and {REPOSITORY_URL}/issues/5"),
        issue(2, state="closed"),
        issue(3, state="closed", milestone=8),
        issue(5, state="closed", is_pull_request=True),
        blockers={
            1: [Blocker(number=4, state="closed"), Blocker(number=9, state="closed", repository="acme/lib")],
        },
    )
    assert edges(selection) == {1: []}


def test_the_issue_itself_is_believed() -> None:
    """Where a blocker's state is older than the issue's own, the issue's own counts."""
    selection = select(issue(1), issue(2), blockers={2: [Blocker(number=1, state="closed")]})
    assert edges(selection) == {1: [], 2: [1]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Depends on #9", "it waits for #9, which is open and not an issue of this milestone"),
        ("Depends on #8", "it waits for #8, which is open and not an issue of this milestone"),
        ("Depends on #77", "it waits for #77, which is not to be found; correct the number or take it out"),
        ("Depends on acme/lib#4", "it waits for acme/lib#4, which is open in another repository"),
        ("Depends on x/y#4", "it waits for x/y#4 in another repository, whose state is not known"),
    ],
)
def test_what_is_outside_blocks(body: str, reason: str) -> None:
    """An open dependency outside the milestone leaves out the issue and all that wait for it, each with the reason."""
    outside = (issue(9, milestone=4), issue(8, is_pull_request=True))
    blockers = {4: [Blocker(number=4, state="open", repository="acme/lib")]}
    waiting = (issue(2, "Depends on #1"), issue(3, "Depends on #2"))
    selection = select(issue(1, body), *waiting, issue(5), *outside, blockers=blockers)
    assert edges(selection) == {5: []}
    assert reasons(selection) == {
        1: reason,
        2: "it waits for #1, which is not run now (blocked)",
        3: "it waits for #2, which is not run now (waiting)",
    }
    assert [each.kind for each in selection.skipped] == [SkipKind.BLOCKED, SkipKind.UPSTREAM, SkipKind.UPSTREAM]


def test_a_circle_is_reported_and_the_rest_runs() -> None:
    """Issues that wait for each other are left out with the circle; what waits for them too; others run."""
    selection = select(
        issue(1, "Depends on #2"),
        issue(2, "Depends on #3"),
        issue(3),
        issue(4, "Depends on #1 and #6"),
        issue(5),
        issue(6),
        sub_issues={3: [1]},
    )
    assert edges(selection) == {5: [], 6: []}
    circle = "issues wait for each other in a circle: #1 → #3 → #2 → #1; take one of these dependencies out"
    assert reasons(selection) == {
        1: circle,
        2: circle,
        3: circle,
        4: "it waits for #1, which is not run now (in a circle)",
    }


def test_two_circles_are_two() -> None:
    """Each circle is told by itself."""
    bodies = {1: "#2", 2: "#1", 3: "#4", 4: "#3"}
    selection = select(*(issue(n, f"Depends on {other}") for n, other in bodies.items()))
    assert selection.dag is None
    assert {reason.split(":")[1].split(";")[0] for reason in reasons(selection).values()} == {
        " #1 → #2 → #1",
        " #3 → #4 → #3",
    }


def test_an_issue_that_waits_for_itself_runs() -> None:
    """Its own number among its dependencies is left out, with a warning that the DAG has too."""
    selection = select(issue(1, "Depends on #1"))
    assert edges(selection) == {1: []}
    assert selection.warnings == ("issue #1 says that it waits for itself; that is left out",)
    assert selection.dag is not None
    assert selection.dag.warnings == selection.warnings


def test_only_issues_with_the_label() -> None:
    """An issue without the chosen label is not run, and what waits for it waits; case does not matter."""
    selection = select(
        issue(1, labels=["bug"], title="x").model_copy(update={"labels": ("bug",)}), issue(2, "Depends on #1"), issue(3)
    )
    assert edges(selection) == {3: []}
    assert reasons(selection) == {
        1: "it has no label 'miyabi'",
        2: "it waits for #1, which is not run now (no label)",
    }
    assert select(issue(3), label="Miyabi").dag is not None


@pytest.mark.parametrize(
    ("actors", "reason"),
    [
        ((STRANGER, WRITER), None),
        ((WRITER, STRANGER), "set by @passer-by, who has no write access; somebody with write access must set it"),
        ((WRITER.model_copy(update={"can_write": None}),), "set by @keeper, who has no write access"),
        ((), "nobody knows who set its label 'miyabi'; take it off and set it again"),
    ],
)
def test_who_set_the_label_decides(actors: tuple[object, ...], reason: str | None) -> None:
    """The latest setting of the label must be by somebody who is known to have write access."""
    selection = select(issue(1), label_events={1: setting(*actors)})  # type: ignore[arg-type]
    assert (selection.dag is not None) is (reason is None)
    assert (reason or "") in "".join(reasons(selection).values())


def test_other_labels_prove_nothing() -> None:
    """Who set another label does not matter."""
    selection = select(issue(1), label_events={1: setting(WRITER, label="bug")})
    assert selection.skipped[0].kind is SkipKind.TRUST


def test_what_is_ineligible_is_not_run() -> None:
    """An issue that is worked on already is left out with the given reason, and its dependants wait."""
    selection = select(issue(1), issue(2, "Depends on #1"), ineligible={1: "its pull request #40 is open"})
    assert selection.dag is None
    assert reasons(selection) == {
        1: "its pull request #40 is open",
        2: "it waits for #1, which is not run now (taken already)",
    }
    assert selection.skipped[1].waits_for == (Reference("", 1),)


def test_a_machine_label_that_cannot_be_met() -> None:
    """An issue that asks for a machine in words that no machine can have is not sent to just any machine."""
    selection = select(issue(1, labels=["machine:my mac"]))
    assert selection.skipped[0].kind is SkipKind.UNUSABLE
    assert str(selection.skipped[0]).startswith("#1 Title of 1: its label 'machine:my mac' names no machine label")


@pytest.mark.parametrize("label", ["machine:mini2", "machine:xcode", "Machine: mini2", "machine/xcode"])
def test_a_machine_label_is_a_label_or_a_name(label: str) -> None:
    """`machine:` before the name of a machine means that machine, before one of the fleet's labels any that has it."""
    fleet = (Machine(name="mini1"), Machine(name="mini2", labels=("xcode",)))
    dag = select(issue(1, labels=[label]), machines=fleet).dag
    assert dag
    (row,) = simulate(dag, fleet).rows
    assert row.machine == "mini2"


@pytest.mark.parametrize("label", ["machine:mini3", "machine:win", "machine:machine:mini3"])
def test_what_no_machine_can_take_is_held_back(label: str) -> None:
    """An issue whose machine label cannot be met is not run, nor is what waits for it; a warning says so."""
    fleet = (Machine(name="mini1", labels=("xcode",)), Machine(name="mini2"))
    selection = select(issue(1, labels=[label]), issue(2, "Depends on #1"), issue(3), machines=fleet)
    assert edges(selection) == {3: []}
    assert [each.kind for each in selection.skipped] == [SkipKind.UNUSABLE, SkipKind.UPSTREAM]
    assert selection.skipped[0].reason.startswith(f"its label '{label}' cannot be met: ")
    assert selection.warnings == (f"issue #1 is held back: {selection.skipped[0].reason}",)


def test_both_labels_of_two_machines() -> None:
    """Labels that no machine has together hold an issue back with both named."""
    fleet = (Machine(name="a", labels=("xcode",)), Machine(name="b", labels=("gpu",)))
    selection = select(issue(1, labels=["machine:xcode", "machine:gpu"]), machines=fleet)
    assert "its label 'machine:gpu' and 'machine:xcode' cannot be met" in selection.warnings[0]


def test_many_reasons_are_counted() -> None:
    """Of many missing dependencies five are told."""
    selection = select(issue(1, "Depends on #11, #12, #13, #14, #15, #16, #17"))
    assert reasons(selection)[1].endswith("; and 2 more")


def test_what_is_unknown_is_to_be_looked_up() -> None:
    """What is named and not given can be asked for beforehand."""
    found = unknown_references(
        [issue(1, "Depends on #2, #3, x/y#4")],
        blockers={1: [Blocker(number=2, state="open")]},
        sub_issues={1: [8]},
        milestone=milestone(),
    )
    assert found == (Reference("", 3), Reference("", 8), Reference("x/y", 4))
