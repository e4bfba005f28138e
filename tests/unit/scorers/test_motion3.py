from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from monitor import scorers
from monitor.errors import ConfigError
from monitor.kernels.motion import motion
from monitor.scorers.motion3 import Settings
from monitor.types import Frame, FramePair

HFR = {"motion_five_frame_window": True}
AVERAGE = {"motion_moving_average": True}


def pairs_of(studio: Any, count: int) -> list[FramePair]:
    pairs: list[FramePair] = studio.pairs(count, studio.format(96, 64), lambda picture: picture)
    return pairs


def prepared(pairs: Sequence[FramePair], **options: object) -> Any:
    scorer: Any = scorers.create("motion3", options)
    scorer.prepare(pairs[0].format)
    return scorer


def told(scorer: Any, pairs: Sequence[FramePair], *, end: bool = True) -> dict[int, float]:
    return {score.index: score.value for score in [*scorer.score(pairs), *(scorer.flush() if end else ())]}


def differences(pairs: Sequence[FramePair], distance: int = 1) -> list[float]:
    lumas = [pair.reference.luma for pair in pairs]
    return [0.0] * distance + [motion(lumas[i - distance], lumas[i], 8) for i in range(distance, len(lumas))]


def test_a_frame_has_the_smaller_of_two_differences_and_the_first_that_of_the_second(studio: Any) -> None:
    pairs = pairs_of(studio, 5)
    d = differences(pairs)
    assert told(prepared(pairs), pairs) == dict(enumerate([d[1], min(d[1:3]), min(d[2:4]), min(d[3:5]), d[4]]))


def test_over_two_frames(studio: Any) -> None:
    pairs = pairs_of(studio, 6)
    d = differences(pairs, 2)
    expected = [d[2], d[2], d[3], min(d[2], d[4]), min(d[3], d[5]), d[5]]
    assert told(prepared(pairs, **HFR), pairs) == dict(enumerate(expected))


def test_the_average_is_with_what_was_not_averaged(studio: Any) -> None:
    pairs = pairs_of(studio, 4)
    plain = told(prepared(pairs), pairs)
    expected = [plain[0]] + [(plain[i] + plain[i - 1]) / 2 for i in range(1, 4)]
    assert told(prepared(pairs, **AVERAGE), pairs) == dict(enumerate(expected))


def test_frames_wait_for_the_next(studio: Any) -> None:
    pairs = pairs_of(studio, 4)
    scorer = prepared(pairs)
    given = [[score.index for score in scorer.score([pair])] for pair in pairs]
    assert given == [[], [0], [1], [2]]
    assert [score.index for score in scorer.flush()] == [3]
    assert list(scorer.flush()) == []
    wide = prepared(pairs, **HFR)
    assert [[score.index for score in wide.score([pair])] for pair in pairs] == [[], [], [0, 1], [2]]


@pytest.mark.parametrize("options", [{}, HFR, AVERAGE, HFR | AVERAGE])
def test_only_the_frame_at_a_cut_differs(studio: Any, options: dict[str, object]) -> None:
    pairs = pairs_of(studio, 8)
    whole, cut = told(prepared(pairs, **options), pairs), prepared(pairs, **options)
    parts = told(cut, pairs[:4]) | told(cut, pairs[4:])
    assert list(parts) == list(range(8))
    differing = {index for index in whole if whole[index] != parts[index]}
    assert differing <= {3, 4} if "motion_moving_average" in options else differing <= {3}


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_frames_have_no_motion(studio: Any, count: int) -> None:
    pairs = pairs_of(studio, count)
    assert told(prepared(pairs, **HFR), pairs) == dict.fromkeys(range(count), 0.0)


def test_a_frame_beside_a_gap_has_none(studio: Any) -> None:
    pairs = pairs_of(studio, 12)
    whole = told(prepared(pairs), pairs)
    scorer = prepared(pairs)
    assert told(scorer, [*pairs[:4], *pairs[6:]]) == {index: whole[index] for index in (0, 1, 2, 7, 8, 9, 10, 11)}
    wide = told(prepared(pairs, **HFR), pairs)
    found = told(prepared(pairs, **HFR), [*pairs[:5], *pairs[6:]])
    assert found == {index: wide[index] for index in (0, 1, 2, 3, 9, 10, 11)}
    averaged = told(prepared(pairs, **AVERAGE), [*pairs[:4], *pairs[6:]])
    assert set(averaged) == {0, 1, 2, 8, 9, 10, 11}, "the mean needs the frame before"


def test_a_frame_shown_on_does_not_move(studio: Any) -> None:
    pair = pairs_of(studio, 1)[0]

    def at(index: int, frame: Frame) -> Frame:
        return replace(frame, index=index, pts=frame.pts + index * frame.duration)

    shown = [FramePair(at(i, pair.distorted), at(i, pair.reference)) for i in range(3)]
    assert told(prepared(shown), shown) == {0: 0.0, 1: 0.0, 2: 0.0}


def test_large_motion_is_drawn_together_and_clipped() -> None:
    settings = Settings(motion_blend_factor=0.5, motion_blend_offset=4.0, motion_fps_weight=2.0, motion_max_val=18.0)
    assert settings.clipped(3.0) == 6.0
    assert settings.clipped(30.0) == 18.0
    assert settings.blended(3.0) == 3.0
    assert settings.blended(10.0) == 7.0
    assert settings.blended(100.0) == 18.0


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"option 'motion_blend_factor' must be 0 to 1, not 1\.5"):
        scorers.create("motion3", {"motion_blend_factor": 1.5})
