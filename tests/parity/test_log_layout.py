"""Our logs beside those that libvmaf and ffmpeg-quality-metrics write of the same clip, read as people read them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from ffmpeg_quality_metrics import FfmpegQualityMetrics

from monitor.protocols import Reference
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.files import FileScores, choose_metrics
from pipelines.libvmaf_layout import digits
from pipelines.scorefiles import WRITERS
from tests.unit.pipelines.scored import scores

FEATURES = {
    "psnr": ("psnr_y", "psnr_cb", "psnr_cr"),
    "float_ssim": ("float_ssim",),
    "ciede": ("ciede2000",),
    "psnr_hvs": ("psnr_hvs_y", "psnr_hvs_cb", "psnr_hvs_cr", "psnr_hvs"),
}
"""libvmaf's extractors and the features that our metrics have of them."""

VMAF = (
    "integer_adm2",
    *(f"integer_adm_scale{scale}" for scale in range(4)),
    *(f"integer_vif_scale{scale}" for scale in range(4)),
    "integer_motion2",
    "vmaf",
)


def run(folder: Path, *words: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", "-y", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    run(folder, "-f", "lavfi", "-i", "testsrc2=s=320x192:r=25:d=0.24", "-c:v", "ffv1", "ref.mkv")
    run(folder, "-i", "ref.mkv", "-vf", "noise=alls=12:all_seed=5", "-c:v", "ffv1", "dist.mkv")
    for kind in ("json", "xml", "csv"):
        extractors = "|".join(f"name={name}" for name in FEATURES).replace("psnr|", r"psnr\:enable_apsnr=true|", 1)
        graph = f"libvmaf=log_fmt={kind}:log_path=log.{kind}:n_threads=1:model=version=vmaf_v0.6.1:feature='{extractors}'"
        run(folder, "-i", "dist.mkv", "-i", "ref.mkv", "-lavfi", graph, "-f", "null", "-")
    return folder


@pytest.fixture(scope="module")
def theirs(clips: Path) -> Any:
    return json.loads((clips / "log.json").read_text())


@pytest.fixture(scope="module")
def ours(theirs: Any) -> FileScores:
    """libvmaf's numbers as if we had measured them; only the layout is compared here."""
    names = [
        name for name in theirs["frames"][0]["metrics"] if name in {*VMAF, *(x for each in FEATURES.values() for x in each)}
    ]
    assert {*VMAF, "psnr_y", "float_ssim", "ciede2000", "psnr_hvs"} <= set(names)
    values = {name: [frame["metrics"][name] for frame in theirs["frames"]] for name in names}
    return scores("dist.mkv", values, reference="ref.mkv")


def test_json_has_libvmafs_bytes(clips: Path, theirs: Any, ours: FileScores) -> None:
    """To the byte in the frames; of the pools libvmaf's come first, with its digits."""
    names = {score.feature for score in ours.result.scores}
    written, read = WRITERS["json"]([ours]), (clips / "log.json").read_text()
    frames = re.compile(r'  "frames": \[\n.*?\n  \],\n', re.DOTALL)
    mine, his = frames.search(written), frames.search(read)
    assert mine is not None
    assert his is not None
    assert mine[0] == re.sub(r' {8}"(\w+)": \S+\n', lambda line: line[0] if line[1] in names else "", his[0])
    head = r'\{\n  "version": "[^"\n]+",\n  "fps": \d+\.\d\d,\n'
    assert [re.match(head, text) is not None for text in (written, read)] == [True, True]
    document = json.loads(written)
    assert list(document)[: len(theirs)] == list(theirs)
    assert list(document["pooled_metrics"]) == [name for name in theirs["pooled_metrics"] if name in names]
    for name, values in document["pooled_metrics"].items():
        own = theirs["pooled_metrics"][name]
        assert list(values)[: len(own)] == list(own)
        assert {pool: values[pool] for pool in own} == pytest.approx(own, abs=1.5e-6)  # ours are of rounded numbers here


def test_numbers_in_libvmafs_logs_have_our_digits(clips: Path) -> None:
    """Both ways to print a number occur: where pictures are equal, ADM is a ten-millionth off 1."""
    run(clips, "-i", "ref.mkv", "-i", "ref.mkv", "-lavfi", "libvmaf=log_fmt=csv:log_path=same.csv", "-f", "null", "-")
    numbers = [cell for line in (clips / "same.csv").read_text().splitlines()[1:] for cell in line.split(",")[1:-1]]
    assert {len(number.partition(".")[2]) for number in numbers} == {6, 16}
    certain = [number for number in numbers if not number.endswith(".000001")]  # rounded there: below or above a millionth?
    assert [digits(float(number)) for number in certain] == certain


def test_csv_has_libvmafs_header_and_rows(clips: Path, ours: FileScores) -> None:
    read = list(csv.reader(io.StringIO((clips / "log.csv").read_text())))
    text = WRITERS["csv"]([ours])
    written = list(csv.reader(io.StringIO(text)))
    kept = [at for at, name in enumerate(read[0]) if name in ("Frame", "", *written[0])]
    assert written == [[row[at] for at in kept] for row in read]
    assert (
        {line[-1] for line in text.splitlines()}
        == {line[-1] for line in (clips / "log.csv").read_text().splitlines()}
        == {","}
    )


def test_what_we_measure_is_written_as_libvmaf_writes_it(clips: Path) -> None:
    """Digit for digit, from packets to the log: the integer features and VMAF are libvmaf's bit for bit."""
    metrics = choose_metrics(["psnr", "adm", "vif", "integer_motion2", "vmaf"], Reference.FULL)
    [compared] = compare_files([str(clips / "dist.mkv")], str(clips / "ref.mkv"), metrics, Settings(threads=1))
    assert compared.scores is not None
    read, written = (
        json.loads(text, parse_float=str) for text in ((clips / "log.json").read_text(), WRITERS["json"]([compared.scores]))
    )
    for mine, his in zip(written["frames"], read["frames"], strict=True):
        assert mine["frameNum"] == his["frameNum"]
        shared = {name: number for name, number in mine["metrics"].items() if name in his["metrics"]}
        assert set(shared) == {*VMAF, *FEATURES["psnr"]}
        assert shared == {name: his["metrics"][name] for name in shared}
    for name, pools in read["pooled_metrics"].items():
        if name in written["pooled_metrics"]:
            assert {pool: written["pooled_metrics"][name][pool] for pool in pools} == pools
    assert {name: float(number) for name, number in written["aggregate_metrics"].items()} == pytest.approx(
        {name: float(number) for name, number in read["aggregate_metrics"].items()}, abs=2e-6
    )
    assert set(read["aggregate_metrics"]) == {"apsnr_y", "apsnr_cb", "apsnr_cr"}


def netflix_scores(path: Path) -> Mapping[str, list[float]]:
    """As Netflix' own Python library reads libvmaf's XML: the attributes of every frame, and the pooled mean."""
    root = ET.parse(path).getroot()
    assert root.tag == "VMAF"
    found: dict[str, list[float]] = {}
    for frame in root.findall("frames/frame"):
        for name, value in frame.attrib.items():
            found.setdefault(name, []).append(float(value))
    for metric in root.findall("pooled_metrics/metric"):
        found[f"mean {metric.attrib['name']}"] = [round(float(metric.attrib["mean"]), 5)]
    return found


def test_xml_reads_as_libvmafs(clips: Path, tmp_path: Path, ours: FileScores) -> None:
    (tmp_path / "ours.xml").write_text(WRITERS["xml"]([ours]))
    written, read = netflix_scores(tmp_path / "ours.xml"), netflix_scores(clips / "log.xml")
    assert set(written) <= set(read)
    assert "vmaf" in written
    for name, values in written.items():
        assert values == pytest.approx(read[name], abs=2e-5)
    head = [line for line in (clips / "log.xml").read_text().splitlines() if "<params" in line]
    assert head == [line for line in WRITERS["xml"]([ours]).splitlines() if "<params" in line]


def test_ffmpeg_quality_metrics_reads_our_log(tmp_path: Path, ours: FileScores) -> None:
    """Its own reader of libvmaf's log takes ours in its place."""
    log = tmp_path / "ours.json"
    log.write_text(WRITERS["json"]([ours]))
    reader = FfmpegQualityMetrics.__new__(FfmpegQualityMetrics)
    reader.temp_files, reader.data = {"libvmaf": str(log)}, {"vmaf": []}  # type: ignore[assignment]
    reader._read_vmaf_temp_file()
    rows = reader.data["vmaf"]
    assert [row["n"] for row in rows] == [frame + 1 for frame in range(len(rows))]
    vmaf = [score.value for score in ours.result.frame_scores if score.feature == "vmaf"]
    assert [row["vmaf"] for row in rows] == vmaf
    reader.global_stats = {}
    ours_pooled = json.loads(WRITERS["fqm-json"]([ours]))["global"]["vmaf"]
    assert reader.get_global_stats()["vmaf"]["vmaf"] == ours_pooled["vmaf"]


def test_fqm_json_has_the_keys_and_numbers_of_ffmpeg_quality_metrics(clips: Path) -> None:
    """FFmpeg's ``psnr`` and ``ssim`` filters through ffmpeg-quality-metrics' readers, and ours of the same numbers."""
    graph = "split[d1][d2];[1:v]split[r1][r2];[d1][r1]psnr=psnr.txt,nullsink;[d2][r2]ssim=ssim.txt"
    run(clips, "-i", "dist.mkv", "-i", "ref.mkv", "-lavfi", f"[0:v]{graph}", "-f", "null", "-")
    reader = FfmpegQualityMetrics.__new__(FfmpegQualityMetrics)
    reader.temp_files = {"psnr": str(clips / "psnr.txt"), "ssim": str(clips / "ssim.txt")}
    reader.data = {"vmaf": [], "psnr": [], "ssim": [], "vif": [], "msad": []}
    reader.global_stats, reader.dist, reader.ref, reader.dry_run = {}, "dist.mkv", "ref.mkv", False
    reader._read_temp_files(["psnr", "ssim"])
    read = json.loads(reader.get_results_json())
    planes = {"y": "y", "cb": "u", "cr": "v"}
    values = {f"psnr_{a}": [row[f"psnr_{b}"] for row in read["psnr"]] for a, b in planes.items()}
    values |= {f"ssim_ffmpeg_{a}": [row[f"ssim_{b}"] for row in read["ssim"]] for a, b in planes.items()}
    values["ssim_ffmpeg"] = [row["ssim_avg"] for row in read["ssim"]]
    written = json.loads(WRITERS["fqm-json"]([scores("dist.mkv", values, reference="ref.mkv")]))
    sections = list(written)
    assert [section for section in sections if section in read] == list(read)
    for section in ("psnr", "ssim"):
        for mine, his in zip(written[section], read[section], strict=True):
            assert list(mine) == list(his) if section == "psnr" else set(mine) == set(his)
            # FFmpeg writes its errors and decibels with two decimals: 0.005 dB are 0.12 % of an error
            assert mine == pytest.approx(his, rel=2e-3, abs=6e-3)
        assert list(written["global"][section]) == list(read["global"][section])
        for mine, his in zip(written["global"][section].values(), read["global"][section].values(), strict=True):
            assert mine == pytest.approx(his, rel=2e-3, abs=6e-3)
    assert (written["input_file_dist"], written["input_file_ref"]) == (read["input_file_dist"], read["input_file_ref"])
