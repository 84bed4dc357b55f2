"""The third-party servers that stand in for GitHub, one each a test session, on loopback.

emulate has milestones, issues, labels and comments; myworld has pull requests with GitHub's refusals and loses
answers; mountebank in front of either makes faults. Whoever asks for one that is missing fails, and is told why.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.install_peers import MODULES, NODE, is_installed

_READY_SECONDS = 30
OWNER, TOKEN = "alice", "tok_alice"
TOKENS = {TOKEN: OWNER, "tok_bob": "bob"}  # whoever comes with another token is emulate's first user, nobody
APP_ID, INSTALLATION_ID = 4242, 77


def call(method: str, url: str, body: Any = None, *, token: str = "") -> Any:
    """The JSON answer of a peer to a request that sets a test up; not one of ours."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - same
            text = response.read()
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{method} {url}: {error.code} {error.read()[:500]!r}") from None
    return json.loads(text) if text else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(words: Sequence[str | Path], *, ready: str, log: Path) -> Iterator[None]:
    """A server process of our own, until the end of the `with`; `ready` is an address that answers once it serves."""
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output, env=_environment()) as process:
        try:
            _wait_until(ready, process=process, log=log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, "PATH": f"{NODE.parent}{os.pathsep}{kept.get('PATH', '')}"}


def _wait_until(address: str, *, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{Path(process.args[0]).name} does not serve {address}: {log.read_text(errors='replace')[-2000:]}")  # type: ignore[arg-type,index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulate:
    """Milestones, issues, comments, labels and git data at `url`; accepts what GitHub would refuse of pull requests."""

    url: str
    private_key: str

    def new_repository(self, name: str) -> str:
        """A repository of alice's with one commit on main; she is tok_alice. Its full name."""
        call("POST", f"{self.url}/user/repos", {"name": name, "auto_init": True}, token=TOKEN)
        return f"{OWNER}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One test's own myworld: pull requests. Its repository is acme/api, with the branches main and feature."""

    url: str
    token: str
    faults_url: str

    def fail(self, operation: str, kind: str, **more: Any) -> None:
        """The next call of that operation ("github.pulls.create") ends as a fault of myworld's."""
        call("PUT", self.faults_url, [{"tool": operation, "kind": kind, **more}])


@dataclass(frozen=True, slots=True, kw_only=True)
class MyWorld:
    """Makes worlds."""

    url: str

    def new_world(self, **repository: Any) -> World:
        """A fresh world; the arguments add to its repository's seed."""
        spec = {"name": "t", "task": "t", "agents": {"us": {"servers": ["github"]}}}
        seed = {"viewer": "alex", "users": _PEOPLE, "repos": [{**_SEED, **repository}]}
        made = call("POST", f"{self.url}/envs", {"spec": {**spec, "servers": {"github": {"seed": seed}}}})
        instance = made["servers"]["github"]["instance"]
        return World(
            url=f"{self.url}/gw/api.github.com",
            token=made["credentials"]["us"]["github_token"],
            faults_url=f"{self.url}/instances/{instance}/faults",
        )


_PEOPLE = [{"login": "alex"}, {"login": "rita"}, {"login": "acme", "type": "Organization"}]
_SEED: Mapping[str, Any] = {
    "name": "acme/api",
    "files": {"README.md": "# API\n"},
    "branches": {"feature": {"files": {"new.txt": "new\n"}}},
    "labels": ["bug"],
    "issues": [{"title": "First", "author": "rita"}],
}


@pytest.fixture(scope="session")
def emulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulate]:
    """The running emulate."""
    _demand_peers()
    folder, port = tmp_path_factory.mktemp("emulate"), free_port()
    key = _new_private_key()
    seed = folder / "seed.yaml"
    seed.write_text(yaml.safe_dump(_emulate_seed(key)))
    url = f"http://127.0.0.1:{port}"
    script = MODULES / "emulate" / "dist" / "index.js"
    words = [NODE, script, "start", "--service", "github", "--host", "127.0.0.1", "--port", str(port)]
    with running([*words, "--base-url", url, "--seed", seed], ready=f"{url}/zen", log=folder / "log"):
        yield Emulate(url=url, private_key=key)


def _new_private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def _emulate_seed(private_key: str) -> dict[str, Any]:
    rights = dict.fromkeys(("issues", "pull_requests", "contents", "statuses"), "write") | {"metadata": "read"}
    installation = {"installation_id": INSTALLATION_ID, "account": OWNER, "permissions": rights}
    app = {"app_id": APP_ID, "slug": "miyabi-app", "name": "Miyabi", "private_key": private_key}
    return {
        "tokens": {token: {"login": login, "scopes": ["repo", "user"]} for token, login in TOKENS.items()},
        "github": {
            "users": [{"login": login} for login in ("nobody", *TOKENS.values())],
            "apps": [{**app, "permissions": rights, "installations": [installation]}],
        },
    }


@pytest.fixture(scope="session")
def myworld(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MyWorld]:
    """The running myworld."""
    port, log = free_port(), tmp_path_factory.mktemp("myworld") / "log"
    url, command = f"http://127.0.0.1:{port}", Path(sys.executable).parent / "myworld"
    words = [command, "serve", "--host", "127.0.0.1", "--port", str(port), "--time", "realtime"]
    with running([*words, "--max-instances", "1000", "--log-level", "warning"], ready=f"{url}/healthz", log=log):
        yield MyWorld(url=url)


@pytest.fixture(scope="session")
def mountebank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the running mountebank; see tests.support.github_faults."""
    _demand_peers()
    folder, port = tmp_path_factory.mktemp("mountebank"), free_port()
    url, script = f"http://127.0.0.1:{port}", MODULES / "mountebank" / "bin" / "mb"
    words = [NODE, script, "start", "--host", "127.0.0.1", "--localOnly", "--port", str(port), "--nologfile"]
    with running([*words, "--pidfile", folder / "pid"], ready=url, log=folder / "log"):
        yield url


def _demand_peers() -> None:
    if not is_installed():
        pytest.fail("The peers are not installed. Run: python -m tests.support.install_peers")
