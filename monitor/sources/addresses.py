"""Addresses as they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S*?(?=[.,:;)'\"]*(?:\s|$))")
"""An address in a text, without the punctuation after it."""


def redacted(url: str) -> str:
    """``url`` without user name, password, query and fragment: fit for logs, events and errors."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(unreadable URL)"
    if ":" in host:
        host = f"[{host}]"
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def without_secrets(text: str) -> str:
    """``text`` whose addresses are all ``redacted``; paths stay as they are."""
    return _ADDRESS.sub(lambda found: redacted(found[0]), text) if "://" in text else text
