"""The reference beside the distorted picture: exact pairing by presentation time.

The reference is kept *encoded*: a few recent segments, bounded in bytes. When a rendition's segment is scored, the reference
is decoded only as far as the frames that it asks for, and those stay in a small cache for the other renditions, which ask
for the same ones.

Two segments share a timeline through EXT-X-PROGRAM-DATE-TIME where both have it, else through PTS. A pair is the
reference frame nearest in time, at most half a frame away: that absorbs the rounding of PDT (milliseconds) and of 90 kHz
clocks, and can never choose a neighbour. Frames without a counterpart are left unpaired and counted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.errors import SourceError
from monitor.types import Frame, VideoFormat

if TYPE_CHECKING:
    from monitor.protocols import EncodedSegment

Convert = Callable[[Frame, VideoFormat], Frame]
"""Brings a frame into another format: ``monitor.sources.scaling.Converter.convert``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CACHED_SEGMENTS = 3
"""How many of the newest reference segments keep decoded frames: renditions are scored within seconds of each other."""

FALLBACK_TOLERANCE = Fraction(1, 100)
"""Seconds: how near two frames must be where neither says how long it lasts."""


def utc_seconds(moment: datetime) -> Fraction:
    """``moment`` as exact seconds since the Unix epoch."""
    since = moment - _EPOCH
    return Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)


@dataclass(slots=True, eq=False)
class _Placed:
    """A reference segment on the common timeline."""

    segment: EncodedSegment
    start: Fraction
    end: Fraction
    offset: Fraction
    """Common time minus media time."""


@dataclass(slots=True, eq=False)
class _Wanted:
    """A sampler that wants the first frame at or after a moving target."""

    target: Fraction
    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        return pts >= self.target

    def reset(self) -> None: ...


def placement(segment: EncodedSegment) -> tuple[Fraction, Fraction, Fraction]:
    """Start, end and offset of a segment on the timeline it shares with others: UTC by PDT, else PTS (offset 0).

    Raises:
        SourceError: the segment is no media.
    """
    start, end = segment.span()
    offset = utc_seconds(segment.started_at) - start if segment.has_utc else Fraction(0)
    return start + offset, end + offset, offset


class ReferenceWindow:
    """The recent part of a reference. Filled by one thread, read by any number."""

    def __init__(self, *, max_bytes: int = 64 << 20, max_frame_bytes: int = 48 << 20) -> None:
        self._max_bytes = max_bytes
        self._max_frame_bytes = max_frame_bytes
        self._segments: deque[_Placed] = deque()
        self._bytes = 0
        self._frames: OrderedDict[tuple[int, Fraction], Frame] = OrderedDict()
        self._frame_bytes = 0
        self._lock = threading.Lock()
        self._ended = False

    def add(self, segment: EncodedSegment) -> None:
        """Append a segment; the oldest ones leave when the window exceeds its size.

        Raises:
            SourceError: it is no media; the window is as before.
        """
        start, end, offset = placement(segment)
        with self._lock:
            if self._segments and self._segments[-1].segment.has_utc != segment.has_utc:
                self._clear()  # the timeline itself changed
            self._segments.append(_Placed(segment, start, end, offset))
            self._bytes += segment.size
            recent = {id(placed) for placed in list(self._segments)[-CACHED_SEGMENTS:]}
            for key in [key for key in self._frames if key[0] not in recent]:
                self._frame_bytes -= _size(self._frames.pop(key))
            while self._bytes > self._max_bytes and len(self._segments) > 1:
                self._forget(self._segments.popleft())

    def forget_before(self, seconds: Fraction) -> None:
        """Let go of segments that ended more than ``seconds`` before the newest one did."""
        with self._lock:
            while self._segments and self._segments[-1].end - self._segments[0].end > seconds:
                self._forget(self._segments.popleft())

    def end(self) -> None:
        """No more segments will come."""
        self._ended = True

    @property
    def has_utc(self) -> bool | None:
        """Whether the window is on the UTC timeline; ``None`` while it is empty."""
        with self._lock:
            return self._segments[-1].segment.has_utc if self._segments else None

    @property
    def size(self) -> int:
        """Bytes held: encoded segments and cached frames."""
        return self._bytes + self._frame_bytes

    def full(self, size: int) -> bool:
        """Whether ``size`` more bytes would push older segments out."""
        with self._lock:
            return bool(self._segments) and self._bytes + size > self._max_bytes

    def ready(self, end: Fraction) -> bool:
        """Whether waiting longer can't bring more of the time before ``end``: it is covered, or the reference has ended."""
        with self._lock:
            return self._ended or (bool(self._segments) and self._segments[-1].end >= end - Fraction(1, 1000))

    def reader(self) -> ReferenceReader:
        """A reader for one pass over a distorted segment."""
        return ReferenceReader(self)

    def _clear(self) -> None:
        self._segments.clear()
        self._frames.clear()
        self._bytes = self._frame_bytes = 0

    def _forget(self, placed: _Placed) -> None:
        self._bytes -= placed.segment.size
        for key in [key for key in self._frames if key[0] == id(placed)]:
            self._frame_bytes -= _size(self._frames.pop(key))

    def _at(self, moment: Fraction) -> _Placed | None:
        """The segment on display at ``moment``: the newest that covers it."""
        with self._lock:
            return next((placed for placed in reversed(self._segments) if placed.start <= moment < placed.end), None)

    def _cached(self, placed: _Placed, pts: Fraction, tolerance: Fraction) -> Frame | None:
        with self._lock:
            for (owner, _), frame in self._frames.items():
                if owner == id(placed) and abs(frame.pts - pts) <= min(tolerance, frame.duration / 2 or tolerance):
                    return frame
        return None

    def _keep(self, placed: _Placed, frame: Frame) -> None:
        with self._lock:
            if (id(placed), frame.pts) in self._frames or not any(placed is other for other in self._segments):
                return
            self._frames[(id(placed), frame.pts)] = frame
            self._frame_bytes += _size(frame)
            while self._frame_bytes > self._max_frame_bytes:
                _, oldest = self._frames.popitem(last=False)
                self._frame_bytes -= _size(oldest)


def _size(frame: Frame) -> int:
    return sum(plane.nbytes for plane in frame.planes)


class ReferenceReader:
    """Looks up reference frames at ascending times for one distorted segment; a context manager."""

    def __init__(self, window: ReferenceWindow) -> None:
        self._window = window
        self._stack = ExitStack()
        self._placed: _Placed | None = None
        self._wanted = _Wanted(Fraction(0))
        self._frames: Iterator[Frame] = iter(())
        self._ahead: Frame | None = None

    def __enter__(self) -> ReferenceReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def frame_at(self, moment: Fraction, duration: Fraction) -> Frame | None:
        """The reference frame shown at ``moment`` on the common timeline, or ``None``.

        Args:
            moment: Presentation time of the distorted frame; not before the previous call's.
            duration: How long the distorted frame lasts, seconds; half of it is the tolerance.
        """
        tolerance = duration / 2 or FALLBACK_TOLERANCE
        for instant in (moment, moment + tolerance):  # the pair may be the first frame of the next segment
            placed = self._window._at(instant)  # the reader is the window's other half
            if placed is None:
                continue
            found = self._search(placed, moment - placed.offset, tolerance)
            if found is not None:
                return found
        return None

    def _search(self, placed: _Placed, pts: Fraction, tolerance: Fraction) -> Frame | None:
        cached = self._window._cached(placed, pts, tolerance)
        if cached is not None:
            return cached
        if placed is not self._placed:
            self._open(placed)
        self._wanted.target = pts - tolerance
        while self._ahead is None or self._ahead.pts < pts - tolerance or self._ahead.pts + self._ahead.duration / 2 < pts:
            self._ahead = next(self._frames, None)
            if self._ahead is None:
                return None
        if self._ahead.pts > pts + tolerance:
            return None
        self._window._keep(placed, self._ahead)
        return self._ahead

    def _open(self, placed: _Placed) -> None:
        self._stack.close()
        self._placed, self._ahead, self._frames = placed, None, iter(())
        try:
            decoding = self._stack.enter_context(placed.segment.decode())
        except SourceError:
            return  # nothing can be paired; the rendition reports the reference as lost
        self._frames = decoding.frames(self._wanted)
