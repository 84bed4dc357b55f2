from __future__ import annotations

from typing import Any

from miyabi.integration import Integration, LeftOut, LeftOutKind, NotIntegrated
from miyabi.integration.values import MergedTask
from miyabi.reports import Elsewhere, Report, integration_sentence, went_well
from miyabi.reports.integration import integration_section
from miyabi.reports.markdown import to_markdown
from miyabi.sessions import Outcome, Strays, integration_branch
from tests.support.values.results import RUN, matches_golden, report, result, small_dag

TASKS = ("design", "build", "docs", "ship", "test")


def of_run(**outcomes: Outcome) -> Report:
    """A run of five tasks, and the session that resolved a conflict after it."""
    ended = [
        result(task, outcomes.get(task, Outcome.SUCCEEDED), after=60 * n, files=["a.py", f"{task}.py"])
        for n, task in enumerate(TASKS)
    ]
    resolving = result("_resolve-build-0f1e2d3c", after=400, seconds=90, title="Resolve the conflict of build")
    return report(small_dag({task: [] for task in TASKS}), [*ended, resolving])


def integration(*left_out: LeftOut, **fields: Any) -> Integration:
    """A branch that holds the others."""
    out = {each.task for each in left_out}
    merged = [MergedTask(task=task, commit="c" * 40, resolved=task == "build") for task in TASKS if task not in out]
    known = {"branch": integration_branch(RUN), "base": "b" * 40, "head": "e" * 40, "merged": merged}
    return Integration(**{**known, "left_out": left_out, **fields})


CONFLICT = LeftOut(task="docs", kind=LeftOutKind.CONFLICT, files=("a.py",), reason="it does not merge with design")
CHECK = LeftOut(
    task="ship", kind=LeftOutKind.CHECK, reason="`make test` fails from its merge on (exit status 2): E | x"
)
FAILED = LeftOut(task="test", kind=LeftOutKind.FAILED, reason="check_failed: 2 tests failed")


def test_golden() -> None:
    """A report with an integration branch reads as agreed: what is on it, what is not and why, who resolved what."""
    came = integration(
        CONFLICT, CHECK, FAILED, verified=True, verify_commands=("make test",), verify_log="$ make\n```\n"
    )
    ended = of_run(test=Outcome.CHECK_FAILED)
    assert matches_golden(to_markdown(ended, integration=integration_section(came, ended)), name="integrated.md")


def test_the_sentence() -> None:
    """One line has the branch, how much it holds, whose work is missing although it succeeded, and the checks' word."""
    came = integration(CONFLICT, CHECK, FAILED, verified=False)
    assert integration_sentence(came, of_run(test=Outcome.CHECK_FAILED)) == (
        f"miyabi/{RUN}/_integration holds 2 of 5 tasks. Left out: docs: it does not merge with design; "
        "ship: `make test` fails from its merge on (exit status 2): E | x. The verify commands do not pass."
    )


def test_of_many_that_are_left_out_three_are_named() -> None:
    """However many are left out, the line stays readable."""
    out = [LeftOut(task=task, kind=LeftOutKind.CONFLICT, reason="no") for task in TASKS]
    assert integration_sentence(integration(*out), of_run()).endswith("build: no; docs: no; and 2 more.")


def test_nothing_to_integrate() -> None:
    """A branch without anything on it is not called one."""
    sentence = "Nothing to integrate: no task that succeeded made a commit."
    came = integration(head="b" * 40, merged=())
    assert integration_sentence(came, of_run()) == sentence
    assert integration_section(came, of_run()) == f"## Integration\n\n{sentence}\n"


def test_not_integrated() -> None:
    """Why nothing came of it is told, in text that stays text."""
    came = NotIntegrated(reason="the branch is <b>checked out</b>")
    assert integration_sentence(came, of_run()) == "Not integrated: the branch is <b>checked out</b>"
    assert "&#60;b&#62;" in integration_section(came, of_run())


def test_the_section_of_a_branch() -> None:
    """It says what is beside the branch, and that nothing was verified where no commands are set."""
    ended = of_run()
    strays = Strays(branch=f"miyabi/{RUN}/docs+strays", commits=1, files=1, insertions=1, deletions=0)
    beside = ended.model_copy(update={"elsewhere": (Elsewhere(task="docs", strays=strays),)})
    assert integration_section(integration(), beside) == (
        f"## Integration\n\n`miyabi/{RUN}/_integration` at `eeeeeeeeee` holds 5 of 5 tasks. "
        "Not in it: work beside the branches of docs. "
        "It was not verified: `integration.verify` names no commands. "
        f"The merges: `git log --first-parent bbbbbbbbbb..miyabi/{RUN}/_integration`\n"
    )
    came = integration(verified=False, verify_commands=("make",))
    assert " holds 5 of 5 tasks. The verify commands do not pass. The merges: " in integration_section(came, ended)


def test_went_well() -> None:
    """Only where all succeeded, all of it is on the branch and nothing failed to verify is a run called good."""
    assert went_well(of_run(), integration())
    assert went_well(of_run(), integration(verified=True))
    assert not went_well(of_run(), integration(verified=False))
    assert not went_well(of_run(), integration(CONFLICT))
    assert not went_well(of_run(test=Outcome.TIMED_OUT), integration(FAILED))
    assert not went_well(of_run(), None)
