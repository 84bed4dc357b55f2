"""GitHub on loopback: emulate behind an overlay of what it lacks, with a record of what it was asked: `github`.

repository = github.new_repository("app")          # alice's; carol may write, dave may triage, bob may read
milestone = repository.milestone("v1", due_on="2026-12-01T08:00:00Z")
issue = repository.issue("Title", milestone=milestone, labels=["miyabi"], labelled_by="carol")
async with GitHubRepository.open(github.access(repository)) as client: ...
assert github.front.violations == ()
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from miyabi.github import GitHubApp, GitHubRepository
from miyabi.github.access import GitHubAccess, RetryPolicy
from miyabi.github.client import OnWait
from tests.support.github.emulate import APP_ID, INSTALLATION_ID, OWNER, Emulate, emulate, logins, token_of
from tests.support.github.overlay import Overlay
from tests.support.github.peers import call
from tests.support.github.proxy import ENTERPRISE, GitHubFront
from tests.support.github.request import Branches, HostedRepository, IssueReference

__all__ = ["FAST", "GitHub", "SeededRepository", "emulate", "github", "serve_github"]

FAST = RetryPolicy(write_interval_seconds=0, retry_seconds=0.01)
"""Manners that a peer on loopback does not mind."""

_serial = count(1)
_ROLES = {"carol": "write", "dave": "triage"}


class SeededRepository:
    """A repository of alice's at emulate, as its people change it: none of this is in the front's record."""

    def __init__(self, hosted: HostedRepository, *, peer: str, overlay: Overlay, serial: int) -> None:
        self.hosted, self._peer, self._overlay, self._serial = hosted, peer, overlay, serial

    @property
    def name(self) -> str:
        """owner/name, as it is now."""
        return self.hosted.full_name

    def token(self, login: str = OWNER) -> str:
        """Somebody's token."""
        return token_of(login, self._serial)

    def ask(self, method: str, path: str, body: Any = None, *, by: str = OWNER) -> Any:
        """What the peer says to somebody about something in this repository."""
        address = f"{self._peer}/repos/{self.name}" + (f"/{path}" if path else "")
        return call(method, address, body, token=self.token(by))

    def milestone(self, title: str, *, description: str = "", due_on: str | None = None, state: str = "open") -> int:
        """A new milestone's number."""
        body = {"title": title, "description": description, "state": state, **({"due_on": due_on} if due_on else {})}
        return int(self.ask("POST", "milestones", body)["number"])

    def description(self, milestone: int) -> str:
        """A milestone's description, to the byte."""
        return str(self.ask("GET", f"milestones/{milestone}")["description"] or "")

    def issue(
        self,
        title: str,
        *,
        body: str = "",
        milestone: int | None = None,
        labels: Sequence[str] = (),
        labelled_by: str = OWNER,
        by: str = OWNER,
    ) -> int:
        """A new issue's number."""
        placed = {"milestone": milestone} if milestone else {}
        number = int(self.ask("POST", "issues", {"title": title, "body": body, **placed}, by=by)["number"])
        if labels:
            self.label(number, *labels, by=labelled_by)
        return number

    def label(self, number: int, *names: str, by: str = OWNER) -> None:
        """Somebody sets labels on an issue or a pull request."""
        self.ask("POST", f"issues/{number}/labels", {"labels": list(names)}, by=by)

    def labels(self, number: int) -> set[str]:
        """The names of its labels."""
        return {label["name"] for label in self.ask("GET", f"issues/{number}/labels")}

    def comment(self, number: int, body: str, *, by: str = OWNER) -> int:
        """Somebody's comment; its id."""
        return int(self.ask("POST", f"issues/{number}/comments", {"body": body}, by=by)["id"])

    def comments(self, number: int) -> list[dict[str, Any]]:
        """The comments, as the peer has them."""
        return list(self.ask("GET", f"issues/{number}/comments?per_page=100"))

    def close(self, number: int) -> None:
        """Closes an issue."""
        self.ask("PATCH", f"issues/{number}", {"state": "closed"})

    def block(self, number: int, *, by: int, of: SeededRepository | None = None) -> None:
        """An issue waits for another one, which may be of another repository."""
        self.hosted.blocked_by.setdefault(number, []).append(IssueReference((of or self).name, by))

    def adopt(self, child: int, *, parent: int) -> None:
        """An issue is another one's sub-issue."""
        self.hosted.sub_issues.setdefault(parent, []).append(IssueReference(self.name, child))

    def branch(self, name: str, *, content: str = "new\n", start: str = "main") -> str:
        """A new branch with one commit on that start; with no content it is where the start is. Its head."""
        sha = self.head(start)
        self.ask("POST", "git/refs", {"ref": f"refs/heads/{name}", "sha": sha})
        return self.commit(name, content=content) if content else sha

    def commit(self, branch: str, *, content: str) -> str:
        """A commit on a branch; the new head."""
        text = base64.b64encode(content.encode()).decode()
        body = {"message": f"On {branch}", "content": text, "branch": branch}
        made = self.ask("PUT", f"contents/{quote(branch)}-{next(_serial)}.txt", body)
        return str(made["commit"]["sha"])

    def head(self, branch: str) -> str:
        """Where a branch is."""
        return str(self.ask("GET", f"git/ref/heads/{quote(branch)}")["object"]["sha"])

    def pulls(self, *, state: str = "open") -> list[dict[str, Any]]:
        """The pull requests, as the peer has them."""
        return list(self.ask("GET", f"pulls?state={state}&per_page=100"))

    def archive(self) -> None:
        """Makes it read-only, the people of this class excepted."""
        self.hosted.archived = True

    def rename(self, name: str) -> None:
        """Gives it another name; the old one leads to it."""
        self.ask("PATCH", "", {"name": name})
        self._overlay.rename(self.hosted, f"{OWNER}/{name}")


class GitHub:
    """A GitHub of one test's own. `url` is the value for `base_url`, `enterprise_url` that of an Enterprise Server."""

    def __init__(self, peer: Emulate, *, branches: Branches | None = None) -> None:
        self._peer = peer
        self.overlay = Overlay(logins(), branches=branches)
        self.front = GitHubFront(peer.url, overlay=self.overlay)
        self.url = self.front.url
        self.enterprise_url = f"{self.url}{ENTERPRISE}"

    def new_repository(self, name: str = "app") -> SeededRepository:
        """A repository with one commit on main. A number is put behind the name."""
        serial = next(_serial)
        body = {"name": f"{name}-{serial}", "auto_init": True}
        made = call("POST", f"{self._peer.url}/user/repos", body, token=token_of(OWNER, serial))
        hosted = HostedRepository(id=made["id"], full_name=made["full_name"], roles=dict(_ROLES))
        self.overlay.add(hosted)
        return SeededRepository(hosted, peer=self._peer.url, overlay=self.overlay, serial=serial)

    def access(self, repository: SeededRepository, /, *, by: str = OWNER, **more: Any) -> GitHubAccess:
        """How somebody gets at it."""
        token = SecretStr(repository.token(by))
        return GitHubAccess(**{"repository": repository.name, "token": token, "base_url": self.url, **more})

    @asynccontextmanager
    async def open(
        self,
        repository: SeededRepository,
        /,
        *,
        retry_policy: RetryPolicy = FAST,
        on_wait: OnWait = lambda _seconds, _reason: None,
        **access: Any,
    ) -> AsyncIterator[GitHubRepository]:
        """The client under test; `access` is as for `access`."""
        found = self.access(repository, **access)
        async with GitHubRepository.open(found, retry_policy=retry_policy, on_wait=on_wait) as client:
            yield client

    @property
    def app(self) -> GitHubApp:
        """The App that is installed in all of alice's repositories."""
        key = SecretStr(self._peer.private_key)
        return GitHubApp(app_id=APP_ID, installation_id=INSTALLATION_ID, private_key=key)


@contextmanager
def serve_github(peer: Emulate) -> Iterator[GitHub]:
    """A GitHub; at the end everything that was sent to it, and all that the overlay answered, has to be valid."""
    served = GitHub(peer)
    with served.front:
        yield served
    assert not served.front.violations, "\n".join(served.front.violations)


@pytest.fixture
def github(emulate: Emulate) -> Iterator[GitHub]:
    """A GitHub of one test's own."""
    with serve_github(emulate) as served:
        yield served
