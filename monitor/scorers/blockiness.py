"""Blockiness: how much stronger the picture's differences are across an 8x8 grid than beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats
from monitor.scorers._registry import register
from monitor.types import Frame, Plane, Score, VideoFormat

GRID = 8
"""Distance between block borders in samples: the transform of MPEG-2 and JPEG, the smallest coding block of HEVC, half a
macroblock of H.264. A picture scaled after coding has another distance, and its grid is not seen."""

REACH = 3
"""Borders on each side that a border is compared with; less than half the grid, so that none of them is on it."""

BESIDE = np.array([1, 1, 1, 0, 1, 1, 1]) / (2 * REACH)
"""Weights of the mean over these."""

VISIBLE = 0.25
"""Added to both sides of each ratio, in 8-bit code values: a step well below one code value can't be seen, so that on flat
pictures rounding is not taken for blocks."""

SPEC = MetricSpec(
    name="blockiness",
    title="Blockiness",
    summary=(
        "How much stronger differences of luma are across the lines of an 8x8 grid than across the lines beside them, "
        "less one: for each column and row the ratio to its six neighbours, the median over the lines of a grid, the "
        "strongest of the eight grid offsets, the mean of both directions."
    ),
    source=(
        "After Muijs and Kirenko, A no-reference blocking artifact measure for adaptive video processing, EUSIPCO 2005: "
        "local normalisation per line instead of per sample, median instead of mean"
    ),
    reference=Reference.NONE,
    min_size=32,
    features=(
        Feature(
            name="blockiness",
            title="Blockiness",
            unit="ratio",
            minimum=0.0,
            maximum=255.0 / VISIBLE,
            worst=255.0 / VISIBLE,
            best=0.0,
            zero="the grid is no stronger than what lies beside it",
            no_data="no frame was scored",
            display=(0.0, 3.0),
            min_drop=0.3,
        ),
    ),
)


def blockiness(luma: Plane, bit_depth: int) -> float:
    """Excess of differences across an 8x8 grid at any offset; 0 for none, about 0.05 for pristine pictures.

    Args:
        luma: At least 32x32.
        bit_depth: Bits per sample.
    """
    from monitor.kernels.edges import difference_profiles

    profiles = difference_profiles(luma)
    code = float(1 << (bit_depth - 8))
    return (_grid_excess(profiles.columns / code) + _grid_excess(profiles.rows / code)) / 2


def _grid_excess(profile: NDArray[np.float64]) -> float:
    beside = np.convolve(profile, BESIDE, mode="valid")
    ratios = (profile[REACH:-REACH] + VISIBLE) / (beside + VISIBLE)
    whole = ratios[: ratios.size // GRID * GRID].reshape(-1, GRID)
    return max(0.0, float(np.median(whole, axis=0).max()) - 1.0)


@register
@dataclass(slots=True)
class Blockiness:
    """Visibility of the coding grid, frame by frame."""

    spec: ClassVar[MetricSpec] = SPEC

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        blockiness(_formats.blank(SPEC, video_format), video_format.bit_depth)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            yield Score("blockiness", blockiness(frame.luma, frame.format.bit_depth), frame.index, frame.pts)

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
