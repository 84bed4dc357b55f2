"""Values: DAGs, results, milestones, runs that have ended or were begun by an earlier build.

Real: the values, and git where a run has branches; nothing is started.
Costs: nothing, or some tens of milliseconds a repository.
"""
