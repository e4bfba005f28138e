"""SSIM of each plane as FFmpeg's filter defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import FramePair, VideoFormat


def _feature(name: str, title: str, min_drop: float | None = None) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="ratio",
        minimum=-1.0,
        maximum=1.0,
        worst=-1.0,
        best=1.0,
        zero="nothing of the structure is left",
        no_data="no reference frame was paired, or the format has no such plane",
        display=(0.5, 1.0),
        min_drop=min_drop,
    )


SPEC = MetricSpec(
    name="ssim_ffmpeg",
    title="SSIM (FFmpeg)",
    summary=(
        "Structural similarity as FFmpeg's ssim filter has it: 8x8 boxes at every fourth sample, for each plane and for all "
        "of them together, each by its number of samples."
    ),
    source="Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004; FFmpeg vf_ssim",
    reference=Reference.FULL,
    min_size=16,
    default=False,
    features=(
        _feature("ssim_ffmpeg_y", "SSIM Y (FFmpeg)"),
        _feature("ssim_ffmpeg_cb", "SSIM Cb (FFmpeg)"),
        _feature("ssim_ffmpeg_cr", "SSIM Cr (FFmpeg)"),
        _feature("ssim_ffmpeg", "SSIM (FFmpeg)", min_drop=0.03),
    ),
)


@register
@dataclass(slots=True)
class SsimFfmpeg(PairScorer):
    """FFmpeg's SSIM of every plane that the format has, and of all three."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.boxes import box_ssim

        def measure(pair: FramePair) -> list[float]:
            both = list(zip(pair.distorted.planes, pair.reference.planes, strict=True))
            values = [box_ssim(*planes, video_format.bit_depth) for planes in both]
            if len(values) > 1:
                samples = [reference.size for _, reference in both]
                values.append(sum(size * value for size, value in zip(samples, values, strict=True)) / sum(samples))
            return values

        return measure
