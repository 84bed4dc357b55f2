"""Settings: which source wins, and what a person is told when one of them is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miyabi.errors import SettingsError
from miyabi.github.access import RetryPolicy
from miyabi.machines import LOCAL, Strategy
from miyabi.settings import Settings, require_moment

LISTS = {"accounts", "machines"}
"""The settings of which there may be several tables."""

ACCOUNT = "[[accounts]]\nname='first'\ntoken_file='/t'\n"


def _float_fields() -> list[tuple[str, str]]:
    """Each setting that is a number with a fraction: its table and its name."""
    tables = {name: field.annotation for name, field in Settings.model_fields.items() if name not in LISTS}
    fields = ((name, each, info) for name, table in tables.items() for each, info in table.model_fields.items())
    return [(name, each) for name, each, info in fields if "float" in str(info.annotation)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder for `.miyabi/config.toml`."""
    (tmp_path / ".miyabi").mkdir()
    return tmp_path


def write(repository: Path, text: str) -> None:
    """Makes the configuration file."""
    (repository / ".miyabi/config.toml").write_text(text, encoding="utf-8")


def test_without_a_file_there_is_one_local_machine(tmp_path: Path) -> None:
    """Whoever has configured nothing can start at once."""
    assert Settings.load(tmp_path).machines == (LOCAL,)


def test_arguments_win_over_variables_and_these_over_the_file(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source overrides the next, field by field, not table by table."""
    write(repository, "[runs]\nmax_attempts = 7\nretry_delay_seconds = 1\nfail_fast = true")
    monkeypatch.setenv("MIYABI_RUNS__RETRY_DELAY_SECONDS", "2")
    monkeypatch.setenv("MIYABI_RUNS__STRATEGY", "spread")
    runs = Settings.load(repository, runs={"strategy": "fill-first"}).runs
    assert (runs.max_attempts, runs.retry_delay_seconds, runs.fail_fast) == (7, 2, True)
    assert runs.strategy is Strategy.FILL_FIRST


def test_machines_are_read_in_order(repository: Path) -> None:
    """The order of the file is the order of preference."""
    write(repository, '[[machines]]\nname="b"\nhost="b.local"\nslots=3\n[[machines]]\nname="a"\nlabels=["xcode"]')
    settings = Settings.load(repository)
    assert [(m.name, m.host, m.slots, m.labels) for m in settings.machines] == [
        ("b", "b.local", 3, ()),
        ("a", None, 1, ("xcode",)),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[runs\n", ["config.toml", "not valid TOML", "line 1"]),
        ("[sessions]\nmax_turns = 0", ["config.toml", "sessions.max_turns", "greater than or equal to 1", "found 0"]),
        ("[sessions]\nmodle = 'x'", ["sessions.modle", "unknown field", "did you mean 'model'"]),
        ("[session]\nmodel = 'x'", ["session", "unknown field", "'sessions'"]),
        ("[[machines]]\nname='../x'", ["machines.0.name", "found '../x'"]),
        ("[[machines]]\nname='a'\n[[machines]]\nname='A'", ["machines", "two machines are called 'a'"]),
        ("[[machines]]\nname='a'\nslots='many'", ["machines.0.slots", "found 'many'"]),
        ("[[machines]]\nname='a'\nenvironment={'A B'='x'}", ["machines.0.environment"]),
        ("[runs]\nstrategy='random'", ["runs.strategy", "'fill-first' or 'spread'", "found 'random'"]),
        ("[runs]\nuntil='7'", ["runs.until: must be an hour such as '07:00'", "found '7'"]),
        ("[runs]\nuntil='07:00 Mars'", ["runs.until: must name a time zone", "found '07:00 Mars'"]),
        ("[runs]\nuntil=700", ["runs.until", "valid string", "found 700"]),
        ("[runs]\nwrap_up_minutes=-1", ["runs.wrap_up_minutes", "greater than or equal to 0", "found -1"]),
        ("[sessions]\nstall_minutes=-1", ["sessions.stall_minutes", "greater than or equal to 0", "found -1"]),
        ("[review]\nsessions = 'all'", ["config.toml", "review.sessions", "found 'all'"]),
        ("[review]\ntypes = ['bugs']", ["review.types.0", "'feature', 'bug'", "found 'bugs'"]),
        ("[review]\nlabels = ['gpu']", ["config.toml", "review.labels: no machine has label 'gpu'", "give it to one"]),
        ("[review]\npriorities = [0]", ["review.priorities.0", "greater than or equal to 1", "found 0"]),
        ("[review]\nmax_budget_usd = 0", ["review.max_budget_usd", "greater than 0", "found 0"]),
        ("[budget]\nrun_usd = 0", ["config.toml", "budget.run_usd", "greater than 0", "found 0"]),
        ("[budget]\ntask_tokens = 1.5", ["budget.task_tokens", "integer", "found 1.5"]),
        ("[budget]\nnight_usd = 3", ["budget.night_usd", "unknown field"]),
        ("machines = 3", ["machines", "found 3"]),
        ("[[accounts]]\nname='a'", ["accounts.0", "a is logged in nowhere; set config_dir, token_file or both"]),
        ("[[accounts]]\nname='a'\nconfig_dir='c'", ["accounts.0.config_dir", "found 'c'"]),
        (f"{ACCOUNT}{ACCOUNT}", ["accounts.1.name", "two accounts are called 'first'"]),
        (f"{ACCOUNT}[[machines]]\nname='a'\naccounts=['fist']", ["machines.0.accounts", "did you mean 'first'?"]),
        (f"{ACCOUNT}[[machines]]\nname='a'\naccounts=['first', 'first']", ["machines.0.accounts", "named twice"]),
        (
            f"{ACCOUNT}[[machines]]\nname='a'\naccounts=['first']\nenvironment={{ANTHROPIC_API_KEY='x'}}",
            ["machines.0.accounts", "ANTHROPIC_API_KEY in its environment would win"],
        ),
        (f"{ACCOUNT}[[machines]]\nname='a'\naccount='b'\naccounts=['first']", ["machines.0.accounts", "keep one"]),
    ],
)
def test_a_mistake_is_named(repository: Path, text: str, words: list[str]) -> None:
    """Each fault is one line with the file, the field and what was found."""
    write(repository, text)
    with pytest.raises(SettingsError) as caught:
        Settings.load(repository)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", _float_fields(), ids=".".join)
def test_a_number_ends_somewhere(repository: Path, table: tuple[str, str]) -> None:
    """No setting is infinite or no number: a clock that is told such a one would not go on."""
    name, field = table
    for value in ("inf", "nan"):
        write(repository, f"[{name}]\n{field} = {value}")
        with pytest.raises(SettingsError, match=rf"{name}\.{field}: .*finite"):
            Settings.load(repository)


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, not the file that says nothing about it."""
    monkeypatch.setenv("MIYABI_SESSIONS__MAX_TURNS", "-3")
    with pytest.raises(SettingsError, match=r"^MIYABI_SESSIONS__MAX_TURNS: .*found '-3'"):
        Settings.load(tmp_path)


def test_a_configuration_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    """A wrong --config is not silently the defaults."""
    with pytest.raises(SettingsError, match="no such configuration file"):
        Settings.load(tmp_path, config=tmp_path / "other.toml")


@pytest.mark.parametrize("table", Settings.model_fields)
def test_the_example_lists_every_setting(table: str) -> None:
    """examples/config.toml is accepted and names each setting in its table; but for lists it sets the defaults."""
    example = Path(__file__).parents[3] / "examples/config.toml"
    found = getattr(Settings.load(example.parent, config=example), table)
    _, *parts = re.split(r"^\[+([a-z_]+)\]+.*$", example.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = "".join(part for name, part in zip(parts[::2], parts[1::2], strict=True) if name == table)
    model = type(found[0] if table in LISTS else found)
    assert [name for name in model.model_fields if not re.search(rf"^(# )?{name}\b", text, re.MULTILINE)] == []
    assert table in LISTS or found == getattr(Settings(), table)


@pytest.mark.parametrize(("minutes", "seconds"), [(None, (1800, 3900)), (0.5, (30, 30)), (2, (120, 120))])
def test_minutes_of_the_file_are_waited_for_in_seconds(
    repository: Path, minutes: float | None, seconds: tuple[float, float]
) -> None:
    """Whoever waits for a verify command or for GitHub takes the table itself; its defaults count there too."""
    if minutes is not None:
        write(repository, f"[integration]\nverify_timeout_minutes = {minutes}\n[github]\nmax_wait_minutes = {minutes}")
    settings = Settings.load(repository)
    retry_policy = RetryPolicy.of(settings.github)
    assert (settings.integration.verify_timeout_seconds, retry_policy.max_wait_seconds) == seconds
    assert retry_policy.write_interval_seconds == settings.github.write_interval_seconds


def test_an_hour_that_was_given_in_place_of_the_setting() -> None:
    """What cannot be used is named as it was given; none is as good as any."""
    require_moment(None, name="--until", is_to_come=True)
    with pytest.raises(SettingsError, match=r"^--until: must be an hour .* \(found '25:00'\)$"):
        require_moment("25:00", name="--until")
    past = "2020-12-02T07:00+01:00"
    with pytest.raises(SettingsError, match=r"^--until: must be still to come \(found '2020-12-02T07:00\+01:00'\)$"):
        require_moment(past, name="--until", is_to_come=True)
    require_moment(past, name="the parameter until")
