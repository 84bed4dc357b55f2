"""One open pull request for each case of tending, and the faults that GitHub has for what is written to each.

with make_tended_site(folder, server, emulate) as site:
    site.arrange("502")          # every write of every case meets that once
    site.press()                 # until it is all done
    site.stands("stuck")         # what became of a case: `Standing`
    site.put_back()              # as before: sessions that are over stay
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.tend_pull_requests import tend_pull_requests
from miyabi.github.parse import pull_request
from miyabi.pull_requests import Publication, Tended
from miyabi.runs import RunFolder
from miyabi.sessions import integration_branch, published_branch, tended_branch
from miyabi.tending.session import TendingSession
from miyabi.tending.standing import STUCK
from tests.support.cli.forked import Forked
from tests.support.cli.local_site import LocalSite, make_local_site
from tests.support.cli.milestone_site import MilestoneSite, publish_site
from tests.support.git.repositories import git
from tests.support.github.emulate import OWNER, Emulate
from tests.support.github.github import serve_github
from tests.support.github.overlay_reviews import say, thread
from tests.support.github.request import Job, PullMore
from tests.support.prefect.server import RealServer
from tests.support.values.finished_runs import commit_on

_FLOW = "flows.tend_pull_requests:tend_pull_requests"
_TIMEOUT_SECONDS, _LATE_SECONDS = 1.5, 2.0
_MOST_PRESSES = 3
PUSH = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How a pull request stands that has to be tended, and what tending writes to it.

    `writes` are requests as "METHOD PATTERN", with {number} and {name}, or a push of its branch.
    """

    writes: Sequence[str]
    mergeable: str = "unstable"
    is_red: bool = False
    scenario: str = "write"


_COMMENT = "POST /issues/{number}/comments$"
_STATUS = "POST /statuses/"
CASES = {
    "red": Case(writes=[PUSH, _STATUS, _STATUS], is_red=True),
    "behind": Case(writes=[PUSH], mergeable="behind"),
    "conflicting": Case(writes=[PUSH], mergeable="dirty", scenario="shared:both"),
    "foreign": Case(writes=[_COMMENT]),
    "stuck": Case(writes=["POST /issues/{number}/labels$", _COMMENT], is_red=True),
    "unstuck": Case(writes=["DELETE /issues/{number}/labels/"]),
    "auto-merge": Case(writes=["POST /graphql/enablePullRequestAutoMerge$"], mergeable="blocked"),
    "queued": Case(writes=["POST /graphql/enqueuePullRequest$"], mergeable="clean"),
    "reviewed": Case(writes=[PUSH, "POST /pulls/{number}/comments/.*/replies$"], scenario="answer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is at GitHub of a pull request.

    `chain` are the commits on top of its first head, by first parents alone; `statuses` those of its head by context;
    `answers` what we said in each thread of a review.
    """

    chain: tuple[str, ...]
    files: tuple[str, ...]
    comments: tuple[str, ...]
    labels: frozenset[str]
    auto_merge: str
    queued_at: str
    statuses: dict[str, str]
    answers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TendedSite:
    """A clone whose runs have opened a pull request for each case."""

    quick: MilestoneSite[LocalSite]
    numbers: dict[str, int] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    logs: list[Path] = field(default_factory=list)
    pressed: list[Forked] = field(default_factory=list)

    def stands(self, name: str) -> Standing:
        """What became of a case."""
        branch, hub, number = published_branch(name), self.quick.hub_folder, self.numbers[name]
        chain = git(hub, "rev-list", "--first-parent", f"{self.heads[name]}..{branch}").split()
        hosted = self.quick.remote.hosted
        said = [each for each in hosted.line_comments if each.pull == number]
        threads = [thread(hosted, each.id) for each in said if each.reply_to is None]
        return Standing(
            chain=tuple(chain),
            files=tuple(self.quick.files(branch)),
            comments=tuple(comment["body"] for comment in self.quick.remote.comments(number)),
            labels=frozenset(self.quick.remote.labels(number)),
            auto_merge=hosted.pulls[number].auto_merge,
            queued_at=hosted.pulls[number].queued_at,
            statuses=self.quick.statuses(branch),
            answers=tuple(tuple(each.body for each in said if each.by == OWNER) for said in threads),
        )

    @property
    def written(self) -> tuple[tuple[str, ...], int]:
        """The writes to the API since it was last forgotten, and how often something was pushed."""
        return self.quick.github.front.writes, self.quick.hub.writes

    @property
    def awaited(self) -> tuple[str, ...]:
        """The faults that nothing has met yet."""
        return (*self.quick.github.front.awaited, *self.quick.hub.awaited)

    def press(self) -> Any:
        """The last state of the flow, pressed until nothing fails any more."""
        state = None
        for _ in range(_MOST_PRESSES):
            state = self.quick.flow(tend_pull_requests)
            if state.is_completed():
                break
        return state

    def press_and_die(self) -> None:
        """The flow in processes of their own, each killed at its first write: when that is done and not answered."""
        while self.awaited:
            assert self._died() == -9, self.logs[-1].read_text(errors="replace")

    def _died(self) -> int | None:
        self.logs.append(self.quick.site.folder / f"press-{len(self.logs)}.log")
        environment = {**os.environ, "GITHUB_TOKEN": self.quick.remote.token()}
        where = self.quick.site.repository
        self.pressed.append(Forked(_FLOW, repository=where, environment=environment, log=self.logs[-1]))
        return self.pressed[-1].wait()

    def arrange(self, fault: str) -> None:
        """Each write of each case meets that fault once, and so does the first look at the pull requests."""
        if fault.isdigit():
            self.quick.github.front.refuse("GET", "/pulls$", status=int(fault), headers=_headers(fault))
        for name, case in CASES.items():
            for write in case.writes:
                if write == PUSH:
                    self._meet_push(fault, published_branch(name))
                else:
                    self._meet_write(fault, *write.format(number=self.numbers[name]).split(" "))

    def _meet_push(self, fault: str, branch: str) -> None:
        hub = self.quick.hub
        match fault:
            case "killed":
                hub.after(self._kill, branch=branch)
            case "timeout":
                hub.lose(branch=branch)
            case _:
                hub.refuse(int(fault), branch=branch)

    def _meet_write(self, fault: str, method: str, path: str) -> None:
        front = self.quick.github.front
        match fault:
            case "killed":
                front.after(method, path, self._kill)
            case "timeout":
                front.delay(method, path, seconds=_LATE_SECONDS)
            case _:
                front.refuse(method, path, status=int(fault), headers=_headers(fault))

    def _kill(self) -> None:
        self.pressed[-1].kill()

    def put_back(self) -> None:
        """Everything at GitHub, and what the runs here know of it, as it was at first."""
        remote, hub = self.quick.remote, self.quick.hub
        remote.hosted.statuses.clear()
        remote.hosted.line_comments[:] = [each for each in remote.hosted.line_comments if each.by != OWNER]
        for name, number in self.numbers.items():
            folder, branch = RunFolder(self.quick.site.repository, name), published_branch(name)
            (folder.path / Tended.file_name).unlink(missing_ok=True)
            git(folder.repository, "update-ref", "-d", f"refs/heads/{tended_branch(branch, run=name)}")
            for comment in remote.comments(number):
                remote.ask("DELETE", f"issues/comments/{comment['id']}")
            for label in remote.labels(number):
                remote.ask("DELETE", f"issues/{number}/labels/{label}")
            remote.hosted.pulls[number].auto_merge = remote.hosted.pulls[number].queued_at = ""
        refs = [f"+{head}:refs/heads/{published_branch(name)}" for name, head in self.heads.items()]
        hub.push(self.quick.hub_folder, remote.name, *refs)
        remote.label(self.numbers["unstuck"], STUCK)

    def open_all(self) -> None:
        """The runs, their branches, pull requests and checks; then their base moves on."""
        self.quick.configure(github={"timeout_seconds": _TIMEOUT_SECONDS}, pull_request={"auto_merge": "squash"})
        hosted, repository = self.quick.remote.hosted, self.quick.site.repository
        hosted.allow_auto_merge, hosted.has_merge_queue, hosted.required = True, True, {"test"}
        for name, case in CASES.items():
            self._open(name, case)
        for wish in ("Rename it.", "Delete it. [[scenario:answer]]"):
            say(hosted, self.numbers["reviewed"], wish)
        head = self.heads["foreign"]
        theirs = commit_on(repository, "aside", {"theirs.txt": "new\n"}, parent=head, message="Mine\n")
        self.quick.hub.push(repository, self.quick.remote.name, f"{theirs}:refs/heads/{published_branch('foreign')}")
        git(repository, "update-ref", "-d", "refs/heads/aside")
        self.heads["foreign"] = theirs
        for turn in range(3):
            folder = RunFolder(repository, f"tend-{self.numbers['stuck']}-{turn}").create()
            folder.keep(TendingSession(number=self.numbers["stuck"], head=f"{turn}", kind="fix"))
            folder.info_file.write_text("{}")
        main = git(self.quick.hub_folder, "rev-parse", "main")
        moved = {"later.txt": "new\n", "shared.txt": "theirs\n"}
        commit_on(self.quick.hub_folder, "main", moved, parent=main, message="Move on\n")

    def _open(self, name: str, case: Case) -> None:
        repository, remote, branch = self.quick.site.repository, self.quick.remote, published_branch(name)
        file = "shared.txt" if name == "conflicting" else f"{name}.txt"
        made = commit_on(repository, integration_branch(name), {file: "ours\n"}, parent="main", message=f"Add {file}\n")
        self.quick.hub.push(repository, remote.name, f"{made}:refs/heads/{branch}")
        texts = {"title": f"{name} [[scenario:{case.scenario}]]", "head": branch, "base": "main", "body": "Work."}
        pull = pull_request(remote.ask("POST", "pulls", texts))
        folder = RunFolder(repository, name).create()
        folder.keep(Publication(repository=remote.name, pull_requests=(pull,)))
        folder.info_file.write_text("{}")
        remote.hosted.pulls.setdefault(pull.number, PullMore()).mergeable_state = case.mergeable
        if case.is_red:
            jobs = remote.hosted.jobs
            jobs[len(jobs) + 1] = Job(name="test", sha=made, conclusion="failure", log="expected 7\n")
        self.numbers[name], self.heads[name] = pull.number, made


def _headers(fault: str) -> dict[str, str]:
    return {"retry_after": "1"} if fault in {"403", "429"} else {}


@contextmanager
def make_tended_site(folder: Path, server: RealServer, peer: Emulate) -> Iterator[TendedSite]:
    """A site of your own; at its end everything that GitHub was sent has to be valid."""
    with (
        serve_github(peer) as github,
        make_local_site(folder, server) as site,
        publish_site(site, github, folder) as quick,
    ):
        made = TendedSite(quick=quick)
        made.open_all()
        yield made
