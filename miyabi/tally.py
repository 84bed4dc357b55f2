"""The counting behind a report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from miyabi.session import Outcome, SessionResult, Usage


def by_task(order: Sequence[str], results: Iterable[SessionResult]) -> dict[str, list[SessionResult]]:
    """The results of each task by attempt; results of other tasks are left out."""
    found: dict[str, list[SessionResult]] = {task: [] for task in order}
    for result in sorted(results, key=lambda r: r.attempt):
        if result.task in found:
            found[result.task].append(result)
    return found


def strangers(order: Sequence[str], results: Iterable[SessionResult]) -> tuple[str, ...]:
    """A sentence where there are results of tasks that the DAG does not have."""
    unknown = sorted({result.task for result in results} - set(order))
    return (f"results of tasks that the DAG does not have: {', '.join(unknown)}",) if unknown else ()


def totals(outcomes: Iterable[Outcome]) -> tuple[int, int, int]:
    """How many succeeded, failed and were skipped."""
    all_of = list(outcomes)
    succeeded, skipped = all_of.count(Outcome.SUCCEEDED), all_of.count(Outcome.SKIPPED)
    return succeeded, len(all_of) - succeeded - skipped, skipped


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
    task: str, *, outcomes: Mapping[str, Outcome], dependencies: Callable[[str], Sequence[str]]
) -> tuple[str, ...]:
    """The tasks that failed and so kept this one from starting: the nearest, through skipped ones. Sorted."""
    roots, seen, ahead = set[str](), {task}, [task]
    while ahead:
        for upstream in dependencies(ahead.pop()):
            if upstream in seen:
                continue
            seen.add(upstream)
            if outcomes[upstream] is Outcome.SKIPPED:
                ahead.append(upstream)
            elif outcomes[upstream] is not Outcome.SUCCEEDED:
                roots.add(upstream)
    return tuple(sorted(roots))
