"""Pools as users name them, those that no ``SegmentScore`` holds included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UnknownName
from monitor.types import POOLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.types import Score, SegmentResult, SegmentScore

ALIASES = {"harmonic": "harmonic_mean", "hmean": "harmonic_mean", "average": "mean", "median": "p50"}
"""What other tools call pools that have another name here."""

HEADINGS = {"harmonic_mean": "harmonic", "p50": "median"}
"""Shorter or plainer names for tables."""

_PERCENTILE = re.compile(r"(?:p|perc|percentile)(\d{1,3}(?:\.\d+)?)")


def parse_pool(name: str) -> str:
    """The pool meant by ``name``: one of ``monitor.types.POOLS``, or ``pN`` for any percentile from 0 to 100.

    Accepts the aliases of other tools: ``harmonic``, ``median``, ``perc5``.

    Raises:
        UnknownName: there is no such pool; it is never taken for another one (as FFmpeg takes ``perc5`` for the mean).
    """
    wanted = name.strip().lower()
    wanted = ALIASES.get(wanted, wanted)
    if wanted in POOLS:
        return wanted
    found = _PERCENTILE.fullmatch(wanted)
    if found is not None and float(found[1]) <= 100:
        return f"p{float(found[1]):g}"
    known = ("mean", "harmonic_mean", "min", "max", "median", "stdev", "p1", "p5", "p50", "p95")
    raise UnknownName("pool", name, known, "(any percentile from p0 to p100 will do)")


def parse_pools(names: Sequence[str]) -> tuple[str, ...]:
    """The pools meant by ``names``, each of which may hold several with commas between; each pool once, in order.

    Raises:
        UnknownName: one is no pool.
    """
    return tuple(dict.fromkeys(parse_pool(name) for value in names for name in value.split(",") if name.strip()))


def heading(pool: str) -> str:
    """What a table calls a pool."""
    return HEADINGS.get(pool, pool)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """The pools of a file's features, any percentile among them."""

    result: SegmentResult
    _scores: dict[str, SegmentScore] = field(init=False, repr=False)
    _frames: dict[str, list[Score]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        frames: dict[str, list[Score]] = {}
        for score in self.result.frame_scores:
            frames.setdefault(score.feature, []).append(score)
        object.__setattr__(self, "_frames", frames)
        object.__setattr__(self, "_scores", {score.feature: score for score in self.result.scores})

    def frames(self, feature: str) -> Sequence[Score]:
        """The scores of a feature's frames, in order; none where it has no value."""
        return self._frames.get(feature, ())

    def values(self, feature: str) -> NDArray[np.float64]:
        """The values of a feature's frames, ``(n,)``."""
        return np.array([score.value for score in self.frames(feature)], dtype=np.float64)

    def value(self, feature: str, pool: str) -> float | None:
        """A pool of a feature; ``None`` where the feature has no value.

        Args:
            feature: Its name.
            pool: As ``parse_pool`` gives it. Percentiles are interpolated linearly between frames.
        """
        score = self._scores.get(feature)
        if score is None:
            return None
        if pool in POOLS:
            return score.pool(pool)
        with np.errstate(invalid="ignore"):  # between infinite values there is nothing to interpolate
            return float(np.percentile(self.values(feature), float(pool[1:])))

    def worst(self, feature: str, higher_is_better: bool | None) -> Score | None:
        """The frame with the worst value of a feature; ``None`` for a descriptor, or where there is no value."""
        frames = self.frames(feature)
        if higher_is_better is None or not frames:
            return None
        choose = min if higher_is_better else max
        return choose(frames, key=lambda score: score.value)
