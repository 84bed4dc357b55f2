"""This computer: atomic and private files, locks, child processes, the guarded command.

Knows nothing of machines, git or sessions. Imports only the standard library, since the guarded command is started
without site-packages.
"""
