"""GitHub's git side on loopback: real git over HTTP with a login, renames, protected branches, and faults on demand.

with GitHubGit(tmp_path / "hub", api=front.url) as hub:
    folder = hub.create("acme/api")  # a bare repository
    ...  # push to hub.clone_url("acme/api") as hub.token; the API's base_url is hub.url

`/OWNER/REPO.git` is served by `git http-backend`, all else is passed on to `api`, so that both sides have one
origin, as they have at GitHub.
"""

from __future__ import annotations

import http.client
import shutil
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.cli.background import Serving
from tests.support.git.repositories import git
from tests.support.github.git_http import GitReply, GitRequest, GitServer, http_backend

TOKEN = "tok_alice"  # noqa: S105 - nobody's
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server", "host"}
_RECEIVE = "git-receive-pack"
_PLAIN = (("content-type", "text/plain"),)
_PROTECTED = Path(__file__).with_name("protected_branches_hook.py")
Pushed = Callable[[Path, str], None]


@dataclass(slots=True, kw_only=True)
class _Fault:
    """What happens to the next requests of a kind. They are served unless there is an answer or a cut instead.

    `branch` where it is about pushes of that one alone.
    """

    service: str
    method: str
    branch: str = ""
    left: int = 1
    instead: GitReply | None = None
    is_cut: bool = False
    is_lost: bool = False
    act: Callable[[], object] = lambda: None
    act_then: Callable[[], object] = lambda: None

    def meets(self, request: GitRequest, body: bytes) -> bool:
        """Whether it is about that request."""
        is_about = not self.branch or f" refs/heads/{self.branch}\0".encode() in body
        return bool(self.left) and (self.service, self.method) == (request.service, request.method) and is_about


class GitHubGit(Serving):
    """Serves from construction until `close`.

    Args:
        folder: where the bare repositories are, as OWNER/REPO.git.
        token: the only one that is let in; None: everybody is.
        api: the address of what answers all that is not git.
        pushed: told of each repository that was pushed to, with its name, before the answer goes out.
        private: reading needs the token too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str | None = TOKEN,
        api: str = "",
        pushed: Pushed | None = None,
        private: bool = True,
    ) -> None:
        self.folder, self.token, self.private = folder, token, private
        self._api, self._pushed = urlsplit(api), pushed
        self._lock = threading.Lock()
        self._requests: list[GitRequest] = []
        self._faults: list[_Fault] = []
        self._renamed: dict[str, str] = {}
        super().__init__(GitServer(self))

    @property
    def requests(self) -> tuple[GitRequest, ...]:
        """All that arrived for git, in order."""
        with self._lock:
            return tuple(self._requests)

    @property
    def writes(self) -> int:
        """How often something was to be pushed."""
        return sum(r.service == _RECEIVE and r.method == "POST" for r in self.requests)

    def clone_url(self, name: str) -> str:
        """The address of a repository."""
        return f"{self.url}/{name}.git"

    def create(self, name: str) -> Path:
        """An empty bare repository."""
        folder = self.folder / f"{name}.git"
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "--bare", "-b", "main")
        git(folder, "config", "http.receivepack", "true")
        return folder

    def push(self, folder: Path, name: str, *refs: str) -> None:
        """Somebody pushes to a repository what is in that folder; it is a push as ours are."""
        login = f"://x-access-token:{self.token}@" if self.token else "://"
        git(folder, "push", "--quiet", self.clone_url(name).replace("://", login), *refs)

    def protect(self, name: str, branch: str) -> None:
        """Refuses that branch, and no other one of the same push, in GitHub's words."""
        folder = self.folder / f"{name}.git"
        git(folder, "config", "--add", "receive.procReceiveRefs", f"refs/heads/{branch}")
        hook = folder / "hooks" / "proc-receive"
        hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{_PROTECTED}"\n')
        hook.chmod(0o755)

    def rename(self, name: str, new: str, *, origin: str = "") -> None:
        """Moves a repository; its old address leads to the new one, at another server if told so."""
        target = self.folder / f"{new}.git"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.folder / f"{name}.git", target)
        self._renamed[name] = f"{origin or self.url}/{new}.git"

    def refuse(
        self,
        status: int,
        *,
        text: str = "",
        service: str = _RECEIVE,
        method: str = "POST",
        times: int = 1,
        branch: str = "",
    ) -> None:
        """The next such requests get this answer; `{authorization}` in its text is what the request came with."""
        reply = GitReply(status=status, content=text.encode(), headers=_PLAIN)
        self._expect(_Fault(service=service, method=method, branch=branch, left=times, instead=reply))

    def cut(self, *, service: str = _RECEIVE, method: str = "POST", times: int = 1) -> None:
        """The connection is reset before the next such requests are served."""
        self._expect(_Fault(service=service, method=method, left=times, is_cut=True))

    def lose(self, *, service: str = _RECEIVE, method: str = "POST", times: int = 1, branch: str = "") -> None:
        """The next such requests are served, then the connection is reset."""
        self._expect(_Fault(service=service, method=method, branch=branch, left=times, is_lost=True))

    def before(self, act: Callable[[], object], *, service: str = _RECEIVE, method: str = "POST") -> None:
        """Something happens before the next such request is served."""
        self._expect(_Fault(service=service, method=method, act=act))

    def after(self, act: Callable[[], object], *, branch: str) -> None:
        """Something happens when the next push of that branch is done, and not answered yet."""
        self._expect(_Fault(service=_RECEIVE, method="POST", branch=branch, act_then=act))

    @property
    def awaited(self) -> tuple[str, ...]:
        """The branches, or kinds of requests, that some fault still waits for."""
        with self._lock:
            return tuple(fault.branch or fault.service for fault in self._faults if fault.left)

    def answer(
        self, request: GitRequest, *, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> GitReply | None:
        """The answer; None where the connection is to be reset."""
        fault = self._record(request, body)
        if fault:
            fault.act()
        if fault and fault.instead:
            content = fault.instead.content.replace(b"{authorization}", (request.authorization or "").encode())
            return replace(fault.instead, content=content)
        if fault and fault.is_cut:
            return None
        reply = self._serve(request, path, query, headers, body)
        if fault:
            fault.act_then()
        return None if fault and fault.is_lost else reply

    def hand_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> GitReply:
        """The API's answer; its links lead here."""
        if not self._api.hostname:
            return GitReply(status=404)
        with closing(http.client.HTTPConnection(self._api.hostname, self._api.port, timeout=120)) as line:
            kept = {name: value for name, value in headers.items() if name not in _HOP}
            line.request(method, path, body=body or None, headers=kept)
            answer = line.getresponse()
            kept_headers = tuple(
                (n, v.replace(self._api.geturl(), self.url)) for n, v in answer.getheaders() if n.lower() not in _HOP
            )
            return GitReply(status=answer.status, content=answer.read(), headers=kept_headers)

    def _expect(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _record(self, request: GitRequest, body: bytes) -> _Fault | None:
        with self._lock:
            self._requests.append(request)
            fault = next((fault for fault in self._faults if fault.meets(request, body)), None)
            if fault:
                fault.left -= 1
            return fault

    def _serve(self, request: GitRequest, path: str, query: str, headers: dict[str, str], body: bytes) -> GitReply:
        if not self._lets_in(request):
            asked = ("www-authenticate", 'Basic realm="GitHub"')
            return GitReply(status=401, content=b"Invalid username or token.", headers=(asked, *_PLAIN))
        if place := self._renamed.get(request.name):
            there = f"{place}/{path.split('/', 3)[3]}" + (f"?{query}" if query else "")
            return GitReply(status=301, headers=(("location", there),))
        folder = self.folder / f"{request.name}.git"
        if not folder.is_dir():
            return GitReply(status=404, content=b"Repository not found.", headers=_PLAIN)
        reply = http_backend(self.folder, request, query=query, headers=headers, body=body)
        if self._pushed and request.service == _RECEIVE and request.method == "POST":
            self._pushed(folder, request.name)
        return reply

    def _lets_in(self, request: GitRequest) -> bool:
        if self.token is None or (not self.private and request.service == "git-upload-pack"):
            return True
        basic = b64encode(f"x-access-token:{self.token}".encode()).decode()
        return request.authorization == f"Basic {basic}"
