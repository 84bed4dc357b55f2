"""What the peer lacks, as GitHub has it: who may what, archives, renames; and pull requests, dependencies, statuses.

An `Overlay` stands between `GitHubFront` and emulate. It answers what emulate does not know or would accept wrongly,
and passes on the rest. Only repositories that were added to it are looked at.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.support.github import (
    overlay_checks,
    overlay_issues,
    overlay_pull_requests,
    overlay_reviews,
    overlay_statuses,
)
from tests.support.github.openapi import Sent
from tests.support.github.request import Branches, Call, HostedRepository, PeerBranches
from tests.support.github.responses import Ask, Reply, answer, refusal

Handler = Callable[..., Reply]
_REPOSITORY = re.compile(r"/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(?:/(.*))?")
_LOG = re.compile(r"/logs/(\d+)/(\d+)")
_READERS = re.compile(r"issues(/\d+/comments)?|issues/comments/\d+")
"""What a reader of a public repository may write."""
_TRIAGE = re.compile(r"issues/\d+(/labels(/[^/]+)?|/assignees)?")
_LEGACY = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read"}


class Overlay:
    """Answers requests about the repositories in it.

    Args:
        logins: who comes with which token.
        branches: where a repository's branches are; at the peer, if not said.
    """

    def __init__(self, logins: Mapping[str, str], *, branches: Branches | None = None) -> None:
        self._logins = dict(logins)
        self.branches = branches or PeerBranches()
        self._repositories: dict[int, HostedRepository] = {}
        self._names: dict[str, int] = {}
        self._lock = threading.RLock()
        self.expired: set[str] = set()

    def add(self, repository: HostedRepository) -> None:
        """Knows a repository from here on."""
        self._repositories[repository.id] = repository
        self._names[repository.full_name.lower()] = repository.id

    def rename(self, repository: HostedRepository, full_name: str) -> None:
        """The repository has a new name; the old one leads to it."""
        repository.full_name = full_name
        self._names[full_name.lower()] = repository.id

    def answer(self, sent: Sent, ask: Ask) -> Reply:
        """See `tests.support.github.proxy.Over`."""
        if sent.path == "/graphql":
            return overlay_pull_requests.graphql(self._repositories.values(), sent)
        log = _LOG.fullmatch(sent.path)
        return self._log(sent, *log.groups()) if log else self._described(sent, ask)

    def _described(self, sent: Sent, ask: Ask) -> Reply:
        login = self._login(sent)
        if login is None:
            return refusal(401, "Bad credentials")
        if sent.path == "/user" and login.endswith("[bot]"):
            return refusal(403, "Resource not accessible by integration")
        found = _REPOSITORY.fullmatch(sent.path)
        repository = self._repository_of(found) if found else None
        if found is None or repository is None:
            return self._noted(ask(sent), sent)
        if found[1] and found[1].lower() != repository.full_name.lower():
            return _moved(sent, repository, rest=found[3])
        path = f"/repos/{repository.full_name}" + (f"/{found[3]}" if found[3] else "")
        call = Call(sent=replace(sent, path=path), repository=repository, login=login, branches=self.branches, ask=ask)
        with self._lock:
            return self._allowed(call, found[3] or "") or _handled(call, found[3] or "")

    def _log(self, sent: Sent, repository: str, job: str) -> Reply:
        """A job's log, at an address that must get no credential."""
        if "authorization" in sent.headers:
            return refusal(400, "Bad Request")
        text = self._repositories[int(repository)].jobs[int(job)].log
        return Reply(status=200, content=text.encode(), headers={"content-type": "text/plain"})

    def _repository_of(self, found: re.Match[str]) -> HostedRepository | None:
        return self._repositories.get(int(found[2]) if found[2] else self._names.get(found[1].lower(), -1))

    def _login(self, sent: Sent) -> str | None:
        token = sent.headers.get("authorization", "").partition(" ")[2]
        if token in self.expired:
            return None
        return "app[bot]" if sent.path.startswith("/app/") else self._logins.get(token)

    def _noted(self, reply: Reply, sent: Sent) -> Reply:
        """Knows from here on the tokens that installations are given."""
        if sent.path.endswith("/access_tokens") and reply.is_good:
            self._logins[reply.data["token"]] = "app[bot]"
        return reply

    def _allowed(self, call: Call, rest: str) -> Reply | None:
        """The refusal of a write that may not be; None where it may."""
        if call.sent.method == "GET":
            return None
        role = call.repository.role_of(call.login)
        free = {"read": _READERS, "triage": re.compile(f"{_READERS.pattern}|{_TRIAGE.pattern}")}.get(role)
        if free and not free.fullmatch(rest):
            needed = "pull_requests=write" if rest.startswith("pulls") else "issues=write"
            said = "Resource not accessible by personal access token"
            return refusal(403, said, x_accepted_github_permissions=needed)
        return refusal(403, "Repository was archived so is read-only.") if call.repository.archived else None


def _moved(sent: Sent, repository: HostedRepository, *, rest: str | None) -> Reply:
    base = f"http://{sent.headers['host']}{sent.prefix}"
    target = (
        f"{base}/repositories/{repository.id}" + (f"/{rest}" if rest else "") + (f"?{sent.query}" if sent.query else "")
    )
    status, said = (301, "Moved Permanently") if sent.method == "GET" else (307, "Temporary Redirect")
    docs = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects"
    moved = answer({"message": said, "url": target, "documentation_url": docs}, status=status)
    return replace(moved, headers={**moved.headers, "location": target})


def _repository(call: Call) -> Reply:
    reply = call.peer()
    if not reply.is_good:
        return reply
    rights = _rights(call.repository.role_of(call.login))
    known = {"archived": call.repository.archived, "allow_auto_merge": call.repository.allow_auto_merge}
    return reply.with_data({**reply.data, "permissions": rights, **known})


def _permission(call: Call, login: str) -> Reply:
    user = call.get(f"/users/{login}")
    if not user.is_good:
        return user
    role = call.repository.role_of(login)
    whole = {**user.data, "role_name": role, "permissions": _rights(role)}
    return answer({"permission": _LEGACY[role], "role_name": role, "user": whole})


def _rights(role: str) -> dict[str, bool]:
    return {"pull": True, "push": role in {"admin", "maintain", "write"}, "admin": role == "admin"}


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: re.Pattern[str]
    handler: Handler


_TABLES: tuple[Mapping[str, Any], ...] = (
    {"GET ": _repository, r"GET collaborators/([^/]+)/permission": _permission},
    overlay_issues.ROUTES,
    overlay_pull_requests.ROUTES,
    overlay_statuses.ROUTES,
    overlay_checks.ROUTES,
    overlay_reviews.ROUTES,
)


def _routes() -> Iterator[_Route]:
    for key, handler in ((key, handler) for table in _TABLES for key, handler in table.items()):
        method, _, path = key.partition(" ")
        yield _Route(method, re.compile(path), handler)


_ROUTES = tuple(_routes())


def _handled(call: Call, rest: str) -> Reply:
    for route in _ROUTES:
        if route.method == call.sent.method and (found := route.path.fullmatch(rest)):
            return route.handler(call, *found.groups())
    return call.peer()
