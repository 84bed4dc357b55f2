"""Repositories: a user's clone, remotes to push to, Git LFS, submodules, sessions that do random things.

Real: git and git-lfs. Costs: some tens of milliseconds a repository.
"""
