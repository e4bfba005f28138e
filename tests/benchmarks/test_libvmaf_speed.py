"""What libvmaf's features cost in vqmon and in libvmaf: run with ``make bench``. Nothing asserts a time; the tables matter.

CPU seconds a frame, so that a busy machine hurts both alike: of vqmon on decoded 1080p frames in this process, of libvmaf in
FFmpeg's on the same frames as raw video, one thread each. What FFmpeg needs to read the frames is measured without libvmaf
and taken off.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from monitor import scorers
from monitor.protocols import Reference
from monitor.types import Frame, FramePair, VideoFormat
from tests.benchmarks.conftest import Report

WIDTH, HEIGHT, COUNT, LOOPS, ROUNDS = 1920, 1080, 4, 5, 3
FORM = VideoFormat(WIDTH, HEIGHT, "yuv420p", chroma_width=WIDTH // 2, chroma_height=HEIGHT // 2)

V1_CAMBI = {"cambi_high_res_speedup": 1080, "cambi_vis_lum_threshold": 0.06, "cambi_max_val": 17.0}
V1_SPEED = {"speed_nn_floor": 0.1, "speed_sigma_nn": 0.19, "speed_weight_var_mode": 5, "speed_max_val": 45.0}
V1_ADM = {
    "adm_csf_mode": 2,
    "adm_dlm_weight": 0.7,
    "adm_enhn_gain_limit": 1.0,
    "adm_min_val": 0.5,
    "adm_noise_weight": 0.02,
}
EXTRACTORS = {"adm3": "adm"}
"""What libvmaf calls the extractor where our metric has another name."""

MEASURED: list[tuple[str, dict[str, Any]]] = [
    ("adm3", {}),
    ("adm3", V1_ADM),
    ("cambi", {}),
    ("cambi", V1_CAMBI),
    ("speed_chroma", {}),
    ("speed_chroma", V1_SPEED),
    ("speed_chroma", V1_SPEED | {"speed_prescale": 0.5, "speed_prescale_method": "bilinear"}),
]


def grainy(index: int) -> Any:
    """Texture and grain, as a camera gives them: nothing is flat."""
    rng = np.random.default_rng(index)
    texture = cv2.GaussianBlur(np.random.default_rng(1).normal(120, 90, (HEIGHT, WIDTH + 200)), (0, 0), 2)
    return texture[:, 10 * index : 10 * index + WIDTH] + rng.normal(0, 3, (HEIGHT, WIDTH))


def banded(index: int) -> Any:
    """A dark, soft scene after an encoder took its grain: false contours nearly everywhere."""
    soft = cv2.resize(np.random.default_rng(2).normal(0, 1, (9, 16)), (WIDTH + 200, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return 45 + 9 * soft[:, 10 * index : 10 * index + WIDTH]


def frames(picture: Callable[[int], Any], noise: float) -> list[Frame]:
    made = []
    for index in range(COUNT):
        luma = picture(index)
        chroma = cv2.resize(luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
        sides = [luma, chroma, 255 - chroma]
        spoilt = [side + np.random.default_rng(7).normal(0, noise, side.shape) if noise else side for side in sides]
        planes = [np.clip(np.rint(side), 16, 235).astype(np.uint8) for side in spoilt]
        for plane in planes:
            plane.flags.writeable = False
        made.append(Frame(index, Fraction(index, 25), Fraction(1, 25), FORM, tuple(planes)))
    return made


@pytest.fixture(scope="module", params=["grainy", "banded"])
def content(request: pytest.FixtureRequest) -> tuple[str, list[FramePair]]:
    picture = {"grainy": grainy, "banded": banded}[request.param]
    return request.param, [FramePair(*both) for both in zip(frames(picture, 0.3), frames(picture, 0), strict=True)]


def ours(name: str, options: dict[str, Any], pairs: Sequence[FramePair]) -> float:
    scorer = scorers.create(name, options)
    scorer.prepare(FORM)
    items = pairs if scorer.spec.reference is Reference.FULL else [pair.distorted for pair in pairs]
    list(scorer.score(items))
    taken = []
    for _ in range(LOOPS * ROUNDS):
        for item in map(afresh, items):
            begun = time.process_time()
            list(scorer.score([item]))
            taken.append(time.process_time() - begun)
    return 1000 * statistics.median(taken)


def afresh(item: Frame | FramePair) -> Frame | FramePair:
    """The same samples, of which nobody has measured anything: what was is remembered by plane."""
    if isinstance(item, Frame):
        return replace(item, planes=tuple(plane.view() for plane in item.planes))
    return replace(item, distorted=afresh(item.distorted), reference=afresh(item.reference))


def ffmpegs(graph: str, folder: Path) -> float:
    """CPU milliseconds a frame of a graph over the two files in a folder."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-threads", "1", "-filter_complex_threads", "1"]
    for side in ("distorted", "reference"):
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25"]
        command += ["-stream_loop", str(LOOPS - 1), *raw, "-i", str(folder / side)]
    taken = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "-lavfi", graph, "-f", "null", "-"], check=True, capture_output=True, timeout=120)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1000 * statistics.median(taken) / (COUNT * LOOPS)


def test_against_libvmaf(content: tuple[str, list[FramePair]], tmp_path: Path, report: Report) -> None:
    name, pairs = content
    for side in ("distorted", "reference"):
        planes = [plane for pair in pairs for plane in getattr(pair, side).planes]
        (tmp_path / side).write_bytes(b"".join(plane.tobytes() for plane in planes))
    reading = ffmpegs("[0]nullsink;[1]null", tmp_path)
    rows = []
    for metric, options in MEASURED:
        spelled = EXTRACTORS.get(metric, metric) + "".join(f"\\\\:{option}={value}" for option, value in options.items())
        theirs = ffmpegs(f"libvmaf=n_threads=1:model=:feature=name={spelled}", tmp_path) - reading
        mine = ours(metric, options, pairs)
        said = "libvmaf's defaults"
        if options:
            said = "VMAF v1 at 2160p" if "speed_prescale" in options else "VMAF v1 at 1080p"
        rows.append([f"{metric}, {said}", f"{mine:.1f}", f"{theirs:.1f}", f"{theirs / mine:.1f}"])
    head = ["feature", "vqmon, CPU ms/frame", "libvmaf, CPU ms/frame", "ratio"]
    report(f"v1-{name}", f"Decoded 1080p 8-bit 4:2:0 frames, {name}, one thread", head, rows)
