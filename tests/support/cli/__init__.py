"""The `miyabi` command in a repository: a process, a terminal, a browser on Prefect's page, whole sites of machines.

Real: the process, the terminal, Chromium, and on a site sshd, Prefect's server and claude.
Costs: a second a command, some seconds a site.
"""
