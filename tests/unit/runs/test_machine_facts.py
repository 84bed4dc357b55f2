"""What a machine says of itself, read; and since when it says nothing."""

from __future__ import annotations

from pathlib import Path

from miyabi.runs import LastSeen, Seen
from miyabi.runs.machine_facts import _facts

STATUS = "miyabi1 r1.a.1 running rc=- by=- check=- out=1 err=1 now=1 free=9 over=-"


def test_all_that_it_may_say() -> None:
    """Sizes in MiB, the method of a login, a cordon and its end."""
    said = {
        "system": "macOS 15.1 arm64",
        "git": "git version 2.39.5",
        "perl": "5.34.1",
        "free_kib": "2097152",
        "memory_kib": "1048576",
        "load": "0.42",
        "cores": "10",
        "claude": "2.1.332 (Claude Code)",
        "login": '{ "loggedIn": true, "authMethod": "oauth_token" } ',
        "cordon": "17 cordoned by kazu",
    }
    facts = _facts(said, [STATUS])
    assert (facts.sessions, facts.git, facts.claude, facts.login) == (("r1.a.1",), "2.39.5", "2.1.332", "oauth_token")
    assert (facts.free_mib, facts.memory_mib, facts.load, facts.cores) == (2048, 1024, 0.42, 10)
    assert (facts.cordon, facts.cordon_until) == ("cordoned by kazu", 17)


def test_what_it_does_not_say_is_not_known() -> None:
    """A machine without any of it is told all the same, and garbage is none of it."""
    facts = _facts({"system": "Linux", "free_kib": "-", "login": "{", "cordon": "soon by hand"}, [])
    assert (facts.sessions, facts.claude, facts.login, facts.cordon) == ((), "", "", "")
    assert (facts.free_mib, facts.memory_mib, facts.load, facts.cores) == (None, None, None, None)


def test_away_since_the_first_look_without_an_answer(tmp_path: Path) -> None:
    """And not since the last; one that answers again is away no more, and others are left as they were."""
    seen = LastSeen(tmp_path / "home" / "machines.json")
    assert seen.note({"m1": True, "m2": False}, now=1) == {"m1": Seen(1, None), "m2": Seen(None, 1)}
    assert seen.note({"m1": False}, now=2) == {"m1": Seen(1, 2)}
    assert seen.note({"m1": False, "m2": True}, now=3) == {"m1": Seen(1, 2), "m2": Seen(3, None)}
    assert seen.note({"m1": True}, now=4) == {"m1": Seen(4, None)}


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    """What it knew is lost, nothing else."""
    for text in ("", "[]", '{"m1": 3}', '{"m1": [1, 2, 3]}'):
        (tmp_path / "machines.json").write_text(text)
        assert LastSeen(tmp_path / "machines.json").note({"m1": False}, now=5) == {"m1": Seen(None, 5)}
