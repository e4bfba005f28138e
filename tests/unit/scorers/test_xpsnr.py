from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from monitor import scorers
from monitor.types import FramePair


def at_rate(pairs: list[FramePair], rate: int) -> list[FramePair]:
    """The same pictures at another frame rate."""

    def moved(frame: Any) -> Any:
        return replace(frame, pts=Fraction(frame.index, rate), duration=Fraction(1, rate))

    return [FramePair(moved(pair.distorted), moved(pair.reference)) for pair in pairs]


def scored(pairs: list[FramePair]) -> dict[int, float]:
    scorer = scorers.create("xpsnr")
    scorer.prepare(pairs[0].format)
    return {score.index: score.value for score in scorer.score(pairs) if score.feature == "xpsnr_y"}


def test_after_a_gap_there_is_no_value_until_the_frames_before_are_known(studio: Any, spoilers: Any) -> None:
    pairs = studio.pairs(9, studio.format(64, 64), spoilers.noisy(5))
    for rate, missing in ((25, {5}), (50, {5, 6})):
        whole = scored(at_rate(pairs, rate))
        torn = scored([pair for pair in at_rate(pairs, rate) if pair.index != 4])
        assert set(whole) == set(range(9))
        assert set(torn) == set(whole) - {4} - missing
        assert all(whole[index] == value for index, value in torn.items())


def test_fast_video_is_judged_by_the_change_of_changes(studio: Any, spoilers: Any) -> None:
    """A steady pan is activity to the first difference, none to the second."""
    pairs = studio.pairs(4, studio.format(64, 64), spoilers.noisy(5))
    slow, also_slow, fast = (scored(at_rate(pairs, rate)) for rate in (25, 31, 32))
    assert slow == also_slow
    assert slow[3] != fast[3]


def test_a_first_frame_is_compared_with_black(studio: Any, spoilers: Any) -> None:
    """As in FFmpeg; so much activity hides errors, and the second frame scores lower."""
    values = scored(studio.pairs(2, studio.format(64, 64), spoilers.noisy(5)))
    assert values[0] > values[1] + 1
