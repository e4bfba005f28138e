"""VMAF against the libvmaf inside an FFmpeg binary, over pictures that no clip has: every feature of every frame.

Where the width is 1 or 2 more than a multiple of 32 at more than 8 bits, libvmaf's AVX2 wavelet differs from its own scalar
code in ADM's coarsest scale (seen at 65, 66, 97, 98, 129, 130 and so on of 10 and 12 bits, nowhere else).
"""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.protocols import Delayed
from monitor.scorers import create_all
from monitor.types import Frame, FramePair, VideoFormat
from tests.parity import agreements
from tests.parity.clips import NAMES, clip

Planes = NDArray[Any]
ADM = ("integer_adm2", *(f"integer_adm_scale{scale}" for scale in range(4)))

MODELS = {
    "vmaf": "version=vmaf_v0.6.1",
    "vmaf_neg": "version=vmaf_v0.6.1neg",
    "vmaf_phone": r"version=vmaf_v0.6.1\:enable_transform=true",
    "vmaf_4k": "version=vmaf_4k_v0.6.1",
    "vmaf_4k_neg": "version=vmaf_4k_v0.6.1neg",
}


def scored(distorted: list[Planes], reference: list[Planes], bit_depth: int, metrics: list[str]) -> list[dict[str, float]]:
    """Our scores of each frame, all metrics in one pass."""
    height, width = reference[0].shape
    video_format = VideoFormat(width, height, "gray" if bit_depth == 8 else f"gray{bit_depth}le", bit_depth)

    def frame(index: int, luma: Planes) -> Frame:
        luma.flags.writeable = False
        return Frame(index, Fraction(index, 25), Fraction(1, 25), video_format, (luma,))

    scorers = create_all([(name, {}) for name in metrics])
    found: list[dict[str, float]] = [{} for _ in reference]
    for scorer in scorers:
        scorer.prepare(video_format)
    for index, lumas in enumerate(zip(distorted, reference, strict=True)):
        pair = FramePair(*(frame(index, luma) for luma in lumas))
        for scorer in scorers:
            for score in scorer.score([pair]):
                found[score.index][score.feature] = score.value
    for scorer in scorers:
        for score in scorer.flush() if isinstance(scorer, Delayed) else ():
            found[score.index][score.feature] = score.value
    return found


def printed(folder: Path, distorted: list[Planes], reference: list[Planes], bit_depth: int) -> list[dict[str, float]]:
    """libvmaf's scores of each frame."""
    height, width = reference[0].shape
    chroma = np.full(2 * (-(-width // 2)) * (-(-height // 2)), 1 << (bit_depth - 1), reference[0].dtype).tobytes()
    inputs: list[str] = []
    for name, frames in (("distorted", distorted), ("reference", reference)):
        (folder / name).write_bytes(b"".join(luma.tobytes() + chroma for luma in frames))
        pixels = "yuv420p" if bit_depth == 8 else f"yuv420p{bit_depth}le"
        inputs += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", "25", "-i", name]
    models = "|".join(rf"{choice}\:name={name}" for name, choice in MODELS.items())
    graph = f"[0:v][1:v]libvmaf=log_fmt=json:log_path=log.json:model='{models}'"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-nostdin",
        "-loglevel",
        "error",
        *inputs,
        "-lavfi",
        graph,
        "-f",
        "null",
        "-",
    ]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    frames = json.loads((folder / "log.json").read_text())["frames"]
    return [dict(frame["metrics"]) for frame in frames]


def content(kind: str, count: int, height: int, width: int, peak: int, seed: int) -> tuple[list[Planes], list[Planes]]:
    """Distorted and reference pictures, moving."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    texture = rng.normal(0, 1, (height, width + 8 * count))
    distorted, reference = [], []
    for index in range(count):
        moved = texture[:, 8 * index : 8 * index + width]
        base = {
            "noise": lambda moved=moved: 0.5 + 0.2 * moved,
            "gradient": lambda index=index: (x + 2 * y + 9 * index) / (width + 2 * height + 9 * count),
            "flat": lambda index=index: np.full((height, width), 0.3 + 0.01 * index),
            "black": lambda: np.zeros((height, width)),
            "edges": lambda index=index: 0.1 + 0.8 * (np.sin((x + 5 * index) / 6) * np.cos(y / 9) > 0.2),
            "shapes": lambda moved=moved, index=index: (
                0.5 + 0.3 * np.sin((x + 3 * index) / 17) * np.cos(y / 23) + 0.03 * moved
            ),
        }[kind]()
        spoilt = (
            base + rng.normal(0, 0.03, base.shape),
            (base - 0.5) * 1.2 + 0.5,
            np.round(base * 20) / 20,
            0.5 * (base + np.roll(base, 1, axis=1)),
        )[seed % 4]
        for pictures, picture in ((distorted, spoilt), (reference, base)):
            codes = np.clip(np.rint(picture * peak), 0, peak)
            pictures.append(codes.astype(np.uint8 if peak == 255 else np.uint16))
    return distorted, reference


@pytest.mark.parametrize(
    ("kind", "bit_depth", "height", "width", "seed"),
    [
        ("noise", 8, 64, 96, 0), ("noise", 10, 120, 163, 2), ("gradient", 8, 90, 160, 1), ("gradient", 12, 77, 133, 3),
        ("flat", 8, 64, 64, 0), ("flat", 10, 64, 64, 2), ("black", 8, 48, 80, 0), ("black", 8, 48, 80, 1),
        ("edges", 8, 144, 176, 1), ("edges", 10, 144, 176, 3), ("edges", 12, 99, 101, 0), ("edges", 8, 270, 481, 2),
        ("shapes", 8, 33, 33, 0), ("shapes", 8, 34, 65, 1), ("shapes", 10, 35, 200, 2), ("shapes", 12, 240, 47, 3),
        ("shapes", 8, 201, 299, 4), ("shapes", 8, 360, 640, 5),
    ],
)  # fmt: skip
def test_made_up_pictures(kind: str, bit_depth: int, height: int, width: int, seed: int, tmp_path: Path) -> None:
    distorted, reference = content(kind, 4, height, width, (1 << bit_depth) - 1, seed)
    ours = scored(distorted, reference, bit_depth, ["vif", "adm", "motion", *MODELS])
    theirs = printed(tmp_path, distorted, reference, bit_depth)
    assert len(ours) == len(theirs) == 4
    compared = {
        **dict.fromkeys((f"integer_vif_scale{scale}" for scale in range(4)), agreements.VIF_BINARY),
        **dict.fromkeys(ADM, agreements.ADM_BINARY),
        "integer_motion2": agreements.MOTION_BINARY,
        **agreements.V0_BINARY,
    }
    for name, agreement in compared.items():
        agreement.check([mine[name] for mine in ours], [other[name] for other in theirs], name)


@pytest.mark.parametrize(("bit_depth", "width"), [(10, 161), (10, 162), (12, 129), (10, 321)])
def test_the_widths_of_libvmafs_other_wavelet(bit_depth: int, width: int, tmp_path: Path) -> None:
    distorted, reference = content("shapes", 4, 96, width, (1 << bit_depth) - 1, 3)
    ours, theirs = scored(distorted, reference, bit_depth, ["adm"]), printed(tmp_path, distorted, reference, bit_depth)
    for name in ADM:
        agreements.ADM_AVX2.check([mine[name] for mine in ours], [other[name] for other in theirs], name)


@pytest.mark.parametrize("name", NAMES)
def test_known_clips(shared: Path, name: str) -> None:
    """From pictures to scores, against a scalar libvmaf's 17 digits."""
    of = clip(shared, name)
    ours = scored(
        [planes[0] for planes in of.distorted], [planes[0] for planes in of.reference], of.bit_depth, ["vmaf", "vmaf_neg"]
    )
    for metric, trained in (("vmaf", "vmaf_v0.6.1"), ("vmaf_neg", "vmaf_v0.6.1neg")):
        agreements.V0[metric].check([mine[metric] for mine in ours], [theirs[trained] for theirs in of.scores])
