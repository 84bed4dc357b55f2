"""Git in the user's clone, here: commands, merges, bundles, branches, checkouts, Git LFS, submodules.

Knows nothing of GitHub, of sessions, or of what a branch is for.
"""

from miyabi.git import branches, checkout, conflict_markers, filters, merge
from miyabi.git.attributes import with_attributes_of
from miyabi.git.branches import STRAYS, TIE
from miyabi.git.bundle import PrerequisiteMissing
from miyabi.git.clone import Clone, clone_of
from miyabi.git.command import Git, printable_path, require_git, unquoted
from miyabi.git.filters import LFS, needed, uses_lfs
from miyabi.git.ignored import Matches, ignored_files, matches
from miyabi.git.large_objects import Storage, lfs_objects, lfs_objects_of, missing_lfs_objects, with_lfs
from miyabi.git.merge import History
from miyabi.git.remote import base
from miyabi.git.remote.partial_clone import complete_partial_clone
from miyabi.git.remote.push import foreign_tips, push
from miyabi.git.remote.target import Remote, RemoteToken, push_address
from miyabi.git.remote.url import Origin, RemoteUrl
from miyabi.git.repository import Changes, Repository, existing_folder, shallow_ends
from miyabi.git.submodules import Submodule, Submodules, submodules_of

__all__ = [
    "LFS",
    "STRAYS",
    "TIE",
    "Changes",
    "Clone",
    "Git",
    "History",
    "Matches",
    "Origin",
    "PrerequisiteMissing",
    "Remote",
    "RemoteToken",
    "RemoteUrl",
    "Repository",
    "Storage",
    "Submodule",
    "Submodules",
    "base",
    "branches",
    "checkout",
    "clone_of",
    "complete_partial_clone",
    "conflict_markers",
    "existing_folder",
    "filters",
    "foreign_tips",
    "ignored_files",
    "lfs_objects",
    "lfs_objects_of",
    "matches",
    "merge",
    "missing_lfs_objects",
    "needed",
    "printable_path",
    "push",
    "push_address",
    "require_git",
    "shallow_ends",
    "submodules_of",
    "unquoted",
    "uses_lfs",
    "with_attributes_of",
    "with_lfs",
]
