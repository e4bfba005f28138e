"""What the no-reference metrics measure, on pictures whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from monitor import scorers
from monitor.types import Frame


def value(studio: Any, name: str, picture: Any, pixel_format: str = "gray", *, full_range: bool = False) -> dict[str, float]:
    """Scores of one picture in 8-bit code values, by feature."""
    height, width = picture.shape
    video_format = studio.format(width, height, pixel_format, full_range=full_range)
    scorer = scorers.create(name)
    scorer.prepare(video_format)
    return {score.feature: score.value for score in scorer.score([studio.frame(0, picture, video_format)])}


def halves(dark: float, bright: float) -> Any:
    picture = np.full((64, 96), bright)
    picture[:, :48] = dark
    return picture


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray12le"])
@pytest.mark.parametrize(("full_range", "limit"), [(False, 38), (True, 26)])
def test_black_ends_a_tenth_of_the_way_to_white(studio: Any, pixel_format: str, full_range: bool, limit: int) -> None:
    at, above = (halves(dark, 200) for dark in (limit, limit + 1))
    assert value(studio, "black", at, pixel_format, full_range=full_range) == {"black_ratio": 0.5}
    assert value(studio, "black", above, pixel_format, full_range=full_range) == {"black_ratio": 0.0}


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_exposure_of_a_known_picture(studio: Any, pixel_format: str) -> None:
    assert value(studio, "exposure", halves(16, 100), pixel_format) == {
        "luma_mean": 58.0,
        "luma_variance": 42.0**2,
        "clipped_ratio": 0.5,
    }
    assert value(studio, "exposure", halves(17, 234), pixel_format)["clipped_ratio"] == 0.0
    assert value(studio, "exposure", halves(16, 235), pixel_format)["clipped_ratio"] == 1.0
    assert value(studio, "exposure", halves(16, 235), pixel_format, full_range=True)["clipped_ratio"] == 0.0


@pytest.mark.parametrize("deviation", [1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("textured", [False, True])
def test_noise_is_told_from_texture(studio: Any, deviation: float, textured: bool) -> None:
    """Within a tenth on a flat picture; within a third where two thirds of the picture is hard texture."""
    rng = np.random.default_rng(4)
    clean = np.full((360, 480), 120.0)
    if textured:
        clean[:, :320] += 40 * np.sign(np.sin(np.arange(320) * 1.3)) * np.sign(np.sin(np.arange(360) * 1.1))[:, np.newaxis]
    estimate = value(studio, "noise", clean + rng.normal(0, deviation, clean.shape))["noise"]
    assert estimate == pytest.approx(np.hypot(deviation, np.sqrt(1 / 12)), rel=0.33 if textured else 0.1)


def test_bars_do_not_hide_noise(studio: Any) -> None:
    picture = np.random.default_rng(4).normal(120, 5, (320, 480))
    picture[:64] = picture[-64:] = 16
    assert value(studio, "noise", picture)["noise"] == pytest.approx(5, rel=0.1)


def test_a_black_picture_has_no_noise_to_speak_of(studio: Any) -> None:
    assert value(studio, "noise", np.full((64, 96), 16.0)) == {}


@pytest.mark.parametrize("offset", range(8))
def test_blocks_are_found_wherever_the_grid_begins(studio: Any, spoilers: Any, offset: int) -> None:
    blocky = spoilers.blocky(0.8)(studio.scene(0, 256, 192))
    cropped = value(studio, "blockiness", blocky[offset:160, offset:240])["blockiness"]
    assert cropped > 1
    assert cropped == pytest.approx(value(studio, "blockiness", blocky[:160, :240])["blockiness"], rel=0.15)


def test_pictures_without_blocks_have_none(studio: Any) -> None:
    noise = np.random.default_rng(2).normal(120, 12, (360, 640))
    assert value(studio, "blockiness", noise)["blockiness"] < 0.02
    assert value(studio, "blockiness", studio.scene(0, 640, 360))["blockiness"] < 0.1
    assert value(studio, "blockiness", np.full((64, 64), 60.0))["blockiness"] == 0.0


def test_a_static_frame_line_is_not_taken_for_a_grid(studio: Any) -> None:
    """Pillarbox edges and a few graphic lines on the grid are hard edges of the picture, not of blocks."""
    picture = studio.scene(0, 640, 360)
    picture[:, :80] = picture[:, -80:] = 16
    picture[:, 160:162] = 230
    assert value(studio, "blockiness", picture)["blockiness"] < 0.1


def test_steps_that_can_hardly_be_seen_count_little(studio: Any) -> None:
    steps = np.where(np.arange(96) // 8 % 2, 1.0, 0.0)
    faint, strong = (
        value(studio, "blockiness", np.full((64, 96), 100.0) + height * steps)["blockiness"] for height in (1, 20)
    )
    assert faint == pytest.approx(2)
    assert strong == pytest.approx(40)


def neighbours(studio: Any, *times: tuple[int, Fraction, Fraction]) -> list[int]:
    """Indices of the frames that got a TI, given index, time and duration of each."""
    video_format = studio.format(64, 48, "gray")
    scorer = scorers.create("siti")
    scorer.prepare(video_format)
    frames = []
    for index, pts, duration in times:
        made: Frame = studio.frame(index, studio.scene(index, 64, 48), video_format)
        frames.append(replace(made, pts=pts, duration=duration))
    return [score.index for score in scorer.score(frames) if score.feature == "ti"]


def test_temporal_information_is_of_neighbours_only(studio: Any) -> None:
    frame, none = Fraction(1, 25), Fraction(0)
    assert neighbours(studio, (0, none, frame), (1, frame, frame), (3, 3 * frame, frame), (4, 4 * frame, frame)) == [1, 4]
    assert neighbours(studio, (49, 49 * frame, frame), (0, 50 * frame, frame)) == [0], "a new segment goes on"
    assert neighbours(studio, (0, none, frame), (1, 51 * frame, frame)) == [], "another segment"
    assert neighbours(studio, (0, none, none), (1, frame, none), (3, 3 * frame, none)) == [1], "no durations"
    assert neighbours(studio, (1, frame, frame), (2, frame, frame)) == [], "time stands still"


def test_si_and_ti_of_known_pictures(studio: Any) -> None:
    video_format = studio.format(66, 34, "gray")
    edge = np.full((34, 66), 50.0)
    edge[:, 33:] = 150
    scorer = scorers.create("siti")
    scorer.prepare(video_format)
    frames = [
        studio.frame(0, edge, video_format),
        studio.frame(1, edge + 10, video_format),
        studio.frame(2, edge, video_format),
    ]
    found = list(scorer.score([*frames[:2], studio.frame(2, edge[:, ::-1], video_format)]))
    by_feature = [(score.feature, score.value) for score in found]
    strong = 2 / 64
    expected_si = 400 * np.sqrt(strong * (1 - strong))
    assert by_feature[0] == ("si", pytest.approx(expected_si, rel=1e-5))
    assert by_feature[2] == ("ti", pytest.approx(0.0, abs=1e-6))
    assert by_feature[4] == ("ti", pytest.approx(100.0, rel=1e-6))
