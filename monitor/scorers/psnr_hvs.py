"""PSNR-HVS-M of each plane as libvmaf defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._formats import chroma_inside, refusal
from monitor.scorers._pairs import CEILING, Measure, PairScorer, decibels
from monitor.scorers._registry import register
from monitor.types import FramePair, VideoFormat

LOWEST = -10.0
"""Below what planes of opposite extremes score, in dB."""

SHARES = (0.8, 0.1, 0.1)
"""What luma, Cb and Cr add to the combined error."""


def _feature(name: str, title: str, min_drop: float | None = None) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="dB",
        minimum=LOWEST,
        maximum=CEILING,
        worst=LOWEST,
        best=CEILING,
        zero="as visible as noise of the full range",
        no_data="no reference frame was paired, or the format has no such plane",
        display=(20.0, 60.0),
        min_drop=min_drop,
    )


SPEC = MetricSpec(
    name="psnr_hvs",
    title="PSNR-HVS",
    summary=(
        "PSNR of 8x8 cosine transforms whose errors are weighed by visibility and masked by what surrounds them, per plane "
        "and combined (0.8 Y, 0.1 Cb, 0.1 Cr), as libvmaf has it. Pictures without a visible error score 120 dB; libvmaf "
        "calls that infinite."
    ),
    source="Ponomarenko et al., Between-coefficient contrast masking of DCT basis functions, VPQM 2007; libvmaf psnr_hvs.c",
    reference=Reference.FULL,
    min_size=16,
    default=False,
    features=(
        _feature("psnr_hvs_y", "PSNR-HVS Y"),
        _feature("psnr_hvs_cb", "PSNR-HVS Cb"),
        _feature("psnr_hvs_cr", "PSNR-HVS Cr"),
        _feature("psnr_hvs", "PSNR-HVS", min_drop=2.0),
    ),
)


@register
@dataclass(slots=True)
class PsnrHvs(PairScorer):
    """PSNR-HVS of every plane that the format has, and of all three."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.hvs import DEEPEST, visible_error

        depth = video_format.bit_depth
        if depth > DEEPEST:
            raise refusal(SPEC, f"takes up to {DEEPEST} bits per sample", depth)
        width, height = chroma_inside(video_format)
        insides = [(video_format.height, video_format.width), (height, width), (height, width)]

        def measure(pair: FramePair) -> list[float]:
            errors = [
                visible_error(distorted[:rows, :columns], reference[:rows, :columns], component, depth)
                for component, (distorted, reference, (rows, columns)) in enumerate(
                    zip(pair.distorted.planes, pair.reference.planes, insides, strict=False)
                )
            ]
            if len(errors) == len(SHARES):
                errors.append(sum(share * error for share, error in zip(SHARES, errors, strict=True)))
            return [decibels(error) for error in errors]

        return measure
