"""The one loop: an encoded segment in, its scores out.

``SegmentScorer`` holds what a rendition carries from segment to segment: the scorers' memory, the last format and time. It
knows no threads, clocks or sinks; ``monitor.scheduling`` decides when and where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.aggregation import pool_segment
from monitor.errors import SourceError, UnsupportedFormat
from monitor.facts import completed
from monitor.pairing import FALLBACK_TOLERANCE, Convert, ReferenceReader, ReferenceWindow, placement
from monitor.panel import Panel
from monitor.protocols import Delayed, Reference, Scorer, Temporal
from monitor.types import EventKind, Frame, FramePair, Segment, SegmentResult, SourceEvent, VideoFormat

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from monitor.protocols import DecodedSegment, EncodedSegment, Sampler

GAP_TOLERANCE = Fraction(1, 2)
"""Seconds between one segment's end and the next one's start that still count as continuous: EXTINF and audio-led cuts
put frames up to a few durations off, a lost segment puts them whole seconds off."""

WRAP = Fraction(1 << 33, 90_000)
"""Seconds after which the 33-bit clock of MPEG-TS starts again (ISO/IEC 13818-1)."""


@dataclass(slots=True, eq=False)
class Outcome:
    """What one segment gave."""

    result: SegmentResult
    events: tuple[SourceEvent, ...] = ()


@dataclass(slots=True, eq=False)
class SegmentScorer:
    """Scores the segments of one rendition, one after the other; called from one thread at a time.

    Args:
        stream: Name of the stream.
        rendition: Name of the rendition.
        sampler: Which frames to score.
        scorers: The metrics; this object owns and closes them.
        convert: Brings the distorted frame into the reference's format.
        observe: Told the seconds that each metric took on each segment (metric name, seconds).
    """

    stream: str
    rendition: str
    sampler: Sampler
    scorers: Sequence[Scorer[Frame] | Scorer[FramePair]]
    convert: Convert
    observe: Callable[[str, float], None] = lambda _metric, _seconds: None
    timer: Callable[[], float] = lambda: 0.0
    """Monotonic seconds, for ``score_seconds``."""
    threads: int = 1
    """Decoder threads for each segment."""
    on_refused: Callable[[str, str], None] | None = None
    """Told which metric can't take a format, and why, once for each format; by default that is logged."""
    executor: Executor | None = None
    """Where metrics work ahead on the next few frames; nowhere without one."""
    _panel: Panel = field(init=False)
    _seconds: dict[str, float] = field(default_factory=dict, init=False)
    _end: Fraction | None = field(default=None, init=False)
    """Media time at which the last segment ended; ``None`` before the first and after one that gave no picture."""
    _sequence: int | None = field(default=None, init=False)
    _format: VideoFormat | None = field(default=None, init=False)
    _codec: str = field(default="", init=False)
    _referenced: bool | None = field(default=None, init=False)
    _inconvertible: tuple[VideoFormat, VideoFormat] | None = field(default=None, init=False)
    _shown: tuple[Fraction, Fraction] | None = field(default=None, init=False)
    """When the latest reference frame that the metrics saw was shown, on the common timeline."""

    def __post_init__(self) -> None:
        self._panel = Panel(
            f"{self.stream}/{self.rendition}",
            self.scorers,
            executor=self.executor,
            on_refused=self.on_refused,
            observe=self._spend,
            timer=self.timer,
        )

    @property
    def full_reference(self) -> bool:
        """Whether any metric needs a reference."""
        return self._panel.full_reference

    @property
    def looks_ahead(self) -> bool:
        """Whether the last frame of a segment is scored with the reference frame that follows."""
        return any(scorer.spec.reference is Reference.FULL and isinstance(scorer, Delayed) for scorer in self.scorers)

    @property
    def looks_back(self) -> int:
        """How many reference frames before a pair's the metrics look at."""
        return max((scorer.before for scorer in self.scorers if isinstance(scorer, Temporal)), default=0)

    def score(self, segment: EncodedSegment, reference: ReferenceWindow | None = None) -> Outcome:
        """Decode, sample, pair and score one segment.

        A segment that can't be decoded gives a result without scores and a SEGMENT_BAD event; it never raises for bad media.
        """
        began = self.timer()
        facts = Segment(
            stream=self.stream,
            rendition=self.rendition,
            sequence=segment.sequence,
            started_at=segment.started_at,
            duration=segment.duration,
            discontinuity=segment.discontinuity,
            bytes=segment.size,
            download_seconds=segment.download_seconds,
            published_at=segment.published_at,
        )
        pass_ = _Pass(self, segment, reference)
        self._panel.where = f" on segment {segment.sequence}"
        self._panel.scores, self._panel.raised = [], set()
        try:
            with segment.decode(keyframes_only=self.sampler.keyframes_only, threads=self.threads) as decoded:
                pass_.run(decoded)
        except SourceError as error:
            self._break()
            event = self._event(EventKind.SEGMENT_BAD, segment, str(error), reason=error.reason, value=segment.sequence)
            return Outcome(SegmentResult(facts, (), (), self.timer() - began), (event,))
        finally:
            self._sequence = segment.sequence
            for metric, seconds in self._seconds.items():
                self.observe(metric, seconds)
            self._seconds.clear()
        facts = completed(facts, decoded, sampled=pass_.sampled, paired=pass_.paired)
        scores = self._panel.scores
        models = {feature.name: scorer.spec.model for scorer in self.scorers for feature in scorer.spec.features}
        result = SegmentResult(
            segment=facts,
            scores=pool_segment(facts, scores, models),
            frame_scores=tuple(sorted(scores, key=lambda score: score.index)),
            score_seconds=self.timer() - began,
            failed=self._panel.failed,
        )
        return Outcome(result, (*pass_.events, *self._events(segment, facts, reference, pass_.refused)))

    def close(self) -> None:
        """Close the scorers."""
        self._panel.close()

    def _spend(self, metric: str, seconds: float) -> None:
        self._seconds[metric] = self._seconds.get(metric, 0.0) + seconds

    def _break(self) -> None:
        """Forget earlier frames and where they ended: what comes next does not follow them."""
        self._end = self._shown = None
        self.sampler.reset()
        self._panel.reset()

    def _event(
        self, kind: EventKind, segment: EncodedSegment, detail: str = "", *, reason: str = "", value: float = 0.0
    ) -> SourceEvent:
        return SourceEvent(kind, self.stream, self.rendition, segment.started_at, detail, reason, value)

    def _events(
        self, segment: EncodedSegment, facts: Segment, reference: ReferenceWindow | None, refused: str
    ) -> Iterable[SourceEvent]:
        """What the decoded segment says about its stream."""
        if facts.decode_errors:
            detail = f"{facts.decode_errors} of {facts.frames_expected} frames could not be decoded"
            yield self._event(EventKind.DECODE_ERROR, segment, detail, value=facts.decode_errors)
        if facts.frames_decoded == 0:
            detail = f"segment {segment.sequence} ({segment.size} bytes) holds no picture that can be decoded"
            yield self._event(EventKind.SEGMENT_BAD, segment, detail, reason="decode", value=segment.sequence)
        if facts.format is not None:
            if self._format is not None and (facts.format, facts.codec) != (self._format, self._codec):
                detail = f"{self._codec} {self._format} became {facts.codec} {facts.format}"
                yield self._event(EventKind.FORMAT_CHANGED, segment, detail)
            self._format, self._codec = facts.format, facts.codec
        if reference is not None and self.full_reference and facts.frames_sampled:
            referenced = facts.frames_paired > 0
            if referenced and self._referenced is not True:
                yield self._event(EventKind.REFERENCE_BACK, segment)
            elif not referenced and self._referenced is not False:
                yield self._event(EventKind.REFERENCE_LOST, segment, refused or _unpaired(segment, reference))
            self._referenced = referenced


def _unpaired(segment: EncodedSegment, reference: ReferenceWindow) -> str:
    """Why no frame of a segment found its reference frame."""
    if reference.has_utc is None:
        return f"nothing of the reference has arrived at segment {segment.sequence}"
    if reference.has_utc is not segment.has_utc:
        dated, undated = ("the reference", "the rendition") if reference.has_utc else ("the rendition", "the reference")
        return f"no common timeline: {dated} has EXT-X-PROGRAM-DATE-TIME and {undated} does not"
    return f"no reference picture at the times of segment {segment.sequence}"


class _Pass:
    """One segment's way through the scorers."""

    def __init__(self, owner: SegmentScorer, segment: EncodedSegment, reference: ReferenceWindow | None) -> None:
        self._owner = owner
        self._segment = segment
        self._reference = reference if owner.full_reference else None
        self.events: list[SourceEvent] = []
        self.sampled = 0
        self.paired = 0
        self.refused = ""
        """Why a frame can't be compared with the reference frame that it has; empty where all can."""
        self._ends_at_pair = False
        """Whether the latest frame looked at of the reference is that of the latest pair, in this segment."""
        self._following: Frame | None = None
        """The reference frame after the latest pair's, where no other pair follows at once."""

    def run(self, decoded: DecodedSegment) -> None:
        """Score every frame that the sampler wants."""
        if self._reference is None:
            self._loop(decoded, None, Fraction(0))
        else:
            _, _, offset = placement(self._segment)
            if self._reference.has_utc is not self._segment.has_utc:
                self._loop(decoded, None, Fraction(0))  # no common timeline
            else:
                with self._reference.reader(self._owner.looks_back) as reader:
                    self._loop(decoded, reader, offset)

    def _loop(self, decoded: DecodedSegment, reader: ReferenceReader | None, offset: Fraction) -> None:
        owner = self._owner
        first = True
        if self._segment.discontinuity:
            owner._break()
        for frame in decoded.frames(owner.sampler):
            if first:
                self._check_continuity(decoded)
                first = False
            self.sampled += 1
            owner._panel.put(frame, None if reader is None else self._pair(frame, reader, offset))
        if first:
            self._check_continuity(decoded)  # decoded, though nothing of it was sampled
        if reader is not None:
            self._look_ahead(reader)
        owner._panel.finish(self._following)
        if decoded.end is None or decoded.start is None:
            owner._break()
        else:
            whole = decoded.frames_decoded >= decoded.frames_expected
            owner._end = decoded.end if whole else max(decoded.end, decoded.start + self._segment.duration)

    def _check_continuity(self, decoded: DecodedSegment) -> None:
        """Forget earlier frames where the timeline jumped without being flagged.

        A gap after segments that were lost or dropped is no jump of the timeline; their loss is an event of its own.
        """
        end, start = self._owner._end, decoded.start
        if end is None or start is None:
            return
        jump = start - end
        if abs(jump + WRAP) <= GAP_TOLERANCE:
            detail = f"the 33-bit clock wrapped before segment {self._segment.sequence}"
            self.events.append(self._owner._event(EventKind.DISCONTINUITY, self._segment, detail, reason="wrap"))
        elif abs(jump) > GAP_TOLERANCE:
            last = self._owner._sequence
            if jump < 0 or last is None or self._segment.sequence <= last + 1:
                reason = "pts_gap" if jump > 0 else "pts_back"
                detail = f"presentation time jumped by {float(jump):+.3f} s before segment {self._segment.sequence}"
                self.events.append(
                    self._owner._event(EventKind.DISCONTINUITY, self._segment, detail, reason=reason, value=float(jump))
                )
            self._owner._break()

    def _pair(self, frame: Frame, reader: ReferenceReader, offset: Fraction) -> FramePair | None:
        """A frame and its reference frame, both in the reference's format; ``None`` without one, or if that can't be."""
        owner, moment = self._owner, frame.pts + offset
        if not self._goes_on(moment):
            self._look_ahead(reader)
        found = reader.frame_at(moment, frame.duration)
        if found is None:
            return None
        encoded = frame.format if frame.format != found.format else None
        try:
            pair = FramePair(owner.convert(frame, found.format), found, encoded)
        except UnsupportedFormat as error:
            self.refused = str(error)
            if owner._inconvertible != (frame.format, found.format):
                owner._inconvertible = (frame.format, found.format)
                owner._panel.refuse(error)
            return None
        self.paired += 1
        self._lead_in(reader)
        return pair

    def _goes_on(self, moment: Fraction) -> bool:
        """Whether the reference frame shown at a moment is the latest that metrics saw, or the one after that."""
        if self._owner._shown is None:
            return False
        start, end = self._owner._shown
        tolerance = (end - start) / 2 or FALLBACK_TOLERANCE
        return start - tolerance < moment <= end + tolerance

    def _look_ahead(self, reader: ReferenceReader) -> None:
        """See what the reference shows after the latest pair, which no other follows at once."""
        if self._ends_at_pair and self._owner.looks_ahead:
            self._following = reader.after()
        self._ends_at_pair = False

    def _lead_in(self, reader: ReferenceReader) -> None:
        """Show metrics what the reference shows before a pair that does not follow the latest at once."""
        span = reader.span
        if not self._ends_at_pair and span is not None and not self._goes_on(span[0]):
            self._owner._panel.skip(self._following, tuple(reader.before()))
        self._owner._shown, self._ends_at_pair, self._following = span, True, None
