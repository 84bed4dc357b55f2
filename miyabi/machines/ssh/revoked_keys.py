"""Host keys that the user's `RevokedHostKeys` takes back: a file of keys, or a key revocation list.

ssh_config(5) has the option, ssh-keygen(1) the list and how it is asked (`-Q`), OpenSSH's PROTOCOL.krl its first bytes.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh

from miyabi.system import exit_status

_LIST_BEGINS = b"SSHKRL\n\0"
_WITHIN_SECONDS = 20


class RevokedKeys:
    """The file, read when it is asked.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        content = file.read_bytes()
        self._is_list = content.startswith(_LIST_BEGINS)
        self._keys = frozenset() if self._is_list else frozenset(_blobs(content.decode(errors="replace")))

    def among(self, keys: Iterable[asyncssh.SSHKey]) -> tuple[asyncssh.SSHKey, ...]:
        """Returns those of the keys that are revoked, in their order.

        Raises:
            OSError: there is no room for a temporary file.
        """
        return tuple(key for key in keys if self.has(key))

    def has(self, key: asyncssh.SSHKey) -> bool:
        """Returns whether the key, or the certificate, is revoked.

        A list is asked by `ssh-keygen`; where that cannot be run, or takes longer than 20 s, the key counts as revoked.

        Raises:
            OSError: there is no room for a temporary file.
        """
        return self._is_listed(key) if self._is_list else key.public_data in self._keys

    def _is_listed(self, key: asyncssh.SSHKey) -> bool:
        with tempfile.NamedTemporaryFile(suffix=".pub") as shown:
            shown.write(key.export_public_key())
            shown.flush()
            words = ["ssh-keygen", "-Q", "-f", str(self._file), shown.name]
            try:
                return exit_status(words, timeout_seconds=_WITHIN_SECONDS) != 0
            except OSError:  # there is none, or it does not end
                return True


def _blobs(text: str) -> Iterator[bytes]:
    """The keys of a file's lines, without their types and comments."""
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from filter(None, map(_key_blob, line.split()))


def _key_blob(word: str) -> bytes:
    with suppress(ValueError):
        if word.startswith("AAAA"):
            return base64.b64decode(word, validate=True)
    return b""
