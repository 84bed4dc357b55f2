"""Projects that no checkout holds whole: a locked dependency and a `.env` each, on two machines, by the real claude."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from miyabi.integration import Integration
from miyabi.sessions import Outcome
from tests.support.cli.canary import Canary
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import commit
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

TOKEN = "canary-5e0b9c41d7f2"  # noqa: S105 - nobody's
NODE_CHECK = """\
const text = require("fs").readFileSync(".env", "utf8");
console.log(text);
process.exit(require("greeting")("GREETING", text) ? 0 : 1);
"""
PYTHON_CHECK = """\
import pathlib, sys
sys.path.insert(0, "deps")
import greeting
text = pathlib.Path(".env").read_text()
print(text)
sys.exit(not greeting.has("GREETING", text))
"""
PIP = shlex.join([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--disable-pip-version-check"])
SETUP = {
    "first": 'cd web && cat .env && npm ci --offline --no-audit --no-fund --cache "$MIYABI_CACHE/npm"',
    "second": f"cd tool && cat .env && {PIP} --target deps --require-hashes --find-links vendor -r requirements.txt",
}
CHECK = {"web": "cd web && node check.js", "tool": f"cd tool && {shlex.quote(sys.executable)} check.py"}
NODES: list[dict[str, Any]] = [
    {"id": task, "prompt": "Do it. [[scenario:write]]", "check": CHECK[task], "requires": [label]}
    for task, label in (("web", "first"), ("tool", "second"))
]


def test_green_with_its_set_up_and_red_without(site: Site) -> None:
    """Without the settings each check is red and says what is missing. With them both are green.

    What the `.env` holds is where it was given, and nowhere else.
    """
    _make_projects(site.repository)
    assert site.orchestrate(NODES, run="bare").wait() == 1
    bare = {row.task: row for row in site.report("bare").tasks}
    assert {row.outcome for row in bare.values()} == {Outcome.CHECK_FAILED}
    assert "no such file or directory, open '.env'" in site.report("bare").check_output_of("web")
    assert "No module named 'greeting'" in site.report("bare").check_output_of("tool")
    labels = {"second": {"setup": SETUP["second"]}}
    sessions = {"copy_files": ["**/.env"], "setup": SETUP["first"], "labels": labels}
    site.write_config(sessions=sessions, integration={"verify": [CHECK["web"]]})
    with Canary(TOKEN) as canary:
        command = site.orchestrate(NODES)
        assert command.wait() == 0, command.output
    assert {row.outcome for row in site.report().tasks} == {Outcome.SUCCEEDED}
    assert {each.changes.files for each in site.run_folder().results()} == {(f"{task}.txt",) for task in CHECK}
    for task in CHECK:
        logs = [(site.run_folder().attempt(task) / name).read_text() for name in ("setup.log", "check.log")]
        assert ["GREETING=[redacted]" in log for log in logs] == [True, True]
    integration = site.run_folder().load(Integration)
    assert integration
    assert (integration.verified, integration.verify_log.count("GREETING=[redacted]")) == (True, 2)
    _is_seen_nowhere(site, canary)


def _is_seen_nowhere(site: Site, canary: Canary) -> None:
    assert canary.in_commands == set()
    assert not canary.commits(site.repository)
    assert canary.files(site.run_folder().path, site.server.home) == []
    seen = {file.name for file in canary.files(site.fleet.folder)}
    assert seen == {".env", "setup.log", "check.log"}


def _make_projects(repository: Path) -> None:
    files = {f"web/{name}": content for name, content in _node_project().items()}
    files |= {f"tool/{name}": content for name, content in _python_project().items()}
    commit(repository, {".gitignore": ".env\nnode_modules/\n", **files})
    for task in CHECK:
        (repository / task / ".env").write_text(f"GREETING={TOKEN}\n")


def _node_project() -> dict[str, str | bytes]:
    package = {"name": "greeting", "version": "1.0.0", "main": "index.js"}
    archive = _tarball({"package.json": json.dumps(package), "index.js": "module.exports = (n, t) => t.includes(n);"})
    own = {"name": "web", "version": "1.0.0", "dependencies": {"greeting": "file:vendor/greeting.tgz"}}
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}"
    there = {"version": "1.0.0", "resolved": "file:vendor/greeting.tgz", "integrity": integrity}
    lock = {"lockfileVersion": 3, "requires": True, "packages": {"": own, "node_modules/greeting": there}}
    texts = {"package.json": json.dumps(own), "package-lock.json": json.dumps({**own, **lock})}
    return {**texts, "check.js": NODE_CHECK, "vendor/greeting.tgz": archive}


def _python_project() -> dict[str, str | bytes]:
    about = "greeting-1.0.0.dist-info"
    wheel = _wheel(
        {
            "greeting.py": "def has(name, text):\n    return name in text\n",
            f"{about}/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0.0\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
    )
    locked = f"greeting==1.0.0 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"
    return {"requirements.txt": locked, "check.py": PYTHON_CHECK, "vendor/greeting-1.0.0-py3-none-any.whl": wheel}


def _tarball(files: dict[str, str]) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            archive.addfile(info, BytesIO(text.encode()))
    return out.getvalue()


def _wheel(files: dict[str, str]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()
