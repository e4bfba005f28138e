from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from monitor import scorers
from monitor.errors import ConfigError
from monitor.types import Score

RATE = 25


def frozen(studio: Any, pictures: list[Any], *, every: int = 1, **options: object) -> dict[int, float]:
    """``frozen`` by frame index, scoring every so manieth picture."""
    return {score.index: score.value for score in scores(studio, pictures, every, options) if score.feature == "frozen"}


def scores(studio: Any, pictures: list[Any], every: int = 1, options: dict[str, object] | None = None) -> list[Score]:
    video_format = studio.format(96, 64, "gray")
    scorer = scorers.create("freeze", options)
    scorer.prepare(video_format)
    frames = [studio.frame(index, picture, video_format) for index, picture in enumerate(pictures)]
    return list(scorer.score(frames[::every]))


def moving(studio: Any, count: int, start: int = 0) -> list[Any]:
    return [studio.scene(start + index, 96, 64) for index in range(count)]


def block(picture: Any, step: float) -> Any:
    """The picture with one of its blocks lifted."""
    changed = picture.copy()
    changed[16:32, 32:48] += step
    return changed


def test_the_difference_is_that_of_the_block_that_changed_most(studio: Any) -> None:
    flat = np.full((64, 96), 100.0)
    changed = block(flat, 7)
    changed[0:4, 0:16] -= 20  # a quarter of a block
    values = [score.value for score in scores(studio, [flat, changed]) if score.feature == "freeze_diff"]
    assert values == [7.0]


def test_a_picture_that_stays_is_frozen_after_a_second_and_not_after_it_moves(studio: Any) -> None:
    pictures = moving(studio, 10) + [studio.scene(9, 96, 64)] * 3 * RATE + moving(studio, 10, 30)
    found = frozen(studio, pictures)
    assert [index for index, value in found.items() if value] == list(range(9 + RATE, 10 + 3 * RATE))


@pytest.mark.parametrize("every", [1, 2, 5, 12, 25, 50])
def test_any_sampling_finds_it(studio: Any, every: int) -> None:
    found = frozen(studio, moving(studio, 25) + [studio.scene(25, 96, 64)] * 200, every=every)
    assert all(found[index] == 1.0 for index in found if index >= 25 + RATE + every)
    assert not any(found[index] for index in found if index < 25 + RATE)


def test_one_jump_at_each_key_frame_is_let_pass(studio: Any) -> None:
    still = studio.scene(0, 96, 64)
    pulses = [block(still, 6 if index // 25 % 2 else 0) for index in range(150)]
    assert all(frozen(studio, pulses)[index] for index in range(25, 150))


def test_two_jumps_in_a_row_are_motion(studio: Any) -> None:
    still = studio.scene(0, 96, 64)
    pictures = [still] * 50 + [block(still, 5)] + [still] * 50
    found = frozen(studio, pictures)
    assert found[49] == 1.0
    assert [index for index in range(50, 101) if not found[index]] == list(range(51, 51 + RATE))


def test_a_jump_too_large_for_coding_is_a_cut(studio: Any) -> None:
    still = studio.scene(0, 96, 64)
    found = frozen(studio, [still] * 50 + [block(still, 9)] * 50)
    assert (found[49], found[50], found[74], found[75]) == (1.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("per_second", [10, 20, 40])
def test_a_slow_fade_is_no_freeze(studio: Any, per_second: int) -> None:
    still = studio.scene(0, 96, 64)
    pictures = [still - index * per_second / RATE for index in range(RATE * 60 // per_second)]
    assert not any(frozen(studio, pictures).values())


def test_a_small_box_that_moves_is_no_freeze(studio: Any) -> None:
    pictures = []
    for index in range(100):
        picture = np.full((64, 96), 90.0)
        picture[20:30, 2 * index % 86 : 2 * index % 86 + 10] = 200
        pictures.append(picture)
    assert not any(frozen(studio, pictures).values())


@pytest.mark.parametrize("repeats", [2, 3, 12, 24])
def test_repeated_pictures_of_a_lower_rate_are_no_freeze(studio: Any, repeats: int) -> None:
    pictures = [picture for picture in moving(studio, 32)[::4] for _ in range(repeats)]
    assert not any(frozen(studio, pictures).values())


def test_a_livelier_camera_needs_a_lower_limit(studio: Any) -> None:
    still = studio.scene(0, 96, 64)
    pictures = [block(still, 1.5 * (index % 2)) for index in range(60)]
    assert frozen(studio, pictures)[50] == 1.0
    assert not any(frozen(studio, pictures, still=1.0).values())


def test_the_wait_can_be_set(studio: Any) -> None:
    found = frozen(studio, [studio.scene(0, 96, 64)] * 100, hold_seconds=2.0)
    assert (found[49], found[50]) == (0.0, 1.0)


@pytest.mark.parametrize(("option", "value"), [("still", 0), ("still", 8), ("still", -1), ("hold_seconds", -1)])
def test_useless_limits_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"metric 'freeze': option '{option}' must"):
        scorers.create("freeze", {option: value})


def test_time_counts_and_not_frames(studio: Any) -> None:
    """At 50 frames a second a second is 50 frames."""
    video_format = studio.format(96, 64, "gray")
    picture = studio.scene(0, 96, 64)
    scorer = scorers.create("freeze")
    scorer.prepare(video_format)
    fast = type(studio)(frame_rate=50)
    found = list(scorer.score([fast.frame(index, picture, video_format) for index in range(60)]))
    assert min(score.pts for score in found if score.feature == "frozen" and score.value) == Fraction(1)
