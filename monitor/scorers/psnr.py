"""PSNR of each plane, as libvmaf and FFmpeg define it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

HIGHEST = 6.0 * 16 + 12
"""What identical planes score at 16 bits, in dB; 60 at 8 bits, 72 at 10, 84 at 12."""


def _plane(
    name: str, title: str, warning: float | None = None, critical: float | None = None, min_drop: float | None = None
) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="dB",
        minimum=0.0,
        maximum=HIGHEST,
        worst=0.0,
        best=HIGHEST,
        zero="every sample is as far off as it can be",
        no_data="no reference frame was paired, or the format has no such plane",
        display=(20.0, 60.0),
        warning=warning,
        critical=critical,
        min_drop=min_drop,
    )


SPEC = MetricSpec(
    name="psnr",
    title="PSNR",
    summary=(
        "Peak signal-to-noise ratio of each plane, 10 log10(peak^2 / MSE), capped as in libvmaf at 6 * bit depth + 12 dB so "
        "that identical pictures keep pooled values finite."
    ),
    source="libvmaf feature/integer_psnr.c; FFmpeg vf_psnr without the cap",
    reference=Reference.FULL,
    features=(
        _plane("psnr_y", "PSNR Y", warning=30.0, critical=25.0, min_drop=2.0),
        _plane("psnr_cb", "PSNR Cb"),
        _plane("psnr_cr", "PSNR Cr"),
    ),
)


def psnr(squared_error: int, samples: int, bit_depth: int) -> float:
    """PSNR in dB from the sum of squared errors over a plane.

    Args:
        squared_error: Sum of squared differences in code values.
        samples: Number of samples of the plane.
        bit_depth: Bits per sample; the peak is ``2**bit_depth - 1``.

    Returns:
        At least 0, at most ``6 * bit_depth + 12``, which is also the value of identical planes.
    """
    cap = 6.0 * bit_depth + 12.0
    if squared_error == 0:
        return cap
    peak = (1 << bit_depth) - 1
    return min(10.0 * math.log10(peak * peak * samples / squared_error), cap)


@register
@dataclass(slots=True)
class Psnr(PairScorer):
    """PSNR of every plane that the format has."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.error import squared_error

        return lambda pair: [
            psnr(squared_error(distorted, reference), reference.size, video_format.bit_depth)
            for distorted, reference in zip(pair.distorted.planes, pair.reference.planes, strict=True)
        ]
