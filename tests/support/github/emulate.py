"""emulate: GitHub's milestones, issues, labels, comments, git data; it accepts what GitHub refuses of pull requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.github.install_peers import MODULES, NODE
from tests.support.github.peers import demand_peers, free_port, once, running

OWNER = "alice"
PEOPLE = (OWNER, "bob", "carol", "dave")
_TOKENS_EACH = 250  # emulate allows a token 5,000 requests an hour
APP_ID, INSTALLATION_ID = 4242, 77


def token_of(login: str, number: int = 0) -> str:
    """One of somebody's tokens. None of them looks like one, so that nothing hides it by its looks."""
    return hashlib.sha1(f"{login} {number % _TOKENS_EACH}".encode()).hexdigest()  # noqa: S324 - no secret


def logins() -> dict[str, str]:
    """Who comes with which token."""
    return {token_of(login, number): login for login in PEOPLE for number in range(_TOKENS_EACH)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulate:
    """Milestones, issues, comments, labels and git data at `url`; accepts what GitHub would refuse of pull requests."""

    url: str
    private_key: str


@pytest.fixture(scope="session")
def emulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulate]:
    """The running emulate."""
    with once("emulate", serve_emulate(tmp_path_factory.mktemp("emulate"))) as peer:
        yield peer


@contextmanager
def serve_emulate(folder: Path) -> Iterator[Emulate]:
    """An emulate of your own, whose log is in that folder."""
    demand_peers()
    port = free_port()
    key = new_private_key()
    seed = folder / "seed.yaml"
    seed.write_text(yaml.safe_dump(_emulate_seed(key)))
    url = f"http://127.0.0.1:{port}"
    script = MODULES / "emulate" / "dist" / "index.js"
    words: list[str | Path] = [NODE, script, "start", "--service", "github", "--host", "127.0.0.1", "--port", str(port)]
    with running([*words, "--base-url", url, "--seed", seed], ready=f"{url}/zen", log=folder / "emulate.log"):
        yield Emulate(url=url, private_key=key)


def new_private_key() -> str:
    """A key that no App has yet."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def _emulate_seed(private_key: str) -> dict[str, Any]:
    rights = dict.fromkeys(("issues", "pull_requests", "contents", "statuses"), "write") | {"metadata": "read"}
    installation = {"installation_id": INSTALLATION_ID, "account": OWNER, "permissions": rights}
    app = {"app_id": APP_ID, "slug": "miyabi-app", "name": "Miyabi", "private_key": private_key}
    return {
        "tokens": {token: {"login": login, "scopes": ["repo", "user"]} for token, login in logins().items()},
        "github": {
            "users": [{"login": login} for login in ("nobody", *PEOPLE)],
            "apps": [{**app, "permissions": rights, "installations": [installation]}],
        },
    }
