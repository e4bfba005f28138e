"""A whole file as one segment: what ``vqmon score`` and ``vqmon compare`` look at."""

from __future__ import annotations

import stat
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from monitor.errors import SourceError
from monitor.sources.decoding import (
    SegmentDecoding,
    announced_duration,
    stream_decoding,
    stream_span,
    video_stream,
)
from monitor.sources.failures import classify, shown
from monitor.sources.seeking import SeekingReader

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from monitor.types import VideoFormat

STANDARD_INPUT = "/dev/stdin"
"""What the path ``-`` stands for."""

OPEN_TIMEOUT_SECONDS = 15.0
"""For the URLs that PyAV reads as files (HTTP)."""


@dataclass(slots=True, eq=False)
class FileSegment:
    """A file (or a URL that ends) decoded from its first to its last frame by one decoder.

    Presentation time starts at zero with the first frame, so that two files whose containers begin at different times (an
    MPEG-TS at 1.4 s, a B-frame MP4 at 0.08 s) share a timeline. Satisfies ``monitor.protocols.EncodedSegment``.
    """

    path: str
    """Or a URL, or ``-`` for standard input."""
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
    _announced: Fraction | None = field(default=None, init=False)
    _opened_before: bool = field(default=False, init=False)
    _looked: tuple[int, SegmentDecoding] | None = field(default=None, init=False)
    """A pass that was begun to look at the first picture, and its threads."""
    _span: tuple[Fraction, Fraction] | None = field(default=None, init=False)

    @property
    def size(self) -> int:
        """Encoded bytes on disk; 0 for a URL."""
        path = Path(self.path)
        return path.stat().st_size if path.is_file() else 0

    @property
    def is_pipe(self) -> bool:
        """Whether it can be read but once, from its start to its end."""
        try:
            mode = Path(self._address).stat().st_mode
        except OSError:
            return False
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)

    def span(self) -> tuple[Fraction, Fraction]:
        """Zero, and the time at which the last frame ends; reads the whole file.

        Raises:
            SourceError: as ``decode``.
        """
        if self._span is None:
            container, stream = self._opened(decoding=False)
            with container:
                self._span = stream_span(container, stream, shown(self.path))
        first, end = self._span
        return Fraction(0), end - first

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> SegmentDecoding:
        """Open the file for one pass over its frames.

        Raises:
            SourceError: it can't be opened (the message says why), or holds no video.
        """
        if self._looked is not None and (threads, keyframes_only) == (self._looked[0], False):
            self.decoding, self._looked = self._looked[1], None
            return self.decoding
        container, stream = self._opened(decoding=False) if keyframes_only else self._ordered()
        with ExitStack() as stack:
            stack.callback(container.close)
            self.decoding = stream_decoding(
                container,
                stream,
                keyframes_only=keyframes_only,
                threads=threads,
                from_zero=True,
                label=shown(self.path),
            )
            stack.pop_all()
        return self.decoding

    def look(self, *, threads: int = 1) -> VideoFormat:
        """The format of the first picture.

        What was opened and decoded for it serves the next pass with as many threads, for opening and a first picture take
        as long as scoring several: up to then, or to ``close``, the file stays open.

        Raises:
            SourceError: as ``decode``, or none of its pictures can be decoded.
        """
        self.close()
        decoding = self.decode(threads=threads)
        with ExitStack() as stack:
            stack.push(decoding)
            found = decoding.look()
            stack.pop_all()
        self._looked = threads, decoding
        return found

    def close(self) -> None:
        """Let go of what looking at the first picture left open."""
        if self._looked is not None:
            with self._looked[1]:
                self._looked = None

    def seeking(self, *, threads: int = 1, exact: bool = False) -> SeekingReader:
        """A reader of any part of the file; a context manager, which raises as ``decode``.

        Raises:
            SourceError: it is a pipe.
        """
        if self.is_pipe:
            raise self._once()
        return SeekingReader(self._ordered, shown(self.path), threads=threads, exact=exact)

    def announced(self) -> Fraction | None:
        """Duration in seconds that the container writes down for its video; ``None`` where it does not.

        Raises:
            SourceError: as ``decode``.
        """
        if not self._opened_before:
            self._opened(decoding=False)[0].close()
        return self._announced

    @property
    def _address(self) -> str:
        return STANDARD_INPUT if self.path == "-" else self.path

    def _once(self) -> SourceError:
        return SourceError(
            f"{self.path} is a pipe, which can be read only once, from its start, and that is not enough for this; write it "
            "to a file first",
            reason="open",
        )

    def _ordered(self) -> tuple[av.container.InputContainer, VideoStream]:
        """Open the file for decoding all its frames: the decoder must know how many of them are reordered.

        An MP4 tells, or its decoder's configuration does; of other files the first frames are decoded once more for it.
        """
        if Path(self.path).is_file():  # what is a pipe opens once
            container, stream = self._opened(decoding=False)
            if "mp4" in container.format.name and stream.codec_context.has_b_frames:
                return container, stream
            container.close()
        return self._opened()

    def _opened(self, *, decoding: bool = True) -> tuple[av.container.InputContainer, VideoStream]:
        """Open the file; without decoding its first frames to learn how they are ordered, where no order is wanted.

        Raises:
            SourceError: as ``decode``; a second time where it is a pipe.
        """
        if self._opened_before and self.is_pipe:
            raise self._once()
        try:
            container = av.open(
                self._address,
                "r",
                options={} if decoding else {"skip_frame": "all"},
                metadata_errors="ignore",
                timeout=(OPEN_TIMEOUT_SECONDS, OPEN_TIMEOUT_SECONDS),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise classify(error, self.path, timeout_seconds=OPEN_TIMEOUT_SECONDS) from error
        stream = video_stream(container, shown(self.path))
        self._announced, self._opened_before = announced_duration(container, stream), True
        return container, stream
