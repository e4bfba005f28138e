from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from monitor.errors import BadMedia, ConfigError
from monitor.pairing import ReferenceWindow
from monitor.scheduling import Failed, Lane, ReferenceFeed, Scheduler, Scored
from monitor.types import EventKind, Segment, SegmentResult, SourceEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class FakeSegment:
    sequence: int
    first: Fraction
    duration: Fraction = Fraction(2)
    size: int = 1000
    started_at: datetime = START
    has_utc: bool = False

    def span(self):
        return self.first, self.first + self.duration


class FakeSource:
    def __init__(self, items, *, rendition="r", live=False, gate: threading.Event | None = None, error=None):
        self.stream, self.rendition, self.live = "s", rendition, live
        self._items, self._gate, self._error = items, gate, error
        self.stopped = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        self.stopped.set()

    def __iter__(self) -> Iterator:
        for item in self._items:
            if self.stopped.is_set():
                return
            yield item
        if self._gate is not None:
            while not self._gate.is_set() and not self.stopped.is_set():
                time.sleep(0.005)
        if self._error is not None:
            raise self._error


@dataclass
class Outcome:
    result: SegmentResult
    events: tuple = ()


@dataclass
class FakeScorer:
    hold: threading.Event | None = None
    seen: list[int] = field(default_factory=list)
    active: int = 0
    overlapped: bool = False
    fail_on: int | None = None
    looks_ahead: bool = False

    def score(self, segment, reference):
        self.active += 1
        self.overlapped |= self.active > 1
        if self.hold is not None:
            self.hold.wait(5)
        self.seen.append(segment.sequence)
        time.sleep(0.001)
        self.active -= 1
        if segment.sequence == self.fail_on:
            raise RuntimeError("bug")
        return Outcome(SegmentResult(Segment("s", "r", segment.sequence, START, segment.duration), ()))


def segments(count, **kwargs):
    return [FakeSegment(n, Fraction(2 * n), **kwargs) for n in range(count)]


def build(outbox, workers=2, **kwargs):
    return Scheduler(
        outlet=outbox.append, monotonic=time.monotonic, utc=lambda: datetime.now(UTC), workers=workers, **kwargs
    )


def run(scheduler, lanes, references=(), seconds=5.0):
    for feed in references:
        scheduler.add_reference(feed)
    for lane in lanes:
        scheduler.add(lane)
    scheduler.seal()
    assert scheduler.join(seconds)
    assert scheduler.finished


def test_every_segment_is_scored_once_in_order_and_never_twice_at_a_time():
    outbox: list = []
    scorers = [FakeScorer() for _ in range(3)]
    lanes = [Lane(FakeSource(segments(20), rendition=f"r{n}"), scorer) for n, scorer in enumerate(scorers)]
    run(build(outbox, workers=4), lanes)
    assert all(scorer.seen == list(range(20)) and not scorer.overlapped for scorer in scorers)
    assert sum(isinstance(message, Scored) for message in outbox) == 60


def test_a_live_inbox_drops_its_oldest_and_counts():
    outbox: list = []
    hold, gate = threading.Event(), threading.Event()
    scorer = FakeScorer(hold=hold)
    lane = Lane(FakeSource(segments(30), live=True, gate=gate), scorer, max_bytes=5000)
    scheduler = build(outbox, workers=1)
    scheduler.add(lane)
    while len(outbox) < 24:
        time.sleep(0.005)
    assert lane.bytes <= 5000
    hold.set()
    gate.set()
    scheduler.seal()
    assert scheduler.join(5)
    dropped = [message for message in outbox if isinstance(message, SourceEvent)]
    assert dropped
    assert {event.kind for event in dropped} == {EventKind.DROPPED}
    assert {event.reason for event in dropped} == {"lag"}
    assert len(scorer.seen) + len(dropped) == 30
    assert scorer.seen[-1] == 29


def test_a_file_waits_instead_of_dropping():
    outbox: list = []
    scorer = FakeScorer()
    run(build(outbox, workers=1), [Lane(FakeSource(segments(50)), scorer, max_bytes=2000)])
    assert scorer.seen == list(range(50))


def test_a_bug_in_one_segment_costs_that_segment_only(caplog):
    outbox: list = []
    scorer = FakeScorer(fail_on=2)
    run(build(outbox, workers=1), [Lane(FakeSource(segments(5)), scorer)])
    assert scorer.seen == [0, 1, 2, 3, 4]
    assert sum(isinstance(message, Scored) for message in outbox) == 4
    assert "could not be scored" in caplog.text


def test_an_input_that_fails_for_good_is_reported_down():
    outbox: list = []
    lane = Lane(FakeSource([], error=BadMedia("empty file", reason="demux")), FakeScorer())
    other = Lane(FakeSource(segments(3), rendition="ok"), FakeScorer())
    run(build(outbox), [lane, other])
    down = next(message.event for message in outbox if isinstance(message, Failed))
    assert (down.kind, down.reason, down.detail) == (EventKind.DOWN, "demux", "empty file")
    assert other.scorer.seen == [0, 1, 2]


def test_a_config_error_in_a_source_is_reported_too():
    outbox: list = []
    run(build(outbox), [Lane(FakeSource([], error=ConfigError("bad option")), FakeScorer())])
    assert [message.event.detail for message in outbox] == ["bad option"]


@pytest.mark.parametrize("error", [None, BadMedia("truncated", reason="eof")])
def test_the_end_of_an_input_comes_after_its_last_segment(error):
    outbox: list = []
    end = [] if error else [SourceEvent(EventKind.ENDED, "s", "r", START)]
    lane = Lane(FakeSource([*segments(20), *end], error=error), FakeScorer())
    run(build(outbox), [lane])
    assert [isinstance(message, Scored) for message in outbox] == [True] * 20 + [False]


def test_a_bug_in_a_source_costs_that_source_and_is_reported(caplog):
    outbox: list = []
    window = ReferenceWindow()
    lane = Lane(FakeSource(segments(2)), FakeScorer(), window)
    feed = ReferenceFeed(FakeSource([], rendition="reference", error=ZeroDivisionError("bug")), window, [lane])
    run(build(outbox), [lane], [feed])
    assert [message.event.rendition for message in outbox if isinstance(message, Failed)] == ["reference"]
    assert lane.scorer.seen == [0, 1]
    assert "ZeroDivisionError: bug" in caplog.text


def test_a_segment_waits_for_its_reference():
    outbox: list = []
    window = ReferenceWindow()
    gate = threading.Event()
    scorer = FakeScorer()
    lane = Lane(FakeSource(segments(1), live=True, gate=gate), scorer, window)
    scheduler = build(outbox, reference_wait=100.0)
    scheduler.add(lane)
    time.sleep(0.15)
    assert scorer.seen == []
    scheduler.add_reference(
        ReferenceFeed(FakeSource(segments(1), rendition="reference", live=True, gate=gate), window, [lane])
    )
    deadline = time.monotonic() + 5
    while not scorer.seen and time.monotonic() < deadline:
        time.sleep(0.005)
    gate.set()
    scheduler.seal()
    assert scheduler.join(5)
    assert scorer.seen == [0]


def test_waiting_for_a_lost_reference_ends():
    outbox: list = []
    window = ReferenceWindow()
    scorer = FakeScorer()
    lane = Lane(FakeSource(segments(2, duration=Fraction(1, 10)), live=True), scorer, window)
    run(build(outbox, reference_wait=0.2), [lane])
    assert scorer.seen == [0, 1]


def test_a_recorded_reference_never_runs_ahead_of_the_window():
    outbox: list = []
    window = ReferenceWindow(max_bytes=4000)
    scorer = FakeScorer()
    lane = Lane(FakeSource(segments(40)), scorer, window)
    reference = FakeSource(segments(40), rendition="reference")
    missing: list[int] = []

    def score(segment, against):
        start, end = segment.span()
        if against._at(start) is None or against._at(end - Fraction(1, 100)) is None:
            missing.append(segment.sequence)
        return FakeScorer.score(scorer, segment, against)

    lane.scorer = type("Checking", (), {"score": staticmethod(score), "looks_ahead": False})()
    run(build(outbox, workers=1), [lane], [ReferenceFeed(reference, window, [lane])])
    assert scorer.seen == list(range(40))
    assert missing == []


@pytest.mark.parametrize("drain", [True, False])
def test_stop_ends_everything_and_drains_if_asked(drain):
    outbox: list = []
    gate = threading.Event()
    hold = threading.Event()
    scorer = FakeScorer(hold=hold)
    lane = Lane(FakeSource(segments(10), live=True, gate=gate), scorer)
    scheduler = build(outbox, workers=1)
    scheduler.add(lane)
    while lane.depth < 9:
        time.sleep(0.005)
    scheduler.stop(drain=drain)
    hold.set()
    assert scheduler.join(5)
    assert len(scorer.seen) == (10 if drain else 1)


def test_lag_is_the_age_of_the_oldest_waiting_segment():
    hold, gate = threading.Event(), threading.Event()
    lane = Lane(FakeSource(segments(3), live=True, gate=gate), FakeScorer(hold=hold))
    scheduler = build([], workers=1)
    scheduler.add(lane)
    while lane.depth < 2:
        time.sleep(0.005)
    time.sleep(0.05)
    assert scheduler.lag_seconds(lane) >= 0.05
    hold.set()
    gate.set()
    scheduler.seal()
    assert scheduler.join(5)
    assert scheduler.lag_seconds(lane) == 0.0


def test_after_a_stop_nothing_is_scored_without_the_reference_it_waited_for():
    outbox: list = []
    gate = threading.Event()
    scorer = FakeScorer()
    lane = Lane(FakeSource(segments(3), live=True, gate=gate), scorer, ReferenceWindow())
    scheduler = build(outbox, reference_wait=100.0)
    scheduler.add(lane)
    while lane.depth < 3:
        time.sleep(0.005)
    scheduler.stop()
    assert scheduler.join(5)
    assert scorer.seen == []
    assert (lane.depth, lane.bytes) == (0, 0)


def beside(window, count, gate):
    return ReferenceFeed(FakeSource(segments(count), rendition="reference", live=True, gate=gate), window, [])


@pytest.mark.parametrize("looks_ahead", [False, True])
def test_a_segment_waits_for_the_frame_that_follows_where_a_metric_looks_ahead(looks_ahead):
    gate = threading.Event()
    window, scorer = ReferenceWindow(), FakeScorer(looks_ahead=looks_ahead)
    lane = Lane(FakeSource(segments(3), live=True, gate=gate), scorer, window)
    scheduler = build([], workers=1, reference_wait=100.0)
    scheduler.add(lane)
    scheduler.add_reference(beside(window, 3, gate))
    deadline = time.monotonic() + 5
    while len(scorer.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.15)
    assert scorer.seen == ([0, 1] if looks_ahead else [0, 1, 2])
    gate.set()  # the reference ends; none will follow
    scheduler.seal()
    assert scheduler.join(5)
    assert scorer.seen == [0, 1, 2]


def test_waiting_for_the_frame_that_follows_ends():
    gate = threading.Event()
    window, scorer = ReferenceWindow(), FakeScorer(looks_ahead=True)
    lane = Lane(FakeSource(segments(1), live=True, gate=gate), scorer, window)
    scheduler = build([], workers=1, reference_wait=0.05)
    scheduler.add_reference(beside(window, 1, gate))
    scheduler.add(lane)
    deadline = time.monotonic() + 5
    while not scorer.seen and time.monotonic() < deadline:
        time.sleep(0.005)
    assert scorer.seen == [0]
    gate.set()
    scheduler.seal()
    assert scheduler.join(5)


def test_after_a_stop_what_lacks_but_the_frame_that_follows_is_scored():
    gate = threading.Event()
    window, scorer = ReferenceWindow(), FakeScorer(looks_ahead=True)
    for segment in segments(1):
        window.add(segment)
    lane = Lane(FakeSource(segments(2), live=True, gate=gate), scorer, window)
    scheduler = build([], workers=1, reference_wait=100.0)
    scheduler.add(lane)
    while lane.depth < 2:
        time.sleep(0.005)
    scheduler.stop()
    assert scheduler.join(5)
    assert scorer.seen == [0]
    assert (lane.depth, lane.bytes) == (0, 0)


@pytest.mark.parametrize(("room", "followed"), [(4000, True), (2000, True), (1500, False)])
def test_the_frame_that_follows_never_pushes_out_what_is_needed(room, followed):
    """A window that holds but one segment gives each its own, rather than the next one's beginning."""
    window, scorer, seen = ReferenceWindow(max_bytes=room), FakeScorer(), []

    def score(segment, against):
        start, end = segment.span()
        seen.append((against._at(start) is not None, against._at(end) is not None))
        return FakeScorer.score(scorer, segment, against)

    checking = type("Checking", (), {"score": staticmethod(score), "looks_ahead": True})()
    lane = Lane(FakeSource(segments(12)), checking, window)
    run(build([], workers=1), [lane], [ReferenceFeed(FakeSource(segments(12), rendition="reference"), window, [lane])])
    assert scorer.seen == list(range(12))
    assert seen == [(True, followed)] * 11 + [(True, False)]
