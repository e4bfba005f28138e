"""What VMAF and its parts measure of a pair of frames, computed once for all the metrics and models that want it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from monitor.scorers import _pairs
from monitor.scorers.siti import are_neighbours
from monitor.types import Frame, FramePair, Plane, VideoFormat

NO_LIMIT = 100.0
"""Gain limit of the plain models: contrast that was enhanced up to a hundredfold counts as seen."""
MIN_SIDE = 33
"""Smallest width and height of ADM: below, libvmaf reads past its rows and its numbers are arbitrary."""

Value = TypeVar("Value")


def black_frame(video_format: VideoFormat) -> Frame:
    """A small grey-scale frame of zeros in the format's depth, to compile with."""
    side = replace(video_format, width=MIN_SIDE, height=MIN_SIDE, chroma_width=0, chroma_height=0)
    return _pairs.black_frame(side)


class AdmValues(NamedTuple):
    """ADM2 and its levels, finest first."""

    adm2: float
    scales: tuple[float, ...]


@dataclass(eq=False)
class VmafFeatures:
    """Remembers what was measured of each pair that is alive: the metrics of a rendition share one (see ``create_all``).

    Gain limits that were asked for once are measured together from then on, in one pass over a pair.
    """

    _vif_limits: list[float] = field(default_factory=list)
    _adm_limits: list[float] = field(default_factory=list)
    _kept: dict[tuple[str, int, int], tuple[weakref.ref[Plane], weakref.ref[Plane], object]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def vif(self, pair: FramePair, limit: float) -> tuple[float, ...]:
        """VIF at scales 0 to 3 under a gain limit."""

        def measure() -> dict[float, tuple[float, ...]]:
            from monitor.kernels.vif import vif

            distorted, reference = pair.distorted.luma, pair.reference.luma
            scales = vif(distorted, reference, pair.format.bit_depth, self._vif_limits)
            return {
                limit: tuple(sums.ratio for sums in of_limit)
                for limit, of_limit in zip(self._vif_limits, scales, strict=True)
            }

        return self._under("vif", pair, self._vif_limits, limit, measure)

    def adm(self, pair: FramePair, limit: float) -> AdmValues:
        """ADM under a gain limit."""

        def measure() -> dict[float, AdmValues]:
            from monitor.kernels.adm import adm

            distorted, reference = pair.distorted.luma, pair.reference.luma
            results = adm(distorted, reference, pair.format.bit_depth, self._adm_limits)
            return {
                limit: AdmValues(result.adm2, tuple(level.ratio for level in result.levels))
                for limit, result in zip(self._adm_limits, results, strict=True)
            }

        return self._under("adm", pair, self._adm_limits, limit, measure)

    def motion(self, earlier: Frame, current: Frame) -> float:
        """How much the later of two reference frames differs from the earlier, in 8-bit code values."""

        def measure() -> float:
            from monitor.kernels.motion import motion

            return motion(earlier.luma, current.luma, current.format.bit_depth)

        return self._once("motion", earlier.luma, current.luma, measure)

    def _under(
        self, kind: str, pair: FramePair, limits: list[float], limit: float, measure: Callable[[], dict[float, Value]]
    ) -> Value:
        with self._lock:
            if limit not in limits:
                limits.append(limit)
            one, other = pair.distorted.luma, pair.reference.luma
            values = self._once(kind, one, other, measure)
            if limit not in values:  # measured before this limit was asked for
                values = self._once(kind, one, other, measure, anew=True)
            return values[limit]

    def _once(self, kind: str, one: Plane, other: Plane, measure: Callable[[], Value], *, anew: bool = False) -> Value:
        key = kind, id(one), id(other)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and not anew and kept[0]() is one and kept[1]() is other:
                return kept[2]  # type: ignore[return-value]  # a kind's values are of one type
            value = measure()

            def forget(_: object) -> None:
                self._kept.pop(key, None)

            self._kept[key] = weakref.ref(one, forget), weakref.ref(other, forget), value
            return value


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
