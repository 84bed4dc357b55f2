"""`sweep` takes away what a run made, and neither work that is nowhere else nor what is still needed."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from flows.__main__ import main
from miyabi.machines import Machine
from tests.support.git.repositories import git
from tests.support.values.damage import damage_file
from tests.support.values.runs import Workshop, workshop  # noqa: F401 - a fixture


def sweep(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, *machines: Machine, yes: bool = False) -> int:
    """The exit code of the command, with that fleet."""
    monkeypatch.setenv("MIYABI_MACHINES", json.dumps([machine.model_dump() for machine in machines]))
    words = ["sweep", "r1", "-C", str(workshop.folder / "repository"), *(["--yes"] if yes else [])]
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


async def leave_work(workshop: Workshop) -> None:
    """A session has ended that nobody has collected."""
    live = await workshop.run(workshop.machine("m1"), workshop.machine("m2"))
    await workshop.left(await workshop.attempt(live))
    workshop.open_gate()
    async with asyncio.timeout(120):
        while (await workshop.status()).live:
            await asyncio.sleep(0.05)


def checkout(workshop: Workshop) -> Path:
    """The checkout of the task."""
    return workshop.folder / "m1/checkouts/r1/a/a"


def test_work_that_is_not_collected_is_not_swept_unasked(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, with the command that collects it; who says yes to it loses it."""
    asyncio.run(leave_work(workshop))
    fleet = workshop.machine("m1"), workshop.machine("m2")
    assert sweep(workshop, monkeypatch, *fleet) == 1
    said = capsys.readouterr()
    assert said.err == "not home yet: the work of a (attempt 1 on m1)\n"
    assert said.out == "nothing swept. To bring that work home: miyabi orchestrate --run r1\n"
    assert checkout(workshop).exists()
    assert sweep(workshop, monkeypatch, *fleet, yes=True) == 0
    assert not checkout(workshop).exists()


@pytest.mark.parametrize("name", ["result.json", "attempt.json"])
def test_work_of_which_nothing_is_known_is_not_swept_unasked(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Where a damaged file does not say whether the work is here, it may not be: the file is named."""
    asyncio.run(leave_work(workshop))
    file = workshop.folder / "repository/.miyabi/runs/r1/sessions/a/attempt-1" / name
    damage_file(file)
    fleet = workshop.machine("m1"), workshop.machine("m2")
    assert sweep(workshop, monkeypatch, *fleet) == 1
    where = " on m1" if name == "result.json" else ""
    assert capsys.readouterr().err == f"not home yet: the work of a (attempt 1{where}; {file} is damaged)\n"
    assert checkout(workshop).exists()
    assert sweep(workshop, monkeypatch, *fleet, yes=True) == 0
    assert not checkout(workshop).exists()


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_run_whose_run_json_is_gone_or_damaged(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_damaged: bool
) -> None:
    """It is swept like one whose folder is gone: with `--yes`, which ends well."""
    asyncio.run(leave_work(workshop))
    run = workshop.folder / "repository/.miyabi/runs/r1"
    shutil.rmtree(run / "sessions")
    damage_file(run / "run.json") if is_damaged else (run / "run.json").unlink()
    fleet = workshop.machine("m1"), workshop.machine("m2")
    assert sweep(workshop, monkeypatch, *fleet) == 1
    said = capsys.readouterr()
    assert (
        f"m1: not swept: {run}/run.json is damaged or gone, so it is not known whether the work of r1.a.1" in said.out
    )
    assert said.err.startswith(f"warning: {run}/run.json: the file: Invalid JSON" if is_damaged else "")
    assert checkout(workshop).exists()
    assert sweep(workshop, monkeypatch, *fleet, yes=True) == 0
    assert not checkout(workshop).exists()


def test_a_run_whose_folder_is_gone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows what of its work is here: it is removed only by who says that it may be lost."""
    asyncio.run(leave_work(workshop))
    shutil.rmtree(workshop.folder / "repository/.miyabi/runs/r1")
    fleet = workshop.machine("m1"), workshop.machine("m2")
    assert sweep(workshop, monkeypatch, *fleet) == 1
    assert capsys.readouterr().out == (
        "m1: not swept: the folder of run r1 is gone, so it is not known whether the work of r1.a.1 was collected. "
        "If it may be lost: miyabi sweep r1 --yes\nm2: swept, 0 sessions\n"
    )
    assert checkout(workshop).exists()
    assert sweep(workshop, monkeypatch, *fleet, yes=True) == 0
    assert not checkout(workshop).exists()


def test_a_run_that_is_nowhere(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name is bad input, with the runs that there are; a machine that does not answer makes that unsure."""
    asyncio.run(workshop.run(run="r2"))
    assert sweep(workshop, monkeypatch, workshop.machine()) == 2
    assert re.search(r"run r1: not found below .*/runs\. The latest runs: r2\.", capsys.readouterr().err)
    away = workshop.machine("m2", host="127.0.0.1", ssh={"port": 9, "user": "nobody"})
    assert sweep(workshop, monkeypatch, workshop.machine(), away) == 1


def test_a_run_whose_folder_is_gone_is_swept(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine still has its sessions, or only checkouts, or there are branches, the run is known."""
    asyncio.run(leave_work(workshop))
    shutil.rmtree(workshop.folder / "repository/.miyabi/runs/r1")
    assert sweep(workshop, monkeypatch, workshop.machine(), yes=True) == 0
    assert not (workshop.folder / "m1/sessions/r1.a.1").exists()
    (workshop.folder / "m1/checkouts/r1/b").mkdir(parents=True)
    assert sweep(workshop, monkeypatch, workshop.machine()) == 0
    assert sweep(workshop, monkeypatch, workshop.machine()) == 2
    git(workshop.folder / "repository", "branch", "miyabi/r1/a")
    assert sweep(workshop, monkeypatch, workshop.machine()) == 0


def test_a_machine_that_is_gone_from_the_configuration(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a run may have left on it is not passed over in silence."""
    asyncio.run(leave_work(workshop))
    assert sweep(workshop, monkeypatch, workshop.machine("m2"), yes=True) == 1
    assert (
        "m1: not swept: it is not in the configuration. Put it back there, then sweep again" in capsys.readouterr().out
    )


def test_a_run_that_is_being_worked_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is pulled from under an orchestrator, whose sessions may have ended and not be collected yet."""
    live = asyncio.run(workshop.run())
    with live.folder.lock():
        assert sweep(workshop, monkeypatch, workshop.machine(), yes=True) == 2
    assert "run r1 is being worked on" in capsys.readouterr().err


async def leave_files(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session has ended, and two of its files were too large to bring."""
    monkeypatch.setenv("MIYABI_SESSIONS__MAX_FILE_MB", "0.001")
    live = await workshop.run()
    async with workshop.running(await workshop.attempt(live)) as task:
        for name in ("core", "data.bin"):
            (checkout(workshop) / name).write_bytes(b"\0" * 2000)
        (checkout(workshop) / "small").write_bytes(b"small")
        workshop.open_gate()
        result = await task
    assert len(result.left_there) == 2
    assert "small" in result.changes.files
    assert not {"core", "data.bin"} & set(result.changes.files)


@pytest.mark.parametrize("damaged", [False, True])
def test_files_that_were_too_large_are_not_swept_unasked(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, damaged: bool
) -> None:
    """They are named with their folder; who says yes loses them, and is not asked again about what is gone."""
    asyncio.run(leave_files(workshop, monkeypatch))
    assert sweep(workshop, monkeypatch, workshop.machine("m1")) == 1
    said = capsys.readouterr()
    where = f"m1 in {workshop.folder}/m1/checkouts/r1/a/a"
    assert (
        said.err == f"a: core (0 MB) and data.bin (0 MB) were too large or too many to bring and are still on {where}\n"
    )
    assert said.out == "nothing swept. Copy what you need from there (scp), then: miyabi sweep r1 --yes\n"
    assert (checkout(workshop) / "core").exists()
    if damaged:
        (workshop.folder / "repository/.miyabi/runs/r1/sessions/b/attempt-1").mkdir(parents=True)
        (workshop.folder / "repository/.miyabi/runs/r1/sessions/b/attempt-1/result.json").write_text("{")
    assert sweep(workshop, monkeypatch, workshop.machine("m1"), yes=True) == 0
    assert not checkout(workshop).exists()
    assert sweep(workshop, monkeypatch, workshop.machine("m1")) == 0
