"""What heads bring that the base has not: which of them hold others, and how old they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from miyabi.git.command import Git


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The commits beyond a base, and when each was made, the base too: seconds since 1970."""

    parents: Mapping[str, Sequence[str]]
    unix_seconds: Mapping[str, int]

    @classmethod
    async def read(cls, git: Git, *, base: str, heads: Collection[str]) -> Self:
        """The commits of the heads that the base has not.

        Raises:
            GitFailed: one of them is not here.
        """
        words = ("rev-list", "--timestamp", "--parents")
        asked = "".join(f"{commit}\n" for commit in (base, *heads, f"^{base}")).encode()
        beyond = (await git.ask(*words, "--stdin", stdin=asked)).lines
        rows = [line.split(" ") for line in (*beyond, *(await git.ask(*words, "--max-count=1", base)).lines)]
        return cls(
            parents={commit: parents for _, commit, *parents in rows if commit != base},
            unix_seconds={commit: int(seconds) for seconds, commit, *_ in rows},
        )

    def beyond(self, head: str, held: Collection[str]) -> set[str]:
        """What head brings that neither the base nor `held` has; nothing where they have all of it."""
        new: set[str] = set()
        ahead = [head]
        while ahead:
            commit = ahead.pop()
            if commit in self.parents and commit not in held and commit not in new:
                new.add(commit)
                ahead.extend(self.parents[commit])
        return new
