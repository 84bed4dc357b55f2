"""One Claude Code session: its command line and prompt, its stream read, what it spent, and what its outcome is.

Starts nothing. An outcome is decided by evidence, never by exit status alone or by the agent's word.
"""
