"""A run: all tasks of one DAG, its folder and connections; started, checked, gone on with, swept.

Lasts over restarts of the orchestrator. Schedules nothing: that is Prefect's, in `tasks` and `flows`.
"""
