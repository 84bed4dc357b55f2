"""The `miyabi` command in a small repository: a process, a terminal, a browser on Prefect's page.

Real: the process, the terminal and Chromium. Costs: a second a command.
"""
