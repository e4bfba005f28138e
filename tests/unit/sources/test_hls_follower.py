"""The follower's state machine, by the numbers: no network, no waiting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from monitor.errors import BadMedia, NoVideo, SourceError
from monitor.sources.hls_follower import Announced, Follower, FollowerPolicy, Moment
from monitor.sources.hls_reload import ReloadSchedule
from monitor.sources.http import FetchError
from monitor.sources.playlist import Key, MediaPlaylist, MediaSegment
from monitor.types import EventKind, SourceEvent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TARGET = 4.0

UNAVAILABLE = FetchError("503", reason="http_5xx", status=503)
NOT_FOUND = FetchError("404", reason="http_4xx", status=404)
HUNG = FetchError("hung", reason="timeout")
TRUNCATED = BadMedia("short", reason="eof")


def segments(first: int, count: int, *, name: str = "s", dated: bool = False) -> tuple[MediaSegment, ...]:
    return tuple(
        MediaSegment(
            sequence=number,
            url=f"http://origin/{name}{number}.ts",
            duration=Fraction(4),
            started_at=NOON + timedelta(seconds=4 * number) if dated else None,
        )
        for number in range(first, first + count)
    )


def listing(*parts: Sequence[MediaSegment], ended: bool = False) -> MediaPlaylist:
    return MediaPlaylist(TARGET, tuple(segment for part in parts for segment in part), ended)


class Bench:
    """A follower and a clock that a test turns by hand."""

    def __init__(self, *, live: bool = True, **policy: float | None) -> None:
        self.follower = Follower("stream", "720p", live=live, policy=FollowerPolicy(**policy))  # type: ignore[arg-type]
        self.now = 1000.0
        self.events: list[SourceEvent] = []
        self.delivered: list[tuple[int, bool]] = []
        self.entries: list[Announced] = []

    @property
    def moment(self) -> Moment:
        return Moment(self.now, NOON + timedelta(seconds=self.now - 1000.0))

    def read(self, playlist: MediaPlaylist | SourceError, after: float = 0.0) -> None:
        """Let the follower read ``playlist`` the next time it wants to, at least ``after`` seconds from now."""
        self.now += after
        for _ in range(1000):
            work = self.follower.due(self.moment)
            self.events += work.events
            assert work.segment is None, "a segment is due; fetch it first"
            if work.reload:
                break
            wake_at = self.follower.wake_at()
            assert wake_at > self.now, "awake with nothing to do"
            self.now = wake_at
        if isinstance(playlist, MediaPlaylist):
            self.events += self.follower.playlist_loaded(playlist, self.moment)
        else:
            self.events += self.follower.playlist_failed(playlist, self.moment)

    def wanted(self) -> Announced | None:
        work = self.follower.due(self.moment)
        self.events += work.events
        if work.reload:
            self.events += self.follower.playlist_loaded(self.last, self.moment)
        return work.segment

    def fetch(self, playlist: MediaPlaylist | None = None, failing: dict[int, list[SourceError]] | None = None) -> None:
        """Read ``playlist`` if given, and answer fetches, waiting as the follower says, until it wants none."""
        if playlist is not None:
            self.read(playlist)
            self.last = playlist
        faults = {number: list(errors) for number, errors in (failing or {}).items()}
        while self.follower._pending:
            entry = self.wanted()
            if entry is None:
                assert self.follower.wake_at() > self.now, "awake with nothing to do"
                self.now = self.follower.wake_at()
                continue
            number = entry.segment.sequence
            if faults.get(number):
                self.events += self.follower.segment_failed(entry, faults[number].pop(0), self.moment)
                continue
            delivery = self.follower.segment_loaded(entry, self.moment)
            if delivery is None:
                continue
            events, broken = delivery
            self.events += events
            self.delivered.append((number, broken))
            self.entries.append(entry)

    def numbers(self) -> list[int]:
        return [number for number, _ in self.delivered]

    def told(self, *kinds: EventKind) -> list[tuple[EventKind, str, float]]:
        return [(event.kind, event.reason, event.value) for event in self.events if event.kind in kinds]


def test_a_live_input_begins_three_segments_before_the_edge() -> None:
    bench = Bench()
    bench.fetch(listing(segments(10, 8)))
    assert bench.numbers() == [15, 16, 17]
    assert [event.kind for event in bench.events] == [EventKind.MANIFEST_CHANGED, EventKind.UP]
    assert bench.events[0].value == TARGET


@pytest.mark.parametrize(("start", "numbers"), [(1, [17]), (None, list(range(10, 18)))])
def test_the_start_can_be_chosen(start: int | None, numbers: list[int]) -> None:
    bench = Bench(start=start)
    bench.fetch(listing(segments(10, 8)))
    assert bench.numbers() == numbers


def test_a_recording_begins_at_its_beginning_and_finishes() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 8), ended=True))
    assert bench.numbers() == list(range(8))
    assert bench.follower.finished
    assert not bench.follower.live


def test_each_reading_brings_what_is_new() -> None:
    bench = Bench()
    for first in (0, 0, 1, 2):
        bench.fetch(listing(segments(first, 4)))
    assert bench.numbers() == [1, 2, 3, 4, 5]
    assert len(bench.told(EventKind.MANIFEST_CHANGED)) == 3


def test_a_live_playlist_that_ends_is_finished_after_its_last_segment() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 4)))
    assert not bench.follower.finished
    bench.fetch(listing(segments(1, 4), ended=True))
    assert bench.numbers() == [1, 2, 3, 4]
    assert bench.follower.finished
    assert bench.follower.live


def test_a_missing_newest_segment_is_tried_again_half_a_target_duration_later() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)))
    bench.fetch(listing(segments(0, 4)), failing={3: [NOT_FOUND]})
    assert bench.numbers() == [0, 1, 2, 3]
    assert bench.told(EventKind.SEGMENT_MISSING) == []
    begun = bench.now
    bench.read(listing(segments(0, 5)))
    begun = bench.now
    bench.last = listing(segments(0, 5))
    bench.fetch(failing={4: [NOT_FOUND, NOT_FOUND]})
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "http_4xx", 4)]
    assert bench.now - begun == pytest.approx(TARGET / 2)


def test_a_missing_segment_holds_up_its_successors_for_half_a_second() -> None:
    bench = Bench()
    begun = bench.now
    bench.fetch(listing(segments(0, 3)), failing={0: [NOT_FOUND] * 9})
    assert bench.numbers() == [1, 2]
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "http_4xx", 0)]
    assert bench.now - begun == pytest.approx(0.5)


def test_a_truncated_segment_is_tried_twice_and_then_bad() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)), failing={1: [TRUNCATED, TRUNCATED]})
    assert bench.numbers() == [0, 2]
    assert bench.told(EventKind.SEGMENT_BAD, EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_BAD, "eof", 1)]


def test_server_errors_are_outlasted() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)), failing={2: [UNAVAILABLE] * 6})
    assert bench.numbers() == [0, 1, 2]
    assert bench.told(EventKind.SEGMENT_MISSING) == []


def test_a_segment_that_alone_fails_is_given_up_when_its_successor_arrives() -> None:
    bench = Bench()
    begun = bench.now
    bench.fetch(listing(segments(0, 3)), failing={0: [UNAVAILABLE] * 99})
    assert bench.numbers() == [1, 2]
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "http_5xx", 0)]
    assert bench.now - begun < 2.0


def test_a_segment_that_hangs_is_given_up_after_one_timeout_when_its_successor_arrives() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)), failing={0: [HUNG] * 99})
    assert bench.numbers() == [1, 2]
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "timeout", 0)]


def test_while_all_segments_fail_none_is_given_up() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)), failing={0: [UNAVAILABLE] * 5, 1: [UNAVAILABLE] * 2})
    assert bench.numbers() == [0, 1, 2]


def test_a_failing_segment_that_leaves_the_window_is_missing_and_an_unread_one_is_lag() -> None:
    bench = Bench()
    bench.read(listing(segments(0, 3)))
    entry = bench.follower.due(bench.moment).segment
    assert entry is not None
    bench.events += bench.follower.segment_failed(entry, UNAVAILABLE, bench.moment)
    bench.now = entry.retry_at - 0.01
    assert bench.follower.due(bench.moment).segment is None
    bench.now += TARGET
    work = bench.follower.due(bench.moment)
    assert work.reload
    assert work.segment is entry
    bench.events += bench.follower.segment_failed(entry, UNAVAILABLE, bench.moment)
    bench.events += bench.follower.playlist_loaded(listing(segments(2, 3)), bench.moment)
    assert bench.told(EventKind.SEGMENT_MISSING, EventKind.DROPPED) == [
        (EventKind.SEGMENT_MISSING, "http_5xx", 0),
        (EventKind.DROPPED, "lag", 1),
    ]


def test_a_segment_under_way_when_the_window_passes_is_missing_if_it_fails() -> None:
    bench = Bench()
    bench.read(listing(segments(0, 1)))
    entry = bench.follower.due(bench.moment).segment
    assert entry is not None
    bench.now += TARGET
    assert bench.follower.due(bench.moment).reload
    bench.events += bench.follower.playlist_loaded(listing(segments(1, 3)), bench.moment)
    bench.events += bench.follower.segment_failed(entry, UNAVAILABLE, bench.moment)
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "http_5xx", 0)]


def test_a_segment_under_way_when_the_window_passes_is_still_delivered() -> None:
    bench = Bench()
    bench.read(listing(segments(0, 1)))
    entry = bench.follower.due(bench.moment).segment
    assert entry is not None
    bench.now += TARGET
    assert bench.follower.due(bench.moment).reload
    bench.events += bench.follower.playlist_loaded(listing(segments(1, 3)), bench.moment)
    bench.follower.segment_loaded(entry, bench.moment)
    bench.last = listing(segments(1, 3))
    bench.fetch()
    assert bench.numbers() == [1, 2, 3]
    assert bench.told(EventKind.SEGMENT_MISSING, EventKind.DROPPED) == []


def test_segments_that_came_and_went_between_two_readings_are_dropped_for_lag() -> None:
    bench = Bench()
    bench.fetch(listing(segments(0, 3)))
    bench.fetch(listing(segments(6, 3)))
    assert bench.told(EventKind.DROPPED) == [(EventKind.DROPPED, "lag", 3)]
    assert bench.numbers() == [0, 1, 2, 6, 7, 8]
    assert bench.told(EventKind.DISCONTINUITY) == []


def test_a_backlog_that_is_too_long_loses_its_oldest() -> None:
    bench = Bench(backlog_seconds=12.0)
    bench.fetch(listing(segments(0, 3)))
    bench.fetch(listing(segments(0, 9)))
    assert bench.told(EventKind.DROPPED) == [(EventKind.DROPPED, "lag", 3)]
    assert bench.numbers() == [0, 1, 2, 6, 7, 8]


def test_the_beginning_is_never_a_backlog() -> None:
    bench = Bench(backlog_seconds=5.0)
    bench.fetch(listing(segments(0, 3)))
    assert bench.numbers() == [0, 1, 2]
    assert bench.told(EventKind.DROPPED) == []


def test_a_segment_is_not_retried_for_ever() -> None:
    bench = Bench()
    begun = bench.now
    bench.fetch(listing(segments(0, 1)), failing={0: [UNAVAILABLE] * 999})
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "http_5xx", 0)]
    assert 60.0 < bench.now - begun < 65.0


def test_a_segment_to_be_retried_is_retried_at_once_when_others_begin_to_wait() -> None:
    bench = Bench()
    bench.read(listing(segments(0, 1)))
    entry = bench.follower.due(bench.moment).segment
    assert entry is not None
    bench.follower.segment_failed(entry, NOT_FOUND, bench.moment)
    bench.now += 0.5
    assert bench.follower.due(bench.moment).reload
    bench.follower.playlist_loaded(listing(segments(0, 2)), bench.moment)
    assert bench.follower.due(bench.moment).segment is entry


def test_a_gap_that_leaves_the_window_is_still_a_gap() -> None:
    bench = Bench()
    first, second = segments(0, 2)
    bench.read(listing([first, replace(second, gap=True)]))
    assert bench.follower.due(bench.moment).segment is not None
    bench.now += TARGET
    assert bench.follower.due(bench.moment).reload
    bench.events += bench.follower.playlist_loaded(listing(segments(2, 1)), bench.moment)
    assert bench.told(EventKind.SEGMENT_MISSING, EventKind.DROPPED) == [(EventKind.SEGMENT_MISSING, "gap", 1)]


def test_gaps_are_missing_without_being_asked_for() -> None:
    bench = Bench()
    first, second, third = segments(0, 3)
    bench.fetch(listing([first, replace(second, gap=True, discontinuity=True), third]))
    assert bench.delivered == [(0, False), (2, True)]  # the gap's discontinuity stands before what follows it
    assert bench.told(EventKind.SEGMENT_MISSING) == [(EventKind.SEGMENT_MISSING, "gap", 1)]


def test_a_flagged_discontinuity_is_told_before_its_segment() -> None:
    bench = Bench()
    first, second = segments(0, 2)
    bench.fetch(listing([replace(first, discontinuity=True), replace(second, discontinuity=True)]))
    assert bench.delivered == [(0, False), (1, True)]  # nothing was delivered before the first
    assert bench.told(EventKind.DISCONTINUITY) == [(EventKind.DISCONTINUITY, "flagged", 1)]


def test_a_discontinuity_that_slid_out_of_the_window_shows_in_the_numbering_of_runs() -> None:
    bench = Bench()
    bench.fetch(listing([replace(one, discontinuity_sequence=4) for one in segments(0, 3)]))
    bench.fetch(listing([replace(one, discontinuity_sequence=5) for one in segments(5, 3)]))
    assert bench.delivered[3:] == [(5, True), (6, False), (7, False)]


class TestRestart:
    @pytest.mark.parametrize("first", [0, 996])
    def test_falling_numbers_with_other_segments_are_a_restart(self, first: int) -> None:
        bench = Bench()
        bench.fetch(listing(segments(1000, 5)))
        bench.fetch(listing(segments(first, 2, name="new")))
        assert bench.delivered[3:] == [(first, True), (first + 1, False)]
        assert bench.told(EventKind.DISCONTINUITY) == [(EventKind.DISCONTINUITY, "restart", first)]
        assert bench.entries[3].renewed

    def test_numbers_far_below_are_a_restart_whatever_the_names(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(1000, 5)))
        bench.fetch(listing(segments(0, 1)))
        assert bench.delivered[3:] == [(0, True)]

    def test_the_same_numbers_with_other_dates_are_a_restart(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3, dated=True)))
        later = [replace(one, started_at=one.started_at + timedelta(hours=1)) for one in segments(0, 3, dated=True)]  # type: ignore[operator]
        bench.fetch(listing(later))
        assert bench.delivered[3:] == [(0, True), (1, False), (2, False)]

    def test_an_old_copy_from_a_cache_is_none(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(2, 5)))
        bench.fetch(listing(segments(1, 5)))
        bench.fetch(listing(segments(3, 5)))
        assert bench.numbers() == [4, 5, 6, 7]
        assert bench.told(EventKind.DISCONTINUITY, EventKind.DROPPED) == []

    def test_an_old_copy_may_change_tokens_in_its_paths(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(2, 5)))
        moved = [replace(one, url=one.url.replace("origin/", "origin/token9/") + "?t=2") for one in segments(1, 6)]
        bench.fetch(listing(moved))
        assert bench.numbers() == [4, 5, 6]
        assert bench.told(EventKind.DISCONTINUITY) == []

    def test_an_old_copy_that_stays_is_a_restart_with_the_same_names(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 5)))
        begun = bench.now
        while bench.now - begun < 4 * TARGET:
            bench.fetch(listing(segments(0, 2)))
        assert bench.delivered[3:] == [(0, True), (1, False)]

    def test_a_leap_that_no_encoder_can_make_is_a_restart(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(5, 3)))
        bench.fetch(listing(segments(1_700_000_000, 3)))
        assert bench.told(EventKind.DROPPED) == []
        assert bench.delivered[3] == (1_700_000_000, True)


class TestDates:
    def test_program_date_time_is_taken(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3, dated=True)))
        assert [entry.dated for entry in bench.entries] == [(NOON + timedelta(seconds=4 * n), True) for n in range(3)]

    def test_without_it_the_newest_segment_ends_when_it_arrives_and_the_timeline_goes_on_from_there(self) -> None:
        bench = Bench()
        arrived = bench.moment.utc
        bench.fetch(listing(segments(0, 3)))
        bench.now += 1.3  # arrival jitters, dates don't
        bench.fetch(listing(segments(0, 5)))
        assert [entry.dated for entry in bench.entries] == [
            (arrived + timedelta(seconds=4 * (n - 3)), False) for n in range(5)
        ]

    def test_it_goes_on_past_a_missing_segment_and_anew_after_a_discontinuity(self) -> None:
        bench = Bench()
        arrived = bench.moment.utc
        first, second, third = segments(0, 3)
        bench.fetch(listing([first, second, third]), failing={1: [NOT_FOUND] * 2})
        bench.now += 60.0
        bench.read(listing([first, second, third, replace(segments(3, 1)[0], discontinuity=True)]))
        anew = bench.moment.utc
        bench.last = listing(segments(0, 4))
        bench.fetch()
        assert [entry.dated.started_at for entry in bench.entries] == [
            arrived - timedelta(seconds=12),
            arrived - timedelta(seconds=4),
            anew - timedelta(seconds=4),
        ]

    def test_it_never_goes_back(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        bench.fetch(listing(segments(0, 3), [replace(segments(3, 1)[0], discontinuity=True)]))  # at once, not 4 s later
        assert bench.entries[3].dated.started_at == bench.entries[2].dated.started_at + timedelta(seconds=4)

    def test_a_date_is_carried_over_from_an_earlier_reading(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3, dated=True)))
        bench.fetch(listing(segments(3, 1)))
        assert bench.entries[-1].dated == (NOON + timedelta(seconds=12), True)

    def test_publication_is_when_the_playlist_first_showed_it(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        bench.read(listing(segments(0, 4)))
        seen = bench.moment.utc
        bench.last = listing(segments(0, 4))
        bench.fetch(failing={3: [UNAVAILABLE] * 3})
        assert bench.entries[-1].published_at == seen


class TestDown:
    def test_a_live_input_that_never_opened_is_down_at_once_and_retried(self) -> None:
        bench = Bench()
        bench.read(HUNG)
        assert [(event.kind, event.reason) for event in bench.events] == [
            (EventKind.MANIFEST_ERROR, "timeout"),
            (EventKind.DOWN, "timeout"),
        ]
        bench.fetch(listing(segments(0, 3)))
        assert [event.kind for event in bench.events[2:]] == [
            EventKind.RECONNECT,
            EventKind.MANIFEST_CHANGED,
            EventKind.UP,
        ]

    def test_what_is_not_live_raises(self) -> None:
        with pytest.raises(FetchError, match="404"):
            Bench(live=False).read(NOT_FOUND)

    def test_it_is_down_once_after_failing_for_long_enough_and_up_again_with_the_first_segment(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        begun = bench.now
        while bench.now - begun < 60.0:
            bench.read(UNAVAILABLE)
        down = [event for event in bench.events if event.kind is EventKind.DOWN]
        assert [event.reason for event in down] == ["http_5xx"]
        elapsed = (down[0].at - NOON).total_seconds() - (begun - 1000.0)
        assert 15.0 <= elapsed < 15.0 + TARGET
        assert len(bench.told(EventKind.MANIFEST_ERROR)) > 3
        bench.read(listing(segments(1, 3)))
        assert bench.events[-1].kind is EventKind.MANIFEST_CHANGED
        bench.last = listing(segments(1, 3))
        bench.fetch()
        assert [event.kind for event in bench.events][-1] is EventKind.UP

    def test_a_late_segment_does_not_make_a_failing_playlist_up(self) -> None:
        bench = Bench()
        bench.read(listing(segments(0, 3)))
        entry = bench.follower.due(bench.moment).segment
        assert entry is not None
        while not bench.told(EventKind.DOWN):
            bench.read(UNAVAILABLE)
        delivery = bench.follower.segment_loaded(entry, bench.moment)
        assert delivery == ([], False)

    def test_a_request_that_hangs_does_not_delay_the_report(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        bench.read(HUNG)
        while not bench.follower.due(bench.moment).reload:
            bench.now = bench.follower.wake_at()
        bench.now = bench.follower.wake_at()  # with the reload still under way
        assert [event.kind for event in bench.follower.due(bench.moment).events] == [EventKind.DOWN]

    def test_waits_grow_to_the_ceiling_and_never_become_a_flood(self) -> None:
        bench = Bench()
        times = []
        for _ in range(30):
            bench.read(UNAVAILABLE)
            times.append(bench.now)
        waits = [later - earlier for earlier, later in pairwise(times)]
        assert min(waits) >= 0.1
        assert max(waits) <= 30.0
        assert max(waits[:3]) <= 2.0
        assert sum(waits[-10:]) > 100.0

    def test_the_waits_repeat_with_the_seed(self) -> None:
        def waits() -> list[float]:
            bench = Bench()
            for _ in range(10):
                bench.read(UNAVAILABLE)
            return [event.at.timestamp() for event in bench.events]

        assert waits() == waits()

    def test_segments_that_all_fail_are_down_too(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        for first in range(1, 7):
            bench.fetch(listing(segments(first, 3)), failing={first + 2: [NOT_FOUND] * 2})
        assert bench.told(EventKind.DOWN) == [(EventKind.DOWN, "http_4xx", 0)]

    def test_a_recording_whose_origin_is_lost_raises(self) -> None:
        bench = Bench(live=False)
        with pytest.raises(FetchError, match="503"):
            bench.fetch(listing(segments(0, 3), ended=True), failing={n: [UNAVAILABLE] * 99 for n in range(3)})

    def test_a_stale_playlist_is_no_failure(self) -> None:
        bench = Bench()
        bench.fetch(listing(segments(0, 3)))
        begun, said = bench.now, len(bench.events)
        reads = 0
        while bench.now - begun < 120.0:
            bench.read(listing(segments(0, 3)))
            reads += 1
        assert bench.events[said:] == []
        assert reads < 2 * 120.0 / TARGET + 20  # half a target duration, as the RFC has it


def test_protected_content_is_refused_by_name_at_the_opening() -> None:
    locked = Key("SAMPLE-AES", "skd://key", None, "com.apple.streamingkeydelivery")
    with pytest.raises(SourceError, match=r"SAMPLE-AES \(com\.apple\.streamingkeydelivery\)") as raised:
        Bench().read(listing([replace(one, key=locked) for one in segments(0, 3)]))
    assert raised.value.reason == "auth"


def test_a_recording_without_segments_has_no_video() -> None:
    with pytest.raises(NoVideo, match="lists no segments"):
        Bench().read(listing(ended=True))


@pytest.mark.parametrize("phase", [0.1, 1.7, 3.9])
@pytest.mark.parametrize("jitter", [0.0, 0.1])
def test_a_steady_publisher_is_found_at_once_and_then_seen_within_a_step(jitter: float, phase: float) -> None:
    rng = random.Random(1)
    schedule = ReloadSchedule()
    now, asked, last = phase, 0, -1
    delays: list[float] = []
    times = [TARGET * number + rng.uniform(0.0, jitter) for number in range(200)]
    while last < 199 - 1:
        asked += 1
        newest = max(number for number, time in enumerate(times) if time <= now or number == 0)
        if newest > last:
            delays.append(now - times[newest])
            last = newest
            now = schedule.after_change(now, now, TARGET, TARGET)
        else:
            now = schedule.after_none(now, now)
    steady = delays[2:]
    assert sum(steady) / len(steady) < 0.25
    assert max(steady) <= 0.5
    assert asked / len(delays) < 3.5
