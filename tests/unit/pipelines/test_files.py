"""Files scored whole, without a reference."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from monitor.errors import ConfigError, SourceError, UnknownName, UnsupportedFormat
from monitor.protocols import Reference
from pipelines.files import FileScores, choose_metrics, score_file


def score(path: Path, *names: str, **how: object) -> FileScores:
    return score_file(str(path), choose_metrics(names, Reference.NONE), **how)


def mean(scores: FileScores, feature: str) -> float:
    return next(one.mean for one in scores.result.scores if one.feature == feature)


# ---- choosing


def test_all_metrics_of_a_kind_by_default() -> None:
    full, none = choose_metrics((), Reference.FULL), choose_metrics((), Reference.NONE)
    assert {"psnr"} <= {spec.name for spec in full}
    assert {"black", "blur", "exposure"} <= {spec.name for spec in none}
    assert all(spec.reference is Reference.FULL for spec in full)
    assert all(spec.reference is Reference.NONE for spec in none)


def test_features_name_their_metric_too() -> None:
    assert [spec.name for spec in choose_metrics(("luma_mean", "black", "clipped_ratio"), Reference.NONE)] == [
        "exposure",
        "black",
    ]


def test_a_typo_is_answered_with_what_is_near() -> None:
    with pytest.raises(UnknownName, match="no metric or feature 'psnrr'; did you mean psnr"):
        choose_metrics(("psnrr",), Reference.FULL)


def test_a_metric_of_the_other_kind_is_answered_with_the_other_command() -> None:
    with pytest.raises(ConfigError, match="psnr is a full-reference metric; use `vqmon compare DIST REF -m psnr`"):
        choose_metrics(("psnr",), Reference.NONE)
    assert [spec.name for spec in choose_metrics(("psnr", "blur"), Reference.FULL)] == ["psnr", "blur"]


# ---- alone


def test_every_frame_is_scored(clips: Path) -> None:
    scores = score(clips / "reference.mp4", "exposure", "black")
    assert {one.feature: one.frames for one in scores.result.scores} == dict.fromkeys(
        ("luma_mean", "luma_variance", "clipped_ratio", "black_ratio"), 50
    )
    assert scores.warnings == ()
    assert scores.reference is None
    facts = scores.result.segment
    assert (facts.stream, facts.frames_decoded, facts.duration, facts.frame_rate) == ("reference.mp4", 50, 2, 25.0)
    assert scores.result.score_seconds > 0


def test_sampling_is_chosen(clips: Path) -> None:
    rate = score(clips / "reference.mp4", "black", sampling="rate", per_second=5.0)
    keys = score(clips / "reference.mp4", "black", sampling="keyframes")
    assert (rate.result.scores[0].frames, keys.result.scores[0].frames) == (10, 2)
    assert keys.warnings == ()
    with pytest.raises(UnknownName, match="no sampling mode 'often'"):
        score(clips / "reference.mp4", "black", sampling="often")


def test_progress_goes_from_the_first_frame_to_the_end(clips: Path) -> None:
    told: list[tuple[Fraction, Fraction]] = []
    score(clips / "reference.mp4", "black", sampling="rate", progress=lambda *at: told.append(at))
    assert told == [(Fraction(index + 1, 25), Fraction(2)) for index in range(50)]
    told.clear()
    score(clips / "b-frames.ts", "black", progress=lambda *at: told.append(at))
    assert {end for _, end in told} == {0}  # a transport stream does not say where it ends


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere.mp4", "no such file"),
        (".", "is a directory"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "is text"),
        ("truncated.mp4", "without its index"),
        ("song.mp4", "no video stream, only audio"),
    ],
)
def test_what_has_no_pictures(clips: Path, name: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        score(clips / name, "black")


def test_damage_is_told(clips: Path) -> None:
    scores = score(clips / "corrupt.ts", "black")
    [warning] = scores.warnings
    assert warning.endswith("frames could not be decoded")
    assert 0 < scores.result.scores[0].frames < 50


def test_a_file_that_stops_is_told(clips: Path) -> None:
    warnings = score(clips / "stops.mp4", "black").warnings
    assert any("stops.mp4 ends after" in one and "announces 2.00 s; is it truncated?" in one for one in warnings)


def test_a_metric_that_cannot_take_the_frames_is_told_and_left_out(clips: Path, caplog: pytest.LogCaptureFixture) -> None:
    scores = score(clips / "small.mkv", "noise", "black")
    assert [one.feature for one in scores.result.scores] == ["black_ratio"]
    [warning] = scores.warnings
    needs = "metric 'noise' needs frames of at least 32x32, not 32x24 yuv420p; choose metrics without it for such frames"
    assert warning == f"{clips / 'small.mkv'}: {needs}"
    assert caplog.records == []


def test_no_metric_that_can_take_the_frames_is_an_error(clips: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"small\.mkv: nothing could be scored: metric 'noise' needs"):
        score(clips / "small.mkv", "noise")


def test_a_feature_without_a_value_is_told(clips: Path) -> None:
    scores = score(clips / "reference.mp4", "siti", sampling="keyframes")
    assert [one.feature for one in scores.result.scores] == ["si"]
    [warning] = scores.warnings
    assert warning == f"{clips / 'reference.mp4'}: ti has no value: no two neighbouring frames were scored"
