"""What does not keep the rules of `test_architecture.py` yet. An entry goes when it is mended; none is added."""

from __future__ import annotations

WRONG_WAY: dict[str, set[str]] = {}
"""The packages that a file imports against the ladder."""

WRONG_WAY_LIBRARIES: dict[str, set[str]] = {}
"""The libraries that a file imports though they are behind another door."""

LONG_FUNCTIONS: list[str] = []
"""Functions with a body of more than 25 lines."""

SMALL_FILES: dict[str, str] = {
    "blocks/github.py": "a block of Prefect, known by its module",
    "flows/cli/automations.py": "a command's file, found by its name",
    "flows/cli/completion.py": "a command's file, found by its name",
    "flows/cli/cordon.py": "a command's file, found by its name",
    "flows/cli/notify.py": "a command's file, found by its name",
    "flows/cli/retry.py": "a command's file, found by its name",
    "flows/cli/server.py": "a command's file, found by its name",
    "flows/cli/uncordon.py": "a command's file, found by its name",
    "flows/update_milestone.py": "a flow's file, and an entry point",
    "miyabi/claude/claude_files.py": "which files are claude's is known here, when they go is known above",
    "miyabi/claude/spending_record.py": "asks a machine, while what is spent is counted without one",
    "miyabi/git/ignored.py": "files that no commit has, by pattern: asked for by a run, and by nothing of git's",
    "miyabi/integration/bisect.py": "a search that knows nothing of merges",
    "miyabi/milestones/lock.py": "between processes",
    "miyabi/milestones/summary.py": "text, apart from what is done",
    "miyabi/reports/progress.py": "text, which flows do not make",
    "miyabi/sessions/workspace_errors.py": "with it, workspace.py would be longer than a file may be",
    "miyabi/text/html.py": "what is escaped in HTML and SVG, as `markdown` and `github_markdown` say it of theirs",
    "tasks/concurrency/reconcile.py": "what crashed before, apart from what runs",
}
"""Files under 60 lines with a single importer or none, and why they stand alone."""

SAME_NAME: dict[str, str] = {
    "GitHubRepository": "users import the block by this name; it is how they say which of ours is opened",
    "SessionDefaults": "users import the block by this name, and its schema at Prefect names the table that it holds",
}
"""Names that two public classes have, and why both keep it."""
