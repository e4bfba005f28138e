"""Falls below a rendition's own level, and ladders that are upside down."""

from __future__ import annotations

import math
import random

import pytest

from monitor.alerts import AlertEngine, load_rules
from monitor.protocols import Feature
from tests.unit.alerts.simulation import Play, instant, lines

RULES = """
defaults: false
rules:
  - name: ScoreDrop
    kind: drop
    features: [psnr_y, blur]
    adapt_seconds: 600
    summary: "{value:.1f} < {threshold:.1f}: {detail}"
"""
FEATURES = {
    "psnr_y": Feature("psnr_y", "PSNR Y", "dB", 0, math.inf, 0, math.inf, "", "", (20.0, 60.0), min_drop=2.0),
    "blur": Feature("blur", "Blur", "", 0, 100, 100, 0, "", ""),
}


def play(text: str = RULES) -> Play:
    return Play(AlertEngine(load_rules(text), FEATURES))


def psnr(*values: float) -> list[dict[str, float]]:
    return [{"psnr_y": value} for value in values]


def test_a_fall_fires_on_the_second_low_segment_and_clears_with_the_second_good_one() -> None:
    stream = play()
    assert stream.segments(*psnr(*[38, 38.4, 37.8] * 5)) == []
    assert stream.segments(*psnr(26)) == []
    assert lines(stream.segments(*psnr(27))) == ["firing ScoreDrop 720p psnr_y"]
    fired = stream.told[0]
    assert (fired.starts_at, fired.value) == (instant(30).utc, 27)
    assert "Median of the last 3 segments 27, of the 14 before 38" in fired.summary
    assert stream.segments(*psnr(26, 26, 38)) == []
    assert lines(stream.segments(*psnr(38))) == ["resolved ScoreDrop 720p psnr_y"]
    assert stream.told[1].value == 26


def test_one_bad_segment_is_not_a_drop() -> None:
    assert play().segments(*psnr(*[38] * 20, 12, *[38] * 20, 12, 38, 38, 12, *[38] * 9)) == []


@pytest.mark.parametrize(("low", "fires"), [(36.0, True), (36.01, False)])
def test_with_a_constant_history_the_smallest_drop_decides(low: float, fires: bool) -> None:
    assert bool(play().segments(*psnr(*[38.0] * 20, low, low, low))) is fires


def test_with_a_noisy_history_the_deviation_decides() -> None:
    dice = random.Random(7)
    noisy = [dice.gauss(38, 2) for _ in range(200)]
    stream = play()
    assert stream.segments(*psnr(*noisy)) == []
    assert stream.segments(*psnr(32, 32, 32)) == []
    assert lines(stream.segments(*psnr(28, 28, 28))) == ["firing ScoreDrop 720p psnr_y"]


def test_nothing_is_compared_during_warm_up() -> None:
    assert play().segments(*psnr(*[38] * 8, 20, 20)) == []
    assert play().segments(*psnr(*[38] * 9, 20, 20)) != []


def test_a_slow_decline_is_followed() -> None:
    assert play().segments(*psnr(*[45 - 0.005 * number for number in range(2000)])) == []


def test_a_long_fault_does_not_become_normal_until_it_is() -> None:
    stream = play()
    stream.segments(*psnr(*[38] * 40))
    assert lines(stream.segments(*psnr(*[30] * 290))) == ["firing ScoreDrop 720p psnr_y"]
    assert lines(stream.segments(*psnr(*[30] * 20))) == ["resolved ScoreDrop 720p psnr_y"]
    assert lines(stream.segments(*psnr(24, 24))) == ["firing ScoreDrop 720p psnr_y"]


def test_where_larger_is_worse_a_rise_is_the_drop() -> None:
    stream = play()
    assert stream.segments(*[{"blur": value} for value in [20.0] * 20 + [2.0] * 5]) == []
    assert play().segments(*[{"blur": value} for value in [20.0] * 20 + [27.0, 27.0]]) != []


def test_infinite_scores_count_as_the_end_of_the_scale() -> None:
    stream = play()
    assert stream.segments(*psnr(*[math.inf] * 20)) == []
    assert lines(stream.segments(*psnr(40, 40))) == ["firing ScoreDrop 720p psnr_y"]
    assert stream.told[0].threshold == 58.0


def test_scores_of_another_model_start_a_new_baseline() -> None:
    stream = play()
    stream.segments(*psnr(*[38] * 20), model="psnr/1")
    assert stream.segments(*psnr(*[30] * 20), model="psnr/2") == []


def test_absent_scores_are_no_data() -> None:
    stream = play()
    stream.segments(*psnr(*[38] * 20, 26))
    stream.segments({}, {}, {})
    assert lines(stream.segments(*psnr(26))) == ["firing ScoreDrop 720p psnr_y"]


LADDER = """
defaults: false
rules:
  - {name: LadderInversion, kind: ladder_inversion, features: [psnr_y], window_seconds: 60, summary: "{detail}"}
"""


def rungs(**values: tuple[float, float]) -> tuple[AlertEngine, dict[str, tuple[Play, float, float]]]:
    engine = AlertEngine(load_rules(LADDER), FEATURES)
    return engine, {name: (Play(engine, rendition=name), rate, value) for name, (rate, value) in values.items()}


def run(plays: dict[str, tuple[Play, float, float]], segments: int) -> list[str]:
    told = []
    for _ in range(segments):
        for one, rate, value in plays.values():
            told += lines(one.segments({"psnr_y": value}, bitrate_bps=rate))
    return told


def test_a_rung_that_scores_no_better_than_the_next_lower_one_is_told_about() -> None:
    _engine, plays = rungs(low=(1e6, 33), mid=(2e6, 38.5), high=(4e6, 38))
    assert run(plays, 23) == []
    assert run(plays, 10) == ["firing LadderInversion high psnr_y"]
    assert "mid scores 0.5 above high" in plays["high"][0].told[0].summary
    plays["high"] = (plays["high"][0], 4e6, 41)
    assert run(plays, 20) == ["resolved LadderInversion high psnr_y"]


def test_a_healthy_ladder_and_rungs_of_one_bitrate_are_not() -> None:
    assert run(rungs(low=(1e6, 33), high=(2e6, 38))[1], 60) == []
    assert run(rungs(one=(2e6, 38), other=(2.05e6, 35))[1], 60) == []


def test_a_lead_below_the_margin_is_not() -> None:
    assert run(rungs(low=(1e6, 38.19), high=(2e6, 38))[1], 60) == []
    assert run(rungs(low=(1e6, 38.21), high=(2e6, 38))[1], 60) != []


def test_segments_that_show_different_times_are_not_compared() -> None:
    engine, plays = rungs(low=(1e6, 39), high=(2e6, 38))
    plays["high"][0].position = 1000.0
    assert run(plays, 60) == []
    assert engine.active() == []
