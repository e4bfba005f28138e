"""SSIM of luma."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats
from monitor.scorers._registry import register
from monitor.types import FramePair, Plane, Score, VideoFormat

SPEC = MetricSpec(
    name="ssim",
    title="SSIM",
    summary=(
        "Mean structural similarity of luma over all whole 11x11 Gaussian windows (sigma 1.5, K1 = 0.01, K2 = 0.03, "
        "population moments) at full size. FFmpeg's filter uses 8x8 boxes and libvmaf's float_ssim scales down first: "
        "both give other numbers."
    ),
    source=(
        "Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004; scikit-image "
        "structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)"
    ),
    reference=Reference.FULL,
    min_size=11,
    features=(
        Feature(
            name="ssim",
            title="SSIM",
            unit="ratio",
            minimum=-1.0,
            maximum=1.0,
            worst=-1.0,
            best=1.0,
            zero="nothing of the structure is left",
            no_data="no reference frame was paired",
            display=(0.5, 1.0),
            warning=0.9,
            critical=0.8,
            min_drop=0.03,
        ),
    ),
)


@register
@dataclass(slots=True)
class Ssim:
    """SSIM of luma, pair by pair."""

    spec: ClassVar[MetricSpec] = SPEC
    _ssim: Callable[[Plane, Plane, int], float] = field(init=False)

    def prepare(self, video_format: VideoFormat) -> None:
        from monitor.kernels.similarity import ssim

        _formats.check(SPEC, video_format)
        blank = _formats.blank(SPEC, video_format)
        ssim(blank, blank, video_format.peak)
        self._ssim = ssim

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            value = self._ssim(pair.distorted.luma, pair.reference.luma, pair.format.peak)
            yield Score("ssim", value, pair.index, pair.pts)

    def reset(self) -> None:
        """Pairs are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
