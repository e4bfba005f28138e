"""Encodes beside their reference."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from monitor.errors import ConfigError, SourceError, UnknownName, UnsupportedFormat, VqmonError
from monitor.protocols import Reference
from pipelines.compare_settings import Settings, exact_rate, parse_depth, parse_start, parse_sync
from pipelines.comparing import Compared, compare_files
from pipelines.files import FileScores, choose_metrics

PLAIN = Settings()


def compare_all(
    paths: list[Path], reference: Path, *names: str, settings: Settings = PLAIN, **how: object
) -> list[Compared]:
    metrics = choose_metrics(names or ("psnr",), Reference.FULL)
    return compare_files([str(path) for path in paths], str(reference), metrics, settings, **how)


def compare(path: Path, reference: Path, *names: str, settings: Settings = PLAIN, **how: object) -> FileScores:
    (one,) = compare_all([path], reference, *names, settings=settings, **how)
    if one.error is not None:
        raise one.error
    assert one.scores is not None
    return one.scores


def mean(scores: FileScores, feature: str) -> float:
    return next(one.mean for one in scores.result.scores if one.feature == feature)


def values(scores: FileScores) -> dict[tuple[str, int], float]:
    return {(score.feature, score.index): score.value for score in scores.result.frame_scores}


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
        compare(clips / name, clips / "reference.mp4")
    with pytest.raises(SourceError, match=complaint):
        compare(clips / "reference.mp4", clips / name)


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


def flags(scores: FileScores) -> dict[str, str]:
    return {flag.name: flag.detail.split(": ", 1)[-1] for flag in scores.flags}


@pytest.mark.parametrize(
    ("distorted", "changes", "least"),
    [
        ("small.mkv", {"scaled": "32x24 scaled to 64x48 (bicubic)"}, 10),
        ("odd.mkv", {"scaled": "63x47 scaled to 64x48 (bicubic)"}, 15),
        ("deep.mkv", {"depth": "its reference's 8 bits converted to 10"}, 40),
        ("full.mkv", {"range": "full range converted to limited"}, 40),
        ("grey.mkv", {"chroma": "grey converted to 4:2:0", "range": "full range converted to limited"}, 40),
    ],
)
def test_other_formats_are_converted_and_that_is_told(
    clips: Path, distorted: str, changes: dict[str, str], least: float
) -> None:
    scores = compare(clips / distorted, clips / "reference.mp4")
    assert flags(scores) == changes
    assert scores.valid
    assert scores.result.segment.frames_paired == 50
    assert mean(scores, "psnr_y") > least


def test_the_deeper_side_decides_the_depth_and_the_user_over_both(clips: Path) -> None:
    scores = compare(clips / "reference.mp4", clips / "deep.mkv")
    assert flags(scores) == {"depth": "8 bits converted to 10"}
    assert mean(scores, "psnr_y") > 40
    assert scores.format is not None
    assert scores.format.bit_depth == 10
    scores = compare(clips / "reference.mp4", clips / "b-frames.mp4", settings=Settings(bit_depth=12))
    assert flags(scores) == {"depth": "8 bits converted to 12 and its reference's 8 bits converted to 12"}


def test_a_longer_file_is_scored_as_far_as_the_reference_goes(clips: Path) -> None:
    scores = compare(clips / "reference.mp4", clips / "short.mp4")
    assert flags(scores) == {"unpaired": "20 of 50 frames have no reference frame at their time; left out"}
    assert (scores.result.segment.frames_paired, scores.result.scores[0].frames) == (30, 30)


def test_a_longer_reference_is_told(clips: Path) -> None:
    scores = compare(clips / "short.mp4", clips / "reference.mp4")
    [warning] = scores.warnings
    assert "reference.mp4 goes on for 0.80 s after the end of" in warning
    assert scores.result.segment.frames_paired == 30


def test_a_damaged_reference_is_told(clips: Path) -> None:
    warnings = compare(clips / "reference.mp4", clips / "corrupt.ts").warnings
    assert any("the reference" in one and "corrupt.ts is damaged" in one for one in warnings)


def test_several_files_in_one_pass_score_what_each_scores_alone(clips: Path) -> None:
    names = ["b-frames.mp4", "small.mkv", "short.mp4", "b-frames.ts"]
    metrics = ("psnr", "ssim", "vmaf", "motion")
    together = compare_all([clips / name for name in names], clips / "reference.mp4", *metrics, settings=Settings(threads=2))
    for name, one in zip(names, together, strict=True):
        assert one.path == str(clips / name)
        assert one.scores is not None
        alone = compare(clips / name, clips / "reference.mp4", *metrics, settings=Settings(threads=1))
        assert values(one.scores) == values(alone)
        assert one.scores.flags == alone.flags


def test_one_bad_file_costs_the_others_nothing(clips: Path) -> None:
    names = ["text.mp4", "reference.mp4", "song.mp4"]
    found = compare_all([clips / name for name in names], clips / "reference.mp4")
    assert [type(one.error) for one in found][1] is type(None)
    assert all(isinstance(found[bad].error, VqmonError) for bad in (0, 2))


def test_a_metric_that_cannot_take_the_frames_is_told_and_left_out(clips: Path, caplog: pytest.LogCaptureFixture) -> None:
    scores = compare(clips / "reference.mp4", clips / "small.mkv", "psnr", "vmaf")
    assert {one.feature for one in scores.result.scores} == {"psnr_y", "psnr_cb", "psnr_cr"}
    assert (
        "'vmaf' needs frames of at least 33x33, not 32x24" in flags(scores)["refused"] or "needs" in flags(scores)["refused"]
    )
    assert caplog.records == []


def test_no_metric_that_can_take_the_frames_is_an_error(clips: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"reference\.mp4: nothing could be scored: .*'vmaf' needs"):
        compare(clips / "reference.mp4", clips / "small.mkv", "vmaf")


def test_metrics_without_a_reference_look_at_the_distorted_as_it_is(clips: Path) -> None:
    scores = compare(clips / "small.mkv", clips / "reference.mp4", "psnr", "black")
    assert {one.feature for one in scores.result.scores} >= {"psnr_y", "black_ratio"}


def test_it_stops_after_so_many_pairs_and_the_last_one_is_scored_as_in_the_whole(clips: Path) -> None:
    whole = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf"))
    part = compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf", settings=Settings(frames=10))
    assert part.result.segment.frames_paired == 10
    assert values(part) == {key: value for key, value in whole.items() if key[1] < 10}
    assert flags(part) == {}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_coverage_of_a_part_is_the_same_on_any_number_of_threads(clips: Path, threads: int) -> None:
    settings = Settings(frames=10, start=5, subsample=3, threads=threads)
    part = compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf", settings=settings)
    last = max(score.index for score in part.result.frame_scores)
    assert [one.coverage for one in part.result.scores] == [10 / (last + 1)]


def test_sampled_frames_are_scored_as_in_the_whole(clips: Path) -> None:
    whole = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf", "motion"))
    some = values(
        compare(
            clips / "b-frames.mp4",
            clips / "reference.mp4",
            "vmaf",
            "motion",
            settings=Settings(sampling="rate", per_second=4.0),
        )
    )
    assert 6 <= len({index for _, index in some}) <= 9
    assert some == {key: whole[key] for key in some}


def test_progress_goes_to_the_end_and_what_it_raises_ends_the_comparison(clips: Path) -> None:
    told: list[tuple[Fraction, Fraction]] = []
    compare(clips / "b-frames.mp4", clips / "reference.mp4", progress=lambda *at: told.append(at))
    assert len(told) == 50
    assert told[-1] == (Fraction(49, 25), Fraction(2))

    def interrupt(_reached: Fraction, _end: Fraction) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(clips / "b-frames.mp4", clips / "reference.mp4", progress=interrupt)


def test_wrong_settings_are_named(clips: Path) -> None:
    for settings in (Settings(sampling="often"), Settings(scaling="nice")):
        with pytest.raises(UnknownName):
            compare(clips / "b-frames.mp4", clips / "reference.mp4", settings=settings)


@pytest.mark.parametrize("start", [parse_start("0.4"), parse_start("f:10")])
def test_it_begins_where_it_is_told_and_the_first_frame_is_as_in_the_whole(clips: Path, start: Fraction | int) -> None:
    whole = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf"))
    part = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf", settings=Settings(start=start)))
    assert part == {key: value for key, value in whole.items() if key[1] >= 10}


def test_one_frame_of_so_many_is_scored_as_in_the_whole(clips: Path) -> None:
    whole = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf"))
    some = values(compare(clips / "b-frames.mp4", clips / "reference.mp4", "vmaf", settings=Settings(subsample=5)))
    assert [index // 5 for _, index in sorted(some)] == list(range(10))
    assert len({index % 5 for _, index in some}) > 1
    assert some == {key: whole[key] for key in some}
    with pytest.raises(ConfigError, match="--subsample 5 and --sampling rate both choose frames"):
        compare(clips / "b-frames.mp4", clips / "reference.mp4", settings=Settings(subsample=5, sampling="rate"))


def test_both_sides_can_be_shown_at_another_rate(clips: Path) -> None:
    halved = compare(clips / "b-frames.mp4", clips / "reference.mp4", settings=Settings(rate=Fraction(25, 2)))
    whole = values(compare(clips / "b-frames.mp4", clips / "reference.mp4"))
    assert values(halved) == {(name, index // 2): value for (name, index), value in whole.items() if index % 2 == 0}
    doubled = compare(clips / "b-frames.mp4", clips / "reference.mp4", settings=Settings(rate=Fraction(50)))
    assert values(doubled) == {
        (name, 2 * index + again): value for (name, index), value in whole.items() for again in (0, 1)
    }


def test_a_side_that_is_meant_to_be_shorter_is_no_warning(clips: Path) -> None:
    for pair in (("short.mp4", "reference.mp4"), ("reference.mp4", "short.mp4")):
        scores = compare(*(clips / name for name in pair), settings=Settings(shortest=True))
        assert scores.flags == ()
        assert scores.result.scores[0].frames == 30


@pytest.mark.parametrize(
    ("text", "start"),
    [("0", Fraction(0)), ("1.25", Fraction(5, 4)), ("01:02.5", Fraction(125, 2)), ("1:00:00", Fraction(3600)), ("f:7", 7)],
)
def test_starts_that_are_understood(text: str, start: Fraction | int) -> None:
    assert parse_start(text) == start
    assert isinstance(parse_start(text), int) == isinstance(start, int)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e400", "-1000001", "1/0", "soon"])
def test_offsets_that_are_not(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--sync is .*; expected auto, none, or the seconds"):
        parse_sync(text)


def test_offsets_may_be_fractions() -> None:
    assert [parse_sync(text) for text in ("auto", "none", "-1.5", "1001/30000")] == [
        "auto",
        "none",
        Fraction(-3, 2),
        Fraction(1001, 30000),
    ]


@pytest.mark.parametrize("text", ["", "-1", "f:", "f:-2", "one", "1:2:3:4", "g:3", "1/0"])
def test_starts_that_are_not(text: str) -> None:
    with pytest.raises(ConfigError, match="--start-offset is"):
        parse_start(text)


def test_rates_are_taken_for_what_broadcast_has() -> None:
    assert exact_rate(29.97) == Fraction(30000, 1001)
    assert exact_rate(23.976) == Fraction(24000, 1001)
    assert exact_rate(59.94) == Fraction(60000, 1001)
    assert exact_rate(25.0) == 25
    assert exact_rate(12.5) == Fraction(25, 2)


def test_depths() -> None:
    assert [parse_depth(text) for text in ("auto", "8", "10", "12")] == [0, 8, 10, 12]
    with pytest.raises(ConfigError, match="--bitdepth is '9'; expected one of auto, 8, 10, 12, 16"):
        parse_depth("9")


def test_a_start_after_the_end_is_named(clips: Path) -> None:
    with pytest.raises(SourceError, match=r"b-frames\.mp4 has 50 frames and none of them was to be scored; begin earlier"):
        compare(clips / "b-frames.mp4", clips / "reference.mp4", settings=Settings(start=Fraction(9)))
