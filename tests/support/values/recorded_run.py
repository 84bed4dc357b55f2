"""What an earlier build left of a run, put where a test wants it: recordings have marks such as @FOLDER@ for places."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.git.repositories import WHO


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each mark replaced by its value."""
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def copy_filled(source: Path, target: Path, values: Mapping[str, str]) -> None:
    """A copy of a recorded folder whose files are filled."""
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        if file.is_file():
            file.write_text(fill(file.read_text(encoding="utf-8"), values), encoding="utf-8")


def call(script: str, *words: str, stdin: bytes = b"") -> bytes:
    """What a script of the earlier build answers on this machine."""
    line, environment = ["/bin/sh", script, *words], os.environ | WHO
    return subprocess.run(line, input=stdin, env=environment, capture_output=True, check=True).stdout
