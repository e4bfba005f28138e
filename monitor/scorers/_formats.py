"""What frames a metric can take, and a blank plane of them to compile with."""

from __future__ import annotations

import numpy as np

from monitor.errors import UnsupportedFormat
from monitor.protocols import MetricSpec
from monitor.types import Plane, VideoFormat

DEEPEST = 16
"""Bits of the deepest samples that planes can hold."""


def check(spec: MetricSpec, video_format: VideoFormat) -> None:
    """Refuse frames that the metric can't take.

    Raises:
        UnsupportedFormat: too small, without the chroma it needs, or of an impossible depth.
    """
    if min(video_format.width, video_format.height) < spec.min_size:
        raise refusal(spec, f"needs frames of at least {spec.min_size}x{spec.min_size}", video_format)
    if max(video_format.width, video_format.height) < spec.min_longer_side:
        raise refusal(spec, f"needs frames whose longer side is at least {spec.min_longer_side}", video_format)
    if spec.needs_chroma and not video_format.chroma_width:
        raise refusal(spec, "needs chroma", video_format)
    if not 8 <= video_format.bit_depth <= DEEPEST:
        raise refusal(spec, f"takes 8 to {DEEPEST} bits per sample", video_format.bit_depth)


def refusal(spec: MetricSpec, needs: str, given: object) -> UnsupportedFormat:
    """Why a metric can't take frames, and what to do about it, in whichever command.

    Args:
        spec: The metric.
        needs: What it wants, as the predicate of a sentence.
        given: The format that it can't take, or what of it.
    """
    return UnsupportedFormat(f"metric {spec.name!r} {needs}, not {given}; choose metrics without it for such frames")


def blank(spec: MetricSpec, video_format: VideoFormat) -> Plane:
    """A small black plane of the format's sample type, read-only as frames are: kernels compile for exactly this."""
    side = max(spec.min_size, 1)
    plane: Plane = np.zeros((side, side), np.uint8) if video_format.bit_depth == 8 else np.zeros((side, side), np.uint16)
    plane.flags.writeable = False
    return plane


def code_value(video_format: VideoFormat) -> float:
    """One 8-bit code value in the format's own steps: what values are divided by to hold at any depth."""
    return float(1 << (video_format.bit_depth - 8))


def chroma_inside(video_format: VideoFormat) -> tuple[int, int]:
    """Width and height of chroma as libvmaf counts it: without a last column or row that lies half outside luma."""
    if not video_format.chroma_width:
        return 0, 0
    across = 2 if video_format.chroma_width < video_format.width else 1
    down = 2 if video_format.chroma_height < video_format.height else 1
    return video_format.width // across, video_format.height // down
