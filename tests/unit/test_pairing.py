from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest

from monitor.errors import BadMedia
from monitor.pairing import ReferenceWindow, placement, utc_seconds
from monitor.types import Frame, VideoFormat

FORMAT = VideoFormat(16, 16, "gray")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class FakePass:
    frames_: list[Frame]
    codec: str = "fake"
    decoded: int = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def frames(self, sampler):
        for frame in self.frames_:
            self.decoded += 1
            if sampler.wants(frame.pts, frame.duration, frame.index, keyframe=False):
                yield frame


@dataclass(eq=False)
class FakeSegment:
    """Frames at a constant rate whose luma holds their number."""

    first: Fraction
    count: int
    rate: Fraction
    started_at: datetime = START
    has_utc: bool = False
    size: int = 1000
    passes: list[FakePass] = field(default_factory=list)
    bad: bool = False
    undecodable: bool = False

    def span(self):
        if self.bad:
            raise BadMedia("not media", reason="demux")
        return self.first, self.first + self.count / self.rate

    def decode(self, *, keyframes_only=False, threads=1):
        if self.undecodable:
            raise BadMedia("no decoder", reason="decode")
        frames = [
            Frame(
                i,
                self.first + i / self.rate,
                1 / self.rate,
                FORMAT,
                (np.full((16, 16), (self.first * self.rate + i) % 256, np.uint8),),
            )
            for i in range(self.count)
        ]
        self.passes.append(FakePass(frames))
        return self.passes[-1]


def number(frame: Frame | None) -> int | None:
    return None if frame is None else int(frame.luma[0, 0])


def pairs(window, moments, duration=Fraction(1, 25)):
    with window.reader() as reader:
        return [number(reader.frame_at(moment, duration)) for moment in moments]


def test_pairs_by_exact_time_over_segment_borders():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    window.add(FakeSegment(Fraction(2), 50, Fraction(25)))
    assert pairs(window, [Fraction(n, 25) for n in (0, 1, 49, 50, 51, 99)]) == [0, 1, 49, 50, 51, 99]


def test_no_pair_outside_the_window_or_beyond_half_a_frame():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    assert pairs(window, [Fraction(5)]) == [None]
    assert pairs(window, [Fraction(3, 25) + Fraction(1, 60)]) == [3]


@pytest.mark.parametrize("error", [Fraction(-1, 1000), Fraction(1, 1000)])
def test_millisecond_rounding_of_utc_never_shifts_a_pair(error):
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 60, Fraction(30_000, 1001)))
    moments = [n * Fraction(1001, 30_000) + error for n in range(1, 60)]
    assert pairs(window, moments, Fraction(1001, 30_000)) == list(range(1, 60))


def test_a_reference_of_twice_the_frame_rate_pairs_the_simultaneous_frame():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 100, Fraction(50)))
    assert pairs(window, [Fraction(n, 25) for n in range(10)]) == [2 * n for n in range(10)]


def test_utc_timeline_joins_different_clocks():
    reference = FakeSegment(Fraction(1000), 50, Fraction(25), has_utc=True)
    window = ReferenceWindow()
    window.add(reference)
    distorted = FakeSegment(Fraction(7), 25, Fraction(25), started_at=START + timedelta(seconds=1), has_utc=True)
    start, end, offset = placement(distorted)
    assert (start, end) == (utc_seconds(START) + 1, utc_seconds(START) + 2)
    assert pairs(window, [Fraction(7) + offset]) == [(1000 * 25 + 25) % 256]


def test_renditions_share_one_decode():
    segment = FakeSegment(Fraction(0), 50, Fraction(25))
    window = ReferenceWindow()
    window.add(segment)
    moments = [Fraction(n, 25) for n in (3, 20, 40)]
    for _ in range(3):
        assert pairs(window, moments) == [3, 20, 40]
    assert len(segment.passes) == 1
    assert segment.passes[0].decoded <= 42


def test_a_rendition_that_asks_for_other_frames_still_gets_them():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    assert pairs(window, [Fraction(10, 25), Fraction(30, 25)]) == [10, 30]
    assert pairs(window, [Fraction(2, 25), Fraction(10, 25), Fraction(11, 25)]) == [2, 10, 11]


def test_window_is_bounded_in_bytes():
    window = ReferenceWindow(max_bytes=2500)
    for n in range(5):
        window.add(FakeSegment(Fraction(2 * n), 50, Fraction(25)))
    assert window.size <= 2500
    assert pairs(window, [Fraction(0)]) == [None]
    assert pairs(window, [Fraction(9)]) == [225]


def test_frame_cache_is_bounded_and_goes_with_its_segment():
    window = ReferenceWindow(max_bytes=1500, max_frame_bytes=3 * 256)
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    pairs(window, [Fraction(n, 25) for n in range(20)])
    assert window.size <= 1000 + 3 * 256
    window.add(FakeSegment(Fraction(2), 50, Fraction(25)))
    assert window.size == 1000


def test_ready_when_covered_or_ended():
    window = ReferenceWindow()
    assert not window.ready(Fraction(1))
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    assert window.ready(Fraction(2))
    assert not window.ready(Fraction(3))
    window.end()
    assert window.ready(Fraction(3))


def test_bad_reference_segment_leaves_the_window_as_it_was():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    with pytest.raises(BadMedia):
        window.add(FakeSegment(Fraction(2), 50, Fraction(25), bad=True))
    assert pairs(window, [Fraction(1)]) == [25]


def test_window_lets_go_of_what_is_long_over():
    window = ReferenceWindow()
    for n in range(10):
        window.add(FakeSegment(Fraction(2 * n), 50, Fraction(25)))
    window.forget_before(Fraction(6))
    assert pairs(window, [Fraction(11)]) == [None]
    assert pairs(window, [Fraction(13)]) == [325 % 256]
    assert window.size - 256 <= 4 * 1000


def test_frames_of_old_segments_are_not_kept():
    window = ReferenceWindow()
    for n in range(8):
        window.add(FakeSegment(Fraction(2 * n), 50, Fraction(25)))
        pairs(window, [Fraction(2 * n), Fraction(2 * n + 1)])
    assert window.size <= 8 * 1000 + 6 * 256


def test_ready_for_the_frame_that_follows():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 50, Fraction(25)))
    assert window.ready(Fraction(2))
    assert not window.ready(Fraction(2), following=True)
    assert not window.ready(Fraction(2) - Fraction(2, 1000), following=True), "a clock that rounds is no frame"
    assert window.ready(Fraction(49, 25), following=True)
    window.end()
    assert window.ready(Fraction(2), following=True)


def test_room_is_what_older_segments_leave_when_they_go():
    window = ReferenceWindow(max_bytes=3000)
    for n in range(3):
        window.add(FakeSegment(Fraction(2 * n), 50, Fraction(25)))
    assert not window.has_room(1000, Fraction(0))
    assert not window.has_room(1000, Fraction(1))
    assert window.has_room(1000, Fraction(2))
    assert window.has_room(2000, Fraction(4))


def neighbours(window, moments, count=2, duration=Fraction(1, 25)):
    """Each pair's frame, those before it and the one after."""
    found = []
    with window.reader(count) as reader:
        for moment in moments:
            frame = number(reader.frame_at(moment, duration))
            found.append(([number(one) for one in reader.before()], frame, number(reader.after())))
    return found


def test_a_frame_has_neighbours_in_other_segments():
    window = ReferenceWindow()
    for n in range(3):
        window.add(FakeSegment(Fraction(n), 25, Fraction(25)))
    assert neighbours(window, [Fraction(n, 25) for n in (25, 26, 40, 49, 50)]) == [
        ([23, 24], 25, 26),
        ([24, 25], 26, 27),
        ([38, 39], 40, 41),
        ([47, 48], 49, 50),
        ([48, 49], 50, 51),
    ]


def test_neighbours_end_with_the_reference():
    window = ReferenceWindow()
    window.add(FakeSegment(Fraction(0), 25, Fraction(25)))
    assert neighbours(window, [Fraction(n, 25) for n in (0, 1, 24)]) == [([], 0, 1), ([0], 1, 2), ([22, 23], 24, None)]
    with window.reader(2) as reader:
        assert reader.frame_at(Fraction(9), Fraction(1, 25)) is None
        assert (reader.before(), reader.after(), reader.span) == ([], None, None)


def test_neighbours_are_those_beyond_a_hole():
    """Who compares them sees by their times that they are none."""
    window = ReferenceWindow()
    for n in (0, 2):
        window.add(FakeSegment(Fraction(n), 25, Fraction(25)))
    assert neighbours(window, [Fraction(24, 25), Fraction(2)]) == [([22, 23], 24, 50), ([23, 24], 50, 51)]


def test_neighbours_may_be_few_to_a_segment():
    window = ReferenceWindow()
    for n in range(6):
        window.add(FakeSegment(Fraction(n, 25), 1, Fraction(25)))
    assert neighbours(window, [Fraction(4, 25)], count=3) == [([1, 2, 3], 4, 5)]


def test_neighbours_over_segments_that_cannot_be_decoded():
    window = ReferenceWindow()
    for n in range(3):
        window.add(FakeSegment(Fraction(n), 25, Fraction(25), undecodable=n == 1))
    assert neighbours(window, [Fraction(24, 25), Fraction(50, 25)]) == [([22, 23], 24, None), ([], 50, 51)]


def test_neighbours_that_another_rendition_asked_for_are_not_decoded_again():
    window, beside = ReferenceWindow(), [FakeSegment(Fraction(n), 25, Fraction(25)) for n in range(3)]
    for segment in beside:
        window.add(segment)
    moments = [Fraction(n, 25) for n in (25, 30, 49)]
    first = neighbours(window, moments)
    passes = [len(segment.passes) for segment in beside]
    assert neighbours(window, moments) == first
    assert [len(segment.passes) for segment in beside] == passes == [1, 1, 1]


def test_neighbours_at_the_frame_rate_of_the_distorted():
    window = ReferenceWindow()
    for n in range(3):
        window.add(FakeSegment(Fraction(n), 50, Fraction(50)))
    assert neighbours(window, [Fraction(n, 25) for n in (25, 49)]) == [([46, 48], 50, 52), ([94, 96], 98, 100)]
    with window.reader(2) as reader:
        frame = reader.frame_at(Fraction(1), Fraction(1, 25))
        before, after = reader.before(), reader.after()
        assert reader.span == (1, Fraction(26, 25))
    assert [one.pts for one in (*before, frame, after)] == [Fraction(n, 25) for n in (23, 24, 25, 26)]
    assert {one.duration for one in (*before, frame, after)} == {Fraction(1, 25)}
