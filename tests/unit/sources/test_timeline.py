from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from monitor.sources.timeline import FLV_WRAP_BITS, MPEG_WRAP_BITS, ArrivalAnchor, Position, Timeline

TS = Fraction(1, 90_000)
FRAME = 3600
PERIOD = 1 << MPEG_WRAP_BITS
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def mpeg(**settings: object) -> Timeline:
    return Timeline(TS, wrap_bits=MPEG_WRAP_BITS, frame_rate=25, **settings)


def steady(timeline: Timeline, count: int, start: int = 0, step: int = FRAME) -> None:
    for n in range(count):
        assert timeline.place(start + n * step, start + n * step, step, keyframe=n == 0).jump == ""


def test_a_steady_stream_is_left_as_it_is():
    steady(mpeg(), 100, start=126_000)


def test_a_wrap_is_undone_and_reported_once():
    timeline = mpeg()
    start = PERIOD - 10 * FRAME
    placed = [
        timeline.place((start + n * FRAME) % PERIOD, (start + n * FRAME) % PERIOD, FRAME, keyframe=False) for n in range(20)
    ]
    assert [times.dts for times in placed] == [start + n * FRAME for n in range(20)]
    assert [times.jump for times in placed] == [""] * 10 + ["wrap"] + [""] * 9


def test_presentation_times_of_b_pictures_wrap_before_decoding_times():
    timeline = mpeg()
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    start = PERIOD - 5 * FRAME
    for n, order in enumerate(shown):
        pts, dts = start + (order + 1) * FRAME, start + n * FRAME
        times = timeline.place(pts % PERIOD, dts % PERIOD, FRAME, keyframe=n == 0)
        assert (times.pts, times.dts) == (pts, dts)


def test_two_wraps_add_up():
    timeline = Timeline(Fraction(1, 1000), wrap_bits=8, frame_rate=25)
    placed = [timeline.place(40 * n % 256, 40 * n % 256, 40, keyframe=False) for n in range(20)]
    assert [times.dts for times in placed] == [40 * n for n in range(20)]


def test_a_straggler_from_before_the_wrap_stays_before_it():
    timeline = mpeg()
    timeline.place(PERIOD - 1, PERIOD - 1, FRAME, keyframe=True)
    assert timeline.place(10, 10, FRAME, keyframe=False).dts == PERIOD + 10
    assert timeline.place(PERIOD - 2, PERIOD - 2, FRAME, keyframe=False).dts == PERIOD - 2


def test_a_restart_late_in_the_period_is_a_step_back_and_not_a_wrap():
    timeline = mpeg()
    late = 72_000 * 90_000  # 20 h, nearer to the next period than to zero
    steady(timeline, 5, start=late)
    times = timeline.place(126_000, 126_000, FRAME, keyframe=True)
    assert times.jump == "pts_back"
    assert times.pts == 126_000


def test_a_missing_segment_is_a_gap():
    timeline = mpeg()
    steady(timeline, 50)
    assert timeline.place(100 * FRAME, 100 * FRAME, FRAME, keyframe=True).jump == "pts_gap"
    assert timeline.place(101 * FRAME, 101 * FRAME, FRAME, keyframe=False).jump == ""


@pytest.mark.parametrize(("step_seconds", "jump"), [(-0.4, ""), (-0.6, "pts_back"), (0.9, ""), (1.2, "pts_gap")])
def test_thresholds(step_seconds: float, jump: str):
    timeline = mpeg()
    steady(timeline, 20)
    at = 19 * FRAME + round(step_seconds * 90_000)
    assert timeline.place(at, at, FRAME, keyframe=False).jump == jump


def test_variable_frame_rate_with_true_durations_has_no_gaps():
    timeline = Timeline(Fraction(1, 1000), frame_rate=25)
    at = 0
    for duration in (40, 40, 5000, 40, 9000, 40):
        assert timeline.place(at, at, duration, keyframe=False).jump == ""
        at += duration


def test_a_slow_stream_without_durations_has_no_gaps_once_its_pace_is_known():
    timeline = Timeline(Fraction(1, 1000))
    jumps = [timeline.place(2000 * n, 2000 * n, None, keyframe=True).jump for n in range(10)]
    assert jumps[2:] == [""] * 8


def test_missing_decoding_times_follow_presentation_times():
    timeline = Timeline(Fraction(1, 1000), frame_rate=25)
    placed = [timeline.place(pts, dts, 40, keyframe=False) for pts, dts in ((0, None), (120, None), (40, 0), (80, 40))]
    assert [times.pts for times in placed] == [0, 120, 40, 80]
    assert [times.jump for times in placed] == [""] * 4


def test_without_any_times_the_frame_rate_counts():
    timeline = Timeline(Fraction(1, 1000), frame_rate=25, reorders=False)
    placed = [timeline.place(None, None, None, keyframe=False) for _ in range(4)]
    assert [(times.pts, times.dts) for times in placed] == [(0, 0), (40, 40), (80, 80), (120, 120)]


def test_without_any_times_reordered_pictures_keep_no_presentation_time_but_key_frames_have_one():
    timeline = Timeline(Fraction(1, 1000), frame_rate=25, reorders=True)
    placed = [timeline.place(None, None, 40, keyframe=n == 2) for n in range(4)]
    assert [times.pts for times in placed] == [None, None, 80, None]


def test_flv_wraps_after_49_days():
    period = 1 << FLV_WRAP_BITS
    timeline = Timeline(Fraction(1, 1000), wrap_bits=FLV_WRAP_BITS, frame_rate=25)
    timeline.place(period - 40, period - 40, 40, keyframe=True)
    assert timeline.place(0, 0, 40, keyframe=False).pts == period


class TestArrivalAnchor:
    def feed(self, anchor: ArrivalAnchor, media: float, late: float, frames: int = 50) -> datetime:
        """One segment of 2 s whose packets arrive ``late`` seconds after they were due."""
        for n in range(frames):
            at = media + n / 25
            anchor.observe(Fraction(at), NOON + timedelta(seconds=at + late))
        return anchor.utc(Fraction(media))

    def test_an_even_stream_is_dated_by_its_arrival(self):
        anchor = ArrivalAnchor()
        assert self.feed(anchor, 0, 0.2) == NOON + timedelta(seconds=0.2)
        assert self.feed(anchor, 2, 0.3) == NOON + timedelta(seconds=2.2)

    def test_the_burst_on_connecting_does_not_delay_the_first_segment(self):
        anchor = ArrivalAnchor()
        joined = NOON + timedelta(seconds=2)
        for n in range(50):
            anchor.observe(Fraction(n, 25), max(joined, NOON + timedelta(seconds=n / 25)))
        assert (anchor.utc(Fraction(0)) - NOON).total_seconds() == pytest.approx(0.04, abs=1e-6)

    def test_a_burst_is_unsettled_until_it_is_over(self):
        anchor = ArrivalAnchor()
        joined = NOON + timedelta(seconds=2)
        settled = []
        for n in range(60):
            anchor.observe(Fraction(n, 25), max(joined, NOON + timedelta(seconds=n / 25)))
            settled.append(anchor.settled)
        assert settled == [False] * 55 + [True] * 5
        assert anchor.utc(Fraction(0)) == NOON
        assert anchor.utc(Fraction(1)) == NOON + timedelta(seconds=1)  # its packets were all seen before the first was dated

    def test_one_stall_moves_nothing(self):
        anchor = ArrivalAnchor()
        self.feed(anchor, 0, 0)
        assert self.feed(anchor, 2, 5) == NOON + timedelta(seconds=2)
        assert self.feed(anchor, 4, 0) == NOON + timedelta(seconds=4)

    def test_a_lasting_delay_moves_the_anchor(self):
        anchor = ArrivalAnchor()
        self.feed(anchor, 0, 0)
        self.feed(anchor, 2, 1.5)
        assert self.feed(anchor, 4, 1.5) == NOON + timedelta(seconds=5.5)

    def test_drift_stays_within_the_tolerance(self):
        anchor = ArrivalAnchor()
        for n in range(2000):
            late = n * 2 * 0.002  # a sender whose clock is slow by 0.2 %
            dated = self.feed(anchor, 2 * n, late, frames=2)
            assert abs((dated - NOON).total_seconds() - 2 * n - late) < 1.01

    def test_a_jump_starts_over(self):
        anchor = ArrivalAnchor()
        self.feed(anchor, 5000, 0)
        anchor.reset()
        anchor.observe(Fraction(1), NOON)
        assert anchor.utc(Fraction(1)) == NOON

    def test_nothing_observed_is_an_error(self):
        with pytest.raises(ValueError, match="no packet"):
            ArrivalAnchor().utc(Fraction(0))


class TestPosition:
    def test_counts_from_the_first_segment(self):
        position = Position()
        assert [position.advance(Fraction(s), Fraction(s + 2)) for s in (10, 12, 14)] == [0, 2, 4]
        assert position.end == 6

    def test_keeps_gaps(self):
        position = Position()
        position.advance(Fraction(0), Fraction(2))
        assert position.advance(Fraction(5), Fraction(7)) == 5

    @pytest.mark.parametrize("start", [Fraction(0), Fraction(100_000)])
    def test_goes_on_after_a_jump(self, start: Fraction):
        position = Position()
        position.advance(Fraction(1000), Fraction(1002))
        assert position.advance(start, start + 2) == 2
        assert position.advance(start + 2, start + 4) == 4
