"""Which frames to score.

Samplers of streams decide from presentation time and a seed, never from a running count, so that a restarted monitor, a
re-scored segment and every rendition of a stream choose the same instants. An even stride is not on offer: hierarchical
B-frames alternate in quality, so that every second frame is systematically better or worse than its neighbours
(Netflix/vmaf#1214).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, UnknownName

if TYPE_CHECKING:
    from monitor.protocols import Sampler


def _uniform(seed: str, stratum: int) -> Fraction:
    """A number in [0, 1) that depends on the seed and the stratum only; exact, so that choices are reproducible."""
    digest = hashlib.blake2b(f"{seed}/{stratum}".encode(), digest_size=4).digest()
    return Fraction(int.from_bytes(digest), 1 << 32)


@dataclass(slots=True)
class Every:
    """Every frame."""

    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def reset(self) -> None:
        """Nothing to forget."""


@dataclass(slots=True)
class Keyframes:
    """Key frames only; the decoder skips the rest, which is what makes hundreds of streams a core possible."""

    keyframes_only: bool = field(default=True, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        """Whether it is one."""
        return keyframe

    def reset(self) -> None:
        """Nothing to forget."""


@dataclass(slots=True)
class Rate:
    """Stratified random sampling: one frame in each ``1 / per_second`` of media time, at a seeded random instant of it."""

    per_second: Fraction
    seed: str
    """Name of the stream, so that its reference and all its renditions are sampled at the same instants."""
    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        """Whether one of the chosen instants falls into ``[pts, pts + duration)``.

        A frame that lasts longer than a stratum holds several chosen instants and is wanted once.
        """
        first = math.floor(pts * self.per_second)
        last = math.floor((pts + duration) * self.per_second)
        return any(pts <= self._instant(stratum) < pts + duration for stratum in range(first, last + 1))

    def _instant(self, stratum: int) -> Fraction:
        return (stratum + _uniform(self.seed, stratum)) / self.per_second

    def reset(self) -> None:
        """Nothing to forget."""


@dataclass(slots=True)
class Bursts:
    """Runs of consecutive frames for metrics that compare neighbours: ``length`` frames in each ``every_seconds``."""

    length: int
    every_seconds: Fraction
    seed: str
    keyframes_only: bool = field(default=False, init=False)
    _taken: int = field(default=0, init=False)
    _stratum: int | None = field(default=None, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        """Whether the frame belongs to the burst that begins in its stratum."""
        stratum = math.floor(pts / self.every_seconds)
        if stratum != self._stratum:
            self._stratum, self._taken = stratum, 0
        room = max(self.every_seconds - self.length * duration, Fraction(0))
        begins = (stratum * self.every_seconds) + _uniform(self.seed, stratum) * room
        if self._taken < self.length and pts + duration > begins:
            self._taken += 1
            return True
        return False

    def reset(self) -> None:
        """Begin the stratum anew."""
        self._taken, self._stratum = 0, None


@dataclass(slots=True)
class Jittered:
    """One frame of each run of ``stride``, at a place that differs from run to run: no pattern of an encoder is met."""

    stride: int
    seed: str
    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        """Whether it is the frame of its run."""
        run, place = divmod(index, self.stride)
        return place == math.floor(_uniform(self.seed, run) * self.stride)

    def reset(self) -> None:
        """Nothing to forget."""


MODES = ("every", "rate", "keyframes", "bursts")
"""Names of the ways to sample, as users type them."""


def create_sampler(
    mode: str, *, seed: str, per_second: float = 2.0, burst_frames: int = 5, burst_every_seconds: float = 2.0
) -> Sampler:
    """The sampler called ``mode``.

    Raises:
        UnknownName: no such mode.
        ConfigError: a number out of range.
    """
    if mode == "every":
        return Every()
    if mode == "keyframes":
        return Keyframes()
    if mode == "rate":
        if not 0 < per_second <= 1000:
            raise ConfigError(f"sampling rate is {per_second:g} frames a second; expected more than 0 and at most 1000")
        return Rate(Fraction(per_second).limit_denominator(1000), seed)
    if mode == "bursts":
        if burst_frames < 2:
            raise ConfigError(f"a burst has {burst_frames} frames; expected at least 2, because it compares neighbours")
        if burst_every_seconds <= 0:
            raise ConfigError(f"a burst every {burst_every_seconds:g} s; expected more than 0")
        return Bursts(burst_frames, Fraction(burst_every_seconds).limit_denominator(1000), seed)
    raise UnknownName("sampling mode", mode, MODES)
