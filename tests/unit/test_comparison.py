"""Which frames of two files are paired."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from monitor.comparison import Comparison, Encode
from monitor.panel import Panel
from monitor.scorers import create_all
from monitor.types import Frame, FramePair
from tests.unit.test_neighbours import FORM, Cut, picture

NTSC = Fraction(30_000, 1001)


def shown(picture_of: list[int], rate: Fraction, *, tick: Fraction = Fraction(0)) -> list[Frame]:
    """Frames with these pictures, their times rounded to a clock's ticks."""

    def time(index: int) -> Fraction:
        return round(index / rate / tick) * tick if tick else index / rate

    planes = {number: picture(number, 0) for number in set(picture_of)}
    return [
        Frame(index, time(index), time(index + 1) - time(index), FORM, (planes[number],), index == 0)
        for index, number in enumerate(picture_of)
    ]


def compared(distorted: list[Frame], reference: list[Frame], offset: Fraction = Fraction(0)) -> tuple[Encode, list[float]]:
    panel = Panel("file", create_all([("psnr", {})]))
    encode = Encode(Cut(distorted), panel, lambda frame, _: frame, offset=offset)
    Comparison(Cut(reference), [encode], lambda frame, _: frame).run()
    return encode, [score.value for score in panel.scores]


@pytest.mark.parametrize("tick", [Fraction(0), Fraction(1, 1000), Fraction(1, 90_000)])
@pytest.mark.parametrize(
    ("distorted", "reference"),
    [
        (Fraction(25), Fraction(25)),
        (Fraction(50), Fraction(25)),
        (Fraction(25), Fraction(50)),
        (Fraction(60), Fraction(24)),
    ],
)
def test_a_converted_rate_pairs_with_what_was_on_display(distorted: Fraction, reference: Fraction, tick: Fraction) -> None:
    count = math.floor(2 * distorted)
    pictures = [math.floor(index / distorted * reference) for index in range(count)]
    encode, values = compared(
        shown(pictures, distorted, tick=tick), shown(list(range(math.ceil(2 * reference) + 1)), reference)
    )
    assert encode.paired == encode.sampled == count
    assert values == [60.0] * count


@pytest.mark.parametrize(
    ("distorted", "reference"),
    [(Fraction(30), Fraction(24)), (Fraction(24), Fraction(30)), (Fraction(30), NTSC), (NTSC, Fraction(30))],
)
def test_rates_without_a_common_grid_leave_nothing_out(distorted: Fraction, reference: Fraction) -> None:
    """Which of two neighbours was shown depends on the converter's phase; that is in the offset where pictures tell it."""
    count = math.floor(4 * distorted)
    encode, _ = compared(shown([0] * count, distorted), shown(list(range(math.ceil(4 * reference) + 1)), reference))
    assert encode.paired == encode.sampled == count


def test_where_the_reference_has_a_gap_nothing_is_paired() -> None:
    frames = shown(list(range(50)), Fraction(25))
    encode, values = compared(frames, [frame for frame in frames if frame.index not in (20, 21, 22)])
    assert (encode.sampled, encode.paired) == (50, 47)
    assert values == [60.0] * 47


@pytest.mark.parametrize(("beyond", "seen"), [(Fraction(0), 21), (Fraction(2, 5), 31), (Fraction(9), 50)])
def test_the_reference_is_watched_on_after_the_last_frame(beyond: Fraction, seen: int) -> None:
    frames, watched = shown(list(range(50)), Fraction(25)), list[int]()
    panel = Panel("file", create_all([("psnr", {})]))
    encode = Encode(Cut(frames[:20]), panel, lambda frame, _: frame)
    watch = lambda frame: watched.append(frame.index)  # noqa: E731
    Comparison(Cut(frames), [encode], lambda frame, _: frame, watch=watch, beyond=beyond).run()
    assert len(watched) == seen
    assert encode.partners == {index: frames[index].pts for index in range(20)}


@pytest.mark.parametrize("lost", [7, -7])
def test_an_offset_puts_the_same_pictures_together(lost: int) -> None:
    whole = list(range(50))
    distorted, reference = whole[max(lost, 0) :], whole[max(-lost, 0) :]
    encode, values = compared(shown(distorted, Fraction(25)), shown(reference, Fraction(25)), Fraction(lost, 25))
    assert encode.paired == 43
    assert values == [60.0] * 43


def test_single_frames_can_be_put_elsewhere() -> None:
    reference = shown(list(range(30)), Fraction(25))
    distorted = shown([*range(10), *range(11, 30)], Fraction(25))  # number 10 is lost and the times hide it
    panel = Panel("file", create_all([("psnr", {})]))
    moments = {index: Fraction(index + 1, 25) for index in range(10, 29)}
    encode = Encode(Cut(distorted), panel, lambda frame, _: frame, moments=moments)
    Comparison(Cut(reference), [encode], lambda frame, _: frame).run()
    assert [score.value for score in panel.scores] == [60.0] * 29


class Pairs(Panel):
    """Keeps the pairs that it is given."""

    seen: list[FramePair | None]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen = []

    def put(self, frame: Frame, pair: FramePair | None) -> None:
        assert pair is None or pair.distorted is frame
        self.seen.append(pair)


def test_pairs_of_one_reference_frame_know_of_each_other() -> None:
    whole = shown(list(range(8)), Fraction(25))
    others = [*whole[:3], *whole[4:]], shown([0, 2, 4, 6], Fraction(25, 2)), shown([9] * 8, Fraction(7))
    panels = [Pairs(str(number), ()) for number in range(4)]
    encodes = [
        Encode(Cut(frames), panel, lambda frame, _: frame) for frames, panel in zip((whole, *others), panels, strict=True)
    ]
    Comparison(Cut(whole), encodes, lambda frame, _: frame).run()
    for index, pair in enumerate(panels[0].seen):
        assert pair is not None
        with_it = [frame for frames in (whole, *others) for frame in frames if frame.pts == whole[index].pts]
        assert [id(frame.luma) for frame in pair.company] == [id(frame.luma) for frame in with_it]
        for panel in panels[1:]:
            for other in panel.seen:
                if other is not None and other.distorted.pts == pair.distorted.pts:
                    assert [*map(id, other.company)] == [*map(id, pair.company)]
