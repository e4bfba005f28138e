"""``vqmon compare`` with what can't be compared, or not as it is: a line or a flag, and never a wrong number."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.sources.media import clip
from tests.unit.sources.origin import Origin, Reply
from tests.unit.sources.pictures import encoded, moving, x264

SECONDS = 120
"""Longest run of a command on a busy machine."""

SAME = 60.0
"""PSNR of equal 8-bit pictures, which libvmaf caps at 6 dB for each bit and 12."""

TAGS = {"colorspace": 1, "color_trc": 1, "color_primaries": 1}
"""A file that says of its light what HD television is: BT.709."""

LOSSLESS = {"codec": "libx264", "options": {"qp": "0"}}
"""An encoder that writes down the shape of samples, too."""

HTML = b"<!doctype html><html><body>" + 200 * b"<p>Please log in.</p>\n" + b"</body></html>"


@dataclass(frozen=True)
class Run:
    """What a run of the command gave."""

    code: int
    said: list[str]
    files: Mapping[str, Any]
    """The JSON written, by distorted file."""

    def flags(self, name: str) -> list[str]:
        """The flags of one distorted file, in order of the alphabet."""
        return sorted(self.files[name]["flags"])

    def psnr(self, name: str, pool: str = "mean") -> float:
        """Pooled luma PSNR of one distorted file."""
        return float(self.files[name]["pooled_metrics"]["psnr_y"][pool])


def compare(folder: Path, *words: str) -> Run:
    """Run ``vqmon compare`` in ``folder`` for JSON; fails on a traceback, or a line that is none of ours."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "compare", "-of", "json", "-o", "-", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "300", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr, done.stderr
    assert all(line.startswith("vqmon: ") for line in lines), done.stderr
    log = json.loads(done.stdout) if done.stdout else {"files": []}
    logs = log.get("files", [log])
    return Run(done.returncode, lines, {one["distorted"]: one for one in logs})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 64x48 at 25 frames/s in lossless forms, and what can't be read."""
    place = tmp_path_factory.mktemp("clips")

    def write(name: str, data: bytes) -> None:
        (place / name).write_bytes(data)

    write("reference.mkv", encoded(moving(50)))
    write("empty.mp4", b"")
    write("text.mp4", b"Dear diary\n" * 30)
    write("page.mp4", HTML)
    write("noise.mp4", random.Random(1).randbytes(50_000))
    whole = x264(50, container="mp4")
    write("headless.mp4", whole[: len(whole) // 2])
    write("song.mp4", clip(place / "song.mp4", video=False, audio=True).read_bytes())
    return place


# ---- files that can't be read


UNREADABLE = {
    "missing.mp4": "missing.mp4: no such file",
    "empty.mp4": "empty.mp4 is empty, expected a video file",
    "text.mp4": "text.mp4 is text, expected a video file",
    "page.mp4": "page.mp4 is an HTML page, expected a video file",
    "noise.mp4": "noise.mp4 is no media that FFmpeg knows, or damaged from the start",
    "headless.mp4": "headless.mp4 is an MP4 without its index (moov): truncated, or still being written",
    "song.mp4": "song.mp4 has no video stream, only audio",
    ".": ". is a directory, expected a video file",
}


def test_encodes_that_can_not_be_read_cost_a_line_each_and_not_the_others(folder: Path) -> None:
    done = compare(folder, *UNREADABLE, "reference.mkv", "-r", "reference.mkv", "-m", "psnr")
    assert done.code == 1
    assert list(done.files) == ["reference.mkv"]
    assert (done.psnr("reference.mkv", "min"), done.flags("reference.mkv")) == (SAME, [])
    assert len(done.said) == len(UNREADABLE)
    for words in UNREADABLE.values():
        assert any(line.startswith(f"vqmon: {words}") for line in done.said), done.said


@pytest.mark.parametrize("name", ["missing.mp4", "headless.mp4", "song.mp4", "."])
def test_a_reference_that_can_not_be_read_ends_it(folder: Path, name: str) -> None:
    done = compare(folder, "reference.mkv", "reference.mkv", name, "-m", "psnr")
    assert (done.code, done.files) == (1, {})
    [line] = done.said
    assert line.startswith(f"vqmon: {UNREADABLE[name]}")


def test_addresses_are_named_without_their_secrets(folder: Path) -> None:
    with Origin() as origin:
        origin.pages["/page.mp4"] = Reply(HTML)
        origin.pages["/403.mp4"] = Reply(status=403)
        urls = [origin.url(f"/{name}.mp4?token=s3cret").replace("//", "//user:pa55@") for name in ("page", "403", "404")]
        done = compare(folder, *urls, "-r", "reference.mkv", "-m", "psnr")
        shown = [origin.url(f"/{name}.mp4") for name in ("page", "403", "404")]
    assert (done.code, done.files) == (1, {})
    for address, words in zip(shown, ("is an HTML page", "answered HTTP 403", "answered HTTP 404"), strict=True):
        assert sum(line.startswith(f"vqmon: {address} {words}") for line in done.said) == 1, done.said
    assert not any(secret in line for secret in ("pa55", "s3cret") for line in done.said)


# ---- formats


@pytest.fixture(scope="module")
def tagged(folder: Path) -> Path:
    """Files beside ``tagged.mkv``, which says everything about itself."""
    pictures = moving(50)
    forms: dict[str, bytes] = {
        "tagged.mkv": encoded(pictures, **LOSSLESS, sample_aspect_ratio=Fraction(1), **TAGS),
        "pq.mkv": encoded(pictures, **TAGS | {"color_trc": 16}),
        "hlg.mkv": encoded(pictures, **TAGS | {"color_trc": 18}),
        "ycgco.mkv": encoded(pictures, **TAGS | {"colorspace": 8}),
        "wide.mkv": encoded(moving(50, 96, 48), **TAGS),
        "anamorphic.mkv": encoded(pictures, **LOSSLESS, sample_aspect_ratio=Fraction(64, 45), **TAGS),
        "fields.mkv": encoded(pictures, codec="libx264", options={"x264-params": "tff=1"}, **TAGS),
        "turned.mp4": encoded(pictures, codec="libx264", container="mp4", rotation=(90,), **TAGS),
        "mirrored.mp4": encoded(pictures, codec="libx264", container="mp4", rotation=(0, True), **TAGS),
        "headlong.mkv": encoded(pictures, codec="libx264", rotation=(0, False, True), **TAGS),
    }
    for name, data in forms.items():
        (folder / name).write_bytes(data)
    return folder


def test_what_means_something_else_is_refused_by_name(tagged: Path) -> None:
    expected = {
        "pq.mkv": "in PQ (smpte2084) with a reference in standard dynamic range (bt709)",
        "hlg.mkv": "in HLG (arib-std-b67) with a reference in standard dynamic range (bt709)",
        "ycgco.mkv": "can't convert matrix ycgco to bt709",
        "wide.mkv": "96x48 yuv420p, shown at 2.000:1, with a reference of 64x48 yuv420p, shown at 1.333:1",
        "anamorphic.mkv": "64x48 yuv420p, shown at 1.896:1 with samples of 64:45, with",
        "fields.mkv": "interlaced 64x48 yuv420p with progressive",
        "turned.mp4": "turned by 90 degrees",
        "mirrored.mp4": "mirrored left to right to be shown, with a reference turned by 0 degrees",
        "headlong.mkv": "flipped upside down to be shown, with a reference turned by 0 degrees",
    }
    done = compare(tagged, *expected, "-r", "tagged.mkv", "-m", "psnr")
    assert (done.code, done.files) == (1, {})
    assert len(done.said) == len(expected)
    for line, (name, words) in zip(done.said, expected.items(), strict=True):
        assert line.startswith(f"vqmon: {name}: ")
        assert words in line


def test_what_is_converted_is_said_and_gives_the_numbers_of_the_same_picture(tagged: Path) -> None:
    pictures = moving(50)
    forms = {
        "limited.mkv": (encoded(pictures, **TAGS), [], SAME, SAME),
        "full.mkv": (encoded([one.reformat(dst_color_range=2) for one in pictures], color_range=2), ["range"], 48, SAME),
        "601.mkv": (encoded(pictures, **TAGS | {"colorspace": 6}), ["matrix"], 0, SAME),
        "422.mkv": (encoded(moving(50, pixel_format="yuv422p")), ["chroma"], SAME, SAME),
        "12bit.mkv": (encoded(moving(50, pixel_format="yuv420p12le")), ["depth"], 50, 6 * 12 + 12),
        "grey.mkv": (encoded([one.reformat(format="gray") for one in pictures]), ["chroma", "range"], 45, SAME),
        "large.mkv": (encoded([one.reformat(128, 96, interpolation="BICUBIC") for one in pictures]), ["scaled"], 25, SAME),
        "odd.mkv": (encoded([one.reformat(63, 47, interpolation="BICUBIC") for one in pictures]), ["scaled"], 20, SAME),
        "film.mkv": (encoded(pictures, **TAGS | {"color_trc": 4}), ["transfer"], SAME, SAME),
        "gamut.mkv": (encoded(pictures, **TAGS | {"color_primaries": 9}), ["primaries"], SAME, SAME),
    }
    for name, (data, *_) in forms.items():
        (tagged / name).write_bytes(data)
    done = compare(tagged, *forms, "-r", "tagged.mkv", "-m", "psnr")
    assert done.code == 0
    for name, (_, flags, least, most) in forms.items():
        assert (name, done.flags(name)) == (name, flags)
        assert least <= done.psnr(name) <= most, name
        assert sum(line.startswith(f"vqmon: warning: {name}: ") for line in done.said) == len(flags)
    assert any("63x47 scaled to 64x48 (bicubic)" in line for line in done.said)


def test_both_of_high_dynamic_range_or_of_fields_are_compared_and_flagged(tagged: Path) -> None:
    for name, flag in (("pq.mkv", "hdr"), ("fields.mkv", "interlaced")):
        done = compare(tagged, name, name, "-m", "psnr")
        assert (done.code, done.flags(name), done.psnr(name)) == (0, [flag], SAME)


def test_progressive_pictures_that_were_coded_as_fields_are_compared_when_forced(tagged: Path) -> None:
    refused = compare(tagged, "fields.mkv", "tagged.mkv", "-m", "psnr")
    assert (refused.code, refused.files) == (1, {})
    assert refused.said[0].endswith(", or give --force to compare them as they are")
    for distorted, reference in (("fields.mkv", "tagged.mkv"), ("tagged.mkv", "fields.mkv")):
        forced = compare(tagged, distorted, reference, "-m", "psnr", "--force")
        assert (forced.code, forced.flags(distorted)) == (0, ["interlaced"])
        assert forced.psnr(distorted) > 40  # its coder is not lossless; a field too many would score below 25
        assert "compared as if both were progressive" in forced.said[0]
    (tagged / "small-fields.mkv").write_bytes(
        encoded(moving(50, 32, 24), codec="libx264", options={"qp": "0", "x264-params": "tff=1"}, **TAGS)
    )
    scaled = compare(tagged, "small-fields.mkv", "fields.mkv", "-m", "psnr", "--force")
    assert (scaled.code, scaled.flags("small-fields.mkv")) == (0, ["interlaced", "scaled"])


# ---- times


def test_files_of_different_length_are_compared_where_both_are(folder: Path) -> None:
    for name, data in (("long.mkv", encoded(moving(75))), ("short.mkv", encoded(moving(30)))):
        (folder / name).write_bytes(data)
    done = compare(folder, "long.mkv", "short.mkv", "-r", "reference.mkv", "-m", "psnr")
    assert done.code == 0
    assert {name: done.flags(name) for name in done.files} == {"long.mkv": ["unpaired"], "short.mkv": ["shorter"]}
    assert [len(log["frames"]) for log in done.files.values()] == [50, 30]
    assert {done.psnr(name, "min") for name in done.files} == {SAME}
    assert "vqmon: warning: long.mkv: 25 of 75 frames have no reference frame at their time; left out" in done.said
    assert any("reference.mkv goes on for 0.80 s after the end of short.mkv" in line for line in done.said)


def test_a_variable_frame_rate_is_flagged_with_its_figures(folder: Path) -> None:
    steps = np.random.default_rng(1).integers(20, 60, 50)
    (folder / "variable.mkv").write_bytes(encoded(moving(50), milliseconds=np.cumsum(steps).tolist()))
    done = compare(folder, "variable.mkv", "variable.mkv", "-m", "psnr")
    assert "vfr" in done.flags("variable.mkv")
    assert done.psnr("variable.mkv", "min") == SAME
    assert any("variable frame rate, mostly" in line and "intervals are uneven" in line for line in done.said)


def test_times_that_begin_again_spoil_the_numbers(folder: Path) -> None:
    (folder / "twice.ts").write_bytes(2 * x264(25))
    done = compare(folder, "twice.ts", "reference.mkv", "-m", "psnr")
    assert not done.files["twice.ts"]["valid"]
    assert {"backwards", "unpaired"} <= set(done.flags("twice.ts"))
    assert (
        "vqmon: warning: twice.ts: its times go back at frame 25, from 0.96 to 0.00 s; write them anew first "
        in "\n".join(done.said)
    )


def test_other_frame_rates_are_said_and_what_is_on_display_is_compared(folder: Path) -> None:
    twofold = [picture for picture in moving(50) for _ in range(2)]
    (folder / "double.mkv").write_bytes(encoded(twofold, milliseconds=range(0, 2000, 20)))
    for name, rates in (("double.mkv", "50 frames/s, its reference 25"), ("reference.mkv", "25 frames/s, its reference 50")):
        done = compare(folder, name, "reference.mkv" if name == "double.mkv" else "double.mkv", "-m", "psnr")
        assert (done.code, done.flags(name), done.psnr(name, "min")) == (0, ["rate"], SAME)
        assert done.said[0].startswith(f"vqmon: warning: {name}: {rates}: each frame is compared with the one shown then")
        one = compare(folder, name, "reference.mkv" if name == "double.mkv" else "double.mkv", "-m", "psnr", "--fps", "25")
        assert "rate" not in one.flags(name)


# ---- damage


@pytest.fixture(scope="module")
def damaged(folder: Path) -> Path:
    """A transport stream whose last third is torn off or noise, and an MP4 that was not copied to its end."""
    whole = x264(50, gop=10)
    packets = len(whole) // 188
    noise = bytearray(whole)
    for number in range(packets * 7 // 10, packets):
        noise[number * 188 + 4 : number * 188 + 188] = random.Random(number).randbytes(184)
    (folder / "whole.ts").write_bytes(whole)
    (folder / "noisy-tail.ts").write_bytes(noise)
    (folder / "torn.ts").write_bytes(whole[: packets * 7 // 10 * 188 + 50])
    film = clip(folder / "whole.mp4", seconds=4, mux={"movflags": "faststart"}).read_bytes()
    (folder / "cut.mp4").write_bytes(film[: len(film) * 6 // 10])
    return folder


def test_a_corrupt_tail_is_left_out_and_said(damaged: Path) -> None:
    done = compare(damaged, "noisy-tail.ts", "torn.ts", "whole.ts", "-m", "psnr")
    assert done.code == 0
    for name in ("noisy-tail.ts", "torn.ts"):
        assert {"damaged", "shorter"} <= set(done.flags(name))
        assert 30 <= len(done.files[name]["frames"]) < 50
        assert done.psnr(name, "min") == SAME
    done = compare(damaged, "cut.mp4", "whole.mp4", "-m", "psnr")
    assert {"shorter", "truncated"} <= set(done.flags("cut.mp4"))
    assert any("cut.mp4 ends after" in line and "though it announces 4.00 s" in line for line in done.said)
    assert done.psnr("cut.mp4", "min") == SAME


def test_a_reference_with_a_corrupt_tail_is_compared_as_far_as_it_goes(damaged: Path) -> None:
    done = compare(damaged, "whole.ts", "torn.ts", "-m", "psnr")
    assert {"reference_damaged", "unpaired"} <= set(done.flags("whole.ts"))
    assert 30 <= len(done.files["whole.ts"]["frames"]) < 50
    assert done.psnr("whole.ts", "min") == SAME


# ---- metrics and options


def test_frames_too_small_for_a_metric_cost_that_metric(folder: Path) -> None:
    (folder / "tiny.mkv").write_bytes(encoded(moving(10, 8, 6)))
    done = compare(folder, "tiny.mkv", "tiny.mkv", "-m", "psnr,vif")
    assert (done.code, done.flags("tiny.mkv")) == (0, ["refused"])
    assert set(done.files["tiny.mkv"]["pooled_metrics"]) == {"psnr_y", "psnr_cb", "psnr_cr"}
    needs = "metric 'vif' needs frames of at least 16x16, not 8x6 yuv420p; choose metrics without it for such frames"
    assert done.said == [f"vqmon: warning: tiny.mkv: {needs}"]
    alone = compare(folder, "tiny.mkv", "tiny.mkv", "-m", "vif")
    assert (alone.code, alone.files) == (1, {})
    assert alone.said == [f"vqmon: tiny.mkv: nothing could be scored: {needs}"]


def test_pictures_without_colour_cost_what_looks_at_colour(folder: Path) -> None:
    (folder / "plain.mkv").write_bytes(encoded(moving(10, pixel_format="gray")))
    done = compare(folder, "plain.mkv", "plain.mkv", "-m", "psnr,ciede2000")
    assert (done.code, done.flags("plain.mkv")) == (0, ["no_data", "refused"])
    assert set(done.files["plain.mkv"]["pooled_metrics"]) == {"psnr_y"}
    assert [line.removeprefix("vqmon: warning: plain.mkv: ") for line in done.said] == [
        "metric 'ciede2000' needs chroma, not 64x48 gray; choose metrics without it for such frames",
        "psnr_cb, psnr_cr have no value: no reference frame was paired, or the format has no such plane",
    ]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("-m vmaff", 2, "no metric or feature 'vmaff'; did you mean vmaf"),
        ("-m psnr --scaling bicubik", 2, "no interpolation 'bicubik'; did you mean bicubic"),
        ("-m psnr --bitdepth 9", 2, "--bitdepth is '9'; expected one of auto, 8, 10, 12"),
        ("-m psnr --start-offset soon", 2, "--start-offset is 'soon'; expected seconds"),
    ],
)
def test_what_is_misspelt_is_answered_before_anything_is_read(folder: Path, words: str, code: int, complaint: str) -> None:
    done = compare(folder, "missing.mp4", "missing.mp4", *words.split())
    assert (done.code, done.files) == (code, {})
    [line] = done.said
    assert line.startswith(f"vqmon: {complaint}")


@pytest.mark.parametrize(
    ("target", "complaint"), [("nowhere/out.json", "there is no folder nowhere"), (".", "Is a directory")]
)
def test_what_can_not_be_written_is_said_before_anything_is_read(folder: Path, target: str, complaint: str) -> None:
    done = compare(folder, "missing.mp4", "missing.mp4", "-m", "psnr", "-o", target)
    assert (done.code, done.said) == (1, [f"vqmon: can't write {target}: {complaint}"])
