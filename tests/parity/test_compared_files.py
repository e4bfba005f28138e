"""Files of different formats, from their packets to their scores, beside FFmpeg's decoders, ``scale`` and libvmaf."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from monitor.scorers import resolve
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.worst_frames import decode_pairs
from tests.parity import agreements

EXTRACTORS = "name=psnr|name=float_ssim"

PICTURE = "testsrc2=s=640x360:r=25:d=0.4,noise=alls=12:allf=t:all_seed=7,setsar=1"
REFERENCE = "format=yuv420p"


@dataclass(frozen=True)
class Case:
    """Two files of one picture, and what FFmpeg is told to do to them before libvmaf."""

    distorted: str
    """Filters that make the distorted of the picture."""
    graph: str
    """Filters on the distorted, before it goes to libvmaf."""
    reference: str = REFERENCE
    reference_graph: str = "null"
    tags: tuple[str, ...] = ()
    lossless: tuple[str, ...] = ("-c:v", "libx264", "-preset", "veryfast", "-qp", "0")
    """How the reference is kept."""
    said: str | None = None
    """What must be told of the conversion."""
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    "as it is": Case("format=yuv420p", "null"),
    "smaller": Case("scale=320:180,format=yuv420p", "scale=640:360:flags=bicubic"),
    "odd": Case("scale=427:241,format=yuv444p", "scale=640:360:flags=bicubic,format=yuv420p"),
    "larger, lanczos": Case("scale=960:540,format=yuv420p", "scale=640:360:flags=lanczos", settings={"scaling": "lanczos"}),
    "anamorphic": Case("scale=480:360,setsar=4/3,format=yuv420p", "scale=640:360:flags=bicubic,setsar=1"),
    "10 bits beside 8": Case("format=yuv420p10le", "null", reference_graph="format=yuv420p10le"),
    "8 bits beside 10": Case("format=yuv420p", "format=yuv420p10le", reference="format=yuv420p10le"),
    "both at 10": Case(
        "format=yuv420p", "format=yuv420p10le", reference_graph="format=yuv420p10le", settings={"bit_depth": 10}
    ),
    "smaller and 8 bits beside 10": Case(
        "scale=320:180,format=yuv420p",
        "scale=640:360:flags=bicubic,format=yuv420p10le",
        reference="format=yuv420p10le",
    ),
    "4:2:2": Case("format=yuv422p", "format=yuv420p"),
    "4:4:4": Case("format=yuv444p", "format=yuv422p", reference="format=yuv422p"),
    "RGB reference": Case(
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
        "null",
        reference="format=rgb24",
        reference_graph="scale=flags=bicubic:out_color_matrix=bt709:out_range=tv,format=yuv420p",
        tags=("-colorspace", "bt709"),
        lossless=("-c:v", "ffv1"),
        said="its reference's RGB converted to 4:2:0 of limited range by matrix bt709",
    ),
    "RGB reference of 10 bits, smaller in 4:2:2": Case(
        "scale=320:180:out_color_matrix=bt2020:out_range=pc,format=yuv422p",
        "scale=640:360:flags=bicubic,format=yuv422p10le",
        reference="format=gbrp10le",
        reference_graph="scale=flags=bicubic:out_color_matrix=bt2020:out_range=pc,format=yuv422p10le",
        tags=("-colorspace", "bt2020nc", "-color_range", "pc"),
        lossless=("-c:v", "ffv1"),
        said="its reference's RGB converted to 4:2:2 of full range by matrix bt2020nc",
    ),
    "RGB reference of an encode that does not name its matrix": Case(
        "format=yuv420p",
        "null",
        reference="format=rgb24",
        reference_graph="scale=flags=bicubic,format=yuv420p",
        lossless=("-c:v", "ffv1"),
        said="its reference's RGB converted to 4:2:0 of limited range by matrix smpte170m, as by FFmpeg: the other "
        "side does not name its own",
    ),
    "RGB encode": Case(
        "scale=320:180,format=rgb24",
        "scale=640:360:flags=bicubic:out_color_matrix=bt709:out_range=tv,format=yuv420p",
        reference="scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
        lossless=("-c:v", "libx264", "-preset", "veryfast", "-qp", "0", "-colorspace", "bt709"),
        said="RGB converted to 4:2:0 of limited range by matrix bt709",
    ),
    "full range": Case("scale=out_range=pc,format=yuv420p", "scale=out_range=tv:flags=bicubic", tags=("-color_range", "pc")),
}


def ffmpeg(folder: Path, *words: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CASES)
def test_scores_are_those_of_ffmpeg_with_libvmaf(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    picture = ("-f", "lavfi", "-i")
    codec = "libx264rgb" if case.distorted.endswith("format=rgb24") else "libx264"
    lossy = ("-c:v", codec, "-preset", "veryfast", *case.tags, "-crf", "30")
    for filters, how, name in ((case.reference, case.lossless, "reference"), (case.distorted, lossy, "distorted")):
        ffmpeg(tmp_path, *picture, f"{PICTURE},{filters}", "-sws_flags", "bicubic", *how, f"{name}.mkv")
    graph = (
        f"[0:v]{case.graph}[distorted];[1:v]{case.reference_graph}[reference];[distorted][reference]"
        f"libvmaf=log_fmt=json:log_path=log.json:n_threads=1:model=version=vmaf_v0.6.1:feature={EXTRACTORS}"
    )
    ffmpeg(tmp_path, "-i", "distorted.mkv", "-i", "reference.mkv", "-lavfi", graph, "-f", "null", "-")
    theirs = [frame["metrics"] for frame in json.loads((tmp_path / "log.json").read_text())["frames"]]

    [compared] = compare_files(
        [str(tmp_path / "distorted.mkv")],
        str(tmp_path / "reference.mkv"),
        resolve(["psnr", "float_ssim", "vmaf"]),
        Settings(threads=1, **case.settings),
    )
    assert compared.scores is not None, compared.error
    assert case.said in [None, *(flag.detail.partition(": ")[2] for flag in compared.scores.flags if flag.name == "rgb")]
    ours: list[dict[str, float]] = [{} for _ in theirs]
    for score in compared.scores.result.frame_scores:
        ours[score.index][score.feature] = score.value
    assert len(theirs) == 10
    for feature, agreement in agreements.WHOLE_FILES.items():
        agreement.check([mine[feature] for mine in ours], [libvmafs[feature] for libvmafs in theirs])
    assert min(frame["psnr_y"] for frame in theirs) < 50  # the encode is no copy


def test_encodes_of_several_matrices_beside_one_rgb_reference(tmp_path: Path) -> None:
    ffmpeg(tmp_path, "-f", "lavfi", "-i", PICTURE, "-pix_fmt", "rgb24", "-c:v", "ffv1", "reference.mkv")
    names = {"bt709": "bt709", "smpte170m": "smpte170m", "bt2020nc": "bt2020"}
    for matrix, name in names.items():
        graph = f"scale=flags=bicubic:out_color_matrix={name}:out_range=tv,format=yuv420p"
        tags = ("-colorspace", matrix, "-color_range", "tv")
        ffmpeg(tmp_path, "-i", "reference.mkv", "-vf", graph, "-c:v", "ffv1", *tags, f"{matrix}.mkv")
    paths = [str(tmp_path / f"{matrix}.mkv") for matrix in names]
    found = compare_files(paths, str(tmp_path / "reference.mkv"), resolve(["psnr"]))
    for compared in found:
        assert compared.scores is not None, compared.error
        lossless = {score.value for score in compared.scores.result.frame_scores if score.feature.startswith("psnr_")}
        assert lossless == {60.0}, compared.path
        shown = [score for score in compared.scores.result.frame_scores if score.feature == "psnr_y"][:3]
        pairs, missing = decode_pairs(compared.scores, shown)
        assert (len(pairs), missing) == (3, "")
        for _, distorted, reference in pairs:
            for one, other in zip(distorted.planes, reference.planes, strict=True):
                np.testing.assert_array_equal(one, other)
