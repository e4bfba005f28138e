"""What is written down of a file's scores, whatever the layout: features, frames, pools, and how far they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from monitor.aggregation import pools as pool_values
from monitor.scorers import feature
from monitor.scorers.psnr import psnr
from monitor.sources.addresses import without_secrets
from monitor.types import POOLS, json_number
from pipelines.pooling import Pooled

if TYPE_CHECKING:
    from pipelines.files import FileScores

LIBVMAF_POOLS = ("min", "max", "mean", "harmonic_mean")
"""The pools of libvmaf's logs, in its order."""

ENDLESS = ("psnr_hvs", "ciede2000", "xpsnr")
"""Metrics that put their feature's maximum where libvmaf and FFmpeg say infinite: pictures without an error."""


def ceiling(name: str) -> float:
    """The value of a feature that other tools call infinite; infinity itself where there is none."""
    spec, described = feature(name)
    return described.maximum if spec.name in ENDLESS else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class FrameLog:
    """One file's scores as libvmaf would have them.

    Args:
        scores: The file.
        pools: Pools to write down besides ``monitor.types.POOLS``, as ``pipelines.pooling.parse_pool`` gives them.
    """

    scores: FileScores
    pools: Sequence[str] = ()
    features: tuple[str, ...] = field(init=False)
    """As libvmaf orders them: what a model was given before what it says."""
    frames: tuple[tuple[int, Mapping[str, float]], ...] = field(init=False, repr=False)
    """Number of a frame and its values by feature, in the order of ``features``; infinite where there is no error."""
    _pooled: Pooled = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [score.feature for score in self.scores.result.scores]
        trained = {name for name in names if feature(name)[0].trained}
        features = (*(name for name in names if name not in trained), *(name for name in names if name in trained))
        pooled = Pooled(self.scores.result)
        frames: dict[int, dict[str, float]] = {score.index: {} for score in self.scores.result.frame_scores}
        for name in features:
            highest = ceiling(name)
            for score in pooled.frames(name):
                frames[score.index][name] = score.value if score.value < highest else math.inf
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "frames", tuple((index, frames[index]) for index in sorted(frames)))
        object.__setattr__(self, "_pooled", pooled)

    @property
    def frames_per_second(self) -> float | None:
        """Frames scored in a second of this machine's time; ``None`` when unknown."""
        result = self.scores.result
        return result.segment.frames_sampled / result.score_seconds if result.score_seconds else None

    def aggregates(self) -> dict[str, float]:
        """libvmaf's ``aggregate_metrics``: PSNR of the mean squared error of all frames, ``apsnr_y`` ...

        A frame at PSNR's cap counts as without error, as one is.
        """
        form = self.scores.format
        found = {}
        for name in self.features:
            if form is not None and feature(name)[0].name in ("psnr", "psnr_avg"):
                cap = psnr(0, 1, form.bit_depth)
                levels = [score.value for score in self._pooled.frames(name)]
                error = sum(10.0 ** (-level / 10.0) for level in levels if level < cap) / len(levels)
                found[f"a{name}"] = min(-10.0 * math.log10(error), cap) if error else cap
        return found

    def pooled(self, name: str) -> dict[str, float]:
        """Pools of a feature by name: libvmaf's four, then the others; NaN where one is not defined."""
        highest = ceiling(name)
        order = (*LIBVMAF_POOLS, *(pool for pool in POOLS if pool not in LIBVMAF_POOLS))
        found = {pool: self._pooled.value(name, pool) for pool in (*order, *self.pools)}
        values = {pool: math.nan if value is None else value for pool, value in found.items()}
        if not highest <= values["max"] < math.inf:
            return values
        frames = self._pooled.values(name)
        frames[frames >= highest] = math.inf
        percentiles = {pool: math.inf if value >= highest else value for pool, value in values.items()}
        return {**percentiles, **pool_values(frames.tolist())}

    def coverage(self, name: str) -> dict[str, float | int]:
        """Frames that have a value of a feature, and their share of the file's."""
        score = next(score for score in self.scores.result.scores if score.feature == name)
        return {"frames": score.frames, "coverage": score.coverage}

    def facts(self) -> dict[str, object]:
        """Files, models, pairing and validity: what libvmaf's logs do not have."""
        scores = self.scores
        return {
            "distorted": without_secrets(scores.path),
            **({"reference": without_secrets(scores.reference)} if scores.reference is not None else {}),
            "frame_rate": json_number(scores.result.segment.frame_rate),
            "models": {score.feature: score.model for score in scores.result.scores},
            **({"sync": asdict(scores.sync)} if scores.sync is not None else {}),
            "valid": scores.valid,
            "flags": list(dict.fromkeys(flag.name for flag in scores.flags)),
            "warnings": [without_secrets(warning) for warning in scores.warnings],
        }
