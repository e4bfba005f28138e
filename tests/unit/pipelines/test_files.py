"""Files scored whole, alone and beside a reference."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.errors import ConfigError, SourceError, UnknownName, UnsupportedFormat
from monitor.protocols import Reference
from pipelines.files import FileScores, choose_metrics, score_file


def score(path: Path, *names: str, reference: Path | None = None, **how: object) -> FileScores:
    kind = Reference.FULL if reference else Reference.NONE
    return score_file(str(path), choose_metrics(names, kind), reference=str(reference) if reference else None, **how)


def compare(distorted: Path, reference: Path, *names: str, **how: object) -> FileScores:
    return score(distorted, *(names or ("psnr",)), reference=reference, **how)


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
    with pytest.raises(ConfigError, match="blur is a no-reference metric; use `vqmon score FILE -m blur`"):
        choose_metrics(("psnr", "blur"), Reference.FULL)


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
    with pytest.raises(SourceError, match=complaint):
        compare(clips / name, clips / "reference.mp4")
    with pytest.raises(SourceError, match=complaint):
        compare(clips / "reference.mp4", clips / name)


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
    assert "'noise' needs frames of at least 32x32, not 32x24" in warning
    assert caplog.records == []


def test_no_metric_that_can_take_the_frames_is_an_error(clips: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"small\.mkv: nothing could be scored: metric 'noise' needs"):
        score(clips / "small.mkv", "noise")


def test_a_feature_without_a_value_is_told(clips: Path) -> None:
    scores = score(clips / "reference.mp4", "siti", sampling="keyframes")
    assert [one.feature for one in scores.result.scores] == ["si"]
    assert scores.warnings == ("ti has no value: no two neighbouring frames were scored",)


# ---- beside a reference


@pytest.mark.parametrize("name", ["reference.mp4", "b-frames.mp4", "b-frames.ts"])
def test_frames_pair_whatever_time_the_container_begins_with(clips: Path, name: str) -> None:
    for pair in ((clips / name, clips / "reference.mp4"), (clips / "reference.mp4", clips / name)):
        scores = compare(*pair)
        assert scores.result.segment.frames_paired == 50
        assert scores.warnings == ()
        assert mean(scores, "psnr_y") > 35  # a neighbour would score below 25


def test_a_file_beside_itself_is_perfect(clips: Path) -> None:
    for name in ("reference.mp4", "b-frames.ts", "odd.mkv"):
        scores = compare(clips / name, clips / name)
        assert {one.feature: (one.min, one.max) for one in scores.result.scores} == dict.fromkeys(
            ("psnr_y", "psnr_cb", "psnr_cr"), (60.0, 60.0)
        )


def converted(scores: FileScores) -> Sequence[str]:
    return [one.split(": ", 1)[1] for one in scores.warnings if "was converted to the format of its reference" in one]


@pytest.mark.parametrize(
    ("distorted", "changes", "least"),
    [
        ("small.mkv", "32x24 scaled to 64x48 (bicubic)", 10),
        ("odd.mkv", "63x47 scaled to 64x48 (bicubic)", 15),
        ("deep.mkv", "yuv420p10le to yuv420p", 40),
        ("full.mkv", "full range to limited", 40),
        ("grey.mkv", "gray to yuv420p, full range to limited", 40),
    ],
)
def test_other_formats_are_converted_and_that_is_told(clips: Path, distorted: str, changes: str, least: float) -> None:
    scores = compare(clips / distorted, clips / "reference.mp4")
    assert converted(scores) == [changes]
    assert len(scores.warnings) == 1
    assert scores.result.segment.frames_paired == 50
    assert mean(scores, "psnr_y") > least


def test_the_reference_decides_the_format(clips: Path) -> None:
    scores = compare(clips / "reference.mp4", clips / "deep.mkv")
    assert converted(scores) == ["yuv420p to yuv420p10le"]
    assert mean(scores, "psnr_y") > 40


def test_a_longer_file_is_scored_as_far_as_the_reference_goes(clips: Path) -> None:
    scores = compare(clips / "reference.mp4", clips / "short.mp4")
    assert scores.warnings == ("20 of 50 frames have no reference frame at their time; left out",)
    assert (scores.result.segment.frames_paired, scores.result.scores[0].frames) == (30, 30)


def test_a_longer_reference_is_told(clips: Path) -> None:
    scores = compare(clips / "short.mp4", clips / "reference.mp4")
    [warning] = scores.warnings
    assert "reference.mp4 goes on for 0.80 s after the end of" in warning
    assert scores.result.segment.frames_paired == 30


def test_a_damaged_reference_is_told(clips: Path) -> None:
    warnings = compare(clips / "reference.mp4", clips / "corrupt.ts").warnings
    assert any("the reference" in one and "corrupt.ts is damaged" in one for one in warnings)
