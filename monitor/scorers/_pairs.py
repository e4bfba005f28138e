"""What metrics have in common that score pairs of frames one by one."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np

from monitor.protocols import MetricSpec
from monitor.scorers import _formats
from monitor.scorers._memory import PlaneMemory
from monitor.types import Frame, FramePair, Plane, Score, VideoFormat

Measure = Callable[[FramePair], Sequence[float]]
"""Values of the first features of a spec, in their order; those that need chroma are last and missing without it."""

CEILING = 120.0
"""What pictures without an error score on a logarithmic scale that has no end, in dB: high enough to be told from any other,
and finite so that pooled values stay so."""


def decibels(error: float) -> float:
    """Signal-to-noise ratio of a mean squared error, the peak being 1: at most ``CEILING``, also where there is no error."""
    return min(-10.0 * math.log10(error), CEILING) if error > 0 else CEILING


@dataclass(slots=True)
class PairScorer(ABC):
    """A scorer that remembers nothing from one pair to the next; subclasses give ``spec`` and ``measure``.

    Each thread that measures has arithmetic of its own, so that ``measure`` may hand out one with a workspace.
    """

    spec: ClassVar[MetricSpec]
    _format: VideoFormat = field(init=False, repr=False)
    _measures: threading.local = field(init=False, repr=False)
    _memory: PlaneMemory = field(init=False, repr=False)

    @abstractmethod
    def measure(self, video_format: VideoFormat) -> Measure:
        """The arithmetic for pairs of a format that was checked, for one thread."""

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(self.spec, video_format)
        self._format, self._measures, self._memory = video_format, threading.local(), PlaneMemory()
        black = black_frame(video_format)
        self._measured(FramePair(black, black))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        if not self._memory.promise("pair", (item.distorted.luma, item.reference.luma)):
            return ()
        return (lambda: self._once(item),)

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            for feature, value in zip(self.spec.features, self._once(pair), strict=False):
                yield Score(feature.name, value, pair.index, pair.pts)

    def _once(self, pair: FramePair) -> Sequence[float]:
        return self._memory.once("pair", (pair.distorted.luma, pair.reference.luma), lambda: self._measured(pair))

    def _measured(self, pair: FramePair) -> Sequence[float]:
        measure: Measure | None = getattr(self._measures, "measure", None)
        if measure is None:
            measure = self._measures.measure = self.measure(self._format)
        return measure(pair)

    def reset(self) -> None:  # noqa: B027
        """Pairs are scored one by one: there is nothing to forget."""

    def close(self) -> None:  # noqa: B027
        """Nothing is held."""


def black_frame(video_format: VideoFormat) -> Frame:
    """A frame of zeros in full size, read-only as frames are: kernels compile for exactly this."""
    shapes = [(video_format.height, video_format.width)]
    if video_format.chroma_width:
        shapes += [(video_format.chroma_height, video_format.chroma_width)] * 2
    planes: list[Plane] = (
        [np.zeros(shape, np.uint8) for shape in shapes]
        if video_format.bit_depth == 8
        else [np.zeros(shape, np.uint16) for shape in shapes]
    )
    for plane in planes:
        plane.flags.writeable = False
    return Frame(0, Fraction(0), Fraction(0), video_format, tuple(planes))
