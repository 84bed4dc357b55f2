"""Several accounts on one machine: which one a session takes, what it gets of it, and what holds the machine back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from miyabi.claude import attached_script, session_script
from miyabi.dag import Node
from miyabi.errors import AccountHeld
from miyabi.machines import Account, Machine
from miyabi.quota import Figure, QuotaBook, QuotaRules
from miyabi.runs.quota_use import Begun, RunQuota
from miyabi.settings import QuotaSettings, SessionDefaults, Settings
from tests.support.values.specs import session_spec

MACHINE = Machine(name="m", slots=4, accounts=("a", "b", "c"))
OTHER = Machine(name="other", accounts=("a", "d"))
NODE = Node(id="t", prompt="p")


def run_quota(**settings: Any) -> RunQuota:
    """That of a run with both machines, which knows nothing yet."""
    rules = QuotaRules(settings=QuotaSettings(**settings), margin_seconds=0)
    return RunQuota(rules=rules, machines={"m": MACHINE, "other": OTHER}, book=QuotaBook())


def used(quota: RunQuota, account: str, share: float, *, window: str = "five_hour", status: str = "allowed") -> None:
    """A session was told so of that account."""
    now = time.time()
    figure = Figure(window=window, status=status, utilization=share, resets_at=now + 3600, seen_at=now)
    quota.book.note(account, [figure])


def spent(quota: RunQuota, account: str, *, window: str = "five_hour") -> None:
    """That account's window is spent."""
    used(quota, account, 1, window=window, status="rejected")


def test_the_one_with_most_headroom_is_taken() -> None:
    """That of which least is used of its fullest window; of a window that is over nothing is."""
    quota = run_quota()
    used(quota, "a", 0.3)
    used(quota, "b", 0.2)
    used(quota, "c", 0.1)
    used(quota, "c", 0.9, window="seven_day")
    assert quota.choose(MACHINE, None, None) == "b"
    spent(quota, "b")
    assert quota.choose(MACHINE, None, None) == "a"
    assert quota.choose(Machine(name="one", account="b"), None, None) == "b"
    assert quota.choose(Machine(name="none"), None, None) == ""


def test_among_equals_fewest_sessions_then_order() -> None:
    """Sessions of this process count as long as they last."""
    quota = run_quota()
    assert quota.choose(MACHINE, None, None) == "a"
    with quota.book.using("a"), quota.book.using("b"):
        assert quota.choose(MACHINE, None, None) == "c"
        with quota.book.using("c"), quota.book.using("a"):
            assert quota.choose(MACHINE, None, None) == "b"
    assert quota.choose(MACHINE, None, None) == "a"


def test_the_limit_of_a_model_is_met_by_that_model_alone() -> None:
    """The account takes the others still; where no other is open a fallback model may begin."""
    quota = run_quota(use_fallback_model=True)
    used(quota, "b", 0.5)
    used(quota, "c", 0.6)
    spent(quota, "a", window="seven_day_opus")
    assert [quota.choose(MACHINE, model, None) for model in ("opus", "sonnet")] == ["b", "a"]
    spent(quota, "b")
    spent(quota, "c")
    assert quota.choose(MACHINE, "opus", "sonnet") == "a"
    spec = session_spec().model_copy(update={"model": "opus", "fallback_model": "sonnet"})
    assert quota.fitted(spec, MACHINE, account="a").model == "sonnet"


def test_a_machine_is_held_when_all_of_its_accounts_are() -> None:
    """Until the first of them opens; each alone is asked for by name."""
    quota = run_quota()
    spent(quota, "a")
    assert quota.hold(MACHINE, model=None) is None
    assert quota.hold(MACHINE, model=None, account="a")
    spent(quota, "b")
    now = time.time()
    quota.book.note("c", [Figure(window="five_hour", status="rejected", resets_at=now + 60, seen_at=now)])
    hold = quota.hold(MACHINE, model=None)
    assert hold
    assert now + 59 < hold.until < now + 61
    with pytest.raises(AccountHeld):
        quota.require_open("a", model=None)
    asyncio.run(quota.wait_for_turn("d", model=None))
    assert quota.hold(OTHER, model=None) is None


def test_a_conversation_stays_with_its_account() -> None:
    """Even where another has more left, or it is held; not where its budget is spent, it was given up, or is gone."""
    quota, defaults = run_quota(), SessionDefaults()
    used(quota, "b", 0.9)
    known: Any = {"begun": Begun("b"), "has_budget": lambda _: True}
    assert quota.take(NODE, MACHINE, defaults, **known) == "b"
    assert (quota.pinned("t", MACHINE), quota.pinned("t", OTHER)) == ("b", None)
    spent(quota, "b")
    assert quota.take(NODE, MACHINE, defaults, **known) == "b"
    assert quota.hold_unless_instead(MACHINE, None, None, account=quota.pinned("t", MACHINE))
    assert quota.take(NODE, MACHINE, defaults, begun=Begun("b"), has_budget=lambda name: name != "b") == "a"
    joined = Begun("b", is_joined=True)
    assert quota.take(NODE, MACHINE, defaults, begun=joined, has_budget=lambda _: False) == "b", "it runs"
    assert quota.take(NODE, MACHINE, defaults, begun=Begun("gone"), has_budget=lambda _: True) == "a"
    assert quota.pinned("t", MACHINE) is None
    assert quota.give_up("b", [MACHINE, OTHER]) == []
    assert quota.take(NODE, MACHINE, defaults, **known) == "a"
    assert quota.take(NODE, None, defaults, **known) == "b"


def test_machines_are_given_up_with_their_last_account() -> None:
    """Of a machine with one account that is its only one."""
    quota, one = run_quota(), Machine(name="one", account="a")
    assert quota.give_up("a", [MACHINE, OTHER, one]) == [one]
    assert quota.choose(OTHER, None, None) == "d"
    assert quota.give_up("d", [MACHINE, OTHER, one]) == [OTHER]
    spent(quota, "b")
    spent(quota, "c")
    assert quota.hold(MACHINE, model=None), "an account that was given up opens nothing"


def test_events_are_counted_for_the_account_of_the_session() -> None:
    """Whatever else the machine has; all accounts are told of."""
    quota, spec = run_quota(), session_spec()
    quota.note_limit(MACHINE, account="b", model=None, until=time.time() + 60, resets_at=None)
    assert (quota.hold(MACHINE, model=None, account="a"), quota.accounts) == (None, ("a", "b", "c", "d"))
    assert quota.hold(MACHINE, model=None, account="b")
    assert quota.fitted(spec, MACHINE, account="c").account == "c"


def settings(tmp_path: Path) -> Settings:
    """Two accounts: a folder, and a token."""
    accounts = [Account(name="a", config_dir="~/.claude a"), Account(name="b", token_file="~/token b")]  # noqa: S106
    given = {"oauth_token_file": "~/token", "environment": {"CLAUDE_CONFIG_DIR": "/usual", "X": "1"}}
    return Settings.load(tmp_path, accounts=[each.model_dump() for each in accounts], sessions=given)


@pytest.mark.parametrize(
    ("account", "folder", "token_file"),
    [
        ("a", "~/.claude a", None),
        ("b", "/usual", "~/token b"),
        ("no table", "/usual", "~/token"),
        ("", "/usual", "~/token"),
    ],
)
def test_what_a_session_gets_of_its_account(tmp_path: Path, account: str, folder: str, token_file: str | None) -> None:
    """Its folder and its token: that of the settings is another account's, where it has a folder of its own."""
    sessions = settings(tmp_path).of_account(account).sessions
    assert sessions.environment == {"CLAUDE_CONFIG_DIR": folder, "X": "1"}
    assert sessions.oauth_token_file == token_file


def test_a_folder_in_the_home() -> None:
    """It is that of the login, wherever `HOME` points, for a session and for whoever goes on with it by hand."""
    spec = session_spec().model_copy(update={"environment": (("CLAUDE_CONFIG_DIR", "~/.claude a"), ("HOME", "/else"))})
    given: Any = {"checkout": "~/c", "inherited": {}}
    for script in (session_script(spec, MACHINE, **given), attached_script(spec, MACHINE, **given)):
        assert b"export CLAUDE_CONFIG_DIR=\"$miyabi_home\"/'.claude a'\n" in script
