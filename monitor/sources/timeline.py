"""Timestamps as they come, made into one timeline: wraps undone, holes filled, jumps noticed; and media time into UTC.

Pure: no clock, no I/O. Times are integer ticks of the stream's time base unless a name says otherwise.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

MPEG_WRAP_BITS = 33
"""ISO/IEC 13818-1 timestamps are 33 bits of a 90 kHz clock: they start over every 26.5 hours."""
FLV_WRAP_BITS = 32
"""FLV and RTMP timestamps are 32 bits of milliseconds: they start over every 49.7 days."""

_WRAP_WINDOW_SECONDS = 60
"""A jump back by nearly a full period is a wrap only if the next timestamp lands this near to the last; else a restart."""
_RECENT_STEPS = 8
_CALM_PACKETS = 5
_CALM_SECONDS = 0.015
"""In a burst each packet is less late than the one before by a frame's duration, 17 ms at 60 frames/s."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One packet's times on the timeline."""

    pts: int | None
    """Unwrapped; ``None`` where the container has none and the codec reorders (only the decoder knows the order)."""
    dts: int
    """Unwrapped; derived where the container has none."""
    duration: int
    jump: str = ""
    """``pts_gap``, ``pts_back`` or ``wrap`` where the timeline did not simply go on before this packet, else empty."""


class Timeline:
    """Places the packets of one stream, in decoding order, on one unwrapped timeline.

    A wrap is undone: times go on, and it is reported as ``wrap`` once. A jump (forward by more than ``gap_seconds``
    beyond the end of the packet before *and* unlike the recent pace, or back by more than ``back_seconds``) is only
    reported: times after it are the input's own, because what a restarted encoder means by them is not ours to guess.
    """

    def __init__(
        self,
        time_base: Fraction,
        *,
        wrap_bits: int = 0,
        frame_rate: float = 0.0,
        reorders: bool = True,
        gap_seconds: float = 1.0,
        back_seconds: float = 0.5,
    ) -> None:
        self._period = 1 << wrap_bits if wrap_bits else 0
        self._frame = round(1 / (frame_rate * time_base)) if frame_rate > 0 else 0
        self._reorders = reorders
        self._gap = gap_seconds / float(time_base)
        self._back = back_seconds / float(time_base)
        self._window = min(_WRAP_WINDOW_SECONDS / float(time_base), self._period / 4)
        self._epoch = 0
        self._last: int | None = None
        self._last_duration = 0
        self._steps: deque[int] = deque(maxlen=_RECENT_STEPS)

    def place(self, pts: int | None, dts: int | None, duration: int | None, *, keyframe: bool) -> Placed:
        """The next packet's times; ``None`` (or a duration of 0) where the container does not say."""
        length = duration or self._frame or (self._steps[-1] if self._steps else 0)
        raw = dts if dts is not None else pts
        if raw is None:
            at, jump = (self._last + self._last_duration if self._last is not None else 0), ""
        else:
            at, jump = self._unwrapped(raw)
        if pts is not None:
            shown: int | None = self._nearest(pts, at)
        else:
            # Without B pictures order of decoding is order of presentation; with them a key picture comes first in both.
            shown = at if keyframe or not self._reorders else None
        if self._last is not None and not jump:
            jump = self._jump(at - self._last)
        if jump == "pts_back":
            self._steps.clear()
        elif self._last is not None and at > self._last:
            self._steps.append(at - self._last)
        self._last, self._last_duration = at, length
        return Placed(shown, at, length, jump)

    def _unwrapped(self, raw: int) -> tuple[int, str]:
        at = raw + self._epoch
        if not self._period or self._last is None:
            return at, ""
        if abs(at + self._period - self._last) <= self._window:
            self._epoch += self._period
            return at + self._period, "wrap"
        if abs(at - self._period - self._last) <= self._window:  # a straggler from before the wrap
            return at - self._period, ""
        return at, ""

    def _nearest(self, value: int, near: int) -> int:
        if not self._period:
            return value
        return value + (near - value + self._period // 2) // self._period * self._period

    def _jump(self, step: int) -> str:
        if step < -self._back:
            return "pts_back"
        usual = max(self._steps, default=0)
        if step - self._last_duration > self._gap and step > 4 * usual:
            return "pts_gap"
        return ""


class ArrivalAnchor:
    """UTC of media times of an input that announces none: by the packets that were delayed least.

    A packet can't arrive before it was made, so within a segment the smallest ``arrival - media time`` is the best
    estimate of the offset between the two clocks. Servers and FFmpeg's probing deliver the first seconds in a burst, in
    which every packet is less late than the one before; until it is over (``settled``) no segment should be dated. The
    offset is kept while it stays within ``tolerance_seconds``, which makes segments contiguous; it moves to an earlier
    time at once, and to a later one (a drifting sender, not a stall) when two segments in a row ask for it.
    """

    def __init__(self, *, tolerance_seconds: float = 1.0) -> None:
        self._tolerance = tolerance_seconds
        self._offset: float | None = None
        self._least: float | None = None
        self._was_late = False
        self._floor = math.inf
        self._calm = 0

    @property
    def settled(self) -> bool:
        """Whether packets arrive at the pace of their own times, as far as the last few tell."""
        return self._calm >= _CALM_PACKETS

    def observe(self, media_seconds: Fraction, arrived: datetime) -> None:
        """A packet to be decoded at ``media_seconds`` arrived."""
        offset = arrived.timestamp() - float(media_seconds)
        self._least = offset if self._least is None else min(self._least, offset)
        if offset < self._floor - _CALM_SECONDS:
            self._floor, self._calm = offset, 0
        else:
            self._calm += 1

    def utc(self, media_seconds: Fraction) -> datetime:
        """UTC of the media time at which a segment starts, all of whose packets were observed; the next one begins.

        Raises:
            ValueError: nothing was ever observed, or nothing since ``reset``.
        """
        least, self._least = self._least, None
        if least is None:
            least = self._offset
        if least is None:
            raise ValueError("no packet was observed")
        late = self._offset is not None and least > self._offset + self._tolerance
        if self._offset is None or least < self._offset - self._tolerance or (late and self._was_late):
            self._offset, late = least, False
        self._was_late = late
        return datetime.fromtimestamp(self._offset + float(media_seconds), UTC)

    def reset(self) -> None:
        """Media time jumped: start over."""
        self._offset = self._least = None
        self._was_late = False
        self._floor, self._calm = math.inf, 0


class Position:
    """How far into a file its segments lie, in seconds: media time, going on where the file's timestamps jump."""

    def __init__(self, *, largest_gap_seconds: float = 60.0) -> None:
        self._largest_gap = largest_gap_seconds
        self._shift: Fraction | None = None
        self._end = Fraction(0)

    def advance(self, start: Fraction, end: Fraction) -> Fraction:
        """Position of the segment ``[start, end)`` (media seconds), which comes after all those before."""
        if self._shift is None or not self._end - 1 <= start + self._shift <= self._end + Fraction(self._largest_gap):
            self._shift = self._end - start
        position = start + self._shift
        self._end = max(self._end, end + self._shift)
        return position

    @property
    def end(self) -> Fraction:
        """Position of the end of the last segment."""
        return self._end
