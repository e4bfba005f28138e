"""A whole file as one segment: what ``vqmon score`` and ``vqmon compare`` look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from monitor.sources.decoding import (
    SegmentDecoding,
    announced_duration,
    stream_decoding,
    stream_span,
    stream_start,
    video_stream,
)
from monitor.sources.failures import classify, shown
from monitor.sources.seeking import SeekingReader

if TYPE_CHECKING:
    from av.video.stream import VideoStream

OPEN_TIMEOUT_SECONDS = 15.0
"""For the URLs that PyAV reads as files (HTTP)."""


@dataclass(slots=True, eq=False)
class FileSegment:
    """A file (or a URL that ends) decoded from its first to its last frame by one decoder.

    Presentation time starts at zero with the first frame, so that two files whose containers begin at different times (an
    MPEG-TS at 1.4 s, a B-frame MP4 at 0.08 s) share a timeline. Satisfies ``monitor.protocols.EncodedSegment``.
    """

    path: str
    started_at: datetime
    """UTC given to the first frame."""
    stream: str
    rendition: str = "main"
    sequence: int = 0
    has_utc: bool = False
    duration: Fraction = Fraction(0)
    discontinuity: bool = False
    published_at: datetime | None = None
    download_seconds: float = 0.0
    decoding: SegmentDecoding | None = field(default=None, init=False)
    """The latest pass over it, with its facts."""
    _start: Fraction | None = field(default=None, init=False)
    _span: tuple[Fraction, Fraction] | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """Encoded bytes on disk; 0 for a URL."""
        path = Path(self.path)
        return path.stat().st_size if path.is_file() else 0

    def span(self) -> tuple[Fraction, Fraction]:
        """Zero, and the time at which the last frame ends; reads the whole file.

        Raises:
            SourceError: as ``decode``.
        """
        if self._span is None:
            container, stream = self._opened(decoding=False)
            with container:
                self._span = stream_span(container, stream, self.path)
        first, end = self._span
        return Fraction(0), end - first

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> SegmentDecoding:
        """Open the file for one pass over its frames.

        Raises:
            SourceError: it can't be opened (the message says why), or holds no video.
        """
        if self._start is None:
            container, stream = self._opened(decoding=False)
            with container:
                self._start = stream_start(container, stream, self.path)
        container, stream = self._opened(decoding=not keyframes_only)
        self.decoding = stream_decoding(
            container,
            stream,
            keyframes_only=keyframes_only,
            threads=threads,
            origin=self._start,
            label=shown(self.path),
        )
        return self.decoding

    def seeking(self, *, threads: int = 1, exact: bool = False) -> SeekingReader:
        """A reader of any part of the file; a context manager, which raises as ``decode``."""
        return SeekingReader(self._opened, shown(self.path), threads=threads, exact=exact)

    def announced(self) -> Fraction | None:
        """Duration in seconds that the container writes down for its video; ``None`` where it does not.

        Raises:
            SourceError: as ``decode``.
        """
        container, stream = self._opened(decoding=False)
        with container:
            return announced_duration(container, stream)

    def _opened(self, *, decoding: bool = True) -> tuple[av.container.InputContainer, VideoStream]:
        """Open the file; without decoding its first frames to learn how they are ordered, where no order is wanted."""
        try:
            container = av.open(
                self.path,
                "r",
                options={} if decoding else {"skip_frame": "all"},
                metadata_errors="ignore",
                timeout=(OPEN_TIMEOUT_SECONDS, OPEN_TIMEOUT_SECONDS),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise classify(error, self.path, timeout_seconds=OPEN_TIMEOUT_SECONDS) from error
        return container, video_stream(container, shown(self.path))
