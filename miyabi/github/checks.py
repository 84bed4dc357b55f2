"""What checks say of a commit: check runs and statuses, which of them are required, and what a failed job printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from miyabi.errors import NotFoundOnGitHub, RightsMissing
from miyabi.github.client import Download, GitHubClient
from miyabi.github.parse import read
from miyabi.github.request import Request
from miyabi.github.values import Check, CheckState

_RED = {"failure", "timed_out", "startup_failure"}
_RED_STATUS = {"failure", "error"}
_ACTIONS = "github-actions"
_TIMESTAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?", re.MULTILINE)


class Checks:
    """The checks of commits. Every method may raise what is below `GitHubError`."""

    def __init__(self, client: GitHubClient, *, download: Download) -> None:
        self._client, self._download = client, download

    async def of(self, sha: str) -> tuple[Check, ...]:
        """Reads the latest of each check of a commit: check runs, then statuses; of each as the token may read it."""
        subject = f"checks of {sha[:12]}"
        runs = await self._read(f"commits/{sha}/check-runs", subject=subject, key="check_runs")
        statuses = await self._read(f"commits/{sha}/status", subject=subject, key="statuses")
        found = [read(_check_run, data, subject=subject) for data in runs]
        return (*found, *(read(_status, data, subject=subject) for data in statuses))

    async def _read(self, path: str, *, subject: str, key: str) -> list[Any]:
        try:
            return await self._client.pages(path, subject=subject, key=key)
        except RightsMissing:  # those of check runs are a permission of their own
            return []

    async def required(self, branch: str) -> frozenset[str]:
        """Reads the names of the checks without which nothing is merged into a branch, by its protection and by rules.

        None where it requires none, or where the token may not know.
        """
        name, subject = quote(branch, safe=""), f"rules of {branch}"
        try:
            whole = await self._client.get(f"branches/{name}", subject=f"branch {branch}")
            rules = await self._client.pages(f"rules/branches/{name}", subject=subject)
        except (NotFoundOnGitHub, RightsMissing):
            return frozenset()
        return read(_contexts, whole, subject=subject) | read(_of_rules, rules, subject=subject)

    async def failed_steps(self, job: int) -> tuple[str, ...]:
        """Reads the names of the steps of a job that failed."""
        subject = f"job {job}"
        data = await self._client.get(f"actions/jobs/{job}", subject=subject)
        return read(_failed_steps, data, subject=subject)

    async def log(self, job: int) -> str:
        """Reads what a job printed, without the time of each line, the last 20 MiB of it at most.

        It lies elsewhere, at an address that needs no credential and gets none.
        """
        where = Request(path=f"actions/jobs/{job}/logs", subject=f"log of job {job}", leads_away=True)
        content = (await self._client.content(where, self._download)).decode(errors="replace")
        return _TIMESTAMP.sub("", content)


def _check_run(data: Mapping[str, Any]) -> Check:
    is_over, conclusion = data["status"] == "completed", data.get("conclusion") or ""
    output = data.get("output") or {}
    return Check(
        name=data["name"],
        state=CheckState.RUNNING if not is_over else CheckState.RED if conclusion in _RED else CheckState.GREEN,
        summary="\n".join(filter(None, (output.get("title"), output.get("summary")))),
        url=data.get("html_url") or "",
        job=data["id"] if (data.get("app") or {}).get("slug") == _ACTIONS else None,
    )


def _status(data: Mapping[str, Any]) -> Check:
    state = data["state"]
    is_red = state in _RED_STATUS
    return Check(
        name=data["context"],
        state=CheckState.RED if is_red else CheckState.RUNNING if state == "pending" else CheckState.GREEN,
        summary=data.get("description") or "",
        url=data.get("target_url") or "",
    )


def _contexts(branch: Mapping[str, Any]) -> frozenset[str]:
    wanted = (branch.get("protection") or {}).get("required_status_checks") or {}
    return frozenset(wanted.get("contexts") or ()) | {each["context"] for each in wanted.get("checks") or ()}


def _of_rules(rules: list[Mapping[str, Any]]) -> frozenset[str]:
    wanted = (rule.get("parameters") or {} for rule in rules if rule["type"] == "required_status_checks")
    return frozenset(each["context"] for one in wanted for each in one.get("required_status_checks") or ())


def _failed_steps(job: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(step["name"] for step in job.get("steps") or () if step.get("conclusion") in _RED)
