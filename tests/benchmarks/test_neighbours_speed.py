"""What it costs that segments score as the whole clip does: run with ``make bench``. Nothing asserts a time.

CPU seconds of one 1080p segment of two seconds beside its reference, both from MPEG-TS, with and without the reference
frames around it; the two alternate.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from monitor.encoding import CLOCK_HZ, EncodeSettings, encode_segment
from monitor.engine import SegmentScorer
from monitor.pairing import ReferenceReader, ReferenceWindow
from monitor.sampling import create_sampler
from monitor.scorers import create_all
from monitor.sources.decoding import ByteSegment
from monitor.sources.scaling import Converter
from monitor.types import Plane

WIDTH, HEIGHT, RATE, SECONDS, ROUNDS = 1920, 1080, 25, 2, 3


def picture(index: int) -> tuple[Plane, Plane, Plane]:
    """Texture, shading and a little grain, moving."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    texture = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 90, (HEIGHT, WIDTH + 800)).astype(np.float32), (0, 0), 2)
    grain = np.random.default_rng(index).normal(0, 2, (HEIGHT, WIDTH))
    shift = 9 * (index % 80)
    luma = 120 + 40 * np.sin((x + 7 * index) / 157) * np.cos(y / 111) + texture[:, shift : shift + WIDTH] + grain
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return np.clip(luma, 16, 235).astype(np.uint8), chroma, chroma


def segment(number: int, crf: int) -> ByteSegment:
    frames = [picture(index) for index in range(number * SECONDS * RATE, (number + 1) * SECONDS * RATE)]
    settings = EncodeSettings(WIDTH, HEIGHT, Fraction(RATE), crf=crf, preset="veryfast")
    data = encode_segment(frames, settings, start_pts=round((10 + number * SECONDS) * CLOCK_HZ))
    return ByteSegment("bench", "1080p", number, datetime.now(UTC), False, Fraction(SECONDS), data)


@pytest.fixture(scope="module")
def sides() -> tuple[list[ByteSegment], list[ByteSegment]]:
    return [segment(number, 34) for number in range(2)], [segment(number, 20) for number in range(3)]


@contextmanager
def without_neighbours() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(ReferenceReader, "after", lambda _: None)
        context.setattr(ReferenceReader, "before", lambda _: [])
        yield


def cost(metric: str, mode: str, distorted: list[ByteSegment], reference: list[ByteSegment]) -> tuple[float, int]:
    """CPU seconds of the second segment, after the first, and its scored frames."""
    sampler = create_sampler(mode, seed="bench", per_second=2.0)
    scorer = SegmentScorer("bench", "1080p", sampler, create_all([(metric, {})]), Converter().convert)
    window = ReferenceWindow()
    for one in reference:
        window.add(one)
    window.end()
    scorer.score(distorted[0], window)
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = scorer.score(distorted[1], window).result
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, max((score.frames for score in result.scores), default=0)


def test_frames_around_a_segment(sides: tuple[list[ByteSegment], list[ByteSegment]], capsys: Any) -> None:
    table = Table(title=f"CPU s of a 1080p segment of {SECONDS} s beside its reference", title_justify="left")
    for name in ("metric", "sampling", "alone", "frames", "with neighbours", "frames"):
        table.add_column(name, justify="left" if name in ("metric", "sampling") else "right")
    for metric, mode in (("motion", "every"), ("vmaf", "every"), ("vmaf", "rate"), ("vmaf", "keyframes")):
        alone, beside = [], []
        for _ in range(ROUNDS):
            with without_neighbours():
                alone.append(cost(metric, mode, *sides))
            beside.append(cost(metric, mode, *sides))
        cells = [
            cell
            for found in (alone, beside)
            for cell in (f"{statistics.median(spent for spent, _ in found):.2f}", str(found[0][1]))
        ]
        table.add_row(metric, mode, *cells)
    with capsys.disabled():
        Console(width=100).print(table)
