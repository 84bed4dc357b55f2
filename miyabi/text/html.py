"""Text for HTML and SVG: redacted, without characters that XML does not take, and escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from miyabi.text.redact import redact
from miyabi.text.sanitize import clean

_NO_CHARACTER = re.compile("[\ufffe\uffff]")  # XML 1.0, 2.2; `clean` takes out the controls


def escape(text: str) -> str:
    """Makes words of a text, in an element and in an attribute between quotes alike; its line breaks stay."""
    return _escaped(redact(text))


def diff(text: str) -> str:
    """Makes the lines of a diff, each in an element that says what it is; secrets are to be out of it already."""
    return _lines(text, {"+++": "b", "---": "b", "+": "ins", "-": "del", "@@": "i", "diff ": "b"})


def transcript(text: str) -> str:
    """Makes the lines that `miyabi logs` prints, each in an element that says what it is; redacted already too."""
    return _lines(text, {"&gt; ": "b", "  &gt; ": "b", "  ! ": "del", "- ": "i", "= ": "u"})


def _lines(text: str, tags: Mapping[str, str]) -> str:
    """The text escaped, and each line in the element of the first prefix that it has."""
    return "\n".join(_tagged(line, tags) for line in _escaped(text).split("\n"))


def _escaped(text: str) -> str:
    return html.escape(_NO_CHARACTER.sub("", clean(text)))


def _tagged(line: str, tags: Mapping[str, str]) -> str:
    tag = next((tag for prefix, tag in tags.items() if line.startswith(prefix)), "")
    return f"<{tag}>{line}</{tag}>" if tag else line
