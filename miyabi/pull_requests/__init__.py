"""The text of a run's pull requests, and their publication: pushed once, opened once, brought up to date.

Decides what is published; GitHub itself is `miyabi.github.repository`, the push `miyabi.git.command.remote`.
"""
