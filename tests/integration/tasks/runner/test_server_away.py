"""A runner that takes its machines while the Prefect server is away."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from prefect.context import SettingsContext, get_settings_context

from miyabi.errors import ServerAway
from miyabi.machines import Cordon
from tasks.concurrency import CordonStore
from tasks.runner import FleetTaskRunner
from tests.support.prefect.in_flow import fleet, in_flow
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures
from tests.support.prefect.server_line import ServerLine


class _Told(logging.Handler):
    """Has the line begin again as soon as somebody is told that it is waited for."""

    def __init__(self, line: ServerLine) -> None:
        super().__init__()
        self._line = line
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "begins when it is back" in record.getMessage():
            self.texts.append(record.getMessage())
            self._line.begin()


def through(line: ServerLine) -> SettingsContext:
    """Settings, to be entered, with which Prefect's client takes that line."""
    current = get_settings_context()
    api = current.settings.api.model_copy(update={"url": line.url})
    return SettingsContext(profile=current.profile, settings=current.settings.model_copy(update={"api": api}))


def test_it_is_waited_for_in_the_beginning(prefect_server: RealServer) -> None:
    """Nothing has begun that could be lost, so the run waits, says so once, and goes on when it is back."""

    def body(runner: FleetTaskRunner) -> list[str]:
        with ServerLine(prefect_server.url) as line:
            told = _Told(line)
            line.end()
            logging.getLogger("prefect.flow_runs").addHandler(told)
            try:
                with through(line):
                    assert runner.equip(fleet(1), patience_seconds=60) == ()
            finally:
                logging.getLogger("prefect.flow_runs").removeHandler(told)
        return told.texts

    assert len(in_flow(body)) == 1


def test_it_is_waited_for_where_it_goes_away_after_its_first_answers(
    prefect_server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which machines somebody has taken out is asked when the limits are made: the run begins all the same."""
    read, asked = CordonStore.read, list[int]()

    async def away_at_first(store: CordonStore, machines: Sequence[str]) -> dict[str, Cordon]:
        asked.append(len(machines))
        if len(asked) == 1:
            raise ServerAway("The Prefect server does not answer.")
        return await read(store, machines)

    monkeypatch.setattr(CordonStore, "read", away_at_first)
    assert in_flow(lambda runner: runner.equip(fleet(1), patience_seconds=60)) == ()
    assert asked[:2] == [1, 1]


def test_it_is_not_waited_for_without_end(prefect_server: RealServer) -> None:
    """When patience is over, the error says what is away."""

    def body(runner: FleetTaskRunner) -> None:
        with ServerLine(prefect_server.url) as line:
            line.end()
            with through(line), pytest.raises(ServerAway, match="does not answer"):
                runner.equip(fleet(1))

    in_flow(body)
