"""Noise: the standard deviation of what looks like noise in the smoothest parts of the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats
from monitor.scorers._luma import LumaFeatures, luma_statistics
from monitor.scorers._registry import SHARED, register
from monitor.types import Frame, Plane, Score, VideoFormat

PERCENTILE = 10.0
"""Blocks below this percentile are taken to hold noise only; texture fills the others."""

SMOOTHEST = 0.892
"""What that percentile is of the truth where every block holds the same white Gaussian noise: 0.886-0.896 over pictures from
144x176 to 1080x1920 and standard deviations from 1 to 16."""

FEWEST = 128
"""Samples that a block needs to count: half of 16x16."""

MARGIN = 6.0
"""Blocks whose mean is this close to nominal black or white, in 8-bit code values, are left out: noise is clipped there, and
letterbox bars have none."""

LOUDEST = 8 * 256.0
"""Above the largest estimate that an 8-bit picture can give."""

SPEC = MetricSpec(
    name="noise",
    title="Noise",
    summary=(
        "Standard deviation of luma noise in 8-bit code values: Immerkaer's estimate over each 16x16 block, the tenth "
        "percentile of the blocks, set right for what that percentile leaves out; texture and edges hardly count."
    ),
    source="Immerkaer, Fast noise variance estimation, CVIU 64(2), 1996; block percentile instead of the picture's mean",
    reference=Reference.NONE,
    min_size=32,
    features=(
        Feature(
            name="noise",
            title="Noise",
            unit="code value",
            minimum=0.0,
            maximum=LOUDEST,
            worst=LOUDEST,
            best=0.0,
            zero="a tenth of the picture or more has no noise at all, as after strong compression",
            no_data="no frame was scored, or all of the picture is black or white",
            display=(0.0, 20.0),
            min_drop=3.0,
        ),
    ),
)


def noise(luma: Plane, block_means: NDArray[np.float64], video_format: VideoFormat) -> float | None:
    """Standard deviation of noise in 8-bit code values; ``None`` where the whole picture is near black or white.

    Args:
        luma: At least 32x32.
        block_means: Mean of each 16x16 block in 8-bit code values.
        video_format: What the code values mean.
    """
    from monitor.kernels.noise import mask_means

    code = _formats.code_value(video_format)
    means, samples = mask_means(luma, video_format.peak)
    black, white = video_format.black_level / code + MARGIN, video_format.white_level / code - MARGIN
    usable = means[(samples >= FEWEST) & (block_means > black) & (block_means < white)]
    if usable.size == 0:
        return None
    return float(np.percentile(usable, PERCENTILE)) * math.sqrt(math.pi / 2) / 6 / SMOOTHEST / code


@register
@dataclass(slots=True)
class Noise:
    """Noise of luma, frame by frame."""

    spec: ClassVar[MetricSpec] = SPEC
    luma: LumaFeatures = field(default_factory=LumaFeatures, metadata=SHARED, repr=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        blank = _formats.blank(SPEC, video_format)
        noise(blank, luma_statistics(blank, video_format).block_means, video_format)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            estimate = noise(frame.luma, self.luma.of(frame).block_means, frame.format)
            if estimate is not None:
                yield Score("noise", estimate, frame.index, frame.pts)

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
