"""Known model files from Netflix' own repository, checked by their digests."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import httpx

from monitor.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from monitor.models.files import KNOWN

BASE_URL = "https://raw.githubusercontent.com/Netflix/vmaf/v3.2.0"
"""The repository at a release; whatever it serves, only the bytes with the known digest are taken."""

LARGEST = 4_000_000
"""Bytes; the largest known file has a tenth."""

RETRIABLE = frozenset({408, 425, 429, *range(500, 600)})
"""HTTP statuses that say "not now" instead of "no"."""


def fetch(name: str, folder: Path, client: httpx.Client, *, base_url: str = BASE_URL) -> Path:
    """Download a known model's file; the folder never holds one that is not whole and right.

    Args:
        name: Of the model.
        folder: Where the file is to be; made where it is missing.
        client: With the timeout, proxy and certificates to use, following redirects.
        base_url: What the file's path in the repository is appended to.

    Raises:
        UnknownName: no such model.
        SourceUnavailable: no answer, or a server that is in trouble; try again later.
        SourceError: the server has no such file.
        ConfigError: what came is not the published file, or the folder can't be written.
    """
    if name not in KNOWN:
        raise UnknownName("VMAF model", name, KNOWN, "Only files whose digest is known can be fetched.")
    known = KNOWN[name]
    url = httpx.URL(f"{base_url.rstrip('/')}/{known.path}")
    shown = str(url.copy_with(username=None, password=None, query=None))
    data = _body(client, url, shown)
    if (digest := hashlib.sha256(data).hexdigest()) != known.sha256:
        raise ConfigError(
            f"{shown} is not the published {known.file}: its SHA-256 is {digest}, not {known.sha256}; nothing was kept"
        )
    path = folder / known.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as beside:
            part = Path(beside) / known.file
            part.write_bytes(data)
            part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror or error}") from error
    return path


def _body(client: httpx.Client, url: httpx.URL, shown: str) -> bytes:
    data = bytearray()
    try:
        with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                kind = SourceUnavailable if response.status_code in RETRIABLE else SourceError
                raise kind(f"{shown} answered {response.status_code}", reason=f"http_{response.status_code // 100}xx")
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > LARGEST:
                    raise SourceError(f"{shown} is larger than {LARGEST} bytes; it is no model file", reason="protocol")
    except httpx.TimeoutException as error:
        raise SourceUnavailable(f"{shown}: no answer in time; try again, or give --timeout", reason="timeout") from error
    except httpx.HTTPError as error:
        raise SourceUnavailable(f"{shown} can't be had: {error}", reason="open") from error
    return bytes(data)
