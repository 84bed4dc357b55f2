"""The counting behind a report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from miyabi.sessions.result import Outcome, SessionResult, Usage, is_resolving

NAMED_ROOTS = 3


def by_task(order: Sequence[str], results: Iterable[SessionResult]) -> dict[str, list[SessionResult]]:
    """The results of each task by attempt; results of other tasks are left out."""
    found: dict[str, list[SessionResult]] = {task: [] for task in order}
    for result in sorted(results, key=lambda r: r.attempt):
        if result.task in found:
            found[result.task].append(result)
    return found


def strangers(order: Sequence[str], results: Iterable[SessionResult]) -> tuple[str, ...]:
    """A sentence where there are results of tasks that the DAG does not have."""
    unknown = sorted({result.task for result in results if not is_resolving(result.task)} - set(order))
    return (f"results of tasks that the DAG does not have: {', '.join(unknown)}",) if unknown else ()


def ratio(part: float, whole: float) -> float:
    """Part of whole, 0 where there is no whole."""
    return round(part / whole, 4) if whole > 0 else 0.0


def money(amounts: Iterable[float]) -> float:
    """The sum in dollars, exact to a hundredth of a cent."""
    return round(sum(amounts), 4)


def usage(results: Iterable[SessionResult]) -> Usage:
    """The tokens of all of them."""
    all_of = [result.usage for result in results]
    return Usage(**{name: sum(getattr(u, name) for u in all_of) for name in Usage.model_fields})


def failed_roots(
    order: Sequence[str], *, outcomes: Mapping[str, Outcome], dependencies: Callable[[str], Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """For each skipped task the failed ones that kept it from starting, such as `build (check_failed)`; sorted.

    `order` must be topological. At most three are named.
    """
    found: dict[str, tuple[str, ...]] = {}
    for task in order:
        if outcomes[task] is Outcome.SKIPPED:
            named = {root for upstream in dependencies(task) for root in _blame(upstream, outcomes, found)}
            found[task] = tuple(sorted(named))[:NAMED_ROOTS]
    return found


def _blame(task: str, outcomes: Mapping[str, Outcome], found: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if outcomes[task] is Outcome.SKIPPED:
        return found[task]
    return () if outcomes[task] is Outcome.SUCCEEDED else (f"{task} ({outcomes[task]})",)
