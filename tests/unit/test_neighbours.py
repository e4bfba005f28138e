"""Metrics that look at the reference around a pair score a stream cut into segments as they score the whole clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from monitor.comparison import Comparison, Encode
from monitor.engine import SegmentScorer
from monitor.pairing import ReferenceWindow
from monitor.panel import Panel
from monitor.protocols import Delayed, Sampler
from monitor.sampling import Every, Keyframes, create_sampler
from monitor.scorers import create_all
from monitor.types import Frame, FramePair, VideoFormat

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
RATE = 25
COUNT = 150
FORM = VideoFormat(64, 48, "gray")

HFR = {"motion_five_frame_window": True, "motion_moving_average": True}
METRICS: list[tuple[str, dict[str, object]]] = [("vmaf", {}), ("motion", {}), ("motion3", HFR), ("xpsnr", {})]
NEIGHBOURS = 4
"""Frames before one that count, at most."""

Values = dict[tuple[str, int], float]
"""By feature and number of the frame in the clip."""


def picture(number: int, noise: float, width: int = 64, height: int = 48) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A texture that moves by a varying amount, so that no two neighbours differ alike."""
    y, x = np.mgrid[0:height, 0:width]
    moved = 3 * number + 4 * np.sin(number * 1.7)
    scene = 120 + 60 * np.sin((x + moved) / 7) * np.cos((y - number) / 9)
    made = np.clip(scene + np.random.default_rng(number).normal(0, noise, scene.shape), 0, 255).astype(np.uint8)
    made.flags.writeable = False
    return made


@pytest.fixture(scope="module")
def clip() -> list[FramePair]:
    def frame(number: int, noise: float) -> Frame:
        time, keyframe = Fraction(number, RATE), number % 10 == 0
        return Frame(number, time, Fraction(1, RATE), FORM, (picture(number, noise),), keyframe)

    return [FramePair(frame(number, 6), frame(number, 1)) for number in range(COUNT)]


@dataclass(eq=False)
class Decoding:
    """A pass over frames that are there already; counts those it had to decode."""

    segment: Cut
    keyframes_only: bool = False
    codec: str = "h264"
    format: VideoFormat | None = None
    frame_rate: float = RATE
    frames_decoded: int = 0
    decode_errors: int = 0
    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def frames_expected(self) -> int:
        return len(self.segment.frames)

    def __enter__(self) -> Decoding:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def frames(self, sampler: Sampler) -> Iterator[Frame]:
        for index, frame in enumerate(self.segment.frames):
            if self.keyframes_only and not frame.keyframe:
                continue
            pts = frame.pts - self.segment.origin
            self.frames_decoded += 1
            self.segment.decoded += 1
            self.start = pts if self.start is None else self.start
            self.end = pts + frame.duration
            self.format = frame.format
            if sampler.wants(pts, frame.duration, index, keyframe=frame.keyframe):
                yield replace(frame, index=index, pts=pts)


@dataclass(eq=False)
class Cut:
    """Some frames of the clip as a segment."""

    frames: Sequence[Frame]
    sequence: int = 0
    origin: Fraction = Fraction(0)
    """Time on the clip at which this segment's own clock is zero."""
    has_utc: bool = False
    discontinuity: bool = False
    stream: str = "channel"
    rendition: str = "720p"
    size: int = 1000
    download_seconds: float = 0.0
    published_at: datetime | None = None
    decoded: int = field(default=0, init=False)

    @property
    def duration(self) -> Fraction:
        return Fraction(len(self.frames), RATE)

    @property
    def started_at(self) -> datetime:
        return START + timedelta(milliseconds=round(float(self.frames[0].pts) * 1000))

    def span(self) -> tuple[Fraction, Fraction]:
        return self.frames[0].pts - self.origin, self.frames[-1].pts + self.frames[-1].duration - self.origin

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> Decoding:
        return Decoding(self, keyframes_only)


def cuts(frames: Sequence[Frame], *lengths: int, **more: Any) -> list[Cut]:
    """Segments of these lengths, over and over."""
    made: list[Cut] = []
    start = 0
    while start < len(frames):
        length = lengths[len(made) % len(lengths)]
        made.append(Cut(frames[start : start + length], len(made), **more))
        start += length
    return made


def sides(clip: Sequence[FramePair]) -> tuple[list[Frame], list[Frame]]:
    return [pair.distorted for pair in clip], [pair.reference for pair in clip]


def engine(sampler: Sampler | None = None, metrics: Sequence[tuple[str, dict[str, object]]] = METRICS) -> SegmentScorer:
    scorer = SegmentScorer("channel", "720p", sampler or Every(), create_all(metrics), lambda frame, _: frame)
    assert scorer.looks_ahead
    return scorer


def scored(
    segments: Iterable[Cut],
    window: ReferenceWindow,
    sampler: Sampler | None = None,
    metrics: Sequence[tuple[str, dict[str, object]]] = METRICS,
) -> Values:
    one, values = engine(sampler, metrics), {}
    for segment in segments:
        result = one.score(segment, window).result
        assert result.failed == ()
        for score in result.frame_scores:
            values[score.feature, round((score.pts + segment.origin) * RATE)] = score.value
    return values


def window_of(segments: Iterable[Cut]) -> ReferenceWindow:
    window = ReferenceWindow()
    for segment in segments:
        window.add(segment)
    window.end()
    return window


def scored_whole(clip: Sequence[FramePair], metrics: Sequence[tuple[str, dict[str, object]]] = METRICS) -> Values:
    """What the metrics say of a whole clip, without an engine."""
    values: Values = {}
    for scorer in create_all(metrics):
        scorer.prepare(clip[0].format)
        found = [*scorer.score(clip), *(scorer.flush() if isinstance(scorer, Delayed) else ())]
        values |= {(score.feature, score.index): score.value for score in found}
    return values


@pytest.fixture(scope="module")
def whole(clip: list[FramePair]) -> Values:
    values = scored_whole(clip)
    assert {feature: sum(key[0] == feature for key in values) for feature, _ in values} == {
        "vmaf": COUNT, "integer_motion": COUNT, "integer_motion2": COUNT, "integer_motion3": COUNT, "xpsnr_y": COUNT
    }  # fmt: skip
    return values


def only(values: Values, frames: Iterable[int]) -> Values:
    chosen = set(frames)
    return {key: value for key, value in values.items() if key[1] in chosen}


@pytest.mark.parametrize("length", [13, 25, 50, COUNT])
@pytest.mark.parametrize("other", [[13], [50], [7, 31, 1]])
def test_any_cut(length: int, other: list[int], clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    assert scored(cuts(distorted, length), window_of(cuts(reference, *other))) == whole


def test_without_the_frame_that_follows_it_would_differ(clip: list[FramePair], whole: Values) -> None:
    """Or these tests would show nothing."""
    distorted, reference = sides(clip)
    one, window, differ = engine(), ReferenceWindow(), 0.0
    for segment, beside in zip(cuts(distorted, 25), cuts(reference, 25), strict=True):
        window.add(beside)
        last = [score for score in one.score(segment, window).result.frame_scores if score.feature == "vmaf"][-1]
        differ = max(differ, abs(last.value - whole["vmaf", round(last.pts * RATE)]))
    assert differ > 0.1


def test_metrics_that_work_ahead(clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    kept = [segment for segment in cuts(distorted, 13) if segment.sequence not in (1, 3)]
    window, values = window_of(cuts(reference, 25)), {}
    with ThreadPoolExecutor(3) as executor:
        one = replace(engine(), executor=executor)
        for segment in kept:
            result = one.score(segment, window).result
            assert len(result.frame_scores) == 5 * len(segment.frames)  # nothing comes later than its segment
            values |= {(score.feature, round(score.pts * RATE)): score.value for score in result.frame_scores}
        one.close()
    assert values == only(whole, [frame.index for segment in kept for frame in segment.frames])


@pytest.mark.parametrize("length", [13, 25])
def test_lost_segments(length: int, clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    kept = [segment for segment in cuts(distorted, length) if segment.sequence not in (1, 3)]
    frames = [round(frame.pts * RATE) for segment in kept for frame in segment.frames]
    assert scored(kept, window_of(cuts(reference, 25))) == only(whole, frames)


@pytest.mark.parametrize("start", [1, 3, 25, 40])
def test_a_start_in_mid_stream(start: int, clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    found = scored(cuts(distorted[start:], 25), window_of(cuts(reference, 25)))
    assert found == only(whole, range(start, COUNT))


def test_a_discontinuity_of_the_distorted_alone(clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    segments = cuts(distorted, 25, has_utc=True)
    for segment in segments[3:]:
        segment.origin = Fraction(-1000)
    segments[3].discontinuity = True
    assert scored(segments, window_of(cuts(reference, 50, has_utc=True))) == whole


@pytest.mark.parametrize("lost", [{30}, {24}, {25}, {60, 61, 62}, {0}, {COUNT - 1}, {24, 26}])
def test_lost_frames(lost: set[int], clip: list[FramePair], whole: Values) -> None:
    """A frame that the distorted lacks costs its own scores, not those of its neighbours."""
    distorted, reference = sides(clip)
    segments = cuts(distorted, 25)
    for segment in segments:
        segment.frames = [frame for frame in segment.frames if round(frame.pts * RATE) not in lost]
    assert scored(segments, window_of(cuts(reference, 25))) == only(whole, set(range(COUNT)) - lost)


@pytest.mark.parametrize("mode", ["keyframes", "rate", "bursts"])
@pytest.mark.parametrize("other", [25, 50, 13])
def test_sampled_frames(mode: str, other: int, clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    sampler = create_sampler(mode, seed="channel", per_second=4.0, burst_frames=2, burst_every_seconds=0.5)
    found = scored(cuts(distorted, 50), window_of(cuts(reference, other)), sampler)
    frames = {number for _, number in found}
    assert 12 <= len(frames) < COUNT / 3
    if 0 in frames:  # nothing comes before it, and only one frame was shown after it
        del found["integer_motion3", 0]
    assert found == {key: value for key, value in only(whole, frames).items() if key != ("integer_motion3", 0)}


def test_a_reference_that_ends_first(clip: list[FramePair], whole: Values) -> None:
    """Its last frame has none to follow, as in a clip that ends there."""
    distorted, reference = sides(clip)
    window = window_of(cuts(reference[:60], 25))
    found = scored(cuts(distorted, 25), window)
    assert {number for _, number in found} == set(range(60))
    assert only(found, range(59)) == only(whole, range(59))
    assert found == scored_whole(clip[:60])


def test_a_reference_that_goes_on_after_the_last_segment(clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    assert scored(cuts(distorted[:40], 25), window_of(cuts(reference, 25))) == only(whole, range(40))


def test_a_hole_of_the_reference(clip: list[FramePair], whole: Values) -> None:
    """What borders on it has no neighbour there, however the distorted is cut."""
    distorted, reference = sides(clip)
    window = lambda: window_of(segment for segment in cuts(reference, 25) if segment.sequence != 2)  # noqa: E731
    found = scored(cuts(distorted, 25), window())
    assert found == scored(cuts(distorted, COUNT), window()) == scored(cuts(distorted, 13), window())
    assert {number for feature, number in found if feature == "vmaf"} == set(range(COUNT)) - set(range(49, 76))


def test_a_reference_of_twice_the_frame_rate(clip: list[FramePair], whole: Values) -> None:
    """Metrics see it at the distorted one's rate."""
    distorted, reference = sides(clip)
    doubled = [
        replace(frame, pts=frame.pts + half * frame.duration / 2, duration=frame.duration / 2)
        for frame in reference
        for half in range(2)
    ]
    window = window_of(cuts(doubled, 50))
    kept = [segment for segment in cuts(distorted, 25) if segment.sequence not in (1, 3)]
    frames = [round(frame.pts * RATE) for segment in kept for frame in segment.frames]
    assert scored(kept, window) == only(whole, frames)


def test_clocks_that_round_to_milliseconds(clip: list[FramePair], whole: Values) -> None:
    """EXT-X-PROGRAM-DATE-TIME does; 13 frames of 30000/1001 a second are no whole number of them."""
    distorted, reference = ([replace(frame, pts=frame.pts * slow, duration=frame.duration * slow) for frame in frames]
                            for frames in sides(clip) if (slow := Fraction(1001, 1200)))  # fmt: skip
    segments = [*cuts(distorted, 13, has_utc=True, origin=Fraction(-7))]
    one, window, found = engine(), window_of(cuts(reference, 31, has_utc=True, origin=Fraction(-1000))), {}
    for segment in segments:
        for score in one.score(segment, window).result.frame_scores:
            found[score.feature, round((score.pts - 7) * 30_000 / 1001)] = score.value
    assert only(found, range(1, COUNT)).keys() == only(whole, range(1, COUNT)).keys()
    vmaf = {key: value for key, value in found.items() if key[0] == "vmaf"}
    assert vmaf == {key: value for key, value in whole.items() if key[0] == "vmaf"}


def test_renditions_share_the_frame_that_follows(clip: list[FramePair]) -> None:
    distorted, reference = sides(clip)
    beside = cuts(reference[:75], 25)
    window = window_of(beside)
    renditions = [engine(), engine()]
    for segment in cuts(distorted[:50], 25):
        for one in renditions:
            one.score(segment, window)
    assert [segment.decoded for segment in beside] == [25, 26, 1]  # the first frame of a segment once more than needed


def test_key_frames_alone_decode_each_reference_segment_at_most_twice(clip: list[FramePair]) -> None:
    distorted, reference = sides(clip)
    beside = cuts(reference, 50)
    scored(cuts(distorted, 50), window_of(beside), Keyframes())
    assert max(segment.decoded for segment in beside) <= 2 * 50


def test_memory_is_bounded(clip: list[FramePair]) -> None:
    """Between segments the metrics hold a few frames, whatever came before."""
    distorted, reference = sides(clip)
    one, window = engine(), ReferenceWindow(max_bytes=3000, max_frame_bytes=10 * 64 * 48)
    held = []
    for (beside, following), segment in zip(pairwise(cuts(reference, 25)), cuts(distorted, 25), strict=False):
        window.add(beside)
        window.add(following)
        one.score(segment, window)
        track = one.scorers[2]._track
        held.append(len(track._steps))
        assert window.size <= 3000 + 10 * 64 * 48
    assert max(held) <= NEIGHBOURS


@pytest.mark.parametrize("kept", [{*range(60)} - {30}, {*range(60)} - {17, 18, 19, 20, 21}, {3, 10, 11, 30, 59}])
def test_files_with_frames_lost_or_left_out(kept: set[int], clip: list[FramePair], whole: Values) -> None:
    distorted, reference = sides(clip)
    panel = Panel("file", create_all(METRICS))
    encode = Encode(Cut([frame for frame in distorted if frame.index in kept]), panel, lambda frame, _: frame)
    Comparison(Cut(reference), [encode], lambda frame, _: frame).run()
    found = {(score.feature, round(score.pts * RATE)): score.value for score in panel.scores}
    assert found == only(whole, kept)


def test_vmaf_v1_with_and_without_the_window_for_high_frame_rates() -> None:
    form = VideoFormat(216, 160, "yuv420p", chroma_width=108, chroma_height=80)
    chroma = tuple(picture(part, 3, 108, 80) for part in (200, 201))

    def frame(number: int, noise: float) -> Frame:
        planes = (picture(number, noise, 216, 160), *chroma)
        return Frame(number, Fraction(number, RATE), Fraction(1, RATE), form, planes)

    clip = [FramePair(frame(number, 6), frame(number, 1)) for number in range(22)]
    metrics: list[tuple[str, dict[str, object]]] = [("vmaf_v1", {}), ("vmaf_v1_hfr", {})]
    distorted, reference = sides(clip)
    kept = [segment for segment in cuts(distorted, 6) if segment.sequence != 1]
    found = scored(kept, window_of(cuts(reference, 9)), metrics=metrics)
    assert len(found) == 2 * 16
    assert found == only(scored_whole(clip, metrics), {*range(6), *range(12, 22)})


@pytest.mark.parametrize("seed", range(12))
def test_cut_and_damaged_at_random(seed: int, clip: list[FramePair], whole: Values) -> None:
    """Whatever is lost of the distorted, what is left of it scores as in the clip."""
    rng = np.random.default_rng(seed)
    distorted, reference = sides(clip)
    segments = cuts(distorted, *rng.integers(3, 40, 20).tolist())
    beside = cuts(reference, *rng.integers(3, 40, 20).tolist())
    kept = [segment for segment in segments if rng.random() > 0.2]
    for segment in kept:
        segment.frames = [frame for frame in segment.frames if rng.random() > 0.1] or segment.frames
    frames = {round(frame.pts * RATE) for segment in kept for frame in segment.frames}
    found, expected = scored(kept, window_of(beside)), only(whole, frames)
    if 1 not in frames:  # before a gap, the first frame of all is told of one that follows, and would need two
        for values in (found, expected):
            values.pop(("integer_motion3", 0), None)
    assert found == expected
