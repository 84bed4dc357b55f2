"""The machines that the user's SSH configuration names."""

from __future__ import annotations

from pathlib import Path

from miyabi.machines import ssh_aliases

CONFIG = """
# Host commented
Host=mini1
  HostName mini1.example
  User runner
host "mini2" mini3 *.lan !mini4
  Port 2222
  User runner
Include {folder}/more.d/*
Host *
Include {folder}/more.d/* {folder}/missing
Host github.example
  User git
Host under?
  User nobody
Host mini1
  ForwardAgent no
"""


async def test_hosts_are_found_where_they_lead(tmp_path: Path) -> None:
    """Each name once, in the order of the files; no pattern, none for git alone, none that is included for others."""
    (tmp_path / "more.d").mkdir()
    (tmp_path / "more.d" / "office").write_text("Host office\n  HostName 192.0.2.7\n  User me\n")
    config = tmp_path / "config"
    config.write_text(CONFIG.format(folder=tmp_path))
    found = await ssh_aliases(config)
    assert [alias.words for alias in found] == [
        "mini1 (runner@mini1.example)",
        "mini2 (runner@mini2:2222)",
        "mini3 (runner@mini3:2222)",
        "office (me@192.0.2.7)",
    ]


async def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    """What leads in a circle is read as deep as OpenSSH reads it, and one that it refuses names no machine."""
    config = tmp_path / "config"
    config.write_text(f"Include {config}\nHost mini1\n")
    assert await ssh_aliases(config) == ()


async def test_without_a_configuration_there_are_none(tmp_path: Path) -> None:
    """No file is no fault."""
    assert await ssh_aliases(tmp_path / "none") == ()
