"""What a reload of a live playlist brought: new segments, a restart, a jump, or an old copy."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.sources.http import ByteRange
    from monitor.sources.playlist import MediaPlaylist, MediaSegment

    Fingerprint = tuple[str, ByteRange | None, datetime | None]

REMEMBERED = 64
"""Segments whose identity is kept to tell an old copy of the playlist from a restarted encoder."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The difference to the reading before."""

    fresh: tuple[MediaSegment, ...] = ()
    """Segments to fetch, in order."""
    changed: bool = False
    """Whether the playlist moved on."""
    restarted: bool = False
    """Whether numbering began anew: nothing joins the first fresh segment to those before."""
    skipped: int = 0
    """Segments that were announced and left again between two readings."""
    outdated: bool = False
    """Whether this is an older reading than one seen before, as a lagging cache gives it."""


class Window:
    """Follows the sliding window of one media playlist. No I/O, no clock.

    Media sequence numbers only grow (RFC 8216, 6.2.2). A number that falls is an old copy from a lagging cache as long
    as the segments are those seen under the same numbers, and for three target durations at most; otherwise the encoder
    was restarted. A number that jumps ahead by more segments than can have been made since the last change is a
    restart, too.

    Args:
        start: how many segments before the live edge to begin with, ``None`` for all.
    """

    def __init__(self, start: int | None) -> None:
        self._start = start
        self._next: int | None = None
        self._known: dict[int, Fingerprint] = {}
        self._changed_at = 0.0
        self._behind_since: float | None = None

    def advance(self, playlist: MediaPlaylist, now: float) -> Advance:
        """Take in a reading made at ``now`` (monotonic seconds).

        Args:
            playlist: the reading.
            now: when it was made.

        Returns:
            The difference to the reading before; the first one counts as a change.
        """
        if not playlist.segments:
            return Advance()
        first, newest = playlist.segments[0].sequence, playlist.segments[-1].sequence
        if self._next is None:
            return self._begin(playlist, now, restarted=False)
        if self._foreign(playlist):
            return self._begin(playlist, now, restarted=True)
        if newest < self._next:
            return self._stand(playlist, now, behind=newest < self._next - 1)
        self._behind_since = None
        skipped = max(0, first - self._next)
        if skipped > self._possible(playlist, now):
            return self._begin(playlist, now, restarted=True)
        fresh = tuple(segment for segment in playlist.segments if segment.sequence >= self._next)
        self._remember(fresh, now)
        return Advance(fresh, changed=True, skipped=skipped)

    def _begin(self, playlist: MediaPlaylist, now: float, *, restarted: bool) -> Advance:
        fresh = playlist.segments if self._start is None else playlist.segments[-self._start :]
        if playlist.ended and not restarted and self._next is None:
            fresh = playlist.segments  # a recording, not a live edge
        self._known.clear()
        self._behind_since = None
        self._remember(playlist.segments[-REMEMBERED:], now)
        return Advance(fresh, changed=True, restarted=restarted)

    def _stand(self, playlist: MediaPlaylist, now: float, *, behind: bool) -> Advance:
        if not behind:
            self._behind_since = None
            return Advance()
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since > 3.0 * playlist.target_seconds:
            return self._begin(playlist, now, restarted=True)
        return Advance(outdated=True)

    def _foreign(self, playlist: MediaPlaylist) -> bool:
        """Whether no segment is what was seen under its number, so that the numbers mean something else now."""
        if self._next is None or playlist.segments[0].sequence >= self._next:
            return False
        known = [(self._known.get(segment.sequence), _fingerprint(segment)) for segment in playlist.segments]
        if playlist.segments[-1].sequence < self._next and known[-1][0] is None:
            return True  # below everything remembered
        pairs = [(before, after) for before, after in known if before is not None]
        return bool(pairs) and not any(_alike(before, after) for before, after in pairs)

    def _possible(self, playlist: MediaPlaylist, now: float) -> float:
        mean = sum(float(segment.duration) for segment in playlist.segments) / len(playlist.segments)
        return 10.0 + 2.0 * (now - self._changed_at) / max(mean, 0.1)

    def _remember(self, segments: tuple[MediaSegment, ...], now: float) -> None:
        for segment in segments:
            self._known[segment.sequence] = _fingerprint(segment)
        for sequence in sorted(self._known)[:-REMEMBERED]:
            del self._known[sequence]
        self._next = segments[-1].sequence + 1
        self._changed_at = now


def _fingerprint(segment: MediaSegment) -> Fingerprint:
    return basename(urlsplit(segment.url).path), segment.byte_range, segment.started_at


def _alike(before: Fingerprint, after: Fingerprint) -> bool:
    """Same date where both have one, else same file name: folders and queries may hold tokens that change."""
    if before[2] is not None and after[2] is not None:
        return abs((before[2] - after[2]).total_seconds()) < 1.0
    return before[:2] == after[:2]
