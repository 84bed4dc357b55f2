"""What is pushed to the git side of the stand-in for GitHub is in its API too, commit by commit, under the same ids.

with git_side(github, repository, tmp_path / "hub") as hub:
    ...  # push to hub.clone_url(repository.name) with repository.token(); base_url is hub.url
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.git.repositories import git
from tests.support.github.git_side import GitHubGit
from tests.support.github.github import GitHub, SeededRepository


@contextmanager
def git_side(github: GitHub, repository: SeededRepository, folder: Path) -> Iterator[GitHubGit]:
    """The git side of a seeded repository, with its branch main, and the API at the same origin."""
    mirror = Mirror(repository)
    with GitHubGit(folder, token=repository.token(), api=github.url, pushed=mirror.replay) as hub:
        mirror.fill(hub.create(repository.name))
        yield hub


class Mirror:
    """A bare repository and the same one at the peer, by GitHub's Git Data API."""

    def __init__(self, repository: SeededRepository) -> None:
        self._repository = repository
        self._there: set[str] = set()
        self._heads: dict[str, str] = {}

    def fill(self, folder: Path, *, branch: str = "main") -> None:
        """Puts a branch of the peer's into the bare repository."""
        head = self._repository.head(branch)
        self._take_commit(folder, head)
        git(folder, "update-ref", f"refs/heads/{branch}", head)
        self._heads[branch] = head

    def replay(self, folder: Path, _name: str = "") -> None:
        """Brings the peer's branches to where the bare repository's are."""
        rows = git(folder, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads").splitlines()
        heads = dict(row.split(" ") for row in rows)
        for branch, head in heads.items():
            if self._heads.get(branch) != head:
                self._put_history(folder, head)
                self._put_head(branch, head)
        for branch in set(self._heads) - set(heads):
            self._repository.ask("DELETE", f"git/refs/heads/{quote(branch)}")
        self._heads = heads

    def _put_head(self, branch: str, head: str) -> None:
        if branch in self._heads:
            self._repository.ask("PATCH", f"git/refs/heads/{quote(branch)}", {"sha": head, "force": True})
        else:
            self._repository.ask("POST", "git/refs", {"ref": f"refs/heads/{branch}", "sha": head})

    def _put_history(self, folder: Path, head: str) -> None:
        for commit in git(folder, "rev-list", "--reverse", "--topo-order", head).split():
            if commit not in self._there:
                self._put_commit(folder, commit)

    def _put_commit(self, folder: Path, commit: str) -> None:
        head, _, message = _raw(folder, "commit", commit).decode().partition("\n\n")
        words = [line.split(" ", 1) for line in head.splitlines()]
        people = {role: _person(text) for role, text in words if role in {"author", "committer"}}
        tree, parents = dict(words)["tree"], [text for role, text in words if role == "parent"]
        self._put_tree(folder, tree)
        self._put("commits", commit, {"message": message, "tree": tree, "parents": parents, **people})

    def _put_tree(self, folder: Path, tree: str) -> None:
        if tree in self._there:
            return
        entries = []
        for row in git(folder, "ls-tree", "-z", tree).rstrip("\0").split("\0"):
            (mode, kind, sha), path = row.split("\t")[0].split(" "), row.split("\t", 1)[1]
            entries.append({"path": path, "mode": mode, "type": kind, "sha": sha})
            (self._put_tree if kind == "tree" else self._put_blob)(folder, sha)
        self._put("trees", tree, {"tree": entries})

    def _put_blob(self, folder: Path, blob: str) -> None:
        if blob not in self._there:
            content = base64.b64encode(_raw(folder, "blob", blob)).decode()
            self._put("blobs", blob, {"content": content, "encoding": "base64"})

    def _put(self, kind: str, sha: str, body: Mapping[str, Any]) -> None:
        made = self._repository.ask("POST", f"git/{kind}", body)["sha"]
        assert made == sha, f"{kind}: {made} is not {sha}"
        self._there.add(sha)

    def _take_commit(self, folder: Path, commit: str) -> None:
        found = self._repository.ask("GET", f"git/commits/{commit}")
        parents = [parent["sha"] for parent in found["parents"]]
        for parent in parents:
            self._take_commit(folder, parent)
        head = [f"tree {self._take_tree(folder, found['tree']['sha'])}", *(f"parent {parent}" for parent in parents)]
        head += [f"{role} {_signature(found[role])}" for role in ("author", "committer")]
        self._take(folder, "commit", commit, "\n".join([*head, "", found["message"].rstrip("\n"), ""]).encode())

    def _take_tree(self, folder: Path, tree: str) -> str:
        rows = []
        for entry in self._repository.ask("GET", f"git/trees/{tree}")["tree"]:
            (self._take_tree if entry["type"] == "tree" else self._take_blob)(folder, entry["sha"])
            rows.append(f"{entry['mode']} {entry['type']} {entry['sha']}\t{entry['path']}\n")
        assert git(folder, "mktree", stdin="".join(rows)) == tree
        self._there.add(tree)
        return tree

    def _take_blob(self, folder: Path, blob: str) -> str:
        content = base64.b64decode(self._repository.ask("GET", f"git/blobs/{blob}")["content"])
        return self._take(folder, "blob", blob, content)

    def _take(self, folder: Path, kind: str, sha: str, content: bytes) -> str:
        words = ["git", "-C", str(folder), "hash-object", "-w", "-t", kind, "--stdin"]
        made = subprocess.run(words, input=content, capture_output=True, check=True).stdout.decode().strip()
        assert made == sha, f"{kind}: {made} is not {sha}"
        self._there.add(sha)
        return sha


def _raw(folder: Path, kind: str, sha: str) -> bytes:
    return subprocess.run(["git", "-C", str(folder), "cat-file", kind, sha], capture_output=True, check=True).stdout


def _person(text: str) -> dict[str, str]:
    """Who and when, as the API says it."""
    who, seconds, zone = text.rsplit(" ", 2)
    name, email = who.removesuffix(">").split(" <")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])) * (-1 if zone[0] == "-" else 1)
    return {"name": name, "email": email, "date": datetime.fromtimestamp(int(seconds), timezone(offset)).isoformat()}


def _signature(person: Mapping[str, str]) -> str:
    """Who and when, as git says it."""
    date = datetime.fromisoformat(person["date"])
    return f"{person['name']} <{person['email']}> {int(date.timestamp())} {date:%z}"
