"""Compile the kernels before the first picture needs them.

Numba compiles each kernel once a machine and keeps it on disk; after that this takes a fraction of a second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from monitor.errors import UnsupportedFormat
from monitor.protocols import MetricSpec, Reference, Scorer
from monitor.scorers import create_all
from monitor.types import Frame, FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.types import Plane

SIDE = 256
"""Width and height of the frames that are scored to compile: large enough for every metric."""


def warm_up(metrics: Sequence[MetricSpec], *, bit_depths: Sequence[int] = (8,)) -> float:
    """Run every metric once on made-up frames of each bit depth, and settle the libraries' threads; the seconds it took."""
    began = time.monotonic()
    cv2.setNumThreads(1)  # streams are what runs in parallel; a pool of OpenCV's own would only compete with them
    for depth in bit_depths:
        name = "yuv420p" if depth == 8 else f"yuv420p{depth}le"
        video_format = VideoFormat(SIDE, SIDE, name, depth, chroma_width=SIDE // 2, chroma_height=SIDE // 2)
        frames = [_frame(index, video_format) for index in range(2)]
        pairs = [FramePair(frame, frame) for frame in frames]
        for scorer in create_all([(spec.name, {}) for spec in metrics]):
            _run(scorer, video_format, frames if scorer.spec.reference is Reference.NONE else pairs)
    return time.monotonic() - began


def _run(scorer: Scorer[Any], video_format: VideoFormat, items: Sequence[Frame] | Sequence[FramePair]) -> None:
    try:
        scorer.prepare(video_format)
    except UnsupportedFormat:
        return  # nothing to compile for this depth
    for _ in scorer.score(items):
        pass
    scorer.close()


def _frame(index: int, video_format: VideoFormat) -> Frame:
    """A frame of seeded noise."""
    random = np.random.default_rng(index)
    kind = np.uint8 if video_format.bit_depth == 8 else np.uint16
    shapes = ((SIDE, SIDE), (SIDE // 2, SIDE // 2), (SIDE // 2, SIDE // 2))
    planes: list[Plane] = [random.integers(0, video_format.peak, shape, kind) for shape in shapes]
    for plane in planes:
        plane.flags.writeable = False
    return Frame(index, Fraction(index, 25), Fraction(1, 25), video_format, tuple(planes), keyframe=index == 0)
