"""PSNR over all planes together, as FFmpeg averages it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.scorers.psnr import HIGHEST, psnr
from monitor.types import FramePair, VideoFormat

SPEC = MetricSpec(
    name="psnr_avg",
    title="PSNR of all planes",
    summary=(
        "Peak signal-to-noise ratio of the mean squared error over all samples, chroma's included, which is FFmpeg's "
        "psnr_avg; capped as in libvmaf at 6 * bit depth + 12 dB."
    ),
    source="FFmpeg vf_psnr, without its infinity",
    reference=Reference.FULL,
    default=False,
    features=(
        Feature(
            name="psnr_avg",
            title="PSNR of all planes",
            unit="dB",
            minimum=0.0,
            maximum=HIGHEST,
            worst=0.0,
            best=HIGHEST,
            zero="every sample is as far off as it can be",
            no_data="no reference frame was paired",
            display=(20.0, 60.0),
        ),
    ),
)


@register
@dataclass(slots=True)
class PsnrAvg(PairScorer):
    """PSNR of all planes of each pair."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.error import squared_error

        def measured(pair: FramePair) -> tuple[float]:
            planes = tuple(zip(pair.distorted.planes, pair.reference.planes, strict=True))
            error = sum(squared_error(distorted, reference) for distorted, reference in planes)
            samples = sum(reference.size for _, reference in planes)
            return (psnr(error, samples, video_format.bit_depth),)

        return measured
