"""What each metric costs at 1080p: run with ``make bench`` on a quiet machine. Nothing asserts a time; the tables matter.

Times are of one thread, the median of many frames that are decoded already; FFmpeg's filters run on the same frames, in the
same process, with one thread each, so that ratios hold on a busy machine too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from monitor import scorers
from monitor.protocols import Reference
from monitor.types import Frame, FramePair, VideoFormat

WIDTH, HEIGHT, COUNT, ROUNDS = 1920, 1080, 8, 5
FORM = VideoFormat(WIDTH, HEIGHT, "yuv420p", chroma_width=WIDTH // 2, chroma_height=HEIGHT // 2)


def made(seed: int, blur: float) -> list[Frame]:
    """Textured, grainy, moving frames."""
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(np.random.default_rng(1).normal(120, 90, (HEIGHT, WIDTH + 200)), (0, 0), 2)
    frames = []
    for index in range(COUNT):
        luma = texture[:, 10 * index : 10 * index + WIDTH] + rng.normal(0, 3, (HEIGHT, WIDTH))
        luma = cv2.GaussianBlur(luma, (0, 0), blur) if blur else luma
        chroma = cv2.resize(luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
        planes = [np.clip(picture, 16, 235).astype(np.uint8) for picture in (luma, chroma, 255 - chroma)]
        for plane in planes:
            plane.flags.writeable = False
        frames.append(Frame(index, Fraction(index, 25), Fraction(1, 25), FORM, tuple(planes)))
    return frames


@pytest.fixture(scope="module")
def pairs() -> list[FramePair]:
    return [FramePair(*both) for both in zip(made(3, 0.9), made(2, 0), strict=True)]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


def milliseconds(score_one: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Median time of one item, warm."""
    score_one(items[0])
    taken = []
    for _ in range(ROUNDS):
        for item in items:
            begun = time.perf_counter()
            score_one(item)
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def ours(names: Sequence[str], items: Sequence[Any]) -> float:
    """Milliseconds a frame of metrics that share what they can; each round takes fresh scorers, so nothing is remembered."""
    taken = []
    for _ in range(ROUNDS):
        together = scorers.create_all([(name, {}) for name in names])
        for scorer in together:
            scorer.prepare(FORM)
        for item in items:
            begun = time.perf_counter()
            for scorer in together:
                list(scorer.score([item]))
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def picture_of(frame: Frame) -> av.VideoFrame:
    packed = np.concatenate([plane.ravel() for plane in frame.planes]).reshape(-1, WIDTH)
    return av.VideoFrame.from_ndarray(packed, format="yuv420p")


def ffmpegs(name: str, pairs: Sequence[FramePair]) -> float:
    """Milliseconds a pair of FFmpeg's two-input filter in PyAV's graph, on one thread; copying frames in is not counted."""
    graph = av.filter.Graph()
    graph.threads = 1
    sources = [graph.add_buffer(width=WIDTH, height=HEIGHT, format="yuv420p", time_base=Fraction(1, 25)) for _ in range(2)]
    node, sink = graph.add(name), graph.add("buffersink")
    for pad, source in enumerate(sources):
        source.link_to(node, 0, pad)
    node.link_to(sink)
    graph.configure()
    ready = [(picture_of(pair.distorted), picture_of(pair.reference)) for pair in pairs]
    taken = []
    for turn in range(ROUNDS):
        for index, pictures in enumerate(ready):
            for picture in pictures:
                picture.pts, picture.time_base = turn * COUNT + index, Fraction(1, 25)
            begun = time.perf_counter()
            for source, picture in zip(sources, pictures, strict=True):
                source.push(picture)
            graph.pull()
            taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def test_every_metric(pairs: list[FramePair]) -> None:
    table = Table("metric", "ms a frame", "frames/s", title="1080p 8-bit 4:2:0, one thread")
    no_reference = [spec.name for spec in scorers.specs() if spec.reference is Reference.NONE]
    for spec in scorers.specs():
        items = pairs if spec.reference is Reference.FULL else [pair.distorted for pair in pairs]
        cost = ours([spec.name], items)
        table.add_row(spec.name, f"{cost:.2f}", f"{1000 / cost:.0f}")
    cost = ours(no_reference, [pair.distorted for pair in pairs])
    table.add_row("all no-reference", f"{cost:.2f}", f"{1000 / cost:.0f}")
    Console(width=100).print(table)


def test_against_ffmpegs_filters(pairs: list[FramePair]) -> None:
    table = Table("metric", "vqmon, ms", "FFmpeg, ms", "vqmon is", title="1080p 8-bit 4:2:0 pairs, one thread each")
    for name in ("psnr", "ssim"):
        mine, theirs = ours([name], pairs), ffmpegs(name, pairs)
        table.add_row(name, f"{mine:.2f}", f"{theirs:.2f}", f"{theirs / mine:.2f} times as fast")
    Console(width=100).print(table)
    Console(width=100).print(
        "PSNR: the same planes. SSIM: FFmpeg takes 8x8 boxes at every fourth sample of three planes, vqmon the 11x11 "
        "Gaussian window at every luma sample, as published."
    )


def test_against_scikit_image(pairs: list[FramePair]) -> None:
    from skimage.metrics import structural_similarity

    def theirs(pair: FramePair) -> float:
        value: float = structural_similarity(
            pair.distorted.luma, pair.reference.luma, gaussian_weights=True, use_sample_covariance=False
        )
        return value

    mine, other = ours(["ssim"], pairs), milliseconds(theirs, pairs[:1])
    Console(width=100).print(
        f"SSIM of the same definition: vqmon {mine:.2f} ms, scikit-image {other:.0f} ms, {other / mine:.0f} x"
    )
