"""Whether the Prefect that is installed here works with what is installed beside it. Imports nothing of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from miyabi.text import version_numbers

MENDED, BROKEN_SINCE = (3, 9, 1), (2, 1)


def schedule_fault() -> str | None:
    """Says why a Prefect server that is started here fires no schedule, and what to do; None where it fires them.

    Its scheduler service then fails every minute, which only the server's log says.
    """
    try:
        prefect, sqlalchemy = version("prefect"), version("sqlalchemy")
    except PackageNotFoundError:
        return None
    if version_numbers(prefect) >= MENDED or version_numbers(sqlalchemy) < BROKEN_SINCE:
        return None
    return (
        f"no schedule ever fires with Prefect {prefect} and SQLAlchemy {sqlalchemy}: "
        f"install prefect>={'.'.join(map(str, MENDED))}, or sqlalchemy<{'.'.join(map(str, BROKEN_SINCE))}"
    )
