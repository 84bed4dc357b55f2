"""Output on a terminal that is not UTF-8: what it cannot show is shown as an escape, and ends no command."""

from __future__ import annotations

import codecs
import io
import sys

_ESCAPING = "backslashreplace"
_ASCII = codecs.lookup("ascii")
_OURS = codecs.CodecInfo(
    name="miyabi-ascii",
    encode=_ASCII.encode,
    decode=_ASCII.decode,
    incrementalencoder=_ASCII.incrementalencoder,
    incrementaldecoder=_ASCII.incrementaldecoder,
    streamreader=_ASCII.streamreader,
    streamwriter=_ASCII.streamwriter,
)
"""Click takes a stream whose encoding is called `ascii` for a mistake, and writes UTF-8 to it."""


def escape_what_cannot_be_shown() -> None:
    """Has stdout and stderr write escapes, from now on, in place of what their encoding does not have."""
    codecs.register(lambda name: _OURS if name.replace("-", "_") == "miyabi_ascii" else None)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == _ASCII.name
            stream.reconfigure(encoding=_OURS.name if is_ascii else None, errors=_ESCAPING)


def showable(text: str, encoding: str) -> str:
    """Returns the text as such a stream will show it, so that its width is known beforehand."""
    return text.encode(encoding, _ESCAPING).decode(encoding)
