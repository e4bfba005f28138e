"""Known model files from Netflix' own repository, checked by their digests."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
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

LONGEST_SECONDS = 300.0
"""For one file, however steadily it drips."""

_CHECK = "check the address, the network, HTTPS_PROXY and SSL_CERT_FILE, or try again later"


def fetch(
    name: str,
    folder: Path,
    client: httpx.Client,
    *,
    base_url: str = BASE_URL,
    limit_seconds: float = LONGEST_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Download a known model's file; the folder never holds one that is not whole and right.

    Args:
        name: Of the model.
        folder: Where the file is to be; made where it is missing.
        client: With the timeout, proxy and certificates to use, following redirects.
        base_url: What the file's path in the repository is appended to.
        limit_seconds: How long the whole file may take.
        clock: Monotonic seconds.

    Raises:
        UnknownName: no such model.
        SourceUnavailable: no answer, or a server that is in trouble; try again later.
        SourceError: the server has no such file, or what came is not the published one.
        ConfigError: ``base_url`` is none, or the folder can't be written.
    """
    if name not in KNOWN:
        raise UnknownName("VMAF model", name, KNOWN, "Only files whose digest is known can be fetched.")
    known = KNOWN[name]
    try:
        base = httpx.URL(base_url)
        url = base.copy_with(path=f"{base.path.rstrip('/')}/{known.path}")
    except httpx.InvalidURL as error:
        raise ConfigError(f"{base_url.partition('?')[0].rpartition('@')[2]} is no address: {error}") from error
    shown = str(url.copy_with(username=None, password=None, query=None))
    data = _body(client, url, shown, clock, clock() + limit_seconds)
    if (digest := hashlib.sha256(data).hexdigest()) != known.sha256:
        raise SourceError(
            f"{shown} is not the published {known.file}: of its {len(data)} bytes the SHA-256 is {digest}, not "
            f"{known.sha256}; nothing was kept; take it from another address",
            reason="protocol",
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


def _body(client: httpx.Client, url: httpx.URL, shown: str, clock: Callable[[], float], deadline: float) -> bytes:
    data = bytearray()
    try:
        with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise _refused(shown, response.status_code)
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > LARGEST:
                    raise SourceError(
                        f"{shown} is larger than {LARGEST} bytes and no model file; take it from another address",
                        reason="protocol",
                    )
                if clock() > deadline:
                    raise SourceUnavailable(
                        f"{shown}: only {len(data)} bytes came in time; try again later, or take it from another address",
                        reason="timeout",
                    )
    except httpx.TimeoutException as error:
        raise SourceUnavailable(f"{shown}: no answer in time; try again, or give --timeout", reason="timeout") from error
    except httpx.HTTPError as error:
        raise SourceUnavailable(f"{shown} can't be had: {str(error).rstrip('.')}; {_CHECK}", reason="open") from error
    return bytes(data)


def _refused(shown: str, status: int) -> SourceError:
    reason = f"http_{status // 100}xx"
    if status in RETRIABLE:
        return SourceUnavailable(f"{shown} answered HTTP {status}; the server is in trouble, try again later", reason=reason)
    return SourceError(
        f"{shown} answered HTTP {status}; give the address of a copy of Netflix/vmaf that serves the file", reason=reason
    )
