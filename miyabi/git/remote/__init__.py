"""The clone's remote repository: its address, signing in, fetching a base, pushing branches.

Works with any git server; what is GitHub's own is in `miyabi.github.repository`.
"""
