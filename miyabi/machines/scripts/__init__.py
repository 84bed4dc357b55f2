"""What is installed on a machine, by content hash: the supervisor of sessions, the workspace of tasks.

The scripts are POSIX sh and perl. Their bytes are their names on a machine: a change of one leaves sessions that run
with the script of before.
"""
