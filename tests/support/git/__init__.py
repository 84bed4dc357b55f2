"""Repositories: a user's clone, remotes to push to, Git LFS, submodules, sessions that do random things.

Real: git and git-lfs; a remote at GitHub is git's own HTTP backend on loopback.
Costs: some tens of milliseconds a repository.
"""
