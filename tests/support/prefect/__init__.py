"""A real Prefect server, its API, deployments and workers.

Real: all of it. Costs: some seconds a server, shared by a file's tests.
"""
