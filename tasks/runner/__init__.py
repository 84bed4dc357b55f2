"""Prefect's task runner for a fleet: which machine takes which task run, and when.

The queue in front of the machines; the machine itself enforces its slots.
"""
