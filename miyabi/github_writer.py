"""What can be changed in a repository at GitHub. Each reads first, writes only what differs, and may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from miyabi import github_reading as reading
from miyabi.github_exchange import Request
from miyabi.github_reader import GitHubReader
from miyabi.github_values import Comment, Milestone, among, same_text

StatusState = Literal["error", "failure", "pending", "success"]
_LONGEST_STATUS = 140  # GitHub refuses longer descriptions


class GitHubWriter(GitHubReader):
    """A repository, for milestones, comments, labels and statuses."""

    async def update_milestone(
        self, number: int, *, description: str | Callable[[str], str] | None = None, state: str | None = None
    ) -> Milestone:
        """The milestone with that description and state (open, closed); None leaves it as it is.

        A function gets the description that is there at the moment, so that no word written meanwhile is lost.
        """

        def change(milestone: Milestone) -> Request | None:
            text = description(milestone.description) if callable(description) else description
            wanted = {"description": text, "state": state}
            body = {k: v for k, v in wanted.items() if v is not None and not same_text(v, getattr(milestone, k))}
            return _patch(f"milestones/{number}", body, subject=f"milestone {number}")

        return await self._client.settle(lambda: self.milestone(number), change, result=reading.milestone)

    async def upsert_comment(self, number: int, *, marker: str, body: str) -> Comment:
        """Our comment with that marker on an issue or pull request, with this body; the marker is put in if missing.

        It is edited in place. Nobody else's comment is touched, whatever is in it.
        """
        text = body if marker in body else f"{marker}\n{body}"
        subject = f"comment on #{number}"

        async def look() -> Comment | None:
            for comment in await self.comments(number):
                if marker in comment.body and await self._is_ours(comment.author.login):
                    return comment
            return None

        def change(comment: Comment | None) -> Request | None:
            if comment is None:
                return _post(f"issues/{number}/comments", {"body": text}, subject=subject)
            body = {} if same_text(comment.body, text) else {"body": text}
            return _patch(f"issues/comments/{comment.id}", body, subject=subject)

        comment = await self._client.settle(look, change, result=reading.comment)
        if comment is None:
            raise AssertionError  # there is one once nothing is left to change
        return comment

    async def ensure_labels(self, labels: Mapping[str, tuple[str, str]]) -> None:
        """Labels exist in the repository: name → (colour in hex, description). Those that exist stay as they are."""
        known = await self._known_labels() if labels else frozenset()
        for name, (colour, description) in labels.items():
            if name.lower() not in known:
                body = {"name": name, "color": colour.lstrip("#").lower(), "description": description}
                await self._ensure_label(name, body)

    async def _ensure_label(self, name: str, body: Mapping[str, str]) -> None:
        def change(known: frozenset[str]) -> Request | None:
            return None if name.lower() in known else _post("labels", body, subject=f"label {name}")

        await self._client.settle(self._known_labels, change, result=lambda _: frozenset())

    async def _known_labels(self) -> frozenset[str]:
        found = await self._client.pages("labels", subject="labels")
        return frozenset(name.lower() for name in reading.labels(found))

    async def set_labels(self, number: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
        """The labels of an issue or pull request, with these added and those removed."""
        there = await self._add_labels(number, tuple(add))
        for name in remove:
            if among(name, there):
                there = await self._remove_label(number, name)
        return there

    async def _labels_of(self, number: int) -> tuple[str, ...]:
        return reading.labels(await self._client.pages(f"issues/{number}/labels", subject=f"labels of #{number}"))

    async def _add_labels(self, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
        def change(there: tuple[str, ...]) -> Request | None:
            missing = [name for name in names if not among(name, there)]
            path = f"issues/{number}/labels"
            return _post(path, {"labels": missing}, subject=f"labels of #{number}") if missing else None

        return await self._client.settle(lambda: self._labels_of(number), change, result=reading.labels)

    async def _remove_label(self, number: int, name: str) -> tuple[str, ...]:
        path = f"issues/{number}/labels/{quote(name, safe='')}"

        def change(there: tuple[str, ...]) -> Request | None:
            subject = f"label {name} of #{number}"
            return Request(method="DELETE", path=path, subject=subject) if among(name, there) else None

        return await self._client.settle(lambda: self._labels_of(number), change, result=reading.labels)

    async def set_status(
        self, sha: str, *, context: str, state: StatusState, description: str = "", target_url: str = ""
    ) -> None:
        """A commit has that status in that context. The description is cut at 140 characters."""
        wanted = {"state": state, "description": _cut(description), "target_url": target_url}

        async def look() -> dict[str, str] | None:
            found = await self._client.pages(f"commits/{sha}/status", subject=f"status of {sha[:12]}", key="statuses")
            return next((_status(data) for data in found if data.get("context") == context), None)

        def change(there: dict[str, str] | None) -> Request | None:
            body = {**{k: v for k, v in wanted.items() if v}, "context": context}
            return None if there == wanted else _post(f"statuses/{sha}", body, subject=f"status of {sha[:12]}")

        await self._client.settle(look, change, result=lambda _: None)


def _status(data: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(data.get(key) or "") for key in ("state", "description", "target_url")}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_STATUS else f"{text[: _LONGEST_STATUS - 1]}…"


def _post(path: str, body: Mapping[str, Any], *, subject: str) -> Request:
    return Request(method="POST", path=path, subject=subject, body=body)


def _patch(path: str, body: Mapping[str, Any], *, subject: str) -> Request | None:
    return Request(method="PATCH", path=path, subject=subject, body=body) if body else None
