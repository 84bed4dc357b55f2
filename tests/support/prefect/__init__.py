"""A Prefect server, its API, deployments and workers.

Real: all of it, with SQLite.
Costs: some seconds a server, which the tests of a process share; half a minute a deployed clone.
"""
