"""The report of a comparison: what stands in the file."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.errors import SinkError
from monitor.types import Score, Sync
from pipelines.comparison_report import POINTS, main_feature, write_comparison_report
from pipelines.files import FileScores, Flag
from pipelines.worst_frames import WorstFrame, WorstFrames
from tests.unit.pipelines.scored import scores, spoilt


def files() -> list[FileScores]:
    rng = np.random.default_rng(2)
    return [
        scores(
            path,
            {
                "psnr_y": [float(value) for value in 40 + rng.normal(0, 1, 50)],
                "vmaf": [float(value) for value in level + rng.normal(0, 1, 50)],
                "integer_motion2": [1.5] * 50,
            },
            sync=Sync(0.08, 2, "content", 0.97, 0.02),
        )
        for path, level in (("a.mp4", 90.0), ("b.mp4", 70.0))
    ]


def shot(file: FileScores, index: int) -> WorstFrame:
    [found] = [each for each in file.result.frame_scores if each.feature == "vmaf" and each.index == index]
    return WorstFrame(found, b"reference", b"distorted", b"difference", 32.0)


def page(path: Path, *scored: FileScores, **more: Any) -> str:
    write_comparison_report(scored, path / "report.html", **{"pictures": (), **more})
    return (path / "report.html").read_text(encoding="utf-8")


def drawn(html: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found = re.search(r'<script type="application/json" id="vqmon-comparison">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1], parse_constant=refuse)


def spelt(html: str) -> str:
    """The page without its scripts and styles."""
    return re.sub(r"(?s)<(script|style)[^>]*>.*?</\1>", "", html)


def test_the_file_asks_no_network_for_anything(tmp_path: Path) -> None:
    html = page(tmp_path, *files(), pictures=[WorstFrames((shot(files()[0], 3),))])
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', spelt(html))
    assert "default-src 'none'" in html


def test_every_file_has_its_line_its_histogram_and_its_numbers(tmp_path: Path) -> None:
    html = page(tmp_path, *files())
    data = drawn(html)
    assert (data["files"], data["main"]) == (["a.mp4", "b.mp4"], "vmaf")
    assert [feature["name"] for feature in data["features"]] == ["vmaf", "psnr_y", "integer_motion2"]
    assert [feature["leading"] for feature in data["features"]] == [True, True, False]
    first = data["features"][0]
    assert [len(line["value"]) for line in first["lines"]] == [50, 50]
    assert first["lines"][0]["ms"][:2] == [80, 120]  # on the reference's clock: two frames later than its own
    assert [sum(shares) for shares in first["shares"]] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert len(first["edges"]) == len(first["shares"][0]) + 1
    for score in (score for file in files() for score in file.result.scores):
        assert f"{score.mean:.2f}" in spelt(html) or f"{score.mean:.3f}" in spelt(html)


def test_how_the_files_were_paired_and_whether_that_holds_is_said(tmp_path: Path) -> None:
    first, second = files()
    html = spelt(page(tmp_path, first, spoilt(second, detail="two frames late")))
    assert "offset +2 frames (+0.080 s) found in the pictures, 97 % sure" in html
    assert "The numbers of b.mp4 do not hold." in html
    assert html.count("two frames late") == 2
    assert "The numbers of a.mp4" not in html


def test_flags_that_spoil_nothing_are_no_alarm(tmp_path: Path) -> None:
    html = spelt(page(tmp_path, scores(flags=[Flag("scaled", "64x32 scaled to 128x64 (bicubic)")])))
    assert "64x32 scaled to 128x64 (bicubic)" in html
    assert 'role="alert"' not in html


def test_the_worst_frames_stand_beside_their_reference(tmp_path: Path) -> None:
    first, second = files()
    html = page(tmp_path, first, second, pictures=[WorstFrames((shot(first, 7),)), WorstFrames((), "b.mp4: it is gone")])
    text = spelt(html)
    assert "frame 7 at 0.28 s" in text
    assert text.count("data:image/jpeg;base64,") == 3
    assert "32 of 255 or more" in text
    assert "b.mp4: not all of the worst frames are shown: b.mp4: it is gone." in text
    [mark] = drawn(html)["features"][0]["marks"]
    assert (mark["file"], mark["index"], mark["ms"]) == (0, 7, 360)
    assert f'id="frame-{mark["file"]}-{mark["index"]}"' in text


def test_pictures_that_can_not_be_had_are_missed_and_that_is_said(tmp_path: Path) -> None:
    html = spelt(page(tmp_path, *files(), pictures=None))
    assert "data:image/jpeg" not in html
    assert "a.mp4: not all of the worst frames are shown: a.mp4: no such file." in html


def test_charts_show_realigned_frames_when_the_reference_does(tmp_path: Path) -> None:
    file = scores(values={"vmaf": [80.0] * 4}, sync=Sync(0.08, 2, "content"))
    moved = replace(file, pairs=replace(file.pairs, moments={2: Fraction(5, 25), 3: Fraction(6, 25)}))
    [chart] = drawn(page(tmp_path, moved))["features"]
    assert chart["lines"][0]["ms"] == [80, 120, 200, 240]


def test_without_pictures_there_is_no_place_for_them(tmp_path: Path) -> None:
    assert "Worst frames" not in spelt(page(tmp_path, *files()))


def test_names_of_files_are_text(tmp_path: Path) -> None:
    html = page(tmp_path, scores("<script>alert(1)</script>\udce9.mp4", reference='"><img src=x>.mp4'))
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;?.mp4" in html


def test_values_that_are_no_numbers_leave_holes(tmp_path: Path) -> None:
    data = drawn(page(tmp_path, scores(values={"integer_motion2": (1.0, math.inf, 2.0)})))
    assert data["features"][0]["lines"][0]["value"] == [1.0, None, 2.0]
    assert data["main"] is None


def test_long_series_keep_their_dips(tmp_path: Path) -> None:
    values = [90.0] * 20_000
    values[12_345] = 3.0
    [line] = drawn(page(tmp_path, scores(values={"vmaf": values})))["features"][0]["lines"]
    assert len(line["value"]) <= POINTS
    assert line["index"][line["value"].index(3.0)] == 12_345


def test_pools_that_were_asked_for_are_in_the_table(tmp_path: Path) -> None:
    html = spelt(page(tmp_path, *files(), pools=("p10", "mean")))
    assert html.count('<th class="number">p10</th>') == 1
    assert html.count('<th class="number">mean</th>') == 1


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (("psnr_y", "ssim", "vmaf_neg"), "vmaf_neg"),
        (("integer_motion2", "gmsd"), "gmsd"),
        (("integer_motion2",), None),
    ],
)
def test_frames_are_judged_by_vmaf_where_there_is_one(names: tuple[str, ...], main: str | None) -> None:
    found = main_feature([scores(values=dict.fromkeys(names, (0.5,)))])
    assert (found.name if found is not None else None) == main


def test_a_file_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="nowhere"):
        write_comparison_report(files(), tmp_path / "nowhere" / "report.html", pictures=())


def test_scores_in_pictures_need_not_be_of_the_main_feature(tmp_path: Path) -> None:
    file = files()[0]
    other = WorstFrame(Score("psnr_y", 30.0, 4, file.result.frame_scores[4].pts), b"1", b"2", b"3", 32.0)
    data = drawn(page(tmp_path, file, pictures=[WorstFrames((other,))]))
    marks = {feature["name"]: len(feature["marks"]) for feature in data["features"]}
    assert marks == {"vmaf": 0, "psnr_y": 1, "integer_motion2": 0}
