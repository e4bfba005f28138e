"""Many renditions on few threads: who fetches, who waits, who scores, and what gives way when the machine can't keep up.

One thread a source fetches encoded segments into that rendition's bounded inbox. A small pool of workers scores: the
rendition whose oldest segment has waited longest goes first, each rendition in order and never twice at a time. A rendition
with a reference waits until the reference covers the segment, or until ``reference_wait`` has passed. Where a metric looks
at the frame after (VMAF), it waits for one reference frame more: with a reference that comes in segments of the same length
and at the same time, a segment's duration longer. When a live inbox is full its oldest segment is dropped and counted; a
file's source waits instead.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.errors import SourceError, VqmonError
from monitor.pairing import ReferenceWindow, placement
from monitor.types import EventKind, SegmentResult, SourceEvent

if TYPE_CHECKING:
    from monitor.engine import SegmentScorer
    from monitor.protocols import EncodedSegment, Source

log = logging.getLogger(__name__)

REFERENCE_SECONDS = Fraction(30)
"""How much of a live reference is kept: more than a rendition may lag, and than an alert looks back for evidence."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A segment and what scoring it gave."""

    segment: EncodedSegment
    result: SegmentResult
    reference: ReferenceWindow | None


@dataclass(frozen=True, slots=True)
class Failed:
    """An input that is over because of an error that no retry can mend."""

    event: SourceEvent
    """What to tell about it."""


Message = Scored | SourceEvent | Failed
"""What the scheduler hands to its outlet, in order for each rendition."""


@dataclass(slots=True, eq=False)
class _Waiting:
    segment: EncodedSegment
    arrived: float
    start: Fraction
    """On the timeline shared with the reference."""
    end: Fraction
    alone: bool = False
    """Whether the reference frame that follows can't be waited for: nothing more fits into the window before."""


@dataclass(slots=True, eq=False)
class Lane:
    """One rendition's way through the scheduler.

    Args:
        source: Where its segments come from.
        scorer: What scores them.
        reference: Filled by another source; ``None`` for no-reference metrics only.
        max_bytes: Size of the inbox.
    """

    source: Source
    scorer: SegmentScorer
    reference: ReferenceWindow | None = None
    max_bytes: int = 32 << 20
    _inbox: deque[_Waiting] = field(default_factory=deque, init=False)
    _bytes: int = field(default=0, init=False)
    _busy: bool = field(default=False, init=False)
    _fed: bool = field(default=False, init=False)

    @property
    def depth(self) -> int:
        """Segments waiting."""
        return len(self._inbox)

    @property
    def bytes(self) -> int:
        """Encoded bytes waiting."""
        return self._bytes

    @property
    def fed(self) -> bool:
        """Whether its source has ended: nothing more will wait than does now."""
        return self._fed


@dataclass(slots=True, eq=False)
class ReferenceFeed:
    """A source whose segments go into a reference window; ``lanes`` are the renditions compared with it."""

    source: Source
    window: ReferenceWindow
    lanes: Sequence[Lane]


class Scheduler:
    """Runs lanes until every source has ended or ``stop`` is called.

    Lanes may be added while it runs; ``seal`` says that no more will come, which is what lets it finish.

    Args:
        outlet: Told every message; called from several threads, must not block for long.
        monotonic: A clock that never jumps, seconds.
        utc: Wall clock.
        workers: Scoring threads.
        reference_wait: How many durations of a segment to wait for its reference on a live input.
    """

    def __init__(
        self,
        *,
        outlet: Callable[[Message], None],
        monotonic: Callable[[], float],
        utc: Callable[[], datetime],
        workers: int = 2,
        reference_wait: float = 2.0,
    ) -> None:
        self._lanes: list[Lane] = []
        self._sources: list[Source] = []
        self._outlet = outlet
        self._monotonic = monotonic
        self._utc = utc
        self._reference_wait = reference_wait
        self._change = threading.Condition()
        self._sealed = False
        self._stopping = False
        self._drain = True
        self._threads: list[threading.Thread] = []
        for number in range(workers):
            self._spawn(self._work, f"score-{number}")

    def add(self, lane: Lane) -> None:
        """Begin to fetch and score a rendition."""
        with self._change:
            if self._stopping:
                return
            self._lanes.append(lane)
            self._sources.append(lane.source)
            self._spawn(self._feed, f"fetch-{lane.source.stream}-{lane.source.rendition}", lane)

    def add_reference(self, feed: ReferenceFeed) -> None:
        """Begin to fetch a reference."""
        with self._change:
            if self._stopping:
                return
            self._sources.append(feed.source)
            self._spawn(self._feed_reference, f"fetch-{feed.source.stream}-reference", feed)

    def seal(self) -> None:
        """No more lanes will be added."""
        with self._change:
            self._sealed = True
            self._change.notify_all()

    def stop(self, *, drain: bool = True) -> None:
        """Stop fetching; with ``drain`` what has been fetched is still scored."""
        with self._change:
            self._sealed = self._stopping = True
            self._drain = drain
            self._change.notify_all()
        for source in self._sources:
            source.stop()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for all threads; whether they have ended."""
        deadline = self._monotonic() + timeout_seconds
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - self._monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def finished(self) -> bool:
        """Whether every source has ended and everything fetched has been scored."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def lanes(self) -> Sequence[Lane]:
        """The renditions so far."""
        return tuple(self._lanes)

    def lag_seconds(self, lane: Lane) -> float:
        """How long the oldest segment of ``lane`` has been waiting."""
        with self._change:
            return self._monotonic() - lane._inbox[0].arrived if lane._inbox else 0.0

    def _spawn(self, target: Callable[..., None], name: str, *args: object) -> None:
        thread = threading.Thread(target=target, name=name, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    # ---- fetching

    def _feed(self, lane: Lane) -> None:
        try:
            with lane.source as source:
                for item in source:
                    if isinstance(item, SourceEvent):
                        if item.kind is EventKind.ENDED:
                            self._wait_until_scored(lane)  # the end comes after all that it ends
                        self._outlet(item)
                    else:
                        self._accept(lane, item)
                    if self._stopping:
                        break
        except Exception as error:  # noqa: BLE001  # _fail logs what is no VqmonError: a bug costs one input, not all
            self._wait_until_scored(lane)
            self._fail(lane.source, error)
        finally:
            with self._change:
                lane._fed = True
                self._change.notify_all()

    def _wait_until_scored(self, lane: Lane) -> None:
        with self._change:
            while (lane._inbox or lane._busy) and (self._drain or not self._stopping):
                self._change.wait(0.5)

    def _accept(self, lane: Lane, segment: EncodedSegment) -> None:
        start = end = Fraction(0)
        if lane.reference is not None:
            try:
                start, end, _ = placement(segment)
            except SourceError:
                start = end = Fraction(0)  # scoring will say what is wrong with it
        waiting = _Waiting(segment, self._monotonic(), start, end)
        with self._change:
            if lane.source.live:
                while lane._inbox and lane._bytes + segment.size > lane.max_bytes:
                    self._drop(lane)
            else:
                while lane._inbox and lane._bytes + segment.size > lane.max_bytes and not self._stopping:
                    self._change.wait(0.5)
            lane._inbox.append(waiting)
            lane._bytes += segment.size
            self._change.notify_all()

    def _drop(self, lane: Lane) -> None:
        oldest = lane._inbox.popleft().segment
        lane._bytes -= oldest.size
        detail = (
            f"segment {oldest.sequence} was dropped unscored: {lane.max_bytes >> 20} MiB of segments are waiting already"
        )
        source = lane.source
        self._outlet(
            SourceEvent(EventKind.DROPPED, source.stream, source.rendition, self._utc(), detail, reason="lag", value=1.0)
        )

    def _feed_reference(self, feed: ReferenceFeed) -> None:
        try:
            with feed.source as source:
                for item in source:
                    if isinstance(item, SourceEvent):
                        self._outlet(item)
                    else:
                        self._add_reference(feed, item)
                    if self._stopping:
                        break
        except Exception as error:  # noqa: BLE001  # _fail logs what is no VqmonError: a bug costs one input, not all
            self._fail(feed.source, error)
        finally:
            feed.window.end()
            with self._change:
                self._change.notify_all()

    def _add_reference(self, feed: ReferenceFeed, segment: EncodedSegment) -> None:
        if not feed.source.live:
            with self._change:
                while feed.window.full(segment.size) and not self._stopping and not self._starving(feed, segment.size):
                    self._change.wait(0.5)
        try:
            feed.window.add(segment)
            if feed.source.live:
                feed.window.forget_before(REFERENCE_SECONDS)
        except SourceError as error:
            source = feed.source
            event = SourceEvent(
                EventKind.SEGMENT_BAD,
                source.stream,
                source.rendition,
                self._utc(),
                str(error),
                error.reason,
                segment.sequence,
            )
            self._outlet(event)
        with self._change:
            self._change.notify_all()

    def _starving(self, feed: ReferenceFeed, size: int) -> bool:
        """Whether some rendition can't go on without more of the reference, or none is left that needs what is there.

        One that waits for its own source is no reason to read on: what it will ask for would be pushed out of the window.
        And one that waits for the frame that follows goes on without it where ``size`` more bytes would push out what it
        needs.
        """
        for lane in feed.lanes:
            if lane._inbox and not lane._busy:
                waiting = lane._inbox[0]
                if not feed.window.ready(waiting.end):
                    return True
                if not self._covered(lane, feed.window):
                    if feed.window.has_room(size, waiting.start):
                        return True
                    waiting.alone = True
                    self._change.notify_all()
        return all(lane._fed and not lane._inbox and not lane._busy for lane in feed.lanes)

    def _fail(self, source: Source, error: Exception) -> None:
        """Tell that a source has failed for good."""
        detail = str(error)
        if not isinstance(error, VqmonError):
            log.error("%s/%s: its source failed", source.stream, source.rendition, exc_info=error)
            detail = f"the source failed ({type(error).__name__}); the log has the details"
        reason = error.reason if isinstance(error, SourceError) else "open"
        self._outlet(Failed(SourceEvent(EventKind.DOWN, source.stream, source.rendition, self._utc(), detail, reason)))

    # ---- scoring

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            lane, waiting = taken
            try:
                outcome = lane.scorer.score(waiting.segment, lane.reference)
                for event in outcome.events:
                    self._outlet(event)
                self._outlet(Scored(waiting.segment, outcome.result, lane.reference))
            except Exception:
                log.exception(
                    "%s/%s: segment %s could not be scored",
                    lane.source.stream,
                    lane.source.rendition,
                    waiting.segment.sequence,
                )
            finally:
                with self._change:
                    lane._busy = False
                    self._change.notify_all()

    def _take(self) -> tuple[Lane, _Waiting] | None:
        """The next segment to score; waits for one; ``None`` when there is nothing left to do."""
        with self._change:
            while True:
                if self._stopping and not self._drain:
                    return None
                lane = self._oldest()
                if lane is None and self._stopping:
                    self._give_up()
                if lane is not None:
                    waiting = lane._inbox.popleft()
                    lane._bytes -= waiting.segment.size
                    lane._busy = True
                    self._change.notify_all()
                    return lane, waiting
                if self._sealed and all(lane._fed and not lane._inbox for lane in self._lanes):
                    return None
                self._change.wait(0.1)

    def _give_up(self) -> None:
        """After a stop: leave what waits for a reference that will not come; half scored, it would look like a fault.

        What lacks but the frame that follows is scored without.
        """
        for lane in self._lanes:
            if not lane._busy and lane._inbox and not self._ready(lane):
                lane._inbox[0].alone = True
                if not self._ready(lane):
                    lane._inbox.clear()
                    lane._bytes = 0
        self._change.notify_all()

    def _oldest(self) -> Lane | None:
        ready = [lane for lane in self._lanes if lane._inbox and not lane._busy and self._ready(lane)]
        return min(ready, key=lambda lane: lane._inbox[0].arrived, default=None)

    def _ready(self, lane: Lane) -> bool:
        """Whether the reference covers the lane's next segment, or waiting for it is over."""
        waiting = lane._inbox[0]
        if lane.reference is None or self._covered(lane, lane.reference):
            return True
        waited = self._monotonic() - waiting.arrived
        return lane.source.live and waited > self._reference_wait * max(float(waiting.segment.duration), 1.0)

    def _covered(self, lane: Lane, reference: ReferenceWindow) -> bool:
        """Whether the reference has, or has not and never will, all that scoring the lane's next segment looks at."""
        waiting = lane._inbox[0]
        return reference.ready(waiting.end, following=lane.scorer.looks_ahead and not waiting.alone)
