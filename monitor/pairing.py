"""The reference beside the distorted picture: exact pairing by presentation time.

The reference is kept *encoded*: a few recent segments, bounded in bytes. When a rendition's segment is scored, the reference
is decoded only as far as the frames that it asks for, and those stay in a small cache for the other renditions, which ask
for the same ones.

Two segments share a timeline through EXT-X-PROGRAM-DATE-TIME where both have it, else through PTS. A pair is the
reference frame nearest in time, at most half a frame away: that absorbs the rounding of PDT (milliseconds) and of 90 kHz
clocks, and can never choose a neighbour. Frames without a counterpart are left unpaired and counted.

Metrics that look at the reference around a pair get what is shown before and after it from here too, be it in another
segment.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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

SLOWER = Fraction(3, 2)
"""From how many times the duration of the reference's frames on a distorted frame's means another frame rate."""

NEXT_FRAME = Fraction(1, 250)
"""Seconds: who has so much of what comes after a time has the frame shown then. Shorter than frames last, and longer than
what EXT-X-PROGRAM-DATE-TIME rounds away."""

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
    """A sampler that wants the frames at or after a moving target, and some before it."""

    target: Fraction
    lead: int
    """How many before it."""
    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        return pts + self.lead * duration >= self.target

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

    def ready(self, end: Fraction, *, following: bool = False) -> bool:
        """Whether waiting longer can't bring more of the time before ``end``: it is covered, or the reference has ended.

        Args:
            end: On the common timeline.
            following: Whether the frame shown at ``end`` must be there too.
        """
        margin = NEXT_FRAME if following else -Fraction(1, 1000)
        with self._lock:
            return self._ended or (bool(self._segments) and self._segments[-1].end >= end + margin)

    def has_room(self, size: int, since: Fraction) -> bool:
        """Whether ``size`` more bytes would push out nothing that is shown after ``since``."""
        with self._lock:
            return size + sum(placed.segment.size for placed in self._segments if placed.end > since) <= self._max_bytes

    def reader(self, before: int = 0) -> ReferenceReader:
        """A reader for one pass over a distorted segment, able to tell ``before`` frames that precede a pair's."""
        return ReferenceReader(self, before)

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

    def _before(self, moment: Fraction) -> _Placed | None:
        """The last segment that begins before ``moment``."""
        with self._lock:
            earlier = [placed for placed in self._segments if placed.start < moment]
        return max(earlier, key=lambda placed: placed.start, default=None)

    def _after(self, moment: Fraction) -> _Placed | None:
        """The first segment that begins at or after ``moment``."""
        with self._lock:
            later = [placed for placed in self._segments if placed.start >= moment]
        return min(later, key=lambda placed: placed.start, default=None)

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


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A reference frame that was found."""

    placed: _Placed
    decoded: Frame
    seen: Frame
    """What metrics see of it."""
    start: Fraction
    """On the common timeline."""

    @property
    def end(self) -> Fraction:
        return self.start + self.seen.duration


class ReferenceReader:
    """Looks up reference frames at ascending times for one distorted segment; a context manager.

    Frames are on the reference's own timeline. But those of a reference whose frame rate is higher than the distorted one's
    come as if it had the same, on the common timeline: metrics that compare neighbours shall not see the frames between.

    Args:
        window: Where the reference is.
        before: How many frames ``before`` gives at most.
    """

    def __init__(self, window: ReferenceWindow, before: int = 0) -> None:
        self._window = window
        self._stack = ExitStack()
        self._placed: _Placed | None = None
        self._wanted = _Wanted(Fraction(0), before)
        self._frames: Iterator[Frame] = iter(())
        self._ahead: Frame | None = None
        self._passed: deque[Frame] = deque(maxlen=before)
        """Those that the segment shows right before ``_ahead``."""
        self._found: _Shown | None = None

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
        found = self._at(moment, duration)
        if found is None:
            return None
        self._found = found
        return found.seen

    @property
    def span(self) -> tuple[Fraction, Fraction] | None:
        """When the frame that was found last is shown, on the common timeline; ``None`` before the first."""
        return None if self._found is None else (self._found.start, self._found.end)

    def before(self) -> list[Frame]:
        """What the reference shows before the frame that was found last, oldest first.

        To be asked before anything later is. Fewer than agreed where the window begins. Frames that were not on the way are
        decoded for this, from the beginning of their segment.
        """
        found, count = self._found, self._wanted.lead
        if found is None or not count:
            return []
        if found.seen is not found.decoded:
            with self._window.reader() as reader:
                moments = [found.start - number * found.seen.duration for number in range(count, 0, -1)]
                return [frame for moment in moments if (frame := reader.frame_at(moment, found.seen.duration)) is not None]
        frames, edge = deque[Frame](), found.start
        if self._ahead is found.decoded:
            for passed in self._passed:
                self._window._keep(found.placed, passed)
                frames.append(passed)
            edge = found.placed.start  # there are no others in its segment
        while len(frames) < count:
            earlier, edge = self._earlier(edge, found.seen.duration, count - len(frames))
            if not earlier:
                break
            frames.extendleft(reversed(earlier))
        return list(frames)

    def after(self) -> Frame | None:
        """What the reference shows after the frame that was found last; ``None`` where it ends, or is not known to go on."""
        found = self._found
        if found is None or found.seen.duration <= 0:
            return None
        following = self._at(found.end, found.seen.duration)
        if following is not None:
            return following.seen
        if self._placed is found.placed and self._ahead is not None and self._ahead.pts > found.decoded.pts:
            return self._ahead  # beyond pictures that were lost
        placed = self._window._after(found.end)
        return None if placed is None else self._search(placed, placed.start - placed.offset, found.seen.duration / 2)

    def _at(self, moment: Fraction, duration: Fraction) -> _Shown | None:
        tolerance = duration / 2 or FALLBACK_TOLERANCE
        for instant in (moment, moment + tolerance):  # the pair may be the first frame of the next segment
            placed = self._window._at(instant)  # the reader is the window's other half
            if placed is None:
                continue
            found = self._search(placed, moment - placed.offset, tolerance)
            if found is None:
                continue
            if duration >= found.duration * SLOWER > 0:
                return _Shown(placed, found, replace(found, pts=moment, duration=duration), moment)
            return _Shown(placed, found, found, found.pts + placed.offset)
        return None

    def _search(self, placed: _Placed, pts: Fraction, tolerance: Fraction) -> Frame | None:
        cached = self._window._cached(placed, pts, tolerance)
        if cached is not None:
            return cached
        if placed is not self._placed:
            self._open(placed)
        self._wanted.target = pts - tolerance
        while self._ahead is None or self._ahead.pts < pts - tolerance or self._ahead.pts + self._ahead.duration / 2 < pts:
            if self._ahead is not None:
                self._passed.append(self._ahead)
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
        self._passed.clear()
        try:
            decoding = self._stack.enter_context(placed.segment.decode())
        except SourceError:
            return  # nothing can be paired; the rendition reports the reference as lost
        self._frames = decoding.frames(self._wanted)

    def _earlier(self, edge: Fraction, duration: Fraction, count: int) -> tuple[list[Frame], Fraction]:
        """Some of the frames that are shown before ``edge``: the last ones, at most ``count`` and of one segment.

        And when the first of them begins. ``duration`` is that of a frame.
        """
        tolerance = duration / 2 or FALLBACK_TOLERANCE
        placed = self._window._before(edge - tolerance)
        if placed is None:
            return [], edge
        cached = self._window._cached(placed, edge - duration - placed.offset, tolerance)
        if cached is not None:
            return [cached], cached.pts + placed.offset
        wanted = _Wanted(min(edge - tolerance, placed.end) - placed.offset, count)
        frames = deque[Frame](maxlen=count)
        try:
            with placed.segment.decode() as decoding:
                for frame in decoding.frames(wanted):
                    if frame.pts >= wanted.target:
                        break
                    frames.append(frame)
        except SourceError:
            return [], edge
        for frame in frames:
            self._window._keep(placed, frame)
        return list(frames), placed.start
