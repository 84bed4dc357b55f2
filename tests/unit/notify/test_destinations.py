"""Where messages go: no address is ever shown, and a service that does not take one costs a bounded time."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path

import pytest

from miyabi.errors import SettingsError
from miyabi.notify import Destination, Message, NotSent, deliver, destinations, trial
from miyabi.settings import NotifySettings
from miyabi.text import redact, secrets_of_address
from tests.support.notify.receiver import receiving

TOKEN = "Tk7Qm2Xw9ZcV4bN8"  # noqa: S105 - of a test


def settings(*urls: str, urls_file: str = "") -> NotifySettings:
    """Those that name these addresses."""
    return NotifySettings.model_validate({"urls": urls, "urls_file": urls_file})


def test_a_message_arrives_with_its_first_line_as_title(tmp_path: Path) -> None:
    """Apprise posts it as it is; the name of the destination tells the service, not the address."""
    with receiving() as receiver:
        (to,) = destinations(settings(receiver.url(TOKEN)), root=tmp_path)
        (came,) = deliver(trial(), [to])
    assert (came.name, came.fault) == ("notify.urls, number 1 (json)", "")
    assert [(post["title"], post["message"]) for post in receiver.posts] == [(trial().headline, trial().text)]
    assert TOKEN not in redact(f"POST /{TOKEN}")


def test_what_fails_at_first_is_tried_again(tmp_path: Path) -> None:
    """A service that has trouble for a moment gets the message once all the same."""
    with receiving() as receiver:
        receiver.refusals = [503]
        (came,) = deliver(trial(), destinations(settings(receiver.url()), root=tmp_path))
    assert came.fault == ""
    assert len(receiver.posts) == 1


def test_what_fails_for_good_is_said_without_the_address(tmp_path: Path) -> None:
    """The others get it; each fault names its destination and a reason, and no token."""
    with receiving() as receiver:
        urls = (f"json://127.0.0.1:9/{TOKEN}", f"nosuch://{TOKEN}", TOKEN, receiver.url())
        came = deliver(trial(), destinations(settings(*urls), root=tmp_path))
    assert [bool(each.fault) for each in came] == [True, True, True, False]
    assert len(receiver.posts) == 1
    assert TOKEN not in str(came)
    assert "Apprise knows no such address" in came[1].fault


def test_nothing_waits_for_a_service_that_does_not_answer() -> None:
    """After the time that is given it counts as not sent."""

    def hang(_: Message) -> None:
        time.sleep(5)

    def refuse(_: Message) -> None:
        raise NotSent("no")

    began = time.monotonic()
    came = deliver(trial(), [Destination("a", hang), Destination("b", refuse)], patience_seconds=0.3)
    assert time.monotonic() - began < 3
    assert [each.fault for each in came] == ["no answer within 0.3 s", "no"]


def test_what_may_have_arrived_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that took too long to answer may have the message; one that refused at once has not."""
    monkeypatch.setattr(import_module("miyabi.notify.destinations"), "READ_SECONDS", 0.05)
    tries = []

    def late(_: Message) -> None:
        tries.append("late")
        time.sleep(0.1)
        raise NotSent("no answer")

    (came,) = deliver(trial(), [Destination("a", late)])
    assert (came.fault, tries) == ("no answer", ["late"])


def test_addresses_from_a_file(tmp_path: Path) -> None:
    """One a line, seen from the repository; a file that others may read is refused."""
    file = tmp_path / "notify"
    file.write_text(f"# mine\njson://127.0.0.1:9/{TOKEN}\n\nntfy://topic\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match=r"notify\.urls_file: .*/notify: others may read it\. Run: chmod 600"):
        destinations(settings(urls_file="notify"), root=tmp_path)
    file.chmod(0o600)
    found = destinations(settings(urls_file="notify"), root=tmp_path)
    assert [each.name for each in found] == ["notify, line 2 (json)", "notify, line 4 (ntfy)"]
    with pytest.raises(SettingsError, match=r"notify\.urls_file: .*/none: cannot be read"):
        destinations(settings(urls_file="none"), root=tmp_path)


def test_the_host_of_an_address_is_no_secret() -> None:
    """The computer may be named anywhere; token, password and a topic in its place may not."""
    found = secrets_of_address("slack://bot77user:p4ssw0rd9@hooks.example1.com:8443/T1JJ3T3L2/A1BRTD4JD?to=ch%40nnel99")
    assert {"bot77user", "p4ssw0rd9", "T1JJ3T3L2", "A1BRTD4JD", "ch@nnel99"} <= found
    assert "hooks.example1.com" not in found
    assert "topic77abc" in secrets_of_address("ntfy://topic77abc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """It is named."""
    (tmp_path / "notify").touch(mode=0o000)
    with pytest.raises(SettingsError, match="Permission denied"):
        destinations(settings(urls_file="notify"), root=tmp_path)
