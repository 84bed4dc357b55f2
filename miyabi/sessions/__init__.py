"""A detached process on a machine that outlives us: started once, followed, cancelled, its commits collected.

Knows nothing of Claude or of a DAG: what runs in a session is a script.
"""
