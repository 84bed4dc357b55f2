"""The report of a run: as values, as the run folder keeps it, and as Markdown.

Reads what a run has kept; changes nothing.
"""
