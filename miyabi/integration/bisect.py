"""Which of many steps broke it: found in as many tries as the number of steps has binary digits. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

Try = Callable[[int], Awaitable[bool]]


async def first_failing(*, good: int, bad: int, passes: Try, surely_fails: Try) -> int:
    """Finds the first step after which it fails, between one that passes and a later one that surely fails.

    Args:
        good: a step after which it passes.
        bad: a later step, after which it surely fails.
        passes: tries the state after a step once.
        surely_fails: tries it again: what fails only now and then must not be taken for the culprit.
    """
    low, high = good, bad
    while True:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await passes(middle) else (low, middle)
        if high == bad or await surely_fails(high):
            return high
        low, high = high, bad
