"""What one night's session leaves about reaches no session of a later night, with the real claude on real machines."""

from __future__ import annotations

import shutil
from pathlib import Path

from miyabi.sessions import Outcome
from tests.support.cli.sshd_site import Site, site  # noqa: F401 - a fixture
from tests.support.git.repositories import git
from tests.support.prefect.server import prefect_database, prefect_server  # noqa: F401 - fixtures

MARKER = "read-in-issue-one"

TAKES_ALL = r"""
marker=read-in-issue-one
for place in "$(pwd -P)" "$(cd -P "$(git rev-parse --git-common-dir)" && pwd -P)"; do
  memory=$HOME/.claude/projects/$(printf %s "$place" | LC_ALL=C sed 's/[^A-Za-z0-9]/-/g')/memory
  mkdir -p "$memory" && echo "- $marker: always do so" >"$memory/MEMORY.md"
done
mkdir -p .claude hooks
printf '{"autoMemoryEnabled":true,"env":{"CLAUDE_CODE_DISABLE_AUTO_MEMORY":"0","MARKER":"%s"}}' "$marker" \
  >.claude/settings.local.json
printf 'always do so: %s\n' "$marker" >CLAUDE.local.md
printf '.claude/settings.local.json\nCLAUDE.local.md\nhooks/\n' >>"$(git rev-parse --git-path info/exclude)"
printf '#!/bin/sh\necho %s >hooked.txt; git add hooked.txt\n' "$marker" >hooks/pre-commit
chmod +x hooks/pre-commit
cp hooks/pre-commit "$(git rev-parse --git-path hooks)/pre-commit" 2>/dev/null
git config core.hooksPath "$PWD/hooks"
git config user.name "$marker"
git config extensions.worktreeConfig true
git config alias.x "!echo $marker"
git tag "$marker"
git branch "$marker"
echo "$marker" >stashed.txt; git add stashed.txt; git -c core.hooksPath=/dev/null stash -q
git config core.hooksPath /dev/null
echo first >first.txt
"""
"""What a session can leave beside its commits: memory, ignored settings, and its repository's configuration."""

TELLS_ALL = """
{ env; git config --list --show-origin; git for-each-ref; git stash list; ls -A . .claude
  ls -A "$(git rev-parse --git-path hooks)"
  cat .claude/settings*.json CLAUDE*.md; } >seen.txt 2>&1
"""


def script(site: Site, name: str, text: str) -> str:
    """The scenario that runs it."""
    (site.folder / "gates" / name).write_text(text)
    return f"[[scenario:script:{name}]]"


def one_run(site: Site, run: str, scenario: str) -> None:
    """A run of one task, which succeeds."""
    site.orchestrate([{"id": "work", "prompt": f"Do it. {scenario}", "requires": ["first"]}], run=run).succeeds()
    assert [row.outcome for row in site.report(run).tasks] == [Outcome.SUCCEEDED]


def seen(site: Site, run: str) -> str:
    """All that the second night's session found, and all files of its branch."""
    files = git(site.repository, "ls-tree", "-r", "--name-only", f"miyabi/{run}/work").split()
    return "\n".join([*files, *(site.show("work", file, run=run) for file in files)])


def test_a_second_run_knows_nothing_of_the_first(site: Site) -> None:
    """Neither claude's request nor what its tools see has a word of it, though nobody has swept."""
    settings = '{"autoMemoryEnabled": true, "env": {"CLAUDE_CODE_DISABLE_AUTO_MEMORY": "0"}}'
    (site.repository / ".claude").mkdir()
    (site.repository / ".claude/settings.json").write_text(settings)
    git(site.repository, "add", "-A")
    git(site.repository, "commit", "-qm", "settings that want memory")
    one_run(site, "r1", script(site, "first", TAKES_ALL))
    before = len(site.api.requests)
    site.api.marker = MARKER
    one_run(site, "r2", script(site, "second", TELLS_ALL))
    assert [request.prompt for request in site.api.requests[before:] if request.is_marked] == []
    assert MARKER not in seen(site, "r2")
    assert "HOME=" in seen(site, "r2")


def test_what_was_noted_goes_with_its_run(site: Site) -> None:
    """With `auto_memory` a session has its notes; when the run is swept they are gone, and its transcripts stay."""
    site.write_config(sessions={"auto_memory": True})
    one_run(site, "r1", script(site, "first", TAKES_ALL))
    (transcript,) = (path for path in kept(site) if path.suffix == ".jsonl")
    notes = transcript.parent / "memory" / "MEMORY.md"
    assert MARKER in notes.read_text()
    site.start("sweep", "r1").succeeds()
    assert transcript.exists()
    assert not notes.exists()


def test_a_name_that_is_used_again(site: Site) -> None:
    """Swept and its folder removed, the run is a new one, with new conversations and without the old one's notes."""
    site.write_config(sessions={"auto_memory": True})
    one_run(site, "r1", script(site, "first", TAKES_ALL))
    before, first = site.api.requests, site.conversation("work")
    shutil.rmtree(site.run_folder("r1").path)
    refused = site.orchestrate([{"id": "work", "prompt": "Do it.", "requires": ["first"]}])
    assert refused.wait() == 2, refused.output
    assert "has session r1.work.1, which is of a run whose folder is gone" in refused.output
    assert "miyabi sweep r1" in refused.output
    assert site.api.requests == before
    site.start("sweep", "r1", "--branches", "--yes").succeeds()
    site.api.marker = MARKER
    one_run(site, "r1", script(site, "second", TELLS_ALL))
    assert site.conversation("work") != first
    assert [request.prompt for request in site.api.requests[len(before) :] if request.is_marked] == []
    assert MARKER not in seen(site, "r1")


def kept(site: Site) -> list[Path]:
    """All files that claude keeps of projects on the machines."""
    return sorted(path for path in site.fleet.folder.glob("*/home/.claude/projects/**/*") if path.is_file())
