"""What VMAF and its parts measure of a pair of frames, computed once for all the metrics and models that want it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from monitor.scorers import _pairs
from monitor.scorers._memory import PlaneMemory
from monitor.scorers.siti import are_neighbours
from monitor.types import Frame, FramePair, VideoFormat

NO_LIMIT = 100.0
"""Gain limit of the plain models: contrast that was enhanced up to a hundredfold counts as seen."""
MIN_SIDE = 33
"""Smallest width and height of ADM: below, libvmaf reads past its rows and its numbers are arbitrary."""


def black_frame(video_format: VideoFormat) -> Frame:
    """A small grey-scale frame of zeros in the format's depth, to compile with."""
    side = replace(video_format, width=MIN_SIDE, height=MIN_SIDE, chroma_width=0, chroma_height=0)
    return _pairs.black_frame(side)


class AdmValues(NamedTuple):
    """ADM2 and its levels, finest first."""

    adm2: float
    scales: tuple[float, ...]


def _measure_vif(pair: FramePair, limits: tuple[float, ...]) -> Sequence[tuple[float, ...]]:
    from monitor.kernels.vif import vif

    of_limits = vif(pair.distorted.luma, pair.reference.luma, pair.format.bit_depth, limits)
    return [tuple(sums.ratio for sums in scales) for scales in of_limits]


def _measure_adm(pair: FramePair, limits: tuple[float, ...]) -> Sequence[AdmValues]:
    from monitor.kernels.adm import View, adm

    of_limits = adm(pair.distorted.luma, pair.reference.luma, pair.format.bit_depth, [View(limit) for limit in limits])
    return [AdmValues(found.adm2, tuple(level.ratio for level in found.levels)) for found in of_limits]


MEASURES: Mapping[str, Callable[[FramePair, tuple[Any, ...]], Sequence[Any]]] = MappingProxyType({
    "vif": _measure_vif,
    "adm": _measure_adm,
})  # fmt: skip
"""How each kind of feature is measured of a pair under several settings in one pass, a value for each."""


@dataclass(eq=False)
class VmafFeatures:
    """Measures each pair once for all metrics of a rendition: they share one (see ``create_all``).

    Settings that were planned are measured together, in one pass over a pair; metrics plan theirs when they are made. May be
    used from several threads at once.
    """

    _planned: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _memory: PlaneMemory = field(default_factory=PlaneMemory)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, kind: str, setting: object) -> tuple[Any, ...]:
        """Measure a kind of feature under this setting too, from now on; gives all its settings."""
        with self._lock:
            settings = self._planned.get(kind, ())
            if setting not in settings:
                settings = self._planned[kind] = (*settings, setting)
            return settings

    def tasks(self, pair: FramePair, kinds: Iterable[str]) -> list[Callable[[], object]]:
        """What is left to measure of a pair, each kind a task for any thread; what was handed out once is not again."""
        planned = [(kind, self._planned[kind]) for kind in kinds]
        planes = pair.distorted.luma, pair.reference.luma
        return [partial(self._measured, *each, pair) for each in planned if self._memory.promise(each, planes)]

    def vif(self, pair: FramePair, limit: float) -> tuple[float, ...]:
        """VIF at scales 0 to 3 under a gain limit."""
        values: tuple[float, ...] = self._value("vif", limit, pair)
        return values

    def adm(self, pair: FramePair, limit: float) -> AdmValues:
        """ADM under a gain limit."""
        values: AdmValues = self._value("adm", limit, pair)
        return values

    def motion(self, earlier: Frame, current: Frame) -> float:
        """How much the later of two reference frames differs from the earlier, in 8-bit code values."""

        def measure() -> float:
            from monitor.kernels.motion import motion

            return motion(earlier.luma, current.luma, current.format.bit_depth)

        return self._memory.once("motion", (earlier.luma, current.luma), measure)

    def _value(self, kind: str, setting: object, pair: FramePair) -> Any:
        settings = self.plan(kind, setting)
        return self._measured(kind, settings, pair)[settings.index(setting)]

    def _measured(self, kind: str, settings: tuple[Any, ...], pair: FramePair) -> Sequence[Any]:
        planes = pair.distorted.luma, pair.reference.luma
        return self._memory.once((kind, settings), planes, lambda: MEASURES[kind](pair, settings))


class Moment(NamedTuple):
    """A pair whose motion is known."""

    pair: FramePair
    motion: float
    """Difference of its reference frame to the one before; 0 for the first pair of all."""
    motion2: float
    """The smaller of that and the next frame's; the former alone where none follows."""


@dataclass(slots=True)
class Neighbourhood:
    """Follows pairs in time and tells the motion of each when the next one has come: libvmaf's ``motion2``.

    A pair before or after a gap (frames without a reference, or that nobody gave) has a neighbour that nobody saw, and gets
    none.
    """

    features: VmafFeatures
    _previous: Frame | None = None
    """Reference frame of the previous pair, or shown before the first."""
    _owed: FramePair | None = None
    """The previous pair, until it is told; only one whose motion is known."""
    _motion: float = 0.0
    """Of the pair that is owed."""

    def next(self, pair: FramePair) -> Moment | None:
        """Take the next pair and tell the one before it."""
        first = self._previous is None
        motion = 0.0 if first else self._to(pair.reference)
        told = self._told(motion)
        self._previous, self._owed, self._motion = pair.reference, None if motion is None else pair, motion or 0.0
        return told

    def last(self, following: Frame | None = None) -> Moment | None:
        """Tell the previous pair, before a reference frame that has no pair or as the last one.

        The next pair's motion is measured against it all the same.
        """
        told = self._told(self._motion if following is None else self._to(following))
        self._owed = None
        return told

    def lead_in(self, frames: Sequence[Frame]) -> None:
        """Forget earlier pairs; the next one comes after these reference frames."""
        self._previous, self._owed = frames[-1], None

    def reset(self) -> None:
        """Forget earlier pairs."""
        self._previous = self._owed = None

    def _told(self, following: float | None) -> Moment | None:
        """What is owed, now that the motion after it is known."""
        if self._owed is None or following is None:
            return None
        return Moment(self._owed, self._motion, min(self._motion, following))

    def _to(self, current: Frame) -> float | None:
        return None if self._previous is None else self._between(self._previous, current)

    def _between(self, earlier: Frame, current: Frame) -> float | None:
        if earlier.luma is current.luma:
            return 0.0
        return self.features.motion(earlier, current) if are_neighbours(earlier, current) else None
