from __future__ import annotations

import itertools
from fractions import Fraction

import pytest

from monitor.errors import ConfigError, UnknownName
from monitor.sampling import MODES, Bursts, Every, Keyframes, Rate, create_sampler

FRAME = Fraction(1001, 30_000)


def chosen(sampler, frames: int, *, first: Fraction = Fraction(0), duration: Fraction = FRAME) -> list[int]:
    return [
        index
        for index in range(frames)
        if sampler.wants(first + index * duration, duration, index, keyframe=index % 50 == 0)
    ]


def test_every_takes_all_and_keyframes_only_key_frames():
    assert chosen(Every(), 5) == [0, 1, 2, 3, 4]
    assert chosen(Keyframes(), 120) == [0, 50, 100]
    assert Keyframes().keyframes_only
    assert not Every().keyframes_only


def test_rate_takes_one_frame_in_each_stratum():
    picked = chosen(Rate(Fraction(2), "news"), 3000)
    strata = [int(index * FRAME * 2) for index in picked]
    # the instant of a stratum may fall on the last frame that began in the stratum before
    assert len(picked) == pytest.approx(3000 * float(FRAME) * 2, abs=1)
    assert all(later - earlier <= 2 for earlier, later in itertools.pairwise(strata))


def test_rate_is_no_even_stride():
    picked = chosen(Rate(Fraction(2), "news"), 3000)
    strides = {later - earlier for earlier, later in itertools.pairwise(picked)}
    assert len(strides) > 5
    # both parities, or B-frame pyramids bias the score (Netflix/vmaf#1214)
    assert 0.35 < sum(index % 2 for index in picked) / len(picked) < 0.65


def test_rate_depends_on_time_and_seed_not_on_where_it_starts():
    whole = chosen(Rate(Fraction(3), "a"), 600)
    late = [index + 300 for index in chosen(Rate(Fraction(3), "a"), 300, first=300 * FRAME)]
    assert late == [index for index in whole if index >= 300]
    assert whole != chosen(Rate(Fraction(3), "b"), 600)


def test_rate_above_the_frame_rate_takes_every_frame_once():
    assert chosen(Rate(Fraction(1000), "x"), 20) == list(range(20))


def test_renditions_of_one_stream_choose_the_same_instants():
    fast = {round(float(index * FRAME / 2), 2) for index in chosen(Rate(Fraction(2), "s"), 1200, duration=FRAME / 2)}
    slow = {round(float(index * FRAME), 2) for index in chosen(Rate(Fraction(2), "s"), 600)}
    assert all(min(abs(moment - other) for other in slow) <= float(FRAME) for moment in fast)


def test_bursts_are_consecutive_and_of_full_length():
    picked = chosen(Bursts(4, Fraction(2), "s"), 600)
    runs = [picked[start : start + 4] for start in range(0, len(picked), 4)]
    assert all(run == list(range(run[0], run[0] + 4)) for run in runs if len(run) == 4)
    assert len(runs) == pytest.approx(600 * float(FRAME) / 2, abs=1)


def test_bursts_after_reset_begin_anew():
    sampler = Bursts(2, Fraction(1), "s")
    before = chosen(sampler, 30)
    sampler.reset()
    assert chosen(sampler, 30) == before


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_can_be_created(mode):
    assert chosen(create_sampler(mode, seed="s"), 200)


def test_wrong_settings_are_named():
    with pytest.raises(UnknownName, match="did you mean keyframes"):
        create_sampler("keyframe", seed="s")
    with pytest.raises(ConfigError, match="0 frames a second"):
        create_sampler("rate", seed="s", per_second=0)
    with pytest.raises(ConfigError, match="compares neighbours"):
        create_sampler("bursts", seed="s", burst_frames=1)
