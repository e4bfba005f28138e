"""SSIM of luma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

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
class Ssim(PairScorer):
    """SSIM of luma, pair by pair."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.similarity import ssim

        return lambda pair: (ssim(pair.distorted.luma, pair.reference.luma, video_format.peak),)
