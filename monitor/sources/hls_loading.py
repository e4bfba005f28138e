"""Fetching one announced segment: byte range, initialization section, key, decryption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import BadMedia, SourceError
from monitor.sources.addresses import redacted
from monitor.sources.decryption import KEY_BYTES, decrypted, sequence_vector

if TYPE_CHECKING:
    from monitor.sources.http import Fetcher
    from monitor.sources.playlist import InitSection, Key, MediaSegment

_KeyT = TypeVar("_KeyT")

MAX_SEGMENT_BYTES = 128 << 20
MAX_INIT_BYTES = 4 << 20
MAX_KEY_BYTES = 1 << 16
CACHED = 8
"""Initialization sections and keys kept."""


@dataclass(frozen=True, slots=True)
class LoadedSegment:
    """A segment's bytes in the clear."""

    data: bytes
    init: bytes
    download_seconds: float
    """For the segment alone, without key and initialization section."""


class SegmentLoader:
    """Fetches segments whole, one at a time; initialization sections and keys are cached.

    Args:
        fetcher: open; its owner closes it.
        timeout_seconds: limit for one segment.
    """

    def __init__(self, fetcher: Fetcher, *, timeout_seconds: float) -> None:
        self._fetcher = fetcher
        self._timeout_seconds = timeout_seconds
        self._inits: dict[InitSection, bytes] = {}
        self._keys: dict[str, bytes] = {}

    def load(self, segment: MediaSegment, *, renewed: bool = False) -> LoadedSegment:
        """Fetch and decrypt ``segment``.

        Args:
            segment: what to fetch.
            renewed: whether the encoder may have been restarted since the last call: the initialization section is
                fetched again, since packagers reuse its name.

        Raises:
            FetchError: it, its key or its initialization section can't be had.
            BadMedia: it is empty, truncated, or does not decrypt.
            SourceError: the encryption is not AES-128, or the key is no key.
        """
        if renewed:
            self._inits.clear()
        init = self._init(segment.init) if segment.init is not None else b""
        key = self._key(segment.key) if segment.key is not None else None
        answer = self._fetcher.get(
            segment.url,
            max_bytes=MAX_SEGMENT_BYTES,
            byte_range=segment.byte_range,
            timeout_seconds=self._timeout_seconds,
        )
        data = answer.body
        if not data:
            raise BadMedia(f"{redacted(segment.url)} is empty (0 bytes)", reason="eof")
        if key is not None and segment.key is not None:
            vector = segment.key.vector or sequence_vector(segment.sequence)
            data = decrypted(data, key, vector, redacted(segment.url))
        return LoadedSegment(data, init, answer.seconds)

    def _init(self, section: InitSection) -> bytes:
        if section not in self._inits:
            body = self._fetcher.get(section.url, max_bytes=MAX_INIT_BYTES, byte_range=section.byte_range).body
            if section.key is not None:
                vector = section.key.vector
                if vector is None:
                    raise SourceError(f"{redacted(section.url)}: an encrypted EXT-X-MAP needs an IV", reason="playlist")
                body = decrypted(body, self._key(section.key), vector, redacted(section.url))
            _keep(self._inits, section, body)
        return self._inits[section]

    def _key(self, key: Key) -> bytes:
        key.check()
        if key.url not in self._keys:
            body = self._fetcher.get(key.url, max_bytes=MAX_KEY_BYTES).body
            if len(body) != KEY_BYTES:
                raise SourceError(
                    f"{redacted(key.url)}: an AES-128 key has {KEY_BYTES} bytes, got {len(body)}; a login page?",
                    reason="auth",
                )
            _keep(self._keys, key.url, body)
        return self._keys[key.url]


def _keep(cache: dict[_KeyT, bytes], key: _KeyT, value: bytes) -> None:
    while len(cache) >= CACHED:
        del cache[next(iter(cache))]
    cache[key] = value
