"""The graph of tasks: reading it from JSON or YAML, validating it, ordering it, simulating its schedule.

Pure but for reading the file. Runs nothing.
"""
