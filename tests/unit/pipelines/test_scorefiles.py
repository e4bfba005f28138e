"""Scores of files for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
import xml.etree.ElementTree as ET
from typing import Any, NoReturn

import pytest

from monitor import __version__
from monitor.types import POOLS, Sync
from pipelines.files import Flag
from pipelines.libvmaf_layout import digits
from pipelines.scorefiles import FORMATS, WRITERS
from tests.unit.pipelines.scored import FORM, scores, spoilt

WHOLE = {
    "vmaf": (91.5, 90.25),
    "integer_adm2": (0.99, 1.0000002),
    "psnr_y": (40.5, 60.0),
    "psnr_cb": (41.0, 42.0),
    "psnr_cr": (43.0, 44.0),
    "psnr_hvs": (35.0, 120.0),
    "ssim_ffmpeg_y": (0.9, 0.95),
    "ssim_ffmpeg": (0.91, 0.96),
    "gmsd": (0.1, None),
}


def refuse(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


def parsed(text: str) -> Any:
    return json.loads(text, parse_constant=refuse)


def test_there_is_a_writer_for_each_format() -> None:
    assert set(FORMATS) == {"json", "csv", "ndjson", "xml", "fqm-json"}
    assert tuple(WRITERS) == FORMATS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (38.25, "38.250000"),
        (0.0, "0.000000"),
        (1.0, "1.000000"),
        (0.9999996, "1.000000"),
        (1.0000002, "1.0000001999999999"),
        (3e-7, "0.0000003000000000"),
        (-3e-7, "-0.0000003000000000"),
        (1e-6, "0.000001"),
    ],
)
def test_numbers_have_libvmafs_digits(value: float, text: str) -> None:
    assert digits(value) == text


def test_json_is_laid_out_as_libvmafs_log() -> None:
    text = WRITERS["json"]([scores()])
    assert text.startswith(
        "{\n"
        f'  "version": "vqmon {__version__}",\n'
        '  "fps": 4.00,\n'
        '  "frames": [\n'
        "    {\n"
        '      "frameNum": 0,\n'
        '      "metrics": {\n'
        '        "psnr_y": 40.500000\n'
        "      }\n"
        "    },\n"
        "    {\n"
        '      "frameNum": 1,\n'
        '      "metrics": {\n'
        '        "psnr_y": 38.250000,\n'
        '        "ssim": 0.900000\n'
        "      }\n"
        "    }\n"
        "  ],\n"
        '  "pooled_metrics": {\n'
        '    "psnr_y": {\n'
        '      "min": 38.250000,\n'
        '      "max": 40.500000,\n'
        '      "mean": 39.375000,\n'
        '      "harmonic_mean": 39.343653,\n'
    )
    document = parsed(text)
    assert list(document)[:5] == ["version", "fps", "frames", "pooled_metrics", "aggregate_metrics"]
    error = (10**-4.05 + 10**-3.825) / 2  # PSNR of the mean error, not the mean of PSNR
    assert document["aggregate_metrics"] == {"apsnr_y": pytest.approx(-10 * math.log10(error), abs=1e-6)}
    pooled = document["pooled_metrics"]["psnr_y"]
    assert set(pooled) == {*POOLS, "frames", "coverage"}
    assert (pooled["frames"], pooled["coverage"]) == (2, 1.0)
    assert document["pooled_metrics"]["ssim"]["coverage"] == 0.5


def test_json_says_after_libvmafs_own_what_was_compared() -> None:
    document = parsed(WRITERS["json"]([scores(flags=[Flag("gap", "mind the gap")])]))
    assert (document["distorted"], document["reference"]) == ("a.mp4", "r.mp4")
    assert document["models"] == {"psnr_y": "psnr/1", "ssim": "ssim/1"}
    assert (document["frame_rate"], document["warnings"]) == (25.0, ["mind the gap"])
    assert (document["valid"], document["flags"]) == (True, ["gap"])


def test_json_says_how_the_files_were_laid_beside_each_other_and_whether_that_spoils_the_numbers() -> None:
    document = parsed(WRITERS["json"]([spoilt(scores(sync=Sync(0.08, 2, "pts", matched=9)))]))
    assert (document["valid"], document["flags"], document["warnings"]) == (False, ["misaligned"], ["two frames late"])
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


@pytest.mark.parametrize("output_format", FORMATS)
def test_addresses_are_written_without_their_secrets(output_format: str) -> None:
    first, second = "http://user:hush@h/a.mp4?token=hush", "http://user:hush@h/b.mp4?token=hush"
    flag = Flag("vfr", f"{first}: 3 frames, of hush nothing")
    files = [scores(path, reference=first, flags=[flag] if path == first else []) for path in (first, second)]
    text = WRITERS[output_format](files)
    assert "http://h/a.mp4" in text
    assert text.replace("of hush nothing", "").count("hush") == 0


def test_json_of_a_file_alone_names_no_reference() -> None:
    assert "reference" not in parsed(WRITERS["json"]([scores(reference=None)]))


def test_json_of_several_files_holds_a_log_for_each() -> None:
    document = parsed(WRITERS["json"]([scores("a.mp4"), scores("b.mp4")]))
    assert [log["distorted"] for log in document["files"]] == ["a.mp4", "b.mp4"]
    assert document["files"][0] == parsed(WRITERS["json"]([scores("a.mp4")]))


def test_scores_of_a_model_come_after_what_it_was_given() -> None:
    document = parsed(WRITERS["json"]([scores(values={"vmaf": (91.5,), "psnr_y": (40.0,), "integer_adm2": (0.99,)})]))
    assert list(document["frames"][0]["metrics"]) == ["psnr_y", "integer_adm2", "vmaf"]
    assert list(document["pooled_metrics"]) == ["psnr_y", "integer_adm2", "vmaf"]


def test_json_has_null_where_libvmaf_has_infinity() -> None:
    document = parsed(WRITERS["json"]([scores(values={"psnr_hvs": (35.0, 120.0), "psnr_y": (60.0, 60.0)})]))
    assert [frame["metrics"] for frame in document["frames"]] == [
        {"psnr_hvs": 35.0, "psnr_y": 60.0},
        {"psnr_hvs": None, "psnr_y": 60.0},
    ]
    pooled = document["pooled_metrics"]["psnr_hvs"]
    assert (pooled["min"], pooled["max"], pooled["mean"], pooled["stdev"]) == (35.0, None, None, None)
    assert pooled["harmonic_mean"] == 71.0  # 2 / (1 / 36 + 0) - 1, as libvmaf's arithmetic has it
    assert document["pooled_metrics"]["psnr_y"]["mean"] == 60.0  # libvmaf caps PSNR, and so do we


@pytest.mark.parametrize("output_format", ["json", "ndjson", "fqm-json"])
def test_no_json_holds_what_is_no_json(output_format: str) -> None:
    values = {
        "psnr_hvs": (120.0, 120.0),
        "ciede2000": (120.0, 30.0),
        "integer_motion2": (0.0, math.inf),
        "psnr_y": (60.0, 60.0),
    }
    for line in WRITERS[output_format]([scores(values=values)]).split("\n" if output_format == "ndjson" else "\0"):
        if line:
            parsed(line)


def test_a_harmonic_mean_that_does_not_exist_is_left_out() -> None:
    file = scores(values={"float_ssim": (-1.0, 0.5)})
    assert parsed(WRITERS["json"]([file]))["pooled_metrics"]["float_ssim"]["harmonic_mean"] is None
    metric = ET.fromstring(WRITERS["xml"]([file])).find("pooled_metrics/metric")
    assert metric is not None
    assert "harmonic_mean" not in metric.attrib
    assert "nan" not in WRITERS["csv"]([file])


def test_pools_that_were_asked_for_join_the_others() -> None:
    series = [float(value) for value in range(101)]
    text = WRITERS["json"]([scores(values={"vmaf": series})], ("p10", "mean"))
    pooled = parsed(text)["pooled_metrics"]["vmaf"]
    assert pooled["p10"] == 10.0
    assert set(pooled) == {*POOLS, "p10", "frames", "coverage"}


def test_csv_has_libvmafs_header_and_comma_at_the_end() -> None:
    assert WRITERS["csv"]([scores()]) == "Frame,psnr_y,ssim,\n0,40.500000,,\n1,38.250000,0.900000,\n"


def test_csv_of_several_files_names_them() -> None:
    rows = list(csv.reader(io.StringIO(WRITERS["csv"]([scores("a, b.mp4"), scores("c.mp4")]))))
    assert rows[0] == ["File", "Frame", "psnr_y", "ssim", ""]
    assert [row[0] for row in rows[1:]] == ["a, b.mp4", "a, b.mp4", "c.mp4", "c.mp4"]


def test_csv_and_xml_spell_infinity_as_libvmaf_does() -> None:
    file = scores(values={"psnr_hvs": (35.0, 120.0)})
    rows = list(csv.DictReader(io.StringIO(WRITERS["csv"]([file]))))
    frames = ET.fromstring(WRITERS["xml"]([file])).findall("frames/frame")
    assert (
        [float(row["psnr_hvs"]) for row in rows] == [float(frame.attrib["psnr_hvs"]) for frame in frames] == [35.0, math.inf]
    )


def test_xml_is_laid_out_as_libvmafs_log() -> None:
    text = WRITERS["xml"]([scores()])
    assert text.startswith(
        f'<VMAF version="vqmon {__version__}">\n'
        '  <params qualityWidth="320" qualityHeight="192" />\n'
        '  <fyi fps="4.00" />\n'
        "  <frames>\n"
        '    <frame frameNum="0" psnr_y="40.500000" />\n'
        '    <frame frameNum="1" psnr_y="38.250000" ssim="0.900000" />\n'
        "  </frames>\n"
        "  <pooled_metrics>\n"
        '    <metric name="psnr_y" min="38.250000" max="40.500000" mean="39.375000" harmonic_mean="39.343653" '
    )
    assert [child.tag for child in ET.fromstring(text)][:5] == [
        "params",
        "fyi",
        "frames",
        "pooled_metrics",
        "aggregate_metrics",
    ]


def test_xml_says_after_libvmafs_own_what_was_compared_and_whether_it_holds() -> None:
    file = spoilt(scores('a "b" <c>.mp4', sync=Sync(0.08, 2, "content", 0.97, 0.02)), detail="late & lost")
    root = ET.fromstring(WRITERS["xml"]([file]))
    found = {child.tag: child.attrib for child in root}
    assert found["files"] == {"distorted": 'a "b" <c>.mp4', "reference": "r.mp4"}
    assert (found["validity"], found["flag"]) == ({"valid": "false"}, {"name": "misaligned", "detail": "late & lost"})
    assert (found["sync"]["offset"], found["sync"]["offset_frames"], found["sync"]["confidence"]) == ("0.08", "2", "0.97")
    assert [model.attrib for model in root.findall("model")] == [
        {"feature": "psnr_y", "name": "psnr/1"},
        {"feature": "ssim", "name": "ssim/1"},
    ]


def test_xml_of_several_files_holds_a_log_for_each() -> None:
    root = ET.fromstring(WRITERS["xml"]([scores("a.mp4"), scores("b.mp4")]))
    assert [log.tag for log in root] == ["VMAF", "VMAF"]
    assert [log.find("files").attrib["distorted"] for log in root] == ["a.mp4", "b.mp4"]  # type: ignore[union-attr]


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_name_that_is_no_text_can_be_written(output_format: str) -> None:
    file = scores("caf\udce9 \x01.mp4")  # a byte that is no UTF-8 as Python hands it on, and one that XML can't hold
    text = WRITERS[output_format]([file, file])
    assert text.encode()
    if output_format == "xml":
        ET.fromstring(text)


def test_ndjson_has_an_object_on_each_line() -> None:
    lines = [parsed(line) for line in WRITERS["ndjson"]([scores("a.mp4"), spoilt(scores("b.mp4"))]).splitlines()]
    assert [(line["type"], line["file"]) for line in lines] == [
        *([("frame", "a.mp4")] * 2),
        ("pooled", "a.mp4"),
        *([("frame", "b.mp4")] * 2),
        ("pooled", "b.mp4"),
    ]
    assert (lines[0]["frameNum"], lines[1]["pts"], lines[0]["metrics"]) == (0, 0.04, {"psnr_y": 40.5})
    assert lines[2]["pooled_metrics"]["psnr_y"]["mean"] == 39.375
    assert (lines[2]["valid"], lines[5]["valid"], lines[5]["flags"]) == (True, False, ["misaligned"])


def test_ndjson_loses_no_digit() -> None:
    value = 38.123456789012345
    line = parsed(WRITERS["ndjson"]([scores(values={"psnr_y": (value,)})]).splitlines()[0])
    assert line["metrics"]["psnr_y"] == value


def test_fqm_json_is_laid_out_as_that_of_ffmpeg_quality_metrics() -> None:
    document = parsed(WRITERS["fqm-json"]([scores(values=WHOLE)]))
    assert list(document)[:7] == ["psnr", "ssim", "vmaf", "gmsd", "global", "input_file_dist", "input_file_ref"]
    psnr = document["psnr"]
    assert list(psnr[0]) == ["n", "mse_avg", "mse_y", "mse_u", "mse_v", "psnr_avg", "psnr_y", "psnr_u", "psnr_v"]
    errors = [255**2 / 10 ** (level / 10) for level in (40.5, 41.0, 43.0)]
    average = (4 * errors[0] + errors[1] + errors[2]) / 6  # 4:2:0 has four times the samples in luma
    assert [psnr[0][key] for key in ("n", "mse_y", "mse_u", "mse_v")] == [1, *(round(error, 3) for error in errors)]
    assert (psnr[0]["mse_avg"], psnr[0]["psnr_avg"]) == (round(average, 3), round(10 * math.log10(255**2 / average), 3))
    assert document["ssim"] == [{"n": 1, "ssim_y": 0.9, "ssim_avg": 0.91}, {"n": 2, "ssim_y": 0.95, "ssim_avg": 0.96}]
    assert document["vmaf"][0] == {"integer_adm2": 0.99, "psnr_hvs": 35.0, "vmaf": 91.5, "n": 1}
    assert document["gmsd"] == [{"gmsd": 0.1, "n": 1}]


def test_fqm_json_says_nothing_of_an_error_that_a_cap_hides() -> None:
    second = parsed(WRITERS["fqm-json"]([scores(values=WHOLE)]))["psnr"][1]
    assert (second["mse_y"], second["psnr_y"], second["mse_avg"], second["psnr_avg"]) == (None, None, None, None)
    assert second["psnr_u"] == 42.0


def test_fqm_json_pools_what_is_finite() -> None:
    found = parsed(WRITERS["fqm-json"]([scores(values=WHOLE)]))["global"]
    assert found["vmaf"]["vmaf"] == {
        "average": round(statistics.fmean(WHOLE["vmaf"]), 3),
        "median": 90.875,
        "stdev": 0.625,
        "min": 90.25,
        "max": 91.5,
    }
    assert found["psnr"]["psnr_y"]["max"] == 40.5
    assert "n" not in found["psnr"]


def test_fqm_json_keeps_ssims_of_other_definitions_apart() -> None:
    document = parsed(WRITERS["fqm-json"]([scores(values={"ssim": (0.9,), "float_ssim": (0.8,)})]))
    assert "ssim" not in document
    assert (document["ssim_gaussian"], document["vmaf"]) == ([{"ssim": 0.9, "n": 1}], [{"float_ssim": 0.8, "n": 1}])


def test_fqm_json_of_several_files_holds_a_document_for_each() -> None:
    document = parsed(WRITERS["fqm-json"]([scores("a.mp4"), scores("b.mp4")]))
    assert [each["input_file_dist"] for each in document["files"]] == ["a.mp4", "b.mp4"]


def test_the_size_in_a_log_is_that_of_the_pictures_compared() -> None:
    params = ET.fromstring(WRITERS["xml"]([scores()])).find("params")
    assert params is not None
    assert (params.attrib["qualityWidth"], params.attrib["qualityHeight"]) == (str(FORM.width), str(FORM.height))
