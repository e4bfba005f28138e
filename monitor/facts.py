"""What decoding a segment told about it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.protocols import DecodedSegment
    from monitor.types import Segment


def completed(facts: Segment, decoded: DecodedSegment, *, sampled: int, paired: int) -> Segment:
    """``facts`` with what a pass over the segment's frames measured.

    Args:
        facts: As announced.
        decoded: The pass, at its end.
        sampled: Frames that were chosen to be scored.
        paired: Those of them that found their reference frame.
    """
    start = decoded.start if decoded.start is not None else Fraction(0)
    measured = decoded.end - start if decoded.end is not None else Fraction(0)
    whole = decoded.frames_decoded >= decoded.frames_expected > 0
    rate = decoded.frame_rate
    if whole and measured > 0:
        rate = float(decoded.frames_decoded / measured)
    return replace(
        facts,
        start=start,
        duration=measured if whole and measured > 0 else facts.duration,
        frames_expected=decoded.frames_expected,
        frames_decoded=decoded.frames_decoded,
        frames_sampled=sampled,
        frames_paired=paired,
        decode_errors=decoded.decode_errors,
        format=decoded.format,
        codec=decoded.codec,
        frame_rate=rate,
    )
