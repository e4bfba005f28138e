"""Conditions that a comparison must meet."""

from __future__ import annotations

import math

import pytest

from monitor.errors import ConfigError, UnknownName
from pipelines.gates import Gate, judge, parse_gate
from tests.unit.pipelines.scored import scores, spoilt


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("vmaf=93", Gate("vmaf", "vmaf", "mean", 93.0, True)),
        ("vmaf:p5=80", Gate("vmaf", "vmaf", "p5", 80.0, True)),
        ("vmaf:perc5 = 80.5", Gate("vmaf", "vmaf", "p5", 80.5, True)),
        ("vmaf:harmonic>=85", Gate("vmaf", "vmaf", "harmonic_mean", 85.0, True)),
        ("psnr=38", Gate("psnr", "psnr_y", "mean", 38.0, True)),
        ("psnr_cb:min=30", Gate("psnr", "psnr_cb", "min", 30.0, True)),
        ("xpsnr=40", Gate("xpsnr", "xpsnr", "mean", 40.0, True)),
        ("gmsd=0.1", Gate("gmsd", "gmsd", "mean", 0.1, False)),
        ("gmsd:p95<=1e-1", Gate("gmsd", "gmsd", "p95", 0.1, False)),
        ("vmaf:stdev=5", Gate("vmaf", "vmaf", "stdev", 5.0, False)),
        ("integer_motion2:max<=30", Gate("motion", "integer_motion2", "max", 30.0, False)),
        ("integer_motion2>=1", Gate("motion", "integer_motion2", "mean", 1.0, True)),
    ],
)
def test_a_gate_says_what_is_good_enough(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("vmaf", "is no gate, which is NAME"),
        ("vmaf:p5", "write for example vmaf=93"),
        ("vmaf<80", "is no gate"),
        ("vmaf:p5:p1=80", "is no gate"),
        ("=80", "is no gate"),
        ("vmaf=", "is no gate"),
        ("vmaf=good", "needs a number after '=', not 'good'"),
        ("vmaf=nan", "needs a number"),
        ("vmaf=inf", "needs a number"),
        ("vmaf<=80", "would fail what is good: vmaf is better high; write >= or ="),
        ("gmsd>=0.1", "gmsd is better low; write <= or ="),
        ("vmaf:stdev>=5", "vmaf:stdev is better low"),
        ("integer_motion2=3", "neither better high nor low; write >= or <="),
    ],
)
def test_what_is_no_gate_is_refused_with_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_gate(text)


@pytest.mark.parametrize(("text", "near"), [("vmaff=80", "vmaf"), ("vmaf:meen=80", "mean"), ("psnr_x=3", "psnr_y")])
def test_unknown_names_come_with_near_ones(text: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        parse_gate(text)


def verdicts(text: str, **values: tuple[float | None, ...]) -> tuple[bool, str]:
    (verdict,) = judge([parse_gate(text)], [scores(values=values)])
    return verdict.passed, str(verdict)


@pytest.mark.parametrize(
    ("text", "values", "passed", "line"),
    [
        ("vmaf=93", (93.0, 93.0), True, "a.mp4: vmaf:mean is 93, at least 93"),
        ("vmaf=93", (93.5, 92.0), False, "a.mp4: vmaf:mean is 92.75, below 93"),
        ("vmaf:min=90", (99.0, 89.99996), False, "a.mp4: vmaf:min is 89.99996, below 90"),
        ("vmaf:p10=30", tuple(map(float, range(101))), False, "a.mp4: vmaf:p10 is 10, below 30"),
        ("gmsd:max=0.1", (0.05, 0.2), False, "a.mp4: gmsd:max is 0.2, above 0.1"),
        ("gmsd:max=0.2", (0.05, 0.2), True, "a.mp4: gmsd:max is 0.2, at most 0.2"),
    ],
)
def test_a_value_that_is_worse_misses_the_gate(text: str, values: tuple[float, ...], passed: bool, line: str) -> None:
    assert verdicts(text, **{parse_gate(text).feature: values}) == (passed, line)


def test_a_feature_without_a_value_misses_the_gate() -> None:
    assert verdicts("vmaf:p5=80", psnr_y=(40.0,)) == (False, "a.mp4: vmaf:p5 has no value, and at least 80 was asked for")
    assert verdicts("float_ssim:harmonic=0.1", float_ssim=(-1.0, 1.0)) == (
        False,
        "a.mp4: float_ssim:harmonic_mean has no value, and at least 0.1 was asked for",
    )


def test_an_infinite_value_is_good_enough_where_more_is_better() -> None:
    assert Gate("xpsnr", "xpsnr", "mean", 60.0, True).holds(math.inf)
    assert not Gate("xpsnr", "xpsnr", "mean", 60.0, True).holds(math.nan)


def test_what_spoils_the_numbers_misses_the_gate() -> None:
    (verdict,) = judge([parse_gate("vmaf=80")], [spoilt(scores(values={"vmaf": (95.0,)}))])
    assert not verdict.passed
    assert str(verdict) == "a.mp4: vmaf:mean is 95, but that does not hold: misaligned"


def test_every_file_stands_at_every_gate() -> None:
    files = [scores("a.mp4", {"vmaf": (95.0,)}), scores("b.mp4", {"vmaf": (85.0,)})]
    found = judge([parse_gate("vmaf=90"), parse_gate("vmaf:min=80")], files)
    assert [(verdict.path, verdict.gate.pool, verdict.passed) for verdict in found] == [
        ("a.mp4", "mean", True),
        ("a.mp4", "min", True),
        ("b.mp4", "mean", False),
        ("b.mp4", "min", True),
    ]
