"""Runs the faults: each at a seeded random moment of a small run, after which the promises are looked at.

    python -m tests.chaos [--fault NAME ...] [--times 20] [--seed 1] [--length SECONDS] [--write]

A trial is a whole run of three tasks on two real sshd machines with real git and a real Prefect server. Prints a line a
trial, then the table; with `--write` its rows are put into docs/faults.md. Of a trial that fails it says how to make it
again, and keeps its folder. The exit status is 1 where one failed. Mounts small disks, which takes root.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults import FAULTS, Fault, Missed, Moment
from tests.chaos.ground import Ground, made_ground
from tests.chaos.promises import Expected, broken
from tests.chaos.table import Count, write

_MISSES = 3
_AGAIN = "python -m tests.chaos"


def main(words: Sequence[str] | None = None) -> int:
    """Makes the trials that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--fault", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="that of a fault's first trial; the next ones count on")
    parser.add_argument("--length", type=float, help="seconds that an undisturbed run takes; measured where not given")
    parser.add_argument("--write", action="store_true", help="put the counts into docs/faults.md")
    given = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was begun is ended all the same
    faults = [fault for fault in FAULTS if fault.name in given.fault]
    folder = Path(tempfile.mkdtemp(prefix="miyabi-chaos-"))
    counts = {fault.name: Count(fault=fault) for fault in faults}
    with made_ground(folder) as ground:
        length = given.length or undisturbed(ground)
        for seed in range(given.seed, given.seed + given.times):
            for fault in faults:  # in turn: where the time is short, each has been made as often as the others
                counts[fault.name] = counts[fault.name].with_one(survived=survives(ground, fault, seed, length))
                if given.write:
                    write(counts[fault.name])
    print("\n".join(count.row for count in counts.values()))
    failed = any(count.survived < count.times for count in counts.values())
    if not failed:
        shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


def undisturbed(ground: Ground) -> float:
    """Seconds from the beginning of a run to its end when nothing happens; SystemExit where that breaks a promise."""
    with ground.trial("undisturbed", random.Random(0)) as trial:  # noqa: S311 - no secret
        command = trial.press()
        Moment(trial=trial, seconds=0).wait()
        begin = time.monotonic()
        status = command.wait()
        length = time.monotonic() - begin
        if wrong := broken(trial, status, Expected()):
            sys.exit(f"without any fault: {wrong}\n{command.output}")
    print(f"undisturbed, a run takes {length:.1f} s", flush=True)
    return length


def survives(ground: Ground, fault: Fault, seed: int, length: float) -> bool:
    """Whether the promises are kept in the trial of that seed; a run that was over too early is made again."""
    begin = time.monotonic()
    for times in range(_MISSES + 1):
        dice = random.Random(f"{fault.name} {seed}")  # noqa: S311 - no secret
        seconds = dice.uniform(0, length) * 0.7**times
        name = f"{FAULTS.index(fault)}-{seed}-{times}"
        try:
            wrong = _wrong(ground, fault, name, dice, seconds)
        except Missed:
            continue
        break
    else:
        wrong = ["the run was over before the fault, each time"]
    took = time.monotonic() - begin
    print(
        f"{fault.name:<26} seed {seed:<4} at {seconds:4.2f} s, {took:5.1f} s: {'; '.join(wrong) or 'kept'}", flush=True
    )
    if wrong:
        print(f'  again: {_AGAIN} --fault "{fault.name}" --times 1 --seed {seed} --length {length:.2f}', flush=True)
        print(f"  its folder: {ground.folder / name}", flush=True)
    else:
        shutil.rmtree(ground.folder / name, ignore_errors=True)
    return not wrong


def _wrong(ground: Ground, fault: Fault, name: str, dice: random.Random, seconds: float) -> list[str]:
    with ground.trial(name, dice, is_server_mortal=fault.is_server_mortal) as trial:
        try:
            status, expected = fault.make(ground, trial, Moment(trial=trial, seconds=seconds))
            return broken(trial, status, expected)
        except Missed:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the next trial is made
            return [traceback.format_exc(), *(command.output for command in trial.commands)]


if __name__ == "__main__":
    sys.exit(main())
