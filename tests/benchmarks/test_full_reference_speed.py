"""Full-reference metrics beside libvmaf and FFmpeg at 1080p, one thread each; nothing asserts a time, the table matters.

FFmpeg's binary reads raw frames from files; what it takes of the processor for that is measured with its ``psnr`` filter,
whose own work is small, and subtracted. Both sides run in turns, so that the ratio holds on a busy machine too.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import pytest

from monitor import scorers
from monitor.types import FramePair
from tests.benchmarks.conftest import Report
from tests.benchmarks.test_metric_speed import FORM, HEIGHT, WIDTH, made

PEERS = {
    "float_ssim": "libvmaf=n_threads=1:model=:feature=name=float_ssim",
    "float_ms_ssim": "libvmaf=n_threads=1:model=:feature=name=float_ms_ssim",
    "psnr_hvs": "libvmaf=n_threads=1:model=:feature=name=psnr_hvs",
    "ciede2000": "libvmaf=n_threads=1:model=:feature=name=ciede",
    "ssim_ffmpeg": "ssim",
    "xpsnr": "xpsnr",
}
"""What computes the same, by our metric."""

GOALS = {"float_ms_ssim": "5", "psnr_hvs": "5", "ciede2000": "5", "xpsnr": "2"}

TURNS = 3


@pytest.fixture(scope="module")
def pairs() -> list[FramePair]:
    return [FramePair(*both) for both in zip(made(3, 0.9), made(2, 0), strict=True)]


@pytest.fixture(scope="module")
def raw(pairs: list[FramePair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for side in ("distorted", "reference"):
        planes = [plane for pair in pairs for plane in getattr(pair, side).planes]
        (folder / side).write_bytes(b"".join(plane.tobytes() for plane in planes))
    return folder


def ours(metric: str, pairs: list[FramePair]) -> float:
    """Milliseconds a pair."""
    scorer = scorers.create(metric)
    scorer.prepare(FORM)
    taken = []
    for pair in pairs:
        begun = time.process_time()
        list(scorer.score([pair]))
        taken.append(time.process_time() - begun)
    return 1000 * statistics.median(taken)


def theirs(graph: str, raw: Path, count: int) -> float:
    """Milliseconds of processor time a pair, reading included."""
    source = ["-threads", "1", "-f", "rawvideo", "-s", f"{WIDTH}x{HEIGHT}", "-pix_fmt", "yuv420p", "-r", "25", "-i"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-filter_complex_threads", "1"]
    command += [*source, "distorted", *source, "reference", "-lavfi", graph, "-f", "null", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=raw, check=True, capture_output=True, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count


def test_against_libvmaf_and_ffmpeg(pairs: list[FramePair], raw: Path, report: Report) -> None:
    rows = []
    for metric, graph in PEERS.items():
        mine, other = [], []
        for _ in range(TURNS):
            mine.append(ours(metric, pairs))
            other.append(theirs(graph, raw, len(pairs)) - theirs("psnr", raw, len(pairs)))
        cost, peer = statistics.median(mine), statistics.median(other)
        rows.append([metric, f"{cost:.2f}", f"{peer:.1f}", f"{peer / cost:.1f}", GOALS.get(metric, "")])
    head = ["metric", "vqmon, ms/frame", "peer, ms/frame", "ratio", "goal"]
    report("metrics", "Decoded 1080p 8-bit 4:2:0 pairs, one thread each", head, rows)
