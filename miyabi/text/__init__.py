"""Words and Markdown: cleaning, redacting, units, suggestions, tables.

Pure functions over strings; imports nothing of ours but `miyabi.errors`, and nothing heavy, since the guarded command
is started without site-packages.
"""
