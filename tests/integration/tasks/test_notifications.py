"""What a run tells people: each cause once, at addresses and by a block of Prefect's; what cannot be sent is a line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from miyabi.notify import Message, login_refused, machine_gone, quota_closed, run_broke, stuck, stuck_cause
from miyabi.runs import RunFolder
from miyabi.settings import NotifyKind, NotifySettings
from tasks.notifications import end_held, forget, is_end_held, tell, wait_for_messages
from tests.support.notify.receiver import Receiver, receiving
from tests.support.prefect.server import RealServer, prefect_database, prefect_server  # noqa: F401 - fixtures

TOKEN = "Tk7Qm2Xw9ZcV4bN8"  # noqa: S105 - of a test
SECRET = "ghp_" + "b2" * 18
END = Message(NotifyKind.END, "end 2026", "miyabi run r1: 1 of 1 succeeded")
KINDS = (
    END,
    stuck("r1", number=12, url="https://github.com/acme/app/pull/12", why=f"push with {SECRET}"),
    quota_closed("r1", account="team", until=1_800_009_000.0, now=1_800_000_000.0),
    machine_gone("r1", machine="mini1", why=f"ssh said {SECRET}"),
    login_refused("r1", machine="mini1", why=f"401 {SECRET}"),
    run_broke("r1", f"the disk is full {SECRET}"),
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run's folder."""
    return RunFolder(tmp_path, "r1").create()


def settings(receiver: Receiver, **given: Any) -> NotifySettings:
    """Those that name the receiver."""
    return NotifySettings.model_validate({"urls": [receiver.url(TOKEN)], **given})


def told(folder: RunFolder, to: NotifySettings, *messages: Message) -> None:
    """Tells all of it, and waits until that is over."""
    for message in messages:
        tell(folder, to, message)
    wait_for_messages()


def test_each_kind_arrives_once_and_without_a_secret(folder: RunFolder, prefect_server: RealServer) -> None:
    """However often it comes up, and whoever goes on with the run; what was forgotten comes again."""
    with receiving() as receiver:
        for _ in range(2):
            told(RunFolder(folder.repository, "r1"), settings(receiver), *KINDS)
        assert sorted(receiver.headlines) == sorted(message.headline for message in KINDS)
        assert SECRET not in str(receiver.posts)
        forget(folder, stuck_cause(12))
        told(folder, settings(receiver), *KINDS)
        assert len(receiver.posts) == len(KINDS) + 1
    assert TOKEN not in "".join(path.read_text() for path in folder.path.iterdir() if path.is_file())


def test_kinds_that_are_not_asked_for_are_not_told(folder: RunFolder, prefect_server: RealServer) -> None:
    """`on` chooses; a kind that is asked for later is new then."""
    with receiving() as receiver:
        told(folder, settings(receiver, on=["end"]), *KINDS)
        assert receiver.headlines == [END.headline]
        told(folder, settings(receiver, on=["needs-you"]), *KINDS)
        assert len(receiver.posts) == len(KINDS)


def test_what_cannot_be_sent_is_a_warning_and_told_later(
    folder: RunFolder, prefect_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No tries are left: one line without the address; the next time that it comes up it is told."""
    with receiving() as receiver, caplog.at_level(logging.WARNING):
        receiver.refusals = [500, 500, 500]
        told(folder, settings(receiver), END)
        assert receiver.posts == []
        (line,) = [record.getMessage() for record in caplog.records if "not told" in record.getMessage()]
        assert line.startswith("not told: notify.urls, number 1 (json): ")
        assert TOKEN not in line
        told(folder, settings(receiver), END, END)
        assert receiver.headlines == [END.headline]


def test_a_file_that_cannot_be_read_harms_nobody(
    folder: RunFolder, prefect_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a line in the log."""
    with caplog.at_level(logging.WARNING):
        told(folder, NotifySettings(urls_file="gone"), END)
    assert "notify.urls_file" in caplog.text


async def test_a_block_is_told(folder: RunFolder, prefect_server: RealServer, caplog: pytest.LogCaptureFixture) -> None:
    """A notification block of Prefect's gets the same; one that is not there is named with what to do."""
    with receiving() as receiver, caplog.at_level(logging.WARNING):
        url = f"http://127.0.0.1:{receiver.port}/hook"
        said = {"title": "{{subject}}", "message": "{{body}}"}
        block: Any = CustomWebhookNotificationBlock(name="phone", url=url, json_data=said)
        await block.save("phone", overwrite=True)
        told(folder, NotifySettings(block="custom-webhook/phone"), END)
        assert receiver.headlines == [END.headline]
        told(folder, NotifySettings(block="custom-webhook/none"), KINDS[1])
    assert "not told: block custom-webhook/none: there is no such block; make one in the Prefect UI" in caplog.text


def test_who_tells_of_the_end_later_holds_it(folder: RunFolder) -> None:
    """Inside, and for that run alone."""
    with end_held(folder):
        assert is_end_held(RunFolder(folder.repository, "r1"))
        assert not is_end_held(RunFolder(folder.repository, "r2"))
    assert not is_end_held(folder)
