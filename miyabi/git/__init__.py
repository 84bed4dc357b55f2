"""Git in the user's clone, here: commands, merges, bundles, branches, checkouts, Git LFS, submodules.

Knows nothing of GitHub, of sessions, or of what a branch is for.
"""
