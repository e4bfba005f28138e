"""UTC of each segment's first frame."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.sources.playlist import MediaSegment


class Dated(NamedTuple):
    """When a segment's first frame was shown."""

    started_at: datetime
    """UTC."""
    has_utc: bool
    """Whether it comes from EXT-X-PROGRAM-DATE-TIME."""


class Dating:
    """Dates segments in the order in which they are announced. No I/O, no clock.

    * A segment with EXT-X-PROGRAM-DATE-TIME has that date.
    * One that continues a dated segment, of this reading or an earlier one, begins where that one ends.
    * Otherwise a run of segments is anchored by arrival: the newest segment ended when its reading arrived, since a
      segment is announced once it is complete. From there the run is the sum of its durations, which is free of the
      jitter of arrival, until a discontinuity, a restart or segments of unknown duration break it. Such a timeline
      never goes back.
    """

    def __init__(self) -> None:
        self._end: Dated | None = None

    def place(self, segments: Sequence[MediaSegment], seen_at: datetime, *, broken: bool) -> list[Dated]:
        """Date ``segments``, announced together at ``seen_at``.

        Args:
            segments: in order, each the successor of the one before.
            seen_at: UTC of the reading that announced them first.
            broken: whether something is missing between the last dated segment and the first of these.
        """
        remaining = sum(float(segment.duration) for segment in segments)
        placed: list[Dated] = []
        for index, segment in enumerate(segments):
            cut = segment.discontinuity or (broken and index == 0)
            if segment.started_at is not None:
                dated = Dated(segment.started_at, has_utc=True)
            elif self._end is not None and not cut:
                dated = self._end
            else:
                arrival = seen_at - timedelta(seconds=remaining)
                dated = Dated(max(arrival, self._end.started_at) if self._end else arrival, has_utc=False)
            placed.append(dated)
            duration = float(segment.duration)
            remaining -= duration
            self._end = Dated(dated.started_at + timedelta(seconds=duration), dated.has_utc)
        return placed
