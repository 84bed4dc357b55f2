"""Words and Markdown: cleaning, redacting, units, suggestions, templates.

Pure functions over strings; imports nothing of ours but `miyabi.errors`, and nothing heavy, since the guarded command
is started without site-packages: Jinja2 comes with the first text that a template makes.
"""

from miyabi.text import commonmark, github_markdown, markdown, marked_block
from miyabi.text.field_faults import FieldFault, faults_of, field_name
from miyabi.text.marked_block import replace_block
from miyabi.text.mermaid import MAX_BOXES, Bar, Box, Style, flowchart, gantt
from miyabi.text.redact import (
    REDACTED,
    hide,
    plain_values_left_out,
    redact,
    secrets_of,
    secrets_of_address,
    secrets_of_file,
)
from miyabi.text.sanitize import (
    as_printed,
    clean,
    first_lines,
    last_lines,
    last_message,
    one_line,
    shorten,
    whole,
    without_times,
)
from miyabi.text.suggest import describe, did_you_mean, quote
from miyabi.text.templates import render_github_markdown, render_html, render_markdown, render_page
from miyabi.text.units import (
    clock,
    cost,
    count,
    dollars,
    duration,
    in_words,
    percent,
    several,
    time_of_day,
    version_numbers,
)

__all__ = [
    "MAX_BOXES",
    "REDACTED",
    "Bar",
    "Box",
    "FieldFault",
    "Style",
    "as_printed",
    "clean",
    "clock",
    "commonmark",
    "cost",
    "count",
    "describe",
    "did_you_mean",
    "dollars",
    "duration",
    "faults_of",
    "field_name",
    "first_lines",
    "flowchart",
    "gantt",
    "github_markdown",
    "hide",
    "in_words",
    "last_lines",
    "last_message",
    "markdown",
    "marked_block",
    "one_line",
    "percent",
    "plain_values_left_out",
    "quote",
    "redact",
    "render_github_markdown",
    "render_html",
    "render_markdown",
    "render_page",
    "replace_block",
    "secrets_of",
    "secrets_of_address",
    "secrets_of_file",
    "several",
    "shorten",
    "time_of_day",
    "version_numbers",
    "whole",
    "without_times",
]
