"""The loop that scores one segment after the other, with made-up segments and metrics."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

from monitor.engine import WRAP, Outcome, SegmentScorer
from monitor.errors import BadMedia, UnsupportedFormat
from monitor.pairing import ReferenceWindow
from monitor.panel import MAX_FAILURES
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.sampling import Every, Keyframes, create_sampler
from monitor.types import EventKind, Frame, FramePair, Score, VideoFormat

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SMALL, LARGE = VideoFormat(8, 8, "gray"), VideoFormat(16, 16, "gray")
RATE = 25


@dataclass(eq=False)
class FakePass:
    """A pass over made-up frames; ``lost`` of them were corrupt."""

    frames_: list[Frame]
    expected: int
    codec: str = "h264"
    frame_rate: float = RATE
    keyframes_only: bool = False
    format: VideoFormat | None = None
    frames_decoded: int = 0
    decode_errors: int = 0
    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def frames_expected(self) -> int:
        return self.expected

    def __enter__(self) -> FakePass:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def frames(self, sampler) -> Iterator[Frame]:
        for frame in self.frames_:
            if self.keyframes_only and not frame.keyframe:
                continue
            self.frames_decoded += 1
            self.start = frame.pts if self.start is None else self.start
            self.end, self.format = frame.pts + frame.duration, frame.format
            if sampler.wants(frame.pts, frame.duration, frame.index, keyframe=frame.keyframe):
                yield frame
        if not self.keyframes_only:
            self.decode_errors = self.expected - self.frames_decoded


@dataclass(eq=False)
class FakeSegment:
    """Two seconds of frames whose luma holds their number on the timeline."""

    sequence: int = 0
    begin: Fraction | None = None
    format: VideoFormat = SMALL
    count: int = 50
    lost: int = 0
    codec: str = "h264"
    bad: str = ""
    has_utc: bool = False
    discontinuity: bool = False
    formats: Callable[[int], VideoFormat] | None = None
    duration: Fraction = Fraction(2)
    size: int = 1000
    stream: str = "channel"
    rendition: str = "720p"
    download_seconds: float = 0.25
    opened: list[bool] = field(default_factory=list)

    @property
    def first(self) -> Fraction:
        return self.begin if self.begin is not None else Fraction(2 * self.sequence)

    @property
    def started_at(self) -> datetime:
        return START + timedelta(seconds=2 * self.sequence)

    @property
    def published_at(self) -> datetime:
        return self.started_at

    def span(self) -> tuple[Fraction, Fraction]:
        return self.first, self.first + Fraction(self.count, RATE)

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> FakePass:
        self.opened.append(keyframes_only)
        if self.bad:
            raise BadMedia(self.bad, reason="demux")
        frames = []
        for index in range(self.count - self.lost):
            description = self.formats(index) if self.formats else self.format
            luma = np.full((description.height, description.width), (round(self.first * RATE) + index) % 200, np.uint8)
            time = self.first + Fraction(index, RATE)
            frames.append(Frame(index, time, Fraction(1, RATE), description, (luma,), keyframe=index % 25 == 0))
        return FakePass(frames, self.count, self.codec, keyframes_only=keyframes_only)


def spec(name: str, reference: Reference = Reference.NONE, version: int = 1) -> MetricSpec:
    feature = Feature(name, name, "", 0.0, 255.0, 255.0, 0.0, "nothing", "no frame")
    return MetricSpec(name, name, "made up", "here", reference, (feature,), version)


@dataclass(eq=False)
class Mean:
    """Luma's mean; keeps a diary of what was asked of it."""

    spec: ClassVar[MetricSpec] = spec("mean", version=3)
    diary: list[str] = field(default_factory=list)

    def prepare(self, video_format: VideoFormat) -> None:
        self.diary.append(f"prepare {video_format.width}")

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            yield Score("mean", float(frame.luma.mean()), frame.index, frame.pts)

    def reset(self) -> None:
        self.diary.append("reset")

    def close(self) -> None:
        self.diary.append("close")


@dataclass(eq=False)
class Step(Mean):
    """Difference to the frame before."""

    spec: ClassVar[MetricSpec] = spec("step")
    last: float | None = None

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            value = float(frame.luma.mean())
            if self.last is not None:
                yield Score("step", value - self.last, frame.index, frame.pts)
            self.last = value

    def reset(self) -> None:
        self.last = None


@dataclass(eq=False)
class Late(Mean):
    """Scores a frame when it has seen the next one: by how much the next one is brighter, 0 where none follows."""

    spec: ClassVar[MetricSpec] = spec("late")
    pending: Frame | None = None
    breaks: bool = False

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            if (owed := self.pending) is not None:
                yield Score("late", float(frame.luma.mean() - owed.luma.mean()), owed.index, owed.pts)
            self.pending = frame

    def flush(self, following: Frame | None = None) -> Iterator[Score]:
        owed, self.pending = self.pending, None
        if self.breaks:
            raise RuntimeError("a bug")
        if owed is not None:
            yield Score("late", 0.0, owed.index, owed.pts)


@dataclass(eq=False)
class Faulty(Mean):
    """Raises on the frames named."""

    spec: ClassVar[MetricSpec] = spec("faulty")
    on: Callable[[int], bool] = lambda index: True

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            self.diary.append(f"score {frame.index}")
            yield Score("faulty", 1.0, frame.index, frame.pts)
            if self.on(frame.index):
                raise RuntimeError("a bug")


@dataclass(eq=False)
class Picky(Mean):
    """Takes large frames only."""

    spec: ClassVar[MetricSpec] = spec("picky")

    def prepare(self, video_format: VideoFormat) -> None:
        super().prepare(video_format)
        if video_format.width < 16:
            raise UnsupportedFormat(f"metric 'picky' needs 16x16, not {video_format}")

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        return (replace(score, feature="picky") for score in super().score(batch))


@dataclass(eq=False)
class Difference(Mean):
    """Luma's difference to the reference."""

    spec: ClassVar[MetricSpec] = spec("difference", Reference.FULL)

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            value = abs(float(pair.distorted.luma.mean()) - float(pair.reference.luma.mean()))
            yield Score("difference", value, pair.index, pair.pts)


def resized(frame: Frame, target: VideoFormat) -> Frame:
    if frame.format == target:
        return frame
    luma = np.full((target.height, target.width), frame.luma[0, 0], np.uint8)
    return replace(frame, format=target, planes=(luma,))


def engine(*scorers: object, sampler: object | None = None, **more: object) -> SegmentScorer:
    return SegmentScorer("channel", "720p", sampler or Every(), scorers, more.pop("convert", resized), **more)


def kinds(outcome: Outcome) -> list[str]:
    return [event.kind.value for event in outcome.events]


# ---- facts and scores


def test_a_segment_gives_scores_and_facts() -> None:
    outcome = engine(Mean()).score(FakeSegment(3))
    result = outcome.result
    assert outcome.events == ()
    assert result.failed == ()
    [score] = result.scores
    values = [(150 + index) % 200 for index in range(50)]
    assert (score.feature, score.model, score.frames, score.coverage) == ("mean", "mean/3", 50, 1.0)
    assert (score.mean, score.min, score.max) == (np.mean(values), min(values), max(values))
    assert [one.value for one in result.frame_scores] == values
    facts = result.segment
    assert (facts.stream, facts.rendition, facts.sequence, facts.started_at) == (
        "channel",
        "720p",
        3,
        START + timedelta(seconds=6),
    )
    assert (facts.start, facts.duration, facts.frame_rate) == (6, 2, 25.0)
    assert (facts.frames_expected, facts.frames_decoded, facts.frames_sampled, facts.frames_paired) == (50, 50, 50, 0)
    assert (facts.format, facts.codec, facts.bytes, facts.download_seconds) == (SMALL, "h264", 1000, 0.25)
    assert facts.published_at == facts.started_at


def test_the_same_segment_gives_the_same_result() -> None:
    one, other = engine(Mean(), Step()).score(FakeSegment()), engine(Mean(), Step()).score(FakeSegment())
    assert one.result == other.result


def test_coverage_is_the_share_of_all_frames_that_have_a_value() -> None:
    sampler = create_sampler("rate", seed="channel", per_second=5.0)
    result = engine(Mean(), Step(), sampler=sampler).score(FakeSegment()).result
    coverage = {score.feature: score.coverage for score in result.scores}
    assert result.segment.frames_sampled == 10
    assert coverage == {"mean": 0.2, "step": 0.18}


def test_duration_and_rate_are_measured_where_everything_was_decoded() -> None:
    whole = engine(Mean()).score(FakeSegment(count=48, duration=Fraction(2))).result.segment
    assert (whole.duration, whole.frame_rate) == (Fraction(48, RATE), 25.0)
    damaged = engine(Mean()).score(FakeSegment(count=50, lost=10, duration=Fraction(2))).result.segment
    assert (damaged.duration, damaged.frame_rate) == (2, 25.0)


def test_seconds_are_told_for_each_metric() -> None:
    ticks = iter(range(1000))
    told: dict[str, float] = {}
    one = engine(Mean(), Step(), timer=lambda: float(next(ticks)), observe=told.__setitem__)
    outcome = one.score(FakeSegment(count=3))
    assert set(told) == {"mean", "step"}
    assert min(told.values()) >= 3  # a tick at least for each frame
    assert sum(told.values()) < outcome.result.score_seconds


def test_a_metric_without_any_value_yields_no_score() -> None:
    result = engine(Step()).score(FakeSegment(count=1)).result
    assert result.scores == ()
    assert result.failed == ()


def test_scorers_are_closed() -> None:
    scorers = [Mean(), Mean()]
    engine(*scorers).close()
    assert [scorer.diary for scorer in scorers] == [["close"], ["close"]]


# ---- one metric's trouble is its own


def test_a_metric_that_raises_costs_its_own_values_only(caplog: pytest.LogCaptureFixture) -> None:
    result = engine(Faulty(on=lambda index: index == 7), Mean()).score(FakeSegment()).result
    frames = {score.feature: score.frames for score in result.scores}
    assert frames == {"faulty": 49, "mean": 50}
    assert result.failed == ("faulty",)
    assert 7 not in {score.index for score in result.frame_scores if score.feature == "faulty"}
    assert "channel/720p: metric faulty failed on segment 0" in caplog.text
    assert "a bug" in caplog.text


def test_a_metric_is_switched_off_after_failures_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    faulty = Faulty()
    one = engine(faulty, Mean())
    first, second = one.score(FakeSegment(0)), one.score(FakeSegment(1))
    assert [entry for entry in faulty.diary if entry.startswith("score")] == ["score 0", "score 1", "score 2"]
    assert first.result.failed == second.result.failed == ("faulty",)  # still so, or the alert would end
    assert [score.feature for score in second.result.scores] == ["mean"]
    assert len(caplog.records) == MAX_FAILURES
    assert "switched off until the format changes" in caplog.records[-1].message


def test_failures_that_are_not_in_a_row_switch_nothing_off() -> None:
    one = engine(Faulty(on=lambda index: index % 3 == 0))
    one.score(FakeSegment(0))
    assert one.score(FakeSegment(1)).result.scores[0].frames == 33


def test_a_metric_that_was_switched_off_gets_another_chance_with_another_format() -> None:
    faulty = Faulty(on=lambda index: len(faulty.diary) < 7)
    one = engine(faulty)
    assert one.score(FakeSegment(0)).result.scores == ()
    later = one.score(FakeSegment(1, format=LARGE)).result
    assert later.failed == ("faulty",)
    assert later.scores[0].frames > 40
    assert one.score(FakeSegment(2, format=LARGE)).result.failed == ()


def test_a_metric_that_cannot_prepare_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    class Unprepared(Faulty):
        def prepare(self, video_format: VideoFormat) -> None:
            super().prepare(video_format)
            raise OSError("no model file")

    unprepared = Unprepared()
    one = engine(unprepared, Mean())
    assert one.score(FakeSegment(0)).result.failed == ("faulty",)
    one.score(FakeSegment(1))
    assert unprepared.diary == ["prepare 8"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("feature", "value"), [("mean", math.nan), ("unheard_of", 1.0)])
def test_a_score_that_breaks_its_promise_is_a_failure(feature: str, value: float) -> None:
    class Liar(Mean):
        def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
            return (Score(feature, value, frame.index, frame.pts) for frame in batch)

    result = engine(Liar(), Step()).score(FakeSegment()).result
    assert result.failed == ("mean",)
    assert [score.feature for score in result.scores] == ["step"]


def test_infinity_is_a_value() -> None:
    class Endless(Mean):
        def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
            return (Score("mean", math.inf, frame.index, frame.pts) for frame in batch)

    [score] = engine(Endless()).score(FakeSegment()).result.scores
    assert (score.mean, score.min, score.p50, score.max) == (math.inf,) * 4


def test_an_interruption_is_no_failure() -> None:
    class Interrupted(Mean):
        def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine(Interrupted()).score(FakeSegment())


def test_a_format_is_refused_once_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    picky = Picky()
    one = engine(picky, Mean())
    outcomes = [one.score(FakeSegment(number)) for number in range(3)]
    assert picky.diary == ["prepare 8"]
    assert [outcome.result.failed for outcome in outcomes] == [(), (), ()]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "channel/720p: metric 'picky' needs 16x16" in caplog.text
    scored = one.score(FakeSegment(3, format=LARGE)).result
    assert {score.feature for score in scored.scores} == {"picky", "mean"}
    assert [score.feature for score in one.score(FakeSegment(4)).result.scores] == ["mean"]
    assert picky.diary == ["prepare 8", "prepare 16", "prepare 8"]


def test_refusals_are_told_to_who_asks(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []
    one = engine(Picky(), on_refused=lambda *words: told.append(words))
    one.score(FakeSegment(0))
    one.score(FakeSegment(1))
    assert told == [("picky", "metric 'picky' needs 16x16, not 8x8 gray")]
    assert caplog.records == []


# ---- formats


def test_metrics_prepare_at_each_change_within_a_segment() -> None:
    mean = Mean()
    result = engine(mean).score(FakeSegment(formats=lambda index: LARGE if 20 <= index < 30 else SMALL)).result
    assert mean.diary == ["prepare 8", "prepare 16", "prepare 8"]
    assert result.scores[0].frames == 50


def test_a_change_between_segments_is_an_event() -> None:
    one = engine(Mean())
    assert kinds(one.score(FakeSegment(0))) == []
    changed = one.score(FakeSegment(1, format=LARGE))
    assert kinds(changed) == ["format_changed"]
    assert changed.events[0].detail == "h264 8x8 gray became h264 16x16 gray"
    assert kinds(one.score(FakeSegment(2, format=LARGE))) == []
    assert kinds(one.score(FakeSegment(3, format=LARGE, codec="hevc"))) == ["format_changed"]


# ---- damage


def test_what_cannot_be_opened_is_an_event_and_never_raises() -> None:
    outcome = engine(Mean()).score(FakeSegment(5, bad="segment 5 is empty"))
    [event] = outcome.events
    assert (event.kind, event.reason, event.value) == (EventKind.SEGMENT_BAD, "demux", 5)
    assert (event.stream, event.rendition, event.detail) == ("channel", "720p", "segment 5 is empty")
    assert event.at == START + timedelta(seconds=10)
    assert outcome.result.scores == ()
    assert (outcome.result.segment.sequence, outcome.result.segment.duration) == (5, 2)


def test_a_segment_without_one_good_picture_is_bad() -> None:
    outcome = engine(Mean()).score(FakeSegment(5, lost=50))
    assert kinds(outcome) == ["decode_error", "segment_bad"]
    assert outcome.events[1].reason == "decode"
    assert outcome.result.segment.frames_decoded == 0
    assert outcome.result.segment.duration == 2


def test_lost_frames_are_counted() -> None:
    outcome = engine(Mean()).score(FakeSegment(lost=4))
    [event] = outcome.events
    assert (event.kind, event.value, event.detail) == (EventKind.DECODE_ERROR, 4.0, "4 of 50 frames could not be decoded")
    assert outcome.result.segment.decode_errors == 4
    assert outcome.result.scores[0].coverage == pytest.approx(46 / 50)


@pytest.mark.parametrize("damage", [{"bad": "no media"}, {"lost": 50}])
def test_after_a_bad_segment_everything_begins_anew_without_a_jump(damage: dict[str, object]) -> None:
    step = Step()
    one = engine(step)
    one.score(FakeSegment(0))
    one.score(FakeSegment(1, **damage))
    outcome = one.score(FakeSegment(2))
    assert kinds(outcome) == []
    assert outcome.result.scores[0].frames == 49  # the first one has nothing before it


# ---- the timeline


def test_memory_lasts_from_segment_to_segment() -> None:
    one = engine(Step())
    assert [one.score(FakeSegment(number)).result.scores[0].frames for number in range(3)] == [49, 50, 50]


def test_a_delayed_metric_pays_what_it_owes_when_the_segment_ends() -> None:
    owing = engine(Late())
    for sequence in range(2):
        result = owing.score(FakeSegment(sequence, count=5)).result
        assert [(score.index, score.value) for score in result.frame_scores] == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 0)]


def test_a_delayed_metric_pays_what_it_owes_before_the_format_changes() -> None:
    result = engine(Late()).score(FakeSegment(count=4, formats=lambda index: SMALL if index < 2 else LARGE)).result
    assert [(score.index, score.value) for score in result.frame_scores] == [(0, 1), (1, 0), (2, 1), (3, 0)]


def test_a_metric_that_cannot_pay_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    result = engine(Late(breaks=True), Mean()).score(FakeSegment(count=3)).result
    assert result.failed == ("late",)
    assert [score.feature for score in result.frame_scores].count("late") == 2
    assert "a bug" in caplog.text


def test_a_flagged_discontinuity_resets_and_is_the_sources_to_report() -> None:
    one = engine(Step())
    one.score(FakeSegment(0))
    outcome = one.score(FakeSegment(1, begin=Fraction(1000), discontinuity=True))
    assert outcome.events == ()
    assert outcome.result.scores[0].frames == 49
    assert outcome.result.segment.discontinuity


@pytest.mark.parametrize(
    ("begin", "reason", "jump"), [(12, "pts_gap", 10.0), (0, "pts_back", -2.0), (Fraction(1, 2), "pts_back", -1.5)]
)
def test_a_jump_that_nobody_flagged_is_found(begin: Fraction, reason: str, jump: float) -> None:
    one = engine(Step())
    one.score(FakeSegment(0))
    outcome = one.score(FakeSegment(1, begin=Fraction(begin)))
    [event] = outcome.events
    assert (event.kind, event.reason, event.value) == (EventKind.DISCONTINUITY, reason, jump)
    assert f"{jump:+.3f} s before segment 1" in event.detail
    assert outcome.result.scores[0].frames == 49
    assert one.score(FakeSegment(2, begin=Fraction(begin) + 2)).events == ()


@pytest.mark.parametrize("begin", [Fraction(2) + Fraction(1, 2), Fraction(2) - Fraction(1, 2)])
def test_a_little_jitter_is_no_jump(begin: Fraction) -> None:
    one = engine(Step())
    one.score(FakeSegment(0))
    outcome = one.score(FakeSegment(1, begin=begin))
    assert outcome.events == ()
    assert outcome.result.scores[0].frames == 50


def test_a_wrap_of_the_clock_is_reported_and_forgets_nothing() -> None:
    one = engine(Step())
    one.score(FakeSegment(0, begin=WRAP - 2))
    outcome = one.score(FakeSegment(1, begin=Fraction(0)))
    [event] = outcome.events
    assert (event.kind, event.reason) == (EventKind.DISCONTINUITY, "wrap")
    assert outcome.result.scores[0].frames == 50
    assert one.score(FakeSegment(2, begin=Fraction(2))).events == ()


def test_a_gap_that_lost_segments_left_is_no_jump_but_forgets() -> None:
    one = engine(Step())
    one.score(FakeSegment(0))
    outcome = one.score(FakeSegment(4))
    assert outcome.events == ()
    assert outcome.result.scores[0].frames == 49
    assert kinds(one.score(FakeSegment(7, begin=Fraction(0)))) == ["discontinuity"]


def test_a_jump_is_found_in_a_segment_that_was_not_sampled() -> None:
    class Nothing(Every):
        def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
            return not 100 <= pts < 102

    one = engine(Step(), sampler=Nothing())
    one.score(FakeSegment(0))
    silent = one.score(FakeSegment(1, begin=Fraction(100)))
    assert kinds(silent) == ["discontinuity"]
    assert silent.result.scores == ()
    after = one.score(FakeSegment(2, begin=Fraction(102)))
    assert after.events == ()
    assert after.result.scores[0].frames == 49


def test_key_frames_alone_leave_no_gaps() -> None:
    one = engine(Mean(), sampler=Keyframes())
    outcomes = []
    for number in range(3):
        segment = FakeSegment(number)
        outcomes.append(one.score(segment))
        assert segment.opened == [True]
    assert [outcome.events for outcome in outcomes] == [(), (), ()]
    facts = outcomes[1].result.segment
    assert (facts.frames_expected, facts.frames_decoded, facts.frames_sampled) == (50, 2, 2)
    assert (facts.duration, facts.frame_rate) == (2, 25.0)
    assert outcomes[1].result.scores[0].coverage == pytest.approx(2 / 50)


def test_damaged_ends_leave_no_gaps() -> None:
    one = engine(Mean())
    one.score(FakeSegment(0, lost=30))
    assert one.score(FakeSegment(1)).events == ()


# ---- beside the reference


def window(*segments: FakeSegment) -> ReferenceWindow:
    one = ReferenceWindow()
    for segment in segments:
        one.add(segment)
    return one


def test_pairs_are_scored_and_counted() -> None:
    difference, mean = Difference(), Mean()
    outcome = engine(difference, mean).score(FakeSegment(1), window(*(FakeSegment(n, format=LARGE) for n in range(3))))
    scores = {score.feature: score for score in outcome.result.scores}
    assert scores["difference"].max == 0.0  # numbers of frames agree
    assert scores["difference"].frames == outcome.result.segment.frames_paired == 50
    assert difference.diary == ["prepare 16"]  # the reference's format
    assert mean.diary == ["prepare 8"]  # the rendition's own
    assert kinds(outcome) == ["reference_back"]


def test_frames_without_a_counterpart_are_left_out() -> None:
    outcome = engine(Difference()).score(FakeSegment(1), window(FakeSegment(1, count=30)))
    assert outcome.result.segment.frames_paired == outcome.result.scores[0].frames == 30
    assert outcome.result.segment.frames_sampled == 50
    assert outcome.result.scores[0].coverage == pytest.approx(30 / 50)


def test_losing_the_reference_is_said_once_and_so_is_its_return() -> None:
    one = engine(Difference(), Mean())
    here, gone = window(*(FakeSegment(n) for n in range(10))), window(FakeSegment(90))
    told = [kinds(one.score(FakeSegment(n), reference)) for n, reference in enumerate((here, here, gone, gone, here, here))]
    assert told == [["reference_back"], [], ["reference_lost"], [], ["reference_back"], []]


def test_no_reference_metrics_go_on_without_the_reference() -> None:
    result = engine(Difference(), Mean()).score(FakeSegment(1), window(FakeSegment(90))).result
    assert [score.feature for score in result.scores] == ["mean"]
    assert result.failed == ()


@pytest.mark.parametrize(
    ("reference", "own", "detail"),
    [
        (window(), False, "nothing of the reference has arrived at segment 1"),
        (window(FakeSegment(90)), False, "no reference picture at the times of segment 1"),
        (window(FakeSegment(1, has_utc=True)), False, "no common timeline: the reference has EXT-X-PROGRAM-DATE-TIME"),
        (window(FakeSegment(1)), True, "no common timeline: the rendition has EXT-X-PROGRAM-DATE-TIME"),
    ],
)
def test_why_the_reference_is_lost(reference: ReferenceWindow, own: bool, detail: str) -> None:
    outcome = engine(Difference()).score(FakeSegment(1, has_utc=own), reference)
    assert kinds(outcome) == ["reference_lost"]
    assert detail in outcome.events[0].detail


def test_utc_pairs_what_pts_does_not() -> None:
    outcome = engine(Difference()).score(
        FakeSegment(1, has_utc=True, begin=Fraction(500)), window(FakeSegment(1, has_utc=True, begin=Fraction(77)))
    )
    assert outcome.result.segment.frames_paired == 50


def test_without_a_full_reference_metric_the_reference_is_not_looked_at() -> None:
    reference = FakeSegment(1)
    one = engine(Mean())
    assert not one.full_reference
    assert one.score(FakeSegment(1), window(reference)).events == ()
    assert reference.opened == []


def test_what_cannot_be_converted_is_refused_once_and_forgiven(caplog: pytest.LogCaptureFixture) -> None:
    impossible = replace(SMALL, matrix="ycgco")

    def convert(frame: Frame, target: VideoFormat) -> Frame:
        if frame.format == impossible:
            raise UnsupportedFormat("ycgco is not supported")
        return resized(frame, target)

    one = engine(Difference(), Mean(), convert=convert)
    reference = window(*(FakeSegment(n, format=LARGE) for n in range(5)))
    for number in range(2):
        outcome = one.score(FakeSegment(number, format=impossible), reference)
        assert [score.feature for score in outcome.result.scores] == ["mean"]
        assert outcome.result.failed == ()
    assert [record.message for record in caplog.records] == ["channel/720p: ycgco is not supported"]
    after = one.score(FakeSegment(2), reference)
    assert {score.feature for score in after.result.scores} == {"difference", "mean"}
