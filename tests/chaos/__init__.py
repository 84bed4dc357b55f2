"""Faults at random moments of small runs, and the promises that each run keeps all the same: `make chaos`.

A package of its own beside the rings of tests: what it prints is a count, which `docs/faults.md` keeps.
"""
