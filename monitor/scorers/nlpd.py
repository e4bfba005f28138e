"""Normalised Laplacian pyramid distance of luma."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

SPEC = MetricSpec(
    name="nlpd",
    title="NLPD",
    summary=(
        "Normalised Laplacian pyramid distance of luma: what the eye keeps of six bands after each sample is divided by its "
        "neighbours' amplitude, compared; the authors' filters and constants, code value 255 taken as 1."
    ),
    source="Laparra, Balle, Berardino and Simoncelli, Electronic Imaging 2016(16); the authors' NLP_dist.m",
    reference=Reference.FULL,
    default=False,
    features=(
        Feature(
            name="nlpd",
            title="NLPD",
            unit="",
            minimum=0.0,
            maximum=math.inf,
            worst=math.inf,
            best=0.0,
            zero="the pictures are equal",
            no_data="no reference frame was paired",
            display=(0.0, 0.6),
            min_drop=0.03,
        ),
    ),
)


@register
@dataclass(slots=True)
class Nlpd(PairScorer):
    """NLPD of luma."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.nlpd import nlpd

        return lambda pair: (nlpd(pair.distorted.luma, pair.reference.luma, video_format.bit_depth),)
