"""Following one live media playlist: what to fetch next, and what each answer means. No I/O, no clock, no threads."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from monitor.errors import BadMedia, NoVideo, SourceError
from monitor.sources.backoff import Backoff
from monitor.sources.hls_dating import Dated, Dating
from monitor.sources.hls_reload import ReloadSchedule
from monitor.sources.hls_window import Window
from monitor.sources.http import FetchError
from monitor.sources.playlist import MediaPlaylist, MediaSegment
from monitor.types import EventKind, SourceEvent


class Moment(NamedTuple):
    """The present, on both clocks."""

    monotonic: float
    utc: datetime


@dataclass(slots=True, eq=False)
class Announced:
    """A segment on its way: announced, and neither delivered nor given up."""

    segment: MediaSegment
    dated: Dated
    published_at: datetime
    restarted: bool = False
    """Whether numbering began anew with it."""
    renewed: bool = False
    """Whether the encoder may have been restarted since the last fetch, so that nothing cached is good for it."""
    gone: bool = False
    """Whether it has left the playlist."""
    last_try: bool = False
    """Whether its successor can be had, so that one more failure is its own fault."""
    failures: int = 0
    final_failures: int = 0
    """Answers that say that it is not to be had, or not whole."""
    failing_since: float = 0.0
    retry_at: float = 0.0
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class FollowerPolicy:
    """How patient a follower is."""

    start: int | None = 3
    """Segments before the live edge to begin with, ``None`` for all. Three as RFC 8216, 6.3.3 has it: they cost no
    latency, since the monitor reads as fast as it can, and give renditions that start at different moments a
    common past to be paired on. A recording always begins at its beginning."""
    down_after_seconds: float = 15.0
    """How long playlist or segments have to fail before the input counts as down; a recording then raises."""
    backlog_seconds: float = 60.0
    """How much announced media may wait before the oldest is dropped, and how long one segment is retried at most: a late
    alert is worth less than a current one."""
    retry_seconds: float = 0.5
    """Upper bound of the first wait after a failure."""
    ceiling_seconds: float = 30.0
    """Upper bound of all waits."""


@dataclass(slots=True)
class Work:
    """What to do now."""

    events: list[SourceEvent] = field(default_factory=list)
    reload: bool = False
    segment: Announced | None = None


class Follower:
    """The state of one rendition's input.

    The owner asks ``due`` what to start, starts it, and reports each end by one of ``playlist_loaded``,
    ``playlist_failed``, ``segment_loaded`` and ``segment_failed``. At most one reload and one segment are under way.

    Segments come out in the order of the playlist, never late ones after their successors. A segment answered by 404 or the
    like, empty or truncated, is tried a second time, half a target duration later if it is the newest (caches answer
    early) and half a second later if others wait, and then given up. Server errors, timeouts and lost connections are
    retried with backoff while the segment is in the playlist; when it has held others up for a target duration or three
    times, its successor is tried, and if that one can be had and the segment still cannot, the fault is its own and it
    is given up.

    Args:
        stream: for events.
        rendition: for events.
        live: whether the input is taken for live until its first playlist tells: a live one is retried for ever.
        policy: patience.
        seed: of the retry jitter.
    """

    def __init__(self, stream: str, rendition: str, *, live: bool, policy: FollowerPolicy, seed: int = 0) -> None:
        self.live = live
        self._stream, self._rendition = stream, rendition
        self._policy = policy
        self._rng = random.Random(f"{seed}/{stream}/{rendition}")
        self._backoff = Backoff(
            self._rng,
            minimum_seconds=policy.retry_seconds,
            maximum_seconds=policy.ceiling_seconds,
            circuit_failures=10,
        )
        self._window = Window(policy.start)
        self._schedule = ReloadSchedule()
        self._dating = Dating()
        self._pending: deque[Announced] = deque()
        self._loading: Announced | None = None
        self._try_successor = False
        self._target_seconds = 1.0
        self._reloading_since: float | None = None
        self._reload_at = float("-inf")
        self._opened = False
        self._complete = False
        self._up: bool | None = None
        self._playlist_failing_since: float | None = None
        self._segments_failing_since: float | None = None
        self._failure: SourceError | None = None
        self._delivered = False
        self._broken = False
        self._run: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the playlist has ended and all of it is delivered or given up."""
        return self._complete and not self._pending

    def due(self, moment: Moment) -> Work:
        """What to start at ``moment``; the owner must start it, and report each end."""
        now = moment.monotonic
        work = Work(events=self._down_since(self._playlist_failing_since, moment))
        if not self._complete and self._reloading_since is None and now >= self._reload_at:
            self._reloading_since = now
            work.reload = True
            if self._up is False:
                work.events.append(self._event(EventKind.RECONNECT, moment))
        if self._loading is None and self._pending:
            entry = self._candidate()
            if now >= entry.retry_at:
                entry.renewed = entry.restarted or entry.segment.discontinuity or self._broken
                self._loading = work.segment = entry
        return work

    def wake_at(self) -> float:
        """When ``due`` has to be asked again if nothing is reported before; monotonic seconds."""
        times = []
        if not self._complete and self._reloading_since is None:
            times.append(self._reload_at)
        if self._loading is None and self._pending:
            times.append(self._candidate().retry_at)
        if self._up is not False and self._playlist_failing_since is not None:
            times.append(self._playlist_failing_since + self._policy.down_after_seconds)
        return min(times, default=float("inf"))

    def playlist_loaded(self, playlist: MediaPlaylist, moment: Moment) -> list[SourceEvent]:
        """Take in a reading of the playlist.

        Raises:
            SourceError: it can never be shown: encrypted with a licence, or over without a segment.
        """
        now = moment.monotonic
        asked_at = self._reloading_since if self._reloading_since is not None else now
        self._reloading_since = None
        self._playlist_failing_since = None
        if not self._opened:
            self._open(playlist)
        advance = self._window.advance(playlist, now)
        if advance.outdated:
            self._reload_at = self._schedule.after_none(asked_at, now)
            return []
        self._complete = playlist.ended
        self._target_seconds = playlist.target_seconds
        events: list[SourceEvent] = []
        if advance.changed:
            events.append(self._event(EventKind.MANIFEST_CHANGED, moment, value=playlist.target_seconds))
            newest = float(playlist.segments[-1].duration)
            self._reload_at = self._schedule.after_change(asked_at, now, playlist.target_seconds, newest)
        else:
            self._reload_at = self._schedule.after_none(asked_at, now)
        if playlist.segments:
            first = playlist.segments[0].sequence
            events += self._forget(moment, None if advance.restarted else first)
        if advance.skipped:
            events.append(self._dropped(advance.skipped, "left the playlist between two readings", moment))
        broken = advance.restarted or advance.skipped > 0
        dates = self._dating.place(advance.fresh, moment.utc, broken=broken)
        fresh = [Announced(segment, dated, moment.utc) for segment, dated in zip(advance.fresh, dates, strict=True)]
        if fresh and advance.restarted:
            fresh[0].restarted = True
        if fresh and len(self._pending) == 1:
            self._pending[0].retry_at = min(self._pending[0].retry_at, now)  # others wait now
        self._pending.extend(fresh)
        return events + self._trim(moment) + self._pass_gaps(moment)

    def playlist_failed(self, error: SourceError, moment: Moment) -> list[SourceEvent]:
        """Take in a failed reading.

        Raises:
            SourceError: ``error``, where the input is no live one.
        """
        now = moment.monotonic
        asked_at = self._reloading_since if self._reloading_since is not None else now
        self._reloading_since = None
        if not self.live:
            raise error
        if self._playlist_failing_since is None:
            self._playlist_failing_since = asked_at
        self._failure = error
        self._reload_at = now + max(0.1, self._backoff.failed(now))
        events = [self._event(EventKind.MANIFEST_ERROR, moment, detail=str(error), reason=error.reason)]
        if not self._opened and self._up is None:
            return [*events, self._down(moment)]
        return events + self._down_since(self._playlist_failing_since, moment)

    def segment_loaded(self, entry: Announced, moment: Moment) -> tuple[list[SourceEvent], bool] | None:
        """Take in an arrived segment.

        Returns:
            What to report before the segment, and whether the timeline or the encoder restarted before it. ``None``
            where the segment must wait, since the origin has recovered and its predecessor is worth a last try.
        """
        self._loading = None
        self._try_successor = False
        events: list[SourceEvent] = []
        head = self._pending[0]
        if head is not entry:
            if head.error is None or head.error.reason != "timeout":
                head.last_try, head.retry_at = True, moment.monotonic
                return None
            events += self._given_up(head, moment)  # a segment that hangs would hold up the others again
        self._segments_failing_since = None
        self._backoff.delivered(moment.monotonic)
        self._leave(entry)
        self._delivered = True
        if self._up is not True and self._playlist_failing_since is None:
            self._up = True
            events.append(self._event(EventKind.UP, moment))
        broken, self._broken = self._broken, False
        if broken:
            reason = "restart" if entry.restarted else "flagged"
            sequence = entry.segment.sequence
            events.append(
                self._event(EventKind.DISCONTINUITY, moment, f"before segment {sequence}", reason=reason, value=sequence)
            )
        return events + self._pass_gaps(moment), broken

    def segment_failed(self, entry: Announced, error: SourceError, moment: Moment) -> list[SourceEvent]:
        """Take in a failed fetch.

        Raises:
            SourceError: ``error``, where the input is a recording and nothing of it could be had for long enough.
        """
        now = moment.monotonic
        self._loading = None
        if entry.failures == 0:
            entry.failing_since = now
        entry.failures += 1
        entry.error = self._failure = error
        if self._segments_failing_since is None:
            self._segments_failing_since = now
        if not self.live and now - self._segments_failing_since >= self._policy.down_after_seconds:
            raise error
        others_wait = len(self._pending) > 1
        half = self._target_seconds / 2.0
        final = isinstance(error, BadMedia) or (isinstance(error, FetchError) and error.refused_for_good)
        if final:
            entry.final_failures += 1
            entry.retry_at = now + (min(0.5, half) if others_wait else half)
        else:
            bound = min(max(half, 0.25), 0.25 * 2.0 ** min(entry.failures - 1, 16))
            entry.retry_at = now + self._rng.uniform(0.5, 1.0) * bound
        expired = now - entry.failing_since > self._policy.backlog_seconds
        spent = entry.final_failures >= 2 or entry.gone or entry.last_try or expired
        hopeless = spent or not (final or error.retriable)
        down = self._down_since(self._segments_failing_since, moment)
        if hopeless and entry is self._pending[0]:
            self._try_successor = False
            return self._given_up(entry, moment) + self._pass_gaps(moment) + down
        stuck = entry.failures >= 3 or now - entry.failing_since >= self._target_seconds or error.reason == "timeout"
        turn = entry is self._pending[0] and not final and stuck and others_wait
        self._try_successor = turn and not self._pending[1].segment.gap
        return down

    def _open(self, playlist: MediaPlaylist) -> None:
        if playlist.ended and not playlist.segments:
            raise NoVideo("the playlist has ended and lists no segments", reason="playlist")
        if playlist.segments and (key := playlist.segments[-1].key) is not None:
            key.check()
        self._opened = True
        self.live = not playlist.ended

    def _candidate(self) -> Announced:
        """The segment whose turn it is."""
        return self._pending[1 if self._try_successor and len(self._pending) > 1 else 0]

    def _forget(self, moment: Moment, first: int | None) -> list[SourceEvent]:
        """Give up what has left the playlist, which begins at ``first`` (``None``: with other numbers)."""
        events: list[SourceEvent] = []
        unread = 0
        for entry in tuple(self._pending):
            if first is not None and entry.segment.sequence >= first and not entry.gone:
                continue
            entry.gone = True
            if entry is self._loading:
                continue  # its answer is still to come
            if entry.failures or entry.segment.gap:
                events += self._given_up(entry, moment)
            else:
                unread += 1
                self._leave(entry)
        if unread:
            events.append(self._dropped(unread, "left the playlist before they were fetched", moment))
        return events

    def _trim(self, moment: Moment) -> list[SourceEvent]:
        """Drop the oldest where more waits than is worth waiting for."""
        start = self._policy.start
        if not self.live or start is None:
            return []
        limit = max(self._policy.backlog_seconds, start * self._target_seconds)
        waiting = sum(float(entry.segment.duration) for entry in self._pending)
        unread = 0
        for entry in tuple(self._pending):
            if waiting <= limit or len(self._pending) == 1:
                break
            if entry is self._loading:
                continue
            waiting -= float(entry.segment.duration)
            unread += 1
            self._leave(entry)
        return [self._dropped(unread, "had to wait for too long", moment)] if unread else []

    def _pass_gaps(self, moment: Moment) -> list[SourceEvent]:
        events: list[SourceEvent] = []
        while self._pending and self._pending[0].segment.gap:
            events += self._given_up(self._pending[0], moment)
        return events

    def _given_up(self, entry: Announced, moment: Moment) -> list[SourceEvent]:
        self._leave(entry)
        sequence = entry.segment.sequence
        kind = EventKind.SEGMENT_BAD if isinstance(entry.error, BadMedia) else EventKind.SEGMENT_MISSING
        if entry.error is None:
            detail, reason = f"segment {sequence} is announced as absent (EXT-X-GAP)", "gap"
        else:
            detail, reason = f"segment {sequence}: {entry.error}", entry.error.reason
        return [self._event(kind, moment, detail, reason=reason, value=sequence)]

    def _leave(self, entry: Announced) -> None:
        """Take ``entry`` out; a break before it stands before whatever comes next."""
        self._pending.remove(entry)
        run = entry.segment.discontinuity_sequence
        unseen = run is not None and self._run is not None and run > self._run
        self._broken |= self._delivered and (entry.segment.discontinuity or entry.restarted or unseen)
        self._run = run

    def _dropped(self, count: int, why: str, moment: Moment) -> SourceEvent:
        return self._event(EventKind.DROPPED, moment, f"{count} segments {why}", reason="lag", value=count)

    def _down_since(self, since: float | None, moment: Moment) -> list[SourceEvent]:
        """DOWN where something has failed ``since`` for too long and it is not yet said."""
        if self._up is False or since is None or moment.monotonic - since < self._policy.down_after_seconds:
            return []
        return [self._down(moment)]

    def _down(self, moment: Moment) -> SourceEvent:
        self._up = False
        reason = self._failure.reason if self._failure is not None else "open"
        return self._event(EventKind.DOWN, moment, detail=str(self._failure or ""), reason=reason)

    def _event(
        self, kind: EventKind, moment: Moment, detail: str = "", *, reason: str = "", value: float = 0.0
    ) -> SourceEvent:
        return SourceEvent(kind, self._stream, self._rendition, moment.utc, detail, reason, value)
