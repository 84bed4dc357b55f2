"""Prefect's settings as this command takes them: none out of the user's repository, and faults in one line.

Imports no Prefect before `import_prefect`: what it finds then is what it uses.
"""

from __future__ import annotations

import io
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from miyabi.errors import SettingsError
from miyabi.text import one_line

_API_URL = "PREFECT_API_URL"
_HERE = Path(__file__).parent  # a folder without settings of anybody


def import_prefect() -> None:
    """Imports Prefect, whose settings stand from then on.

    It would take settings out of `.env`, `prefect.toml` and `pyproject.toml` of the working directory: those are for
    the flows of the user's repository, not for ours. Shell and profile count, they are about the user's servers.

    Raises:
        SettingsError: what is left of its settings cannot be used.
    """
    profile, said = read_profile(), io.StringIO()
    try:
        with _working_directory(_HERE), redirect_stderr(said):
            import prefect.context  # noqa: F401, PLC0415 - see the module docstring
    except (ValueError, OSError) as error:
        _forget_half_imported()
        text = f"Prefect's settings cannot be used: {_said(error, given={*os.environ, *profile})}"
        raise SettingsError(f"{text}. Look at the variables PREFECT_* and at {profiles_file()}") from None
    sys.stderr.write(said.getvalue())


def read_profile() -> dict[str, Any]:
    """Reads the settings of the active profile, by the names of their variables; empty where there is none.

    Raises:
        SettingsError: the file of the profiles cannot be read.
    """
    file = profiles_file()
    if not file.exists():
        return {}
    try:
        known = tomllib.loads(_text(file))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{file}: Prefect's profiles cannot be read: {one_line(getattr(error, 'strerror', None) or str(error))}. "
            "Correct or remove the file, or set PREFECT_PROFILES_PATH to another one."
        ) from None
    return _active(known, file)


def api_address() -> tuple[str, str] | None:
    """Finds the address of the API that Prefect is set to use: in the environment, else in the profile.

    Returns:
        The address, and in words where it is from; None where there is none.

    Raises:
        SettingsError: the file of the profiles cannot be read.
    """
    if url := os.environ.get(_API_URL):
        return url, _API_URL
    if url := read_profile().get(_API_URL):
        return str(url), f"{_API_URL} of the profile in {profiles_file()}"
    return None


def profiles_file() -> Path:
    """Returns where Prefect keeps its profiles."""
    if path := os.environ.get("PREFECT_PROFILES_PATH"):
        return Path(path).expanduser()
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser() / "profiles.toml"


def _text(file: Path) -> str:
    if not file.is_file():  # a pipe would be waited for
        raise OSError(f"{file.name} is not a file")
    return file.read_text(encoding="utf-8")


def _active(known: Mapping[str, Any], file: Path) -> dict[str, Any]:
    profiles, name = known.get("profiles", {}), os.environ.get("PREFECT_PROFILE") or known.get("active", "")
    found = profiles.get(name, {}) if isinstance(profiles, dict) and isinstance(name, str) else None
    if not isinstance(found, dict):
        raise SettingsError(f"{file}: profiles and active: tables [profiles.NAME], and one of their names, are wanted.")
    return found


@contextmanager
def _working_directory(folder: Path) -> Iterator[None]:
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "prefect"]:
        del sys.modules[name]


def _said(error: Exception, *, given: set[str]) -> str:
    """The first thing that is wrong, by the name that the user gave it, without the value: it may be a secret."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return one_line(str(error), characters=300)
    first = errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][-1]).upper() if first["loc"] else ""
    names = [name for name in sorted(given) if name.startswith("PREFECT_") and f"_{name}".endswith(f"_{field}")]
    return f"{' or '.join(names) or field}: {one_line(first['msg'])}"
