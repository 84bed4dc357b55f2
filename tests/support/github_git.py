"""GitHub's git side on loopback: real git over HTTP with a login, renames, protected branches, and faults on demand.

with GitHubGit(tmp_path / "hub", api=front.url) as hub:
    folder = hub.create("acme/api")  # a bare repository
    ...  # push to hub.clone_url("acme/api") as hub.token; the API's base_url is hub.url

`/OWNER/REPO.git` is served by `git http-backend`, all else (also below /api/v3) is handed to `api`, so that both sides
have one origin, as they have at GitHub.
"""

from __future__ import annotations

import http.client
import shutil
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.github_git_server import GitReply, GitRequest, GitServer, http_backend
from tests.support.repos import git

TOKEN = "tok_alice"  # noqa: S105 - nobody's
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server", "host"}
_PROTECTED = Path(__file__).with_name("github_protected.py")
Pushed = Callable[[Path, str], None]


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next requests of a service instead of the answer.

    Args:
        service: git-upload-pack or git-receive-pack.
        method: GET asks what is there, POST does it.
        status: this answer; None: the connection is reset.
        body: its text, which git shows as the remote's words; `{authorization}` is what the request came with.
        after: only when git had done it.
        times: how often.
    """

    service: str
    method: str = "POST"
    status: int | None = None
    body: str = ""
    after: bool = False
    times: int = 1
    act: Callable[[], None] = field(default=lambda: None)

    def meets(self, request: GitRequest) -> bool:
        """Whether it is about that request."""
        return bool(self.times) and (self.service, self.method) == (request.service, request.method)


class GitHubGit:
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
        self._faults: list[Fault] = []
        self._renamed: dict[str, str] = {}
        self._server = GitServer(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its origin, which is the value for `base_url`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> tuple[GitRequest, ...]:
        """All that arrived for git, in order."""
        with self._lock:
            return tuple(self._requests)

    @property
    def writes(self) -> int:
        """How often something was to be pushed."""
        return sum(r.service == "git-receive-pack" and r.method == "POST" for r in self.requests)

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

    def fail(self, service: str = "git-receive-pack", **how: Any) -> None:
        """See `Fault`."""
        with self._lock:
            self._faults.append(Fault(service=service, **how))

    def answer(
        self, request: GitRequest, *, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> GitReply | None:
        """The answer; None where the connection is to be reset."""
        fault = self._take(request)
        reply = None if fault and not fault.after else self._serve(request, path, query, headers, body)
        if not fault:
            return reply
        fault.act()
        if fault.status is None:
            return None
        text = fault.body.format(authorization=request.authorization)
        return GitReply(status=fault.status, content=text.encode(), headers=(("content-type", "text/plain"),))

    def hand_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> GitReply:
        """The API's answer; its links lead here."""
        if not self._api.hostname:
            return GitReply(status=404)
        with closing(http.client.HTTPConnection(self._api.hostname, self._api.port, timeout=20)) as line:
            kept = {name: value for name, value in headers.items() if name not in _HOP}
            line.request(method, path.removeprefix("/api/v3"), body=body or None, headers=kept)
            answer = line.getresponse()
            told = tuple(
                (n, v.replace(self._api.geturl(), self.url)) for n, v in answer.getheaders() if n.lower() not in _HOP
            )
            return GitReply(status=answer.status, content=answer.read(), headers=told)

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, request: GitRequest) -> Fault | None:
        with self._lock:
            self._requests.append(request)
            fault = next((fault for fault in self._faults if fault.meets(request)), None)
            if fault:
                fault.times -= 1
            return fault

    def _serve(self, request: GitRequest, path: str, query: str, headers: dict[str, str], body: bytes) -> GitReply:
        if not self._lets_in(request):
            realm = (("www-authenticate", 'Basic realm="GitHub"'), ("content-type", "text/plain"))
            return GitReply(status=401, content=b"Invalid username or token.", headers=realm)
        if place := self._renamed.get(request.name):
            there = f"{place}/{path.split('/', 3)[3]}" + (f"?{query}" if query else "")
            return GitReply(status=301, headers=(("location", there),))
        folder = self.folder / f"{request.name}.git"
        if not folder.is_dir():
            return GitReply(status=404, content=b"Repository not found.", headers=(("content-type", "text/plain"),))
        reply = http_backend(self.folder, request, query=query, headers=headers, body=body)
        if self._pushed and request.service == "git-receive-pack" and request.method == "POST":
            self._pushed(folder, request.name)
        return reply

    def _lets_in(self, request: GitRequest) -> bool:
        if self.token is None or (not self.private and request.service == "git-upload-pack"):
            return True
        basic = b64encode(f"x-access-token:{self.token}".encode()).decode()
        return request.authorization == f"Basic {basic}"
