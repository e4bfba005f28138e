"""VMAF's speed beside libvmaf's: run with ``make bench``. Nothing asserts a time; the tables matter.

CPU seconds a frame, so that a busy machine hurts both alike, and both alternate. One thread each.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from monitor.kernels.adm import adm
from monitor.kernels.motion import motion
from monitor.kernels.settings import BLENDED, View
from monitor.kernels.vif import vif
from monitor.protocols import Delayed
from monitor.scorers import create_all
from monitor.types import Frame, FramePair, VideoFormat
from tests.benchmarks.conftest import Report

WIDTH, HEIGHT, RATE, COUNT, ROUNDS = 1920, 1080, 25, 25, 3
FORM = VideoFormat(WIDTH, HEIGHT, "yuv420p", chroma_width=WIDTH // 2, chroma_height=HEIGHT // 2)
FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-filter_threads", "1", "-filter_complex_threads", "1"]


def frame(index: int) -> Frame:
    """Texture, shading and a little grain, moving."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    texture = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 90, (HEIGHT, WIDTH + 400)).astype(np.float32), (0, 0), 2)
    grain = np.random.default_rng(index).normal(0, 2, (HEIGHT, WIDTH))
    luma = 120 + 40 * np.sin((x + 7 * index) / 157) * np.cos(y / 111) + texture[:, 9 * index : 9 * index + WIDTH] + grain
    planes = (np.clip(luma, 16, 235).astype(np.uint8), *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in "uv"))
    for plane in planes:
        plane.flags.writeable = False
    return Frame(index, Fraction(index, RATE), Fraction(1, RATE), FORM, planes)


def spoilt(of: Frame) -> Frame:
    luma = cv2.GaussianBlur(of.luma, (0, 0), 1.1)
    luma.flags.writeable = False
    return Frame(of.index, of.pts, of.duration, FORM, (luma, *of.planes[1:]))


@pytest.fixture(scope="module")
def pairs() -> list[FramePair]:
    return [FramePair(spoilt(of), of) for of in map(frame, range(COUNT))]


def cpu(work: Callable[[], Any], who: int = resource.RUSAGE_SELF) -> float:
    """CPU seconds of this process or of the ones it starts."""
    before = resource.getrusage(who)
    work()
    after = resource.getrusage(who)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ffmpeg(folder: Path, inputs: list[str], graph: str) -> float:
    command = [*FFMPEG, *inputs, "-lavfi", graph, "-f", "null", "-"]
    return cpu(lambda: subprocess.run(command, cwd=folder, check=True, timeout=600), resource.RUSAGE_CHILDREN)


def score(pairs: list[FramePair], names: list[str]) -> None:
    scorers = create_all([(name, {}) for name in names])
    for scorer in scorers:
        scorer.prepare(pairs[0].format)
    for pair in pairs:
        for scorer in scorers:
            list(scorer.score([pair]))
    for scorer in scorers:
        if isinstance(scorer, Delayed):
            list(scorer.flush())


def test_kernels(pairs: list[FramePair], report: Report) -> None:
    """Milliseconds of CPU of each part of VMAF v0.6.1 on one 1080p frame."""
    distorted, reference, earlier = pairs[5].distorted.luma, pairs[5].reference.luma, pairs[4].reference.luma
    v1 = View(1.0, BLENDED[1080, 3.0], 0.02, additive=True)
    parts: dict[str, Callable[[], Any]] = {
        "VIF": lambda: vif(distorted, reference, 8),
        "VIF, plain and NEG": lambda: vif(distorted, reference, 8, (100.0, 1.0)),
        "ADM": lambda: adm(distorted, reference, 8),
        "ADM, plain and NEG": lambda: adm(distorted, reference, 8, (View(), View(1.0))),
        "ADM3, VMAF v1": lambda: adm(distorted, reference, 8, [v1]),
        "ADM and ADM3": lambda: adm(distorted, reference, 8, [View(), v1]),
        "motion": lambda: motion(earlier, reference, 8),
    }
    rows = []
    for name, work in parts.items():
        work()
        rows.append([name, f"{1000 * min(cpu(work) for _ in range(15)):.1f}"])
    report("features", "VMAF's features, 1080p 8-bit, one thread", ["feature", "ms/frame"], rows)


def test_decoded_frames(pairs: list[FramePair], tmp_path: Path, report: Report) -> None:
    """Frames in memory here; raw video for FFmpeg, whose reading of it is taken off."""
    inputs: list[str] = []
    for side in ("distorted", "reference"):
        path = tmp_path / f"{side}.yuv"
        path.write_bytes(b"".join(plane.tobytes() for pair in pairs for plane in getattr(pair, side).planes))
        inputs += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", path.name]
    models = {
        "vmaf": "version=vmaf_v0.6.1",
        "vmaf,vmaf_neg": "version=vmaf_v0.6.1|version=vmaf_v0.6.1neg",
        "vmaf_v1": "version=vmaf_v1.0.16_3d0h",
        "vmaf,vmaf_v1": "version=vmaf_v0.6.1|version=vmaf_v1.0.16_3d0h",
    }
    rows = []
    for names, choice in models.items():
        score(pairs[:2], names.split(","))
        ours, theirs = [], []
        for _ in range(ROUNDS):
            reading = ffmpeg(tmp_path, inputs, "[0:v][1:v]streamselect=inputs=2:map=0")
            theirs.append((ffmpeg(tmp_path, inputs, f"[0:v][1:v]libvmaf=n_threads=1:model='{choice}'") - reading) / COUNT)
            ours.append(cpu(lambda names=names: score(pairs, names.split(","))) / COUNT)
        mine, other = statistics.median(ours), statistics.median(theirs)
        rows.append([names, f"{1000 * mine:.1f}", f"{1000 * other:.1f}", f"{other / mine:.2f}"])
    report("decoded", "Decoded 1080p 8-bit frames", ["models", "vqmon ms/frame", "libvmaf ms/frame", "ratio"], rows)


def test_4k_ten_bits(pairs: list[FramePair], tmp_path: Path, report: Report) -> None:
    """VMAF v1 for a 4K display, of eight pairs of twice the size at ten bits."""
    form = VideoFormat(2 * WIDTH, 2 * HEIGHT, "yuv420p10le", 10, chroma_width=WIDTH, chroma_height=HEIGHT)

    def enlarged(of: Frame) -> Frame:
        planes = []
        for plane in of.planes:
            size = 2 * plane.shape[1], 2 * plane.shape[0]
            planes.append(cv2.resize(plane.astype(np.uint16) << 2, size, interpolation=cv2.INTER_CUBIC).clip(0, 1023))
            planes[-1].flags.writeable = False
        return Frame(of.index, of.pts, of.duration, form, tuple(planes))

    large = [FramePair(enlarged(pair.distorted), enlarged(pair.reference)) for pair in pairs[:8]]
    inputs: list[str] = []
    for side in ("distorted", "reference"):
        path = tmp_path / f"{side}.yuv"
        path.write_bytes(b"".join(plane.tobytes() for pair in large for plane in getattr(pair, side).planes))
        inputs += ["-f", "rawvideo", "-pix_fmt", form.pixel_format, "-s", f"{form.width}x{form.height}", "-i", path.name]
    score(large[:2], ["vmaf_v1_4k"])
    ours, theirs = [], []
    for _ in range(ROUNDS):
        reading = ffmpeg(tmp_path, inputs, "[0:v][1:v]streamselect=inputs=2:map=0")
        graph = "[0:v][1:v]libvmaf=n_threads=1:model='version=vmaf_v1.0.16_1d5h_2160'"
        theirs.append((ffmpeg(tmp_path, inputs, graph) - reading) / len(large))
        ours.append(cpu(lambda: score(large, ["vmaf_v1_4k"])) / len(large))
    mine, other = statistics.median(ours), statistics.median(theirs)
    row = ["vmaf_v1_4k", f"{1000 * mine:.1f}", f"{1000 * other:.1f}", f"{other / mine:.2f}"]
    report("uhd", "Decoded 2160p 10-bit frames", ["model", "vqmon ms/frame", "libvmaf ms/frame", "ratio"], [row])
