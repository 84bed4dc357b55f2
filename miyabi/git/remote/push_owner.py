"""Whether what a remote branch holds is ours to overwrite."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from miyabi.errors import GitFailed
from miyabi.git import merge
from miyabi.git.remote.client import RemoteLine
from miyabi.git.repository import Repository
from miyabi.text.redact import redact
from miyabi.text.sanitize import one_line

_OURS = "miyabi/*"
_STRAYS = "refs/heads/miyabi/**/*+strays"
_TIP = "--format=%H%x00%ce%x00%h%x00%an%x00%s"
UNSEEN = "somebody pushed to it"


async def strangers(line: RemoteLine, wanted: Mapping[str, str], *, there: Mapping[str, str]) -> dict[str, str]:
    """The branches that hold what is not ours, each with whose it is.

    What is there is ours, and nothing of anybody is lost when it is overwritten, where its tip

    - is held by what we push anyway, or
    - is where one of this repository's own `miyabi/` branches stands or stood (its reflog and its strays), or
    - was committed by Water Spider: whoever adds to a branch of ours, rewrites it or merges into it commits as
      somebody else, and all that is below a commit of ours was there when we made it.

    Raises:
        RemoteError: it had to be looked at, and cannot be.
    """
    repository = line.repository
    old = {branch: there[branch] for branch in wanted if branch in there}
    held = await _held(repository) if old else set()
    unclear = {b: tip for b, tip in old.items() if tip not in held and not await _is_kept(repository, tip, wanted[b])}
    return await _not_of_water_spider(line, unclear) if unclear else {}


async def _held(repository: Repository) -> set[str]:
    """Where our branches stand and stood."""
    tips = await repository.branches("miyabi")
    stood = await repository.git.run("rev-list", "--walk-reflogs", f"--branches={_OURS}")
    return {*tips.values(), *stood.lines}


async def _is_kept(repository: Repository, tip: str, wanted: str) -> bool:
    answer = await repository.git.run("merge-base", "--is-ancestor", tip, wanted)
    if not answer.exit_status:
        return True
    return bool((await repository.git.run("for-each-ref", f"--contains={tip}", _STRAYS)).stdout)


async def _not_of_water_spider(line: RemoteLine, unclear: Mapping[str, str]) -> dict[str, str]:
    with _quarantine(line.repository) as objects:
        try:
            await line.fetch(unclear, into=objects)
        except GitFailed:  # one was deleted in the meantime
            return dict.fromkeys(unclear, UNSEEN)
        words = ("log", "--no-walk=unsorted", "--ignore-missing", "--no-show-signature", _TIP)
        rows = (await line.repository.git.run(*words, *unclear.values(), "--", extra=objects)).lines
    found = {tip: rest for tip, *rest in (row.split("\0") for row in rows)}
    foreign = {b: found.get(tip, []) for b, tip in unclear.items() if found.get(tip, [""])[0] != merge.AUTHOR[1]}
    return {branch: _whose(tip) for branch, tip in foreign.items()}


def _whose(tip: list[str]) -> str:
    if not tip:
        return UNSEEN
    _, short, author, subject = tip
    return f"{UNSEEN}: {short} “{one_line(redact(subject), characters=60)}” by {one_line(author, characters=40)}"


@contextmanager
def _quarantine(repository: Repository) -> Iterator[dict[str, str]]:
    """A place for objects of others, which see ours but do not come to them."""
    with tempfile.TemporaryDirectory(prefix="miyabi-") as folder:
        info = Path(folder) / "info"
        info.mkdir()
        (info / "alternates").write_text(f"{repository.common / 'objects'}\n", "utf-8", "surrogateescape")
        yield {"GIT_OBJECT_DIRECTORY": folder}
