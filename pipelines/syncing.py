"""By how much two files are apart in time: what ``vqmon compare --sync auto`` asks before it scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.alignment.bars import BarFinder, Bars
from monitor.alignment.locating import locate
from monitor.alignment.signature import FINE, ROUNDING_SECONDS, Area, Signatures, gather, signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.alignment.offset import Offset
    from monitor.sources.file import FileSegment
    from monitor.sources.seeking import SeekingReader
    from monitor.types import Frame

LOOK_EVERY = 12
"""Every so many frames are looked at for bars."""

READ_ON_SECONDS = 0.5
"""How far ahead of where a file is open it is read on instead of seeking."""

ALIKE = 0.8
"""Correlation of two pictures from which they show the same."""

STILL_MOTION = 0.25
"""Largest change of block means from frame to frame, 8-bit code values, that may be an encoder's pulse at key frames: two
encodes of a still with the same settings pulse alike."""

STILL = "static: too little moves to tell which frame is which"
OTHER_CONTENT = "not the same content: no offset within the window makes the pictures match"
REPEATS = "ambiguous: the pictures repeat, several offsets match alike"


@dataclass(frozen=True, slots=True)
class Located:
    """Where the reference is beside the distorted."""

    offset: float
    """Reference time minus distorted time of the same picture, seconds; positive where the distorted lost its start."""
    offset_frames: int
    """Frame i of the distorted shows frame i + n of the reference; at different frame rates the index of the reference frame
    that the first frame of the distorted shows."""
    confidence: float
    """Share of the evidence, 0-1."""
    second_best: float
    """Share of the best other offset, 0-1."""
    rates: tuple[float, float]
    """Frames per second of the distorted and of the reference, measured where they were read."""
    reason: str
    """Why the offset is not to be believed; empty where it is."""
    bars: tuple[Bars, Bars]
    """Black bars of the distorted and of the reference."""

    @property
    def letterbox(self) -> str:
        """How the two files' black bars differ, for people; empty where they don't."""
        distorted, reference = self.bars
        if distorted.same(reference):
            return ""
        return f"black bars differ: distorted {distorted}; reference {reference} (samples)"

    @property
    def sure(self) -> bool:
        """Whether to believe the offset."""
        return not self.reason


@dataclass(slots=True)
class _File:
    """A file's signatures (``monitor.alignment.locating.Pictures``)."""

    reader: SeekingReader
    area: Area | None = None
    """What to look at of each picture; ``None`` for all of it."""
    finder: BarFinder = field(default_factory=BarFinder, init=False)
    period: float = field(default=0.0, init=False)
    """Seconds from frame to frame where it was read last."""
    _going: Iterator[Frame] | None = field(default=None, init=False)
    _ahead: Frame | None = field(default=None, init=False)
    """A frame that was decoded and is shown at or after the end of what was asked for."""
    _reached: float = field(default=0.0, init=False)
    _read: int = field(default=0, init=False)

    @property
    def length(self) -> float:
        return float(self.reader.length())

    def between(self, start: float, end: float) -> Signatures:
        if self._going is None or not 0 <= start - self._reached <= READ_ON_SECONDS:
            self._going, self._ahead = self.reader.frames(Fraction(start)), None
        pictures = []
        while True:
            frame = self._ahead or next(self._going, None)
            self._ahead = frame
            if frame is None or frame.pts >= end:
                break
            pictures.append((frame.pts, self._signed(frame)))
            self._ahead = None
        self._reached = end
        found = gather(pictures, FINE)
        self.period = found.period or self.period
        return found

    def keys(self, start: float, end: float) -> Signatures:
        self._going = None
        frames = self.reader.key_frames(Fraction(start), Fraction(end)) if end > start else ()
        return gather(((frame.pts, self._signed(frame)) for frame in frames), FINE)

    def key_before(self, moment: float) -> float:
        self._going = None
        return float(self.reader.key_before(Fraction(moment)))

    def _signed(self, frame: Frame) -> NDArray[np.float32]:
        if self._read % LOOK_EVERY == 0:
            self.finder.look(frame)
        self._read += 1
        return signature(frame, FINE, self.area)


def find_offset(distorted: FileSegment, reference: FileSegment, *, window: float, threads: int) -> Located:
    """Find the constant offset between two files, reading only what decides.

    Args:
        distorted: The encoded file.
        reference: What it was made from.
        window: Largest offset of either sign, seconds.
        threads: Decoder threads.

    Raises:
        SourceError: a file can't be read.
    """
    with ExitStack() as stack:
        files = [_File(stack.enter_context(segment.seeking(threads=threads))) for segment in (distorted, reference)]
        found = locate(files[0], files[1], window)
        bars = files[0].finder.bars(), files[1].finder.bars()
        if not bars[0].same(bars[1]):
            for file, own in zip(files, bars, strict=True):
                file.area = own.area
            found = locate(files[0], files[1], window)
        return _located(found, files)


def _located(found: Offset | None, files: Sequence[_File]) -> Located:
    bars = files[0].finder.bars(), files[1].finder.bars()
    rates = tuple(file.reader.rate or (1 / file.period if file.period else 0.0) for file in files)
    if found is None:
        return Located(0.0, 0, 0.0, 0.0, (rates[0], rates[1]), STILL, bars)
    reason = ""
    if found.motion <= STILL_MOTION:
        reason = STILL
    elif not found.sure:
        reason = OTHER_CONTENT if found.likeness < ALIKE else REPEATS
    # a frame is on display from a quarter of a period before its time on, which absorbs the rounding of clocks
    tolerance = 0.25 / max(rates) if max(rates) else 0.0
    frames = math.floor((found.seconds + tolerance) * rates[1] + ROUNDING_SECONDS)
    offset = round(found.seconds, 6)
    confidence = 0.0 if reason == STILL else found.confidence
    return Located(offset, frames, confidence, found.second_best, (rates[0], rates[1]), reason, bars)
