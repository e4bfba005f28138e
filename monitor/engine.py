"""The one loop: an encoded segment in, its scores out.

``SegmentScorer`` holds what a rendition carries from segment to segment: the scorers' memory, the last format and time. It
knows no threads, clocks or sinks; ``monitor.scheduling`` decides when and where it runs.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.aggregation import pool_segment
from monitor.errors import SourceError, UnsupportedFormat
from monitor.pairing import FALLBACK_TOLERANCE, Convert, ReferenceReader, ReferenceWindow, placement
from monitor.protocols import Delayed, MetricSpec, Reference, Scorer, Temporal
from monitor.types import EventKind, Frame, FramePair, Score, Segment, SegmentResult, SourceEvent, VideoFormat

if TYPE_CHECKING:
    from monitor.protocols import DecodedSegment, EncodedSegment, Sampler

log = logging.getLogger(__name__)

GAP_TOLERANCE = Fraction(1, 2)
"""Seconds between one segment's end and the next one's start that still count as continuous: EXTINF and audio-led cuts
put frames up to a few durations off, a lost segment puts them whole seconds off."""

MAX_FAILURES = 3
"""Frames in a row on which a metric may fail before it is switched off for the rendition."""

WRAP = Fraction(1 << 33, 90_000)
"""Seconds after which the 33-bit clock of MPEG-TS starts again (ISO/IEC 13818-1)."""


@dataclass(slots=True, eq=False)
class _Member:
    """One scorer and how it fares."""

    scorer: Scorer[Frame] | Scorer[FramePair]
    format: VideoFormat | None = None
    refused: bool = False
    """Whether it can't take the current format."""
    failures: int = 0
    """Frames in a row on which it raised."""

    @property
    def spec(self) -> MetricSpec:
        return self.scorer.spec

    @property
    def full_reference(self) -> bool:
        return self.spec.reference is Reference.FULL

    @property
    def before(self) -> int:
        """How many reference frames before a pair's it looks at."""
        return self.scorer.before if isinstance(self.scorer, Temporal) else 0

    @property
    def failing(self) -> bool:
        """Whether it is switched off."""
        return self.failures >= MAX_FAILURES

    def prepare(self, video_format: VideoFormat) -> None:
        """Begin with frames of another format, whatever happened with the last one.

        Raises:
            UnsupportedFormat: the metric can't take them.
        """
        self.format, self.refused, self.failures = video_format, False, 0
        try:
            self.scorer.prepare(video_format)
        except UnsupportedFormat:
            raise
        except Exception:
            self.failures = MAX_FAILURES - 1  # a scorer that is not prepared is not asked again
            raise

    def score(self, item: Frame | FramePair) -> list[Score]:
        """The scores of one item.

        Raises:
            ValueError: a score breaks the promises of ``monitor.protocols.Scorer``.
        """
        return self.checked(self.scorer.score([item]))  # type: ignore[list-item]  # members get what they ask for

    def checked(self, given: Iterable[Score]) -> list[Score]:
        """Scores as a list.

        Raises:
            ValueError: as ``score``.
        """
        scores = list(given)
        known = {feature.name for feature in self.spec.features}
        for score in scores:
            if score.feature not in known or math.isnan(score.value):
                raise ValueError(f"metric {self.spec.name} gave {score.feature} = {score.value}")
        return scores


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
    _members: list[_Member] = field(init=False)
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
        self._members = [_Member(scorer) for scorer in self.scorers]

    @property
    def full_reference(self) -> bool:
        """Whether any metric needs a reference."""
        return any(member.full_reference for member in self._members)

    @property
    def looks_ahead(self) -> bool:
        """Whether the last frame of a segment is scored with the reference frame that follows."""
        return any(member.full_reference and isinstance(member.scorer, Delayed) for member in self._members)

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
        try:
            with segment.decode(keyframes_only=self.sampler.keyframes_only, threads=self.threads) as decoded:
                pass_.run(decoded)
        except SourceError as error:
            self._break()
            event = self._event(EventKind.SEGMENT_BAD, segment, str(error), reason=error.reason, value=segment.sequence)
            return Outcome(SegmentResult(facts, (), (), self.timer() - began), (event,))
        finally:
            self._sequence = segment.sequence
        facts = pass_.facts(facts, decoded)
        models = {feature.name: member.spec.model for member in self._members for feature in member.spec.features}
        result = SegmentResult(
            segment=facts,
            scores=pool_segment(facts, pass_.scores, models),
            frame_scores=tuple(sorted(pass_.scores, key=lambda score: score.index)),
            score_seconds=self.timer() - began,
            failed=tuple(member.spec.name for member in self._members if member.failing or member.spec.name in pass_.raised),
        )
        return Outcome(result, (*pass_.events, *self._events(segment, facts, reference)))

    def close(self) -> None:
        """Close the scorers."""
        for member in self._members:
            member.scorer.close()

    def _refuse(self, member: _Member, error: UnsupportedFormat) -> None:
        if self.on_refused is not None:
            self.on_refused(member.spec.name, str(error))
        else:
            log.warning("%s/%s: %s", self.stream, self.rendition, error)

    def _break(self) -> None:
        """Forget earlier frames and where they ended: what comes next does not follow them."""
        self._end = self._shown = None
        self.sampler.reset()
        for member in self._members:
            member.scorer.reset()

    def _event(
        self, kind: EventKind, segment: EncodedSegment, detail: str = "", *, reason: str = "", value: float = 0.0
    ) -> SourceEvent:
        return SourceEvent(kind, self.stream, self.rendition, segment.started_at, detail, reason, value)

    def _events(self, segment: EncodedSegment, facts: Segment, reference: ReferenceWindow | None) -> Iterable[SourceEvent]:
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
                yield self._event(EventKind.REFERENCE_LOST, segment, _unpaired(segment, reference))
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
        self.scores: list[Score] = []
        self.events: list[SourceEvent] = []
        self.raised: set[str] = set()
        self.sampled = 0
        self.paired = 0
        self._seconds: dict[str, float] = {}
        self._owes = False
        """Whether metrics may wait for the reference frame after the latest pair's."""

    def run(self, decoded: DecodedSegment) -> None:
        """Score every frame that the sampler wants."""
        if self._reference is None:
            self._loop(decoded, None, Fraction(0))
        else:
            _, _, offset = placement(self._segment)
            if self._reference.has_utc is not self._segment.has_utc:
                self._loop(decoded, None, Fraction(0))  # no common timeline
            else:
                with self._reference.reader(max(member.before for member in self._owner._members)) as reader:
                    self._loop(decoded, reader, offset)
        for metric, seconds in self._seconds.items():
            self._owner.observe(metric, seconds)

    def facts(self, facts: Segment, decoded: DecodedSegment) -> Segment:
        """``facts`` completed by what decoding told."""
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
            frames_sampled=self.sampled,
            frames_paired=self.paired,
            decode_errors=decoded.decode_errors,
            format=decoded.format,
            codec=decoded.codec,
            frame_rate=rate,
        )

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
            self._score_alone(frame)
            if reader is not None:
                self._score_beside(frame, reader, offset)
        if first:
            self._check_continuity(decoded)  # decoded, though nothing of it was sampled
        if reader is not None:
            self._settle(reader)
        for member in owner._members:
            if not member.full_reference:
                self._flush(member)
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

    def _score_alone(self, frame: Frame) -> None:
        for member in self._owner._members:
            if not member.full_reference:
                self._apply(member, frame, frame.format)

    def _score_beside(self, frame: Frame, reader: ReferenceReader, offset: Fraction) -> None:
        owner, moment = self._owner, frame.pts + offset
        if not self._goes_on(moment):
            self._settle(reader)
        found = reader.frame_at(moment, frame.duration)
        if found is None:
            return
        try:
            encoded = frame.format if frame.format != found.format else None
            pair = FramePair(owner.convert(frame, found.format), found, encoded)
        except UnsupportedFormat as error:
            if owner._inconvertible != (frame.format, found.format):
                owner._inconvertible = (frame.format, found.format)
                for member in owner._members:
                    if member.full_reference:
                        owner._refuse(member, error)
            return
        self.paired += 1
        lead = self._lead_in(reader, found)
        owner._shown, self._owes = reader.span, True
        for member in owner._members:
            if member.full_reference:
                self._apply(member, pair, found.format, lead)

    def _goes_on(self, moment: Fraction) -> bool:
        """Whether the reference frame shown at a moment is the latest that the metrics saw, or the one after that."""
        if self._owner._shown is None:
            return False
        start, end = self._owner._shown
        tolerance = (end - start) / 2 or FALLBACK_TOLERANCE
        return start - tolerance < moment <= end + tolerance

    def _settle(self, reader: ReferenceReader) -> None:
        """Take the scores owed for pairs that no other follows at once: they need to see what the reference shows next."""
        members = [member for member in self._owner._members if member.full_reference and isinstance(member.scorer, Delayed)]
        if self._owes and members:
            following = reader.after()
            for member in members:
                self._flush(member, following)
        self._owes = False

    def _lead_in(self, reader: ReferenceReader, found: Frame) -> list[Frame]:
        """What the reference shows before a frame that does not come right after the latest that the metrics saw."""
        span = reader.span
        if self._owes or span is None or self._goes_on(span[0]):
            return []
        frames = reader.before()
        for index, frame in reversed(list(enumerate(frames))):
            if frame.format != found.format:
                return frames[index + 1 :]
        return frames

    def _apply(
        self, member: _Member, item: Frame | FramePair, video_format: VideoFormat, lead: Sequence[Frame] = ()
    ) -> None:
        """Score one item with one metric, after what leads in."""
        changed = member.format != video_format
        if changed:
            self._flush(member)
        elif member.refused or member.failing:
            return
        with self._guarded(member):
            if changed:
                member.prepare(video_format)
            if lead and isinstance(member.scorer, Temporal) and member.before:
                member.scorer.lead_in(lead[-member.before :])
            self.scores.extend(member.score(item))

    def _flush(self, member: _Member, following: Frame | None = None) -> None:
        """Take the scores that one metric still owes, before a frame that follows if that is of the same format."""
        if isinstance(member.scorer, Delayed) and member.format and not (member.refused or member.failing):
            if following is not None and following.format != member.format:
                following = None
            with self._guarded(member):
                self.scores.extend(member.checked(member.scorer.flush(following)))

    @contextmanager
    def _guarded(self, member: _Member) -> Iterator[None]:
        """Let one metric work; if it fails, that costs its own values and nothing else."""
        owner = self._owner
        began = owner.timer()
        try:
            yield
        except UnsupportedFormat as error:
            member.refused = True
            owner._refuse(member, error)
        except Exception:
            member.failures += 1
            self.raised.add(member.spec.name)
            log.exception(
                "%s/%s: metric %s failed on segment %s%s",
                owner.stream,
                owner.rendition,
                member.spec.name,
                self._segment.sequence,
                "; it is switched off until the format changes" if member.failing else "",
            )
        else:
            member.failures = 0
        self._seconds[member.spec.name] = self._seconds.get(member.spec.name, 0.0) + owner.timer() - began
