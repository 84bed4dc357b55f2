from __future__ import annotations

import pytest

from miyabi.machines import Machine
from tests.support.claude.stub import StubHome, outcome, shells, stub  # noqa: F401 - a fixture

MACHINE = Machine(name="mini1")


def token_file(stub: StubHome, *, mode: int, text: str = "tok-1\n") -> str:
    """A token file in the home, as the settings name it."""
    file = stub.home / "to ken"
    file.write_text(text)
    file.chmod(mode)
    return "~/to ken"


@pytest.mark.parametrize("shell", shells())
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_token(stub: StubHome, shell: str, mode: int) -> None:
    """The token comes from a file that only its owner reads, and beats a stray API key."""
    received = stub.received(MACHINE, shell=shell, oauth_token_file=token_file(stub, mode=mode, text=" tok-\n1\r\n"))
    assert received["env"]["CLAUDE_CODE_OAUTH_TOKEN"] == "tok-1"  # noqa: S105 - not a real one
    assert "ANTHROPIC_API_KEY" not in received["env"]
    assert not any("tok-1" in argument for argument in received["argv"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_token_that_others_read(stub: StubHome, mode: int) -> None:
    """A token file that anybody else may read is refused with the way out, and claude is not started."""
    done = stub.run(MACHINE, oauth_token_file=token_file(stub, mode=mode))
    assert (done.returncode, done.stdout) == (78, b"")
    assert "to ken can be read by others; its mode must be 0600" in done.stderr.decode()
    assert outcome(done) == "launch_failed: token_file"


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), (" \n", "is empty"), (None, "does not exist")])
def test_no_token(stub: StubHome, text: str | None, said: str) -> None:
    """A token file without a token, or none at all, is told."""
    name = "~/none" if text is None else token_file(stub, mode=0o600, text=text)
    done = stub.run(MACHINE, oauth_token_file=name)
    assert (done.returncode, done.stderr.decode().rstrip().endswith(said)) == (78, True)


def test_linked_token(stub: StubHome) -> None:
    """What counts for a link is the mode of the file that it names."""
    token_file(stub, mode=0o644)
    (stub.home / "link").symlink_to(stub.home / "to ken")
    assert stub.run(MACHINE, oauth_token_file="~/link").returncode == 78  # noqa: S106 - a path
