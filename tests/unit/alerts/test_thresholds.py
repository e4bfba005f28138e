"""Fixed levels: for, keep-firing, hysteresis, boundaries, no data, and which alert speaks for which."""

from __future__ import annotations

import math

import pytest

from monitor.alerts import AlertEngine, load_rules
from monitor.types import AlertState
from tests.unit.alerts.simulation import Play, instant, lines, result

LOW = """
defaults: false
rules:
  - name: Low
    kind: threshold
    levels: {psnr_y: {below: 30, clear: 32}}
    for_seconds: 5
    keep_firing_for_seconds: 3
    summary: "{target} {feature} {value:.1f} < {threshold:g} for {seconds:.0f} s"
"""


def play(text: str = LOW, seconds: float = 2.0) -> Play:
    return Play(AlertEngine(load_rules(text)), seconds=seconds)


def psnr(*values: float) -> list[dict[str, float]]:
    return [{"psnr_y": value} for value in values]


@pytest.mark.parametrize(
    ("seconds", "breaching"), [(1.0, 5), (2.0, 3), (2.5, 2), (5.0, 1), (6.0, 1), (1.001, 5), (5 / 3, 3), (0.5, 10)]
)
def test_for_counts_media_time_from_the_start_of_the_first_breaching_segment(seconds: float, breaching: int) -> None:
    stream = play(seconds=seconds)
    assert stream.segments(*psnr(*[29.0] * (breaching - 1))) == []
    assert lines(stream.segments(*psnr(29))) == ["firing Low 720p psnr_y"]
    assert stream.told[0].starts_at == instant(0).utc
    assert stream.told[0].summary == f"news/720p psnr_y 29.0 < 30 for {round(breaching * seconds)} s"


def test_keep_firing_waits_for_that_much_clear_media_time() -> None:
    stream = play()
    stream.segments(*psnr(29, 29, 29))
    assert stream.segments(*psnr(33)) == []
    assert lines(stream.segments(*psnr(33))) == ["resolved Low 720p psnr_y"]
    resolved = stream.told[-1]
    assert (resolved.starts_at, resolved.ends_at) == (instant(0).utc, instant(6).utc)


@pytest.mark.parametrize(("value", "fires"), [(30.0, True), (30.0001, False), (29.9999, True), (-math.inf, True)])
def test_reaching_the_threshold_sets_the_alert(value: float, fires: bool) -> None:
    assert bool(play().segments(*psnr(value, value, value))) is fires


@pytest.mark.parametrize(("value", "resolves"), [(32.0, True), (31.9999, False), (math.inf, True)])
def test_reaching_the_clear_value_clears_it(value: float, resolves: bool) -> None:
    stream = play()
    stream.segments(*psnr(29, 29, 29))
    assert bool(stream.segments(*psnr(value, value))) is resolves


def test_between_set_and_clear_nothing_flaps() -> None:
    stream = play()
    stream.segments(*psnr(29, 29, 29))
    assert stream.segments(*psnr(31, 29.5, 31.5, 31, 29, 31, 33, 31, 33, 31)) == []
    assert lines(stream.engine.active()) == ["firing Low 720p psnr_y"]


def test_between_set_and_clear_a_pending_alert_ends() -> None:
    stream = play()
    stream.segments(*psnr(29, 29, 31))
    assert stream.engine.active() == []
    assert stream.segments(*psnr(29, 29)) == []


def test_no_data_neither_resolves_nor_resets() -> None:
    stream = play()
    stream.segments(*psnr(29, 29))
    stream.segments({}, {"ssim": 0.9}, {"psnr_y": math.nan})
    stream.wait(600)
    assert lines(stream.engine.active()) == ["pending Low 720p psnr_y"]
    assert lines(stream.segments(*psnr(29))) == ["firing Low 720p psnr_y"]
    stream.segments(*[{}] * 50)
    stream.wait(3600)
    assert lines(stream.engine.firing()) == ["firing Low 720p psnr_y"]


def test_a_segment_delivered_twice_counts_once() -> None:
    engine = AlertEngine(load_rules(LOW))
    again = result({"psnr_y": 20.0}, start=0)
    for second in range(10):
        assert engine.observe_result(again, instant(second)) == []


def test_the_worst_segment_is_the_evidence() -> None:
    stream = play()
    stream.segments(*psnr(29, 24, 28))
    assert (stream.told[0].value, stream.told[0].segment_start_ms) == (24.0, round(instant(2).utc.timestamp() * 1000))


def test_rising_levels_and_other_pools() -> None:
    rules = LOW.replace("psnr_y: {below: 30, clear: 32}", "noise: {above: 5, clear: 4, pool: p95}")
    stream = play(rules)
    assert lines(stream.segments(*[{"noise": value} for value in (5, 6, 7)])) == ["firing Low 720p noise"]
    assert stream.told[0].value == 7
    assert lines(stream.segments({"noise": 4.0}, {"noise": 3.0})) == ["resolved Low 720p noise"]


def test_globs_choose_streams_and_renditions() -> None:
    engine = AlertEngine(load_rules(LOW + "    streams: ['new*']\n    renditions: ['*p']\n"))
    assert Play(engine, seconds=6).segments(*psnr(20))
    assert not Play(engine, seconds=6, stream="sport").segments(*psnr(20))
    assert not Play(engine, seconds=6, rendition="audio").segments(*psnr(20))


def test_a_disabled_rule_is_silent() -> None:
    assert not play(LOW + "    enabled: false\n", seconds=6).segments(*psnr(20))


def test_the_features_of_a_rule_page_once() -> None:
    rules = LOW.replace("{psnr_y: {below: 30, clear: 32}}", "{psnr_y: {below: 30, clear: 32}, ssim: {below: 0.9}}")
    stream = play(rules)
    both = {"psnr_y": 20.0, "ssim": 0.5}
    assert lines(stream.segments(both, both, both, both)) == ["firing Low 720p psnr_y"]
    held = [alert for alert in stream.engine.active() if alert.state is AlertState.PENDING]
    assert [(alert.feature, alert.suppressed_by) for alert in held] == [("ssim", "Low")]
    psnr_good = {"psnr_y": 40.0, "ssim": 0.5}
    assert lines(stream.segments(psnr_good, psnr_good)) == ["resolved Low 720p psnr_y"]
    assert lines(stream.segments(psnr_good, psnr_good, psnr_good)) == ["firing Low 720p ssim"]


PARENT = """
  - name: Frozen
    kind: threshold
    levels: {frozen: {above: 0.9, clear: 0.5}}
    for_seconds: 5
    keep_firing_for_seconds: 2
    summary: frozen
"""
CHILD = (
    LOW.replace("for_seconds: 5", "for_seconds: 4").replace("keep_firing_for_seconds: 3", "inhibited_by: [Frozen]") + PARENT
)


def frame(frozen: float, value: float) -> dict[str, float]:
    return {"frozen": frozen, "psnr_y": value}


def test_a_pending_parent_holds_its_child_back_and_a_firing_one_silences_it() -> None:
    stream = play(CHILD)
    still = frame(1.0, 14)
    assert lines(stream.segments(frame(0.4, 20), still, still, still, still)) == ["firing Frozen 720p frozen"]
    assert lines(stream.engine.active()) == ["firing Frozen 720p frozen"]


def test_a_child_held_by_a_pending_parent_says_so() -> None:
    stream = play(CHILD)
    stream.segments(frame(0.4, 20), frame(1.0, 14))
    child = next(alert for alert in stream.engine.active() if alert.name == "Low")
    assert (child.state, child.suppressed_by) == (AlertState.PENDING, "Frozen")


def test_a_child_does_not_fire_on_the_tail_of_its_parent() -> None:
    stream = play(CHILD, seconds=4)  # one segment is long enough for the child
    stream.segments(frame(1, 14), frame(1, 14))
    assert lines(stream.segments(frame(0.4, 20))) == ["resolved Frozen 720p frozen"]
    assert stream.segments(frame(0, 38)) == []
    assert lines(stream.segments(frame(0, 20))) == ["firing Low 720p psnr_y"]


def test_a_child_whose_condition_outlives_the_parent_fires_after_it() -> None:
    stream = play(CHILD)
    still, low = frame(1, 14), frame(0, 20)
    assert lines(stream.segments(still, still, still, low, low, low)) == [
        "firing Frozen 720p frozen",
        "resolved Frozen 720p frozen",
        "firing Low 720p psnr_y",
    ]
    assert stream.told[-1].starts_at == instant(8).utc


def test_a_parent_that_pends_on_and_off_does_not_starve_its_child() -> None:
    stream = play(CHILD)
    told = stream.segments(*[frame(1, 20), frame(0, 20), frame(0, 20)] * 3)
    assert lines(told) == ["firing Low 720p psnr_y"]


def test_a_child_that_fired_first_resolves_while_its_parent_fires() -> None:
    stream = play(CHILD)
    told = stream.segments(frame(0, 20), frame(0, 20), *[frame(1, 14)] * 3, frame(1, 40))
    assert lines(told) == ["firing Low 720p psnr_y", "firing Frozen 720p frozen", "resolved Low 720p psnr_y"]


def test_a_parent_of_one_rendition_leaves_the_others_alone() -> None:
    engine = AlertEngine(load_rules(CHILD))
    Play(engine, rendition="1080p").segments(*[frame(1, 14)] * 4)
    assert lines(Play(engine).segments(frame(0, 20), frame(0, 20))) == ["firing Low 720p psnr_y"]


def test_an_outranking_rule_is_not_waited_for() -> None:
    rules = LOW + PARENT.replace("name: Frozen", "name: VeryLow").replace(
        "{frozen: {above: 0.9, clear: 0.5}}", "{psnr_y: {below: 25, clear: 27}}"
    )
    rules = rules.replace("    keep_firing_for_seconds: 3", "    outranked_by: [VeryLow]")
    stream = play(rules)
    assert lines(stream.segments(*psnr(28, 24, 28, 24, 28))) == ["firing Low 720p psnr_y"]
    both = play(rules)
    assert lines(both.segments(*psnr(24, 24, 24, 24))) == ["firing VeryLow 720p psnr_y"]
    assert lines(both.segments(*psnr(28, 28, 28, 28))) == ["resolved VeryLow 720p psnr_y", "firing Low 720p psnr_y"]


def test_failing_metrics_and_decode_errors() -> None:
    rules = """
defaults: false
rules:
  - {name: Failing, kind: scorer_failing, segments: 3, summary: "{detail}"}
  - {name: Damaged, kind: decode_errors, window_seconds: 20, above: 0.2, clear: 0.1, summary: "{value:.2f}"}
"""
    stream = play(rules)
    assert stream.segments({}, {}, failed=["ssim"]) == []
    assert lines(stream.segments({}, failed=["ssim", "vmaf"])) == ["firing Failing 720p"]
    assert stream.told[0].summary == "ssim, vmaf"
    assert lines(stream.segments({})) == ["resolved Failing 720p"]
    assert stream.segments({}, decode_errors=30) == []  # one damaged segment is not a trend
    assert lines(stream.segments({}, decode_errors=1)) == ["firing Damaged 720p"]
    assert stream.told[-1].summary == "1.55"
    assert stream.segments(*[{}] * 8) == []
    assert lines(stream.segments({})) == ["resolved Damaged 720p"]


def test_a_suspect_segment_is_kept_from_the_child_but_not_for_ever() -> None:
    rules = CHILD.replace("clear: 0.5}", "clear: 0.5, suspect: 0.1}")
    stream = play(rules)
    half = frame(0.3, 20)
    assert stream.segments(half, half, half, frame(0, 38), half, half, half) == []
    assert lines(stream.segments(half, half)) == ["firing Low 720p psnr_y"]
