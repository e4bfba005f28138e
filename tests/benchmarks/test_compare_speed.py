"""Comparing files beside ffmpeg + libvmaf: run with ``make bench``. Nothing asserts a time; the tables matter.

Both decode the same two MP4 files, in turns: vqmon's time is that of the comparison in a process that has compiled its
kernels, FFmpeg's that of its whole process. With one thread both have one core to themselves, because FFmpeg reads, decodes
and filters in threads of their own even where each is told to use one. What a fresh vqmon process needs before its first
score is a table of its own.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from monitor.scorers import resolve
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from tests.benchmarks.conftest import Report

WIDTH, HEIGHT, RATE, ENCODED = 1920, 1080, 25, 50
FRAMES, FEWER, FEW = 250, 50, 15
"""Ten seconds, as test clips usually have; fewer where one encode is compared four times, or the peer is slow."""

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
V0, V1 = "version=vmaf_v0.6.1", "version=vmaf_v1.0.16_3d0h"
SLOW = ("psnr", "float_ssim", "float_ms_ssim", "psnr_hvs", "ciede", "cambi")


class Row(NamedTuple):
    title: str
    metrics: str
    graph: str
    """FFmpeg's, with a place for the number of threads; empty where the peer is decoding alone, with PyAV."""
    frames: int
    goal: str


LAUNCHER = """
import resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""
"""Runs a command and tells what it took: a process of its own, as a child's peak of memory begins with its parent's."""

ROWS = (
    Row("VMAF v0.6.1", "vmaf", f"libvmaf=n_threads={{0}}:model={V0}", FRAMES, "2.0"),
    Row("VMAF v1.0.16, 3H", "vmaf_v1", f"libvmaf=n_threads={{0}}:model={V1}", FRAMES, "1.5"),
    Row(
        "all of libvmaf's metrics at once",
        "vmaf,vmaf_v1,psnr,float_ssim,float_ms_ssim,psnr_hvs,ciede2000,cambi",
        f"libvmaf=n_threads={{0}}:model='{V0}|{V1}':feature='{'|'.join(f'name={name}' for name in SLOW)}'",
        FEW,
        "5",
    ),
    Row("XPSNR", "xpsnr", "xpsnr", FRAMES, "2"),
    Row("PSNR, beside decoding alone", "psnr", "", FRAMES, "0.9"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``reference.mp4``, and encodes of it: ``a.mp4``, ``b.mp4`` and ``c.mp4``; textured, shaded, grainy and moving.

    Each shows its pictures several times over.
    """
    made = tmp_path_factory.mktemp("clips")
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "-"]
    x264 = ["-c:v", "libx264", "-preset", "fast"]
    writer = subprocess.Popen([*FFMPEG, *raw, *x264, "-crf", "17", made / "once.mp4"], stdin=subprocess.PIPE)
    assert writer.stdin is not None
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 90, (HEIGHT, WIDTH + 9 * ENCODED)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2)
    for index in range(ENCODED):
        grain = np.random.default_rng(index).normal(0, 2, (HEIGHT, WIDTH))
        shade = 120 + 40 * np.sin((x + 7 * index) / 157) * np.cos(y / 111)
        luma = np.clip(shade + texture[:, 9 * index : 9 * index + WIDTH] + grain, 16, 235).astype(np.uint8)
        chroma = cv2.resize(luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
        writer.stdin.write(luma.tobytes() + chroma.tobytes() + (255 - chroma).tobytes())
    writer.stdin.close()
    assert writer.wait() == 0
    loop = ["-stream_loop", str(FRAMES // ENCODED - 1)]
    subprocess.run([*FFMPEG, *loop, "-i", made / "once.mp4", "-c", "copy", made / "reference.mp4"], check=True, timeout=60)
    for name, crf, frames in (("a", 28, FRAMES), ("b", 33, FEWER), ("c", 38, FEWER)):
        encode = [*FFMPEG, "-i", made / "reference.mp4", *x264, "-crf", str(crf), "-frames:v", str(frames)]
        subprocess.run([*encode, made / f"{name}.mp4"], check=True, timeout=300)
    return made


class Cost(NamedTuple):
    """Milliseconds a frame."""

    cpu: float
    clock: float


def cost(work: Callable[[], Any], who: int, frames: int) -> Cost:
    before, begun = resource.getrusage(who), time.monotonic()
    work()
    after, clock = resource.getrusage(who), time.monotonic() - begun
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(1000 * cpu / frames, 1000 * clock / frames)


def median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(kind) for kind in zip(*costs, strict=True)))


def cores(threads: int) -> set[int]:
    """One core for one thread, else all."""
    every = os.sched_getaffinity(0)
    return {max(every)} if threads == 1 else every


def bind(threads: int) -> None:
    os.sched_setaffinity(0, cores(threads))


@contextmanager
def worker(threads: int) -> Iterator[Callable[..., Cost]]:
    """Runs functions in a process of its own, on as many cores as it has threads."""
    with ProcessPoolExecutor(1, get_context("spawn"), bind, (threads,)) as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def ours(folder: Path, metrics: str, frames: int, threads: int, encodes: str = "a") -> Cost:
    paths = [str(folder / f"{name}.mp4") for name in encodes]
    specs, settings = resolve(metrics.split(",")), Settings(threads=threads, frames=frames)

    def work() -> None:
        for compared in compare_files(paths, str(folder / "reference.mp4"), specs, settings):
            assert compared.scores is not None, compared.error

    return cost(work, resource.RUSAGE_SELF, frames)


def theirs(folder: Path, graph: str, frames: int, threads: int) -> Cost:
    command = [*FFMPEG, "-filter_complex_threads", str(threads)]
    for name in ("a", "reference"):
        command += ["-threads", str(threads), "-i", str(folder / f"{name}.mp4")]
    command += ["-lavfi", f"[0:v][1:v]{graph.format(threads)}", "-frames:v", str(frames), "-f", "null", "-"]

    def work() -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=600)  # which inherits the worker's cores

    return cost(work, resource.RUSAGE_CHILDREN, frames)


def decoding(folder: Path, frames: int, threads: int) -> Cost:
    """Decoding both files with PyAV and nothing else: a frame of each by turns, as every comparison has to."""

    def work() -> None:
        with ExitStack() as stack:
            containers = [stack.enter_context(av.open(str(folder / f"{name}.mp4"))) for name in ("a", "reference")]
            for container in containers:
                container.streams.video[0].codec_context.thread_count = threads
            both = zip(*(container.decode(video=0) for container in containers), strict=True)
            assert sum(1 for _ in islice(both, frames)) == frames

    return cost(work, resource.RUSAGE_SELF, frames)


@pytest.mark.timeout(1800)
def test_files(folder: Path, rounds: int, report: Report) -> None:
    rows = []
    for row in ROWS:
        for threads in (1, 2) if row.title.startswith("VMAF v") else (1,):
            mine, other = [], []
            with worker(threads) as run:
                run(ours, folder, row.metrics, 3, threads)
                for _ in range(rounds):
                    peer = (theirs, folder, row.graph) if row.graph else (decoding, folder)
                    other.append(run(*peer, row.frames, threads))
                    mine.append(run(ours, folder, row.metrics, row.frames, threads))
            here, there = median(mine), median(other)
            cpu = [f"{here.cpu:.1f}", f"{there.cpu:.1f}", f"{there.cpu / here.cpu:.2f}"]
            clock = [f"{here.clock:.1f}", f"{there.clock:.1f}", f"{there.clock / here.clock:.2f}"]
            rows.append([row.title, str(threads), *cpu, *clock, row.goal])
    kinds = [f"{side}, {kind}" for kind in ("CPU", "clock") for side in ("vqmon", "ffmpeg", "ratio")]
    head = [f"{kind} ms/frame" if not kind.startswith("ratio") else kind for kind in kinds]
    report("files", "1080p 8-bit H.264 in MP4, decoded by each", ["metric", "threads", *head, "goal"], rows)


@pytest.mark.timeout(600)
def test_several_encodes(folder: Path, rounds: int, report: Report) -> None:
    rows = []
    for metrics in ("vmaf", "vmaf_v1"):
        together, apart = [], []
        with worker(1) as run:
            run(ours, folder, metrics, 3, 1, "abc")
            for _ in range(rounds):
                together.append(run(ours, folder, metrics, FEWER, 1, "abc").cpu)
                apart.append(sum(run(ours, folder, metrics, FEWER, 1, name).cpu for name in "abc"))
        one, three = statistics.median(together), statistics.median(apart)
        rows.append([metrics, f"{three:.1f}", f"{one:.1f}", f"{100 * (1 - one / three):.0f} %"])
    head = ["metric", "one by one, CPU ms/frame", "in one pass, CPU ms/frame", "saved"]
    report("several", "Three encodes of one reference, 1080p, one thread", head, rows)


@pytest.mark.timeout(600)
def test_a_fresh_process(folder: Path, tmp_path: Path, report: Report) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "PYTHONDONTWRITE"))}
    command = [sys.executable, "-m", "pipelines", "compare", str(folder / "a.mp4"), str(folder / "reference.mp4"), "-q"]

    def run(metrics: str, kernels: str, *more: str) -> tuple[float, float]:
        """Seconds it took, and the most memory it had, MiB."""
        environment = inherited | {"NUMBA_CACHE_DIR": str(tmp_path / kernels)}
        told = subprocess.run(
            [sys.executable, "-c", LAUNCHER, *command, "-m", metrics, *more],
            env=environment,
            capture_output=True,
            check=True,
        )
        seconds, memory = told.stdout.split()
        return float(seconds), float(memory)

    rows = []
    for metrics in ("vmaf", "vmaf_v1", "vmaf,psnr,ssim"):
        cold, _ = run(metrics, metrics, "--num-frames", "1")
        warm, _ = run(metrics, metrics, "--num-frames", "1")
        _, memory = run(metrics, metrics, "--threads", "2", "--num-frames", str(FEWER))
        rows.append([metrics, f"{cold:.1f}", f"{warm:.1f}", f"{memory:.0f}"])
    head = ["metrics", "first score, kernels not compiled, s", "compiled, s", "peak memory, 2 threads, MiB"]
    report("fresh", "A fresh vqmon process, 1080p", head, rows)
