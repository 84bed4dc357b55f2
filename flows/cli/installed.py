"""Whether the Prefect that is installed here works with what is installed beside it. Imports nothing of it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

MENDED, BROKEN_SINCE = (3, 9, 1), (2, 1)


def schedule_fault() -> str | None:
    """Why a Prefect server that is started here fires no schedule, and what to do; None where it does.

    Its scheduler service then fails every minute, which only the server's log says.
    """
    try:
        prefect, sqlalchemy = version("prefect"), version("sqlalchemy")
    except PackageNotFoundError:
        return None
    if _numbers(prefect) >= MENDED or _numbers(sqlalchemy) < BROKEN_SINCE:
        return None
    return (
        f"no schedule ever fires with Prefect {prefect} and SQLAlchemy {sqlalchemy}: "
        f"install prefect>={'.'.join(map(str, MENDED))}, or sqlalchemy<{'.'.join(map(str, BROKEN_SINCE))}"
    )


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: (3, 9, 1) of 3.9.1.post2."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
