"""Several encodes beside their reference, frame by frame: each file is decoded once, from start to end, on every core.

The encodes advance together on the reference's timeline, so that no more of it is in memory than its last few frames, and
what metrics measure of the reference alone serves all encodes. A pair is a distorted frame and the reference frame on
display at its time; frames without a counterpart are left out and counted.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.errors import SourceError, UnsupportedFormat
from monitor.pairing import FALLBACK_TOLERANCE, SLOWER, Convert
from monitor.panel import Panel
from monitor.retiming import Retime, as_they_are
from monitor.sampling import Every
from monitor.types import Frame, FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.protocols import DecodedSegment, EncodedSegment, Sampler

REMEMBERED = 5
"""Reference frames kept for metrics that look back from a pair whose predecessor was not scored."""


@dataclass(slots=True, eq=False)
class Encode:
    """One distorted file, and what comparing it gives."""

    segment: EncodedSegment
    panel: Panel
    convert: Convert
    target: Callable[[VideoFormat, VideoFormat], VideoFormat] = lambda _distorted, reference: reference
    """The format to compare a distorted and a reference format in; may raise ``UnsupportedFormat``."""
    sampler: Sampler = field(default_factory=Every)
    """Which of its frames to score."""
    offset: Fraction = Fraction(0)
    """Reference time minus distorted time of the same picture, seconds."""
    moments: Mapping[int, Fraction] = field(default_factory=dict)
    """Reference time of single frames, by index, where it is not their own time and the offset; ascending with the index."""
    retime: Retime = as_they_are
    limit: int | None = None
    """Pairs after which it ends."""
    watch: Callable[[Frame], None] = lambda _frame: None
    """Told every decoded frame, also where it is not scored."""
    decoded: DecodedSegment | None = field(default=None, init=False)
    """The pass over it, with its facts; ``None`` where it could not be opened."""
    error: SourceError | None = field(default=None, init=False)
    """Why it could not be read to its end."""
    sampled: int = field(default=0, init=False)
    paired: int = field(default=0, init=False)
    formats: dict[tuple[VideoFormat, VideoFormat], VideoFormat | None] = field(default_factory=dict, init=False)
    """Formats of its frames and of their reference frames, and what both were brought into; ``None`` where that can't be."""
    partners: dict[int, Fraction] = field(default_factory=dict, init=False)
    """When the reference frames are shown that its frames were paired with, by index."""
    _last: int | None = field(default=None, init=False)
    """Position of the last pair's reference frame."""
    _following: Frame | None = field(default=None, init=False)
    """The reference frame after that one, once it was read."""
    _target: VideoFormat | None = field(default=None, init=False)
    """What the last pair was brought into."""

    def frames(self, stack: ExitStack, threads: int) -> Iterator[tuple[Fraction, Frame]]:
        """The frames to score, each with the time at which the reference should show the same."""
        try:
            self.decoded = stack.enter_context(
                self.segment.decode(keyframes_only=self.sampler.keyframes_only, threads=threads)
            )
            for frame in self.retime(watched(self.decoded, self.watch)):
                if self.sampler.wants(frame.pts, frame.duration, frame.index, keyframe=frame.keyframe):
                    yield self.moments.get(frame.index, frame.pts + self.offset), frame
                if self.paired == self.limit:
                    return
        except SourceError as error:
            self.error = error

    def pair(self, frame: Frame, found: Frame | None, reference: ReferenceFrames) -> FramePair | None:
        """A frame beside its reference frame, where it has one that it can be compared with."""
        self.sampled += 1
        pair = self._pair(frame, found, reference) if found is not None else None
        self.paired += pair is not None
        return pair

    def pass_by(self, frame: Frame, position: int) -> None:
        """Take note of a reference frame that was read."""
        if self._last is not None and position == self._last + 1:
            self._following = frame

    def finish(self, reference: ReferenceFrames) -> None:
        """Score what is owed."""
        following = self._following or (reference.next if self._last is not None else None)
        self.panel.finish(self._shown(following, reference))

    def _pair(self, frame: Frame, found: Frame, reference: ReferenceFrames) -> FramePair | None:
        formats = frame.format, found.format
        try:
            if formats not in self.formats:
                self.formats[formats] = self.target(*formats)
            target = self.formats[formats]
            if target is None:
                return None
            converted = self.convert(frame, target)
            shown = reference.converted(found, target)
        except UnsupportedFormat as error:
            self.formats[formats] = None
            self.panel.refuse(error)
            return None
        self.partners[frame.index] = found.pts
        encoded = frame.format if frame.format != target else None
        if frame.duration >= found.duration * SLOWER > 0:  # metrics see the reference at the encode's frame rate
            return FramePair(converted, replace(shown, pts=frame.pts, duration=frame.duration), encoded)
        self._target = target
        if reference.position > (self._last if self._last is not None else -1) + 1:
            leading = tuple(reference.converted(one, target) for one in reference.before())
            self.panel.skip(self._shown(self._following, reference), leading)
        self._last, self._following = reference.position, None
        return FramePair(converted, shown, encoded)

    def _shown(self, frame: Frame | None, reference: ReferenceFrames) -> Frame | None:
        """A reference frame without a pair, in the format of the last pair."""
        return None if frame is None or self._target is None else reference.converted(frame, self._target)


class ReferenceFrames:
    """The reference's frames, looked up at ascending moments."""

    def __init__(self, frames: Iterator[Frame], convert: Convert, on_read: Callable[[Frame, int], None]) -> None:
        self._frames = frames
        self._convert = convert
        self._converted: OrderedDict[tuple[int, VideoFormat], tuple[Frame, Frame]] = OrderedDict()
        self._on_read = on_read
        self._seen: deque[Frame] = deque(maxlen=REMEMBERED)
        self.next = next(frames, None)
        """The frame after the latest."""
        self.position = -1
        """Of the latest frame."""

    def at(self, moment: Fraction, duration: Fraction) -> Frame | None:
        """The frame on display at ``moment``, ``None`` where there is none.

        Args:
            moment: Not before the previous call's.
            duration: How long the distorted frame lasts, seconds. A reference frame counts as on display a quarter of the
                shorter one's duration before its time, which absorbs the rounding of clocks.
        """
        while self.next is not None and (self.next.pts <= moment + _early(self.next.duration, duration) or not self._seen):
            self._seen.append(self.next)
            self.position += 1
            self._on_read(self.next, self.position)
            self.next = next(self._frames, None)
        if not self._seen:
            return None
        found = self._seen[-1]
        early = _early(found.duration, duration)
        end = found.pts + (found.duration or duration or 2 * early)
        return found if found.pts - early <= moment < end - early else None

    def converted(self, frame: Frame, target: VideoFormat) -> Frame:
        """One of the latest frames in another format; the same object for all encodes.

        Raises:
            UnsupportedFormat: it can't be converted.
        """
        if frame.format == target:
            return frame
        key = id(frame), target
        if key not in self._converted:
            self._converted[key] = frame, self._convert(frame, target)
            if len(self._converted) > REMEMBERED:
                self._converted.popitem(last=False)
        return self._converted[key][1]

    def before(self) -> tuple[Frame, ...]:
        """The frames before the latest, as far as they are remembered."""
        return tuple(self._seen)[:-1]


@dataclass(slots=True, eq=False)
class Comparison:
    """A reference and its encodes.

    Args:
        reference: What they were made from.
        encodes: They are read and scored together.
        convert: Brings the reference's frames into another format.
        retime: Gives the reference's frames other times.
        threads: Decoder threads for each file.
        watch: Told every frame of the reference.
        progress: Told the reference time reached, after each frame of each encode; what it raises ends the comparison.
        beyond: Seconds of the reference to read on, for ``watch`` alone, after the last encode has ended.
    """

    reference: EncodedSegment
    encodes: Sequence[Encode]
    convert: Convert
    threads: int = 1
    retime: Retime = as_they_are
    watch: Callable[[Frame], None] = lambda _frame: None
    progress: Callable[[Fraction], None] = lambda _moment: None
    beyond: Fraction = Fraction(0)
    decoded: DecodedSegment | None = field(default=None, init=False)
    """The pass over the reference, with its facts."""

    def run(self) -> None:
        """Decode and score everything; what it gives is in the encodes.

        Raises:
            SourceError: the reference can't be read. What can't be read of an encode is in its ``error``.
        """
        with ExitStack() as stack:
            self.decoded = stack.enter_context(self.reference.decode(threads=self.threads))
            reference = ReferenceFrames(self.retime(watched(self.decoded, self.watch)), self.convert, self._passed)
            readers = [encode.frames(stack, self.threads) for encode in self.encodes]
            waiting: list[tuple[Fraction, int, Frame]] = []
            moment = Fraction(0)
            for order, reader in enumerate(readers):
                _read(reader, order, waiting)
            while waiting:
                due = _due(waiting)
                pairs = [
                    self.encodes[order].pair(frame, reference.at(moment, frame.duration), reference)
                    for moment, order, frame in due
                ]
                for (moment, order, frame), pair in zip(due, _together(pairs), strict=True):
                    self.encodes[order].panel.put(frame, pair)
                    self.progress(moment)
                for _, order, _ in due:
                    _read(readers[order], order, waiting)
            for encode in self.encodes:
                encode.finish(reference)
            reference.at(moment + self.beyond, Fraction(0))

    def _passed(self, frame: Frame, position: int) -> None:
        for encode in self.encodes:
            encode.pass_by(frame, position)


def _early(one: Fraction, other: Fraction) -> Fraction:
    """How much earlier than at its time a frame is on display, by the durations of the two that are paired."""
    known = [duration for duration in (one, other) if duration > 0]
    return min(known) / 4 if known else FALLBACK_TOLERANCE


def watched(decoded: DecodedSegment, watch: Callable[[Frame], None]) -> Iterator[Frame]:
    """Every frame, after ``watch`` was told."""
    for frame in decoded.frames(Every()):
        watch(frame)
        yield frame


def _due(waiting: list[tuple[Fraction, int, Frame]]) -> list[tuple[Fraction, int, Frame]]:
    """The frames that come next, all of the same moment."""
    due = [heapq.heappop(waiting)]
    while waiting and waiting[0][0] == due[0][0]:
        due.append(heapq.heappop(waiting))
    return due


def _together(pairs: Sequence[FramePair | None]) -> list[FramePair | None]:
    """Pairs that know which others are of the same reference frame."""
    of_reference: dict[int, list[Frame]] = {}
    for pair in pairs:
        if pair is not None:
            of_reference.setdefault(id(pair.reference.luma), []).append(pair.distorted)
    return [pair and replace(pair, company=tuple(of_reference[id(pair.reference.luma)])) for pair in pairs]


def _read(reader: Iterator[tuple[Fraction, Frame]], order: int, waiting: list[tuple[Fraction, int, Frame]]) -> None:
    """Have the next frame of an encode wait for its moment."""
    coming = next(reader, None)
    if coming is not None:
        moment, frame = coming
        heapq.heappush(waiting, (moment, order, frame))
