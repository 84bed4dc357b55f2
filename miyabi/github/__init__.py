"""GitHub by its own nouns: issues, milestones, pull requests, the repository; signing in, and its errors.

Says nothing of its own there: the texts are made by `miyabi.pull_requests` and `miyabi.milestones`.
"""
