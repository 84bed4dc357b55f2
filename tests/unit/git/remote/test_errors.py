"""What git and GitHub say about a push, and what we make of it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from miyabi.errors import (
    GitFailed,
    MiyabiError,
    PushRefused,
    RemoteLoginRefused,
    RemoteNotFound,
    RemoteUnreachable,
    SettingsError,
)
from miyabi.git import Remote
from miyabi.git.command import GitResult
from miyabi.git.remote.client import PushReport
from miyabi.git.remote.errors import fault, refusal
from miyabi.github.access import remote_token

HTTP = Remote.of("https://github.com/o/n.git", token=remote_token(SecretStr("plain-secret")))
SSH = Remote.of("git@github.com:o/n.git")
REPORT = """\
To https://github.com/o/n.git
 \t1111111:refs/heads/forward\t1111111..2222222
+\t1111111:refs/heads/forced\t1111111...2222222 (forced update)
*\t1111111:refs/heads/new\t[new branch]
=\t1111111:refs/heads/same\t[up to date]
!\t1111111:refs/heads/raced\t[rejected] (stale info)
!\t1111111:refs/heads/locked\t[remote rejected] (failed to update ref)
!\t1111111:refs/heads/old\t[remote rejected] (incorrect old value provided)
!\t1111111:refs/heads/m/x\t[remote rejected] (failed to update ref)
!\t1111111:refs/heads/guarded\t[remote rejected] (protected branch hook declined)
!\t1111111:refs/heads/scoped\t[remote rejected] (refusing to allow a Token to change (some) workflow `a.yml`)
!\t1111111:refs/heads/lost\t[remote failure] (remote failed to report status)
Done
"""
SAID = "remote: error: cannot lock ref 'refs/heads/m/x': 'refs/heads/m' exists; cannot create 'refs/heads/m/x'"


def test_every_branch_of_a_report_is_told_apart() -> None:
    """What went through, what was quicker, what is refused and what nobody knows."""
    report = PushReport.read(REPORT, said=SAID)
    assert [*report.stale] == ["raced", "locked", "old"]
    assert report.refused == {
        "m/x": "'refs/heads/m' exists; cannot create",
        "guarded": "protected branch hook declined",
        "scoped": "refusing to allow a Token to change (some) workflow `a.yml`",
    }
    assert [*report.unknown] == ["lost"]


@pytest.mark.parametrize(
    ("target", "said", "kind", "words"),
    [
        (HTTP, "fatal: Authentication failed for 'https://github.com/o/n.git/'", RemoteLoginRefused, "token is wrong"),
        (SSH, "git@github.com: Permission denied (publickey).", RemoteLoginRefused, "ssh-agent"),
        (SSH, "ERROR: Permission to o/n.git denied to deploy key", PushRefused, "write access"),
        (SSH, "ERROR: This repository was archived so it is read-only.", PushRefused, "Unarchive"),
        (SSH, "ERROR: Repository not found.\nfatal: Could not read from", RemoteNotFound, "Repository not found"),
        (SSH, "kex_exchange_identification: Connection closed by remote host", RemoteUnreachable, "kex_exchange"),
        (SSH, "ssh: connect to host github.com port 22: Operation timed out", RemoteUnreachable, "timed out"),
        (HTTP, "fatal: unable to access 'x': Could not resolve host: github.com", RemoteUnreachable, "resolve host"),
        (HTTP, "fatal: unable to access 'x': SSL certificate problem: expired", GitFailed, "certificate problem"),
        (HTTP, "remote: You must re-authorize SAML SSO\nfatal: returned error: 403", PushRefused, "organization"),
        (HTTP, "", GitFailed, "exit status 128"),
    ],
)
def test_what_a_failure_means(target: Remote, said: str, kind: type[MiyabiError], words: str) -> None:
    """The words of git, OpenSSH and GitHub become one error each, with the next step."""
    error = fault(GitResult(exit_status=128, stdout=b"", stderr=said), target=target, doing="push to")
    assert type(error) is kind
    assert words in str(error)
    assert error.transient is (kind is RemoteUnreachable)


def test_a_failure_is_one_clean_line() -> None:
    """Escapes, hints and repetitions of what the other side says are left out, and so is the login."""
    said = "remote: \x1b[31mno\x1b[0m plain-secret\nremote: no plain-secret\nhint: x\nfatal: returned error: 403"
    message = str(fault(GitResult(exit_status=128, stdout=b"", stderr=said), target=HTTP, doing="push to"))
    assert "to push to it: no [redacted]; fatal: returned error: 403." in message


@pytest.mark.parametrize(
    ("reason", "said", "advice"),
    [
        ("pre-receive hook declined", "error: GH008: unknown Git LFS objects", "git lfs push"),
        ("pre-receive hook declined", "error: GH001: Large files detected", "large files"),
        ("pre-receive hook declined", "error: GH013: Repository rule violations found", "ruleset"),
        ("refusing to allow a Token without `workflow` scope", "", "right to change workflows"),
        ("somebody pushed to it: abc1234 “archived” by Bob", "", "Keep what they did"),
        ("something new", "", "not pushed: b0 (something new)."),
    ],
)
def test_a_refusal_says_what_to_do(reason: str, said: str, advice: str) -> None:
    """Refusals that are known come with the next step."""
    assert advice in str(refusal({"b0": reason}, pushed=(), target=HTTP, remote_said=said))


def test_many_refusals_are_counted() -> None:
    """A few are named, the others counted; all are in the error."""
    refused = {f"b{n}": "declined" for n in range(5)}
    error = refusal(refused, pushed=("x", "y"), target=HTTP, remote_said="")
    assert "5 branches not pushed: b0 (declined), b1 (declined), b2 (declined) and 2 more. 2 others went" in str(error)
    assert (error.refused, error.pushed) == (refused, ("x", "y"))


def test_a_token_is_not_sent_unencrypted() -> None:
    """A remote with http:// is refused where the token is for its host."""
    with pytest.raises(SettingsError, match=r"http://github\.com/o/n would send the token unencrypted.*https://"):
        Remote.of("http://github.com/o/n", token=remote_token(SecretStr("x")))


def test_our_settings_come_after_the_users() -> None:
    """Settings by the environment are numbered on; a number that is none counts as none."""
    mine = HTTP.environment({"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "a.b"})
    count = int(mine["GIT_CONFIG_COUNT"])
    assert {name for name in mine if name.startswith("GIT_CONFIG_KEY_")} == {
        f"GIT_CONFIG_KEY_{n}" for n in range(2, count)
    }
    assert "GIT_CONFIG_KEY_0" in HTTP.environment({"GIT_CONFIG_COUNT": "x"})


def test_a_user_in_the_address_is_told_to_the_helper() -> None:
    """A user name without a password picks the login of the user's own credential helper."""
    mine = Remote.of("https://me@git.corp.example/o/n").environment({})
    settings = {
        mine[f"GIT_CONFIG_KEY_{n}"]: mine[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(mine["GIT_CONFIG_COUNT"]))
    }
    assert settings["credential.https://git.corp.example.username"] == "me"
    assert not [key for key in settings if "extraHeader" in key]
