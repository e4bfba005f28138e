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
    from monitor.kernels.adm import adm

    of_limits = adm(pair.distorted.luma, pair.reference.luma, pair.format.bit_depth, limits)
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

    A pair before or after a gap (frames not sampled, or without a reference) has a neighbour that nobody saw, and gets none.
    """

    features: VmafFeatures
    _previous: FramePair | None = None
    _motion: float | None = None
    """Of the previous pair; ``None`` where it is not known, or the pair was told already."""

    def next(self, pair: FramePair) -> Moment | None:
        """Take the next pair and tell the one before it."""
        previous, known = self._previous, self._motion
        if previous is None:
            self._previous, self._motion = pair, 0.0
            return None
        motion = self._between(previous.reference, pair.reference)
        self._previous, self._motion = pair, motion
        if known is None or motion is None:
            return None
        return Moment(previous, known, min(known, motion))

    def last(self) -> Moment | None:
        """Tell the previous pair as the last one. The next pair's motion is measured against it all the same."""
        previous, known = self._previous, self._motion
        self._motion = None
        return None if previous is None or known is None else Moment(previous, known, known)

    def reset(self) -> None:
        """Forget earlier pairs."""
        self._previous = self._motion = None

    def _between(self, earlier: Frame, current: Frame) -> float | None:
        if earlier.luma is current.luma:
            return 0.0
        return self.features.motion(earlier, current) if are_neighbours(earlier, current) else None
