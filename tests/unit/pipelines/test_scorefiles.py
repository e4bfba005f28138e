"""Scores of files for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from monitor import __version__
from monitor.aggregation import pool_segment
from monitor.types import POOLS, Score, Segment, SegmentResult, Sync
from pipelines.files import FileScores, Flag
from pipelines.scorefiles import FORMATS, WRITERS, as_csv, as_json, as_ndjson

MODELS = {"psnr_y": "psnr/1", "ssim": "ssim/1"}


def scores(path: str = "a.mp4", reference: str | None = "r.mp4", *, psnr: tuple[float, ...] = (40.5, 38.25)) -> FileScores:
    frames = tuple(Score("psnr_y", value, index, Fraction(index, 25)) for index, value in enumerate(psnr))
    frames += (Score("ssim", 0.9, 1, Fraction(1, 25)),)
    facts = Segment(
        "a",
        "main",
        0,
        datetime(2026, 11, 21, tzinfo=UTC),
        Fraction(2, 25),
        frames_expected=2,
        frames_sampled=2,
        frame_rate=25.0,
    )
    result = SegmentResult(facts, pool_segment(facts, frames, MODELS), frames, score_seconds=0.5)
    return FileScores(path, reference, (), result, (Flag("gap", "mind the gap"),))


def test_there_is_a_writer_for_each_format() -> None:
    assert tuple(WRITERS) == FORMATS


def test_json_is_laid_out_as_libvmafs_log() -> None:
    document = json.loads(as_json([scores()]))
    assert document["version"] == f"vqmon {__version__}"
    assert document["fps"] == 4.0
    assert document["frames"] == [
        {"frameNum": 0, "metrics": {"psnr_y": 40.5}},
        {"frameNum": 1, "metrics": {"psnr_y": 38.25, "ssim": 0.9}},
    ]
    pooled = document["pooled_metrics"]["psnr_y"]
    assert list(pooled)[:4] == ["min", "max", "mean", "harmonic_mean"]  # libvmaf's own, in its order
    assert set(pooled) == {*POOLS, "frames", "coverage"}
    assert (pooled["min"], pooled["max"], pooled["mean"], pooled["frames"], pooled["coverage"]) == (
        38.25,
        40.5,
        39.375,
        2,
        1.0,
    )
    assert document["pooled_metrics"]["ssim"]["coverage"] == 0.5
    assert document["aggregate_metrics"] == {}
    assert (document["distorted"], document["reference"]) == ("a.mp4", "r.mp4")
    assert document["models"] == MODELS
    assert (document["frame_rate"], document["warnings"]) == (25.0, ["mind the gap"])
    assert (document["valid"], document["flags"]) == (True, ["gap"])


def test_json_says_how_the_files_were_laid_beside_each_other_and_whether_that_spoils_the_numbers() -> None:
    told = replace(
        scores(), flags=(Flag("misaligned", "two frames late", spoils=True),), sync=Sync(0.08, 2, "pts", matched=9)
    )
    document = json.loads(as_json([told]))
    assert (document["valid"], document["flags"]) == (False, ["misaligned"])
    assert document["sync"] == {
        "offset": 0.08,
        "offset_frames": 2,
        "mode": "pts",
        "confidence": None,
        "second_best": None,
        "matched": 9,
        "dropped": 0,
        "duplicated": 0,
        "frozen": 0,
    }


def test_json_of_a_file_alone_names_no_reference() -> None:
    assert "reference" not in json.loads(as_json([scores(reference=None)]))


def test_json_of_several_files_holds_a_log_for_each() -> None:
    document = json.loads(as_json([scores("a.mp4"), scores("b.mp4")]))
    assert [log["distorted"] for log in document["files"]] == ["a.mp4", "b.mp4"]
    assert document["files"][0] == json.loads(as_json([scores("a.mp4")]))


def test_json_has_null_where_it_has_no_number() -> None:
    text = as_json([scores(psnr=(math.inf, 40.0))])
    document = json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))
    assert document["frames"][0]["metrics"] == {"psnr_y": None}
    assert document["pooled_metrics"]["psnr_y"]["max"] is None


def test_csv_has_a_line_for_each_frame() -> None:
    rows = list(csv.reader(io.StringIO(as_csv([scores()]))))
    assert rows == [["Frame", "psnr_y", "ssim"], ["0", "40.5", ""], ["1", "38.25", "0.9"]]


def test_csv_of_several_files_names_them() -> None:
    rows = list(csv.reader(io.StringIO(as_csv([scores("a, b.mp4"), scores("c.mp4")]))))
    assert rows[0] == ["File", "Frame", "psnr_y", "ssim"]
    assert [row[0] for row in rows[1:]] == ["a, b.mp4", "a, b.mp4", "c.mp4", "c.mp4"]


def test_csv_loses_no_digit() -> None:
    value = 38.123456789012345
    rows = list(csv.reader(io.StringIO(as_csv([scores(psnr=(value,))]))))
    assert float(rows[1][1]) == value


def test_ndjson_has_an_object_on_each_line() -> None:
    lines = [json.loads(line) for line in as_ndjson([scores("a.mp4"), scores("b.mp4")]).splitlines()]
    assert [(line["type"], line["file"]) for line in lines] == [
        *([("frame", "a.mp4")] * 2),
        ("pooled", "a.mp4"),
        *([("frame", "b.mp4")] * 2),
        ("pooled", "b.mp4"),
    ]
    assert lines[0]["metrics"] == {"psnr_y": 40.5}
    assert lines[2]["pooled_metrics"]["psnr_y"]["mean"] == 39.375
