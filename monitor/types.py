"""The values that flow through vqmon: immutable, typed, and all of them in this one place.

Time is *media time*: exact ``Fraction`` seconds on the input's own presentation timeline. UTC enters once, as a segment's
anchor ``Segment.started_at`` (EXT-X-PROGRAM-DATE-TIME, else arrival).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""One picture plane: two-dimensional, C-contiguous, read-only; uint8 at 8 bits, else uint16 in native-endian code values."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What the code values of a frame mean. Names are FFmpeg's.

    Equality decides "the format changed": it holds over what metrics depend on. What a stream says about showing them
    (from ``transfer`` on) is no part of it, because encoders say it in some headers and leave it out of others.
    """

    width: int
    height: int
    pixel_format: str
    """For example ``yuv420p`` or ``yuv420p10le``; always planar YCbCr or grey, luma first."""
    bit_depth: int = 8
    full_range: bool = False
    matrix: str = "unknown"
    """YCbCr matrix: ``bt709``, ``smpte170m``, ``bt2020nc``, ``unknown`` ..."""
    chroma_width: int = 0
    """Width of Cb and Cr in samples; 0 for grey."""
    chroma_height: int = 0
    transfer: str = field(default="unknown", compare=False)
    """Transfer characteristic: ``bt709``, ``smpte2084`` (PQ), ``arib-std-b67`` (HLG), ``unknown`` ..."""
    primaries: str = field(default="unknown", compare=False)
    """Colour primaries: ``bt709``, ``bt2020``, ``unknown`` ..."""
    sample_aspect: Fraction = field(default=Fraction(0), compare=False)
    """Width of a sample over its height; 0 where the stream does not say."""
    interlaced: bool = field(default=False, compare=False)
    """Whether most frames of the segment were coded as two fields, as far as they are decoded: encoders may choose anew
    for each frame."""
    rotation: int = field(default=0, compare=False)
    """Degrees counterclockwise, in (-180, 180], by which a player turns the picture."""
    flipped: bool = field(default=False, compare=False)
    """Whether a player turns it upside down, as a mirror does, before that; turned by 180, left and right are swapped."""
    rgb: bool = field(default=False, compare=False)
    """Whether the pictures are RGB, and the rest tells what they were converted to where nobody asked for another format."""

    @property
    def peak(self) -> int:
        """Largest code value, ``2**bit_depth - 1``."""
        return (1 << self.bit_depth) - 1

    @property
    def black_level(self) -> int:
        """Code value of black luma: 0 in full range, else 16 scaled to the bit depth (ITU-R BT.601/709)."""
        return 0 if self.full_range else 16 << (self.bit_depth - 8)

    @property
    def white_level(self) -> int:
        """Code value of white luma: the peak in full range, else 235 scaled to the bit depth."""
        return self.peak if self.full_range else 235 << (self.bit_depth - 8)

    @property
    def frame_bytes(self) -> int:
        """What a frame's planes occupy in memory."""
        samples = self.width * self.height + 2 * self.chroma_width * self.chroma_height
        return samples * (2 if self.bit_depth > 8 else 1)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {'RGB' if self.rgb else self.pixel_format}"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture."""

    index: int
    """Number of the frame in its segment, in presentation order, counting frames that were not sampled too."""
    pts: Fraction
    """Presentation time in seconds on the input's timeline, 33-bit wraps undone."""
    duration: Fraction
    """Seconds until the next frame, as far as the stream says; 0 when unknown."""
    format: VideoFormat
    planes: tuple[Plane, ...] = field(repr=False)
    """Luma, then Cb and Cr where the format has them."""
    keyframe: bool = False
    rgb: object | None = field(default=None, repr=False)
    """The picture as it was decoded, of the library that decoded it, where that is RGB: to be converted straight to any
    format, which ``planes`` are not."""

    @property
    def luma(self) -> Plane:
        """The luma plane, ``(height, width)``."""
        return self.planes[0]


@dataclass(frozen=True, slots=True, eq=False)
class FramePair:
    """A distorted frame, the reference frame shown at the same time, both in the reference's format."""

    distorted: Frame
    reference: Frame
    encoded: VideoFormat | None = None
    """What the distorted frame was before it was brought into the reference's format; ``None`` where it was not."""
    company: tuple[Frame, ...] = ()
    """All distorted frames, this one among them, that are scored beside the same reference frame at the same time; empty
    where nothing but this pair is known. What depends on the reference can be measured once for all of them."""

    @property
    def index(self) -> int:
        """Index of the distorted frame in its segment."""
        return self.distorted.index

    @property
    def pts(self) -> Fraction:
        """Presentation time of the distorted frame."""
        return self.distorted.pts

    @property
    def duration(self) -> Fraction:
        """Duration of the distorted frame."""
        return self.distorted.duration

    @property
    def format(self) -> VideoFormat:
        """The common format."""
        return self.reference.format


@dataclass(frozen=True, slots=True)
class Score:
    """One feature of one frame."""

    feature: str
    value: float
    """Finite, or ``inf`` where the feature's spec says so; never NaN."""
    index: int
    pts: Fraction


@dataclass(frozen=True, slots=True)
class Sync:
    """How the frames of a distorted file were laid beside those of its reference."""

    offset: float
    """Reference time minus distorted time of the same picture, seconds; positive where the distorted lost its start."""
    offset_frames: int
    """Frame i of the distorted shows frame i + ``offset_frames`` of the reference."""
    mode: str
    """Where the offset comes from: ``pts`` (the files' own times), ``content`` (their pictures) or ``given`` (the user)."""
    confidence: float | None = None
    """How sure the pictures are of the offset, 0-1; ``None`` where they were not asked."""
    second_best: float | None = None
    """How likely the best other offset is, 0-1."""
    matched: int = 0
    """Distorted frames that show a picture of the reference for the first time."""
    dropped: int = 0
    """Reference frames that the distorted does not show."""
    duplicated: int = 0
    """Distorted frames that repeat the one before them for a moment."""
    frozen: int = 0
    """Distorted frames that repeat the one before them for longer than a moment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Identity and facts of one scored interval: an HLS media segment, or fixed seconds cut at key frames."""

    stream: str
    rendition: str
    """Name of the encoded version, for example ``720p``; ``""`` never: a single one is called ``main``."""
    sequence: int
    """Media sequence number, or a count from 0 where the input has none."""
    started_at: datetime
    """UTC of the first frame: EXT-X-PROGRAM-DATE-TIME, else arrival. The segment's part of every score's identity."""
    duration: Fraction
    """Seconds, measured from the frames where decoded, else as announced (EXTINF)."""
    start: Fraction = Fraction(0)
    """Media time of the first frame."""
    discontinuity: bool = False
    """Whether the timeline or the encoder restarted before this segment."""
    bytes: int = 0
    """Encoded size."""
    frames_expected: int = 0
    """Frames that the segment holds by decoding or, where only key frames are decoded, by packet count."""
    frames_decoded: int = 0
    frames_sampled: int = 0
    frames_paired: int = 0
    """Sampled frames that found their reference frame; 0 without a reference."""
    decode_errors: int = 0
    format: VideoFormat | None = None
    codec: str = ""
    frame_rate: float = 0.0
    download_seconds: float = 0.0
    published_at: datetime | None = None
    """UTC when the monitor first saw the segment announced, for latency telemetry."""

    @property
    def bitrate_bps(self) -> float:
        """Mean bitrate of the encoded segment in bit/s; 0 when the duration is unknown."""
        return 8.0 * self.bytes / float(self.duration) if self.duration > 0 else 0.0

    @property
    def start_ms(self) -> int:
        """``started_at`` as integer milliseconds since the Unix epoch: how stores spell the identity."""
        return round(self.started_at.timestamp() * 1000)

    @property
    def ended_at(self) -> datetime:
        """UTC of the segment's end."""
        return self.started_at + timedelta(seconds=float(self.duration))


POOLS = ("mean", "harmonic_mean", "min", "max", "p1", "p5", "p50", "p95", "stdev")
"""Names of the pooled statistics of a ``SegmentScore``, in the order they are shown everywhere."""


@dataclass(frozen=True, slots=True)
class SegmentScore:
    """One feature pooled over one segment. Identity: (stream, rendition, segment start, feature, model)."""

    segment: Segment
    feature: str
    model: str
    """Definition and version of what produced the value, for example ``psnr/1``; scores of different models never mix."""
    frames: int
    """Frames that have a value; at least 1 (a feature without any value yields no ``SegmentScore``)."""
    coverage: float
    """Share of the segment's frames that were scored, 0-1."""
    mean: float
    harmonic_mean: float
    """libvmaf's: ``1 / mean(1 / (value + 1)) - 1``; NaN where a value is <= -1."""
    min: float
    max: float
    p1: float
    p5: float
    p50: float
    p95: float
    stdev: float

    def pool(self, name: str) -> float:
        """The pooled statistic called ``name``, one of ``POOLS``."""
        if name not in POOLS:
            raise ValueError(f"no pool {name!r}; known: {', '.join(POOLS)}")
        return float(getattr(self, name))


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """Everything that scoring one segment gave."""

    segment: Segment
    scores: tuple[SegmentScore, ...]
    frame_scores: tuple[Score, ...] = ()
    score_seconds: float = 0.0
    """Wall-clock seconds spent decoding and scoring."""
    failed: tuple[str, ...] = ()
    """Names of metrics that raised on this segment."""


class EventKind(StrEnum):
    """What a source can report about itself. Each kind is a state report or a one-shot event."""

    UP = "up"
    """State: the input is open and delivering."""
    DOWN = "down"
    """State: it can't be opened or stopped delivering; ``detail`` says why, ``reason`` is from the closed set."""
    RECONNECT = "reconnect"
    """One-shot: a new attempt begins."""
    MANIFEST_CHANGED = "manifest_changed"
    """One-shot: the playlist advanced; ``value`` is its target duration in seconds."""
    MANIFEST_ERROR = "manifest_error"
    """One-shot: a playlist could not be fetched or parsed."""
    SEGMENT_MISSING = "segment_missing"
    """One-shot: an announced segment can't be had (404, announced as a gap, or gone from the window after failures);
    ``value`` is its sequence, ``reason`` that of the last failure or ``gap``."""
    SEGMENT_BAD = "segment_bad"
    """One-shot: a segment was fetched but is empty or undecodable; ``value`` is its sequence."""
    DISCONTINUITY = "discontinuity"
    """One-shot: flagged, numbering began anew, or the timeline jumped; ``reason`` is flagged, restart, pts_gap, pts_back
    or wrap."""
    FORMAT_CHANGED = "format_changed"
    """One-shot: codec or resolution changed."""
    DECODE_ERROR = "decode_error"
    """One-shot: ``value`` frames or packets could not be decoded."""
    DROPPED = "dropped"
    """One-shot: ``value`` segments were not scored because the monitor is behind; ``reason`` is lag or memory."""
    REFERENCE_LOST = "reference_lost"
    """State: no reference picture for this rendition's frames."""
    REFERENCE_BACK = "reference_back"
    """State: pairing works (again)."""
    ENDED = "ended"
    """State: the input announced its end (EXT-X-ENDLIST, end of file); no alert follows from silence."""


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """Something a source noticed that is not a picture."""

    kind: EventKind
    stream: str
    rendition: str
    """``""`` when it concerns the whole stream."""
    at: datetime
    """UTC."""
    detail: str = ""
    """For people; may hold URLs without credentials."""
    reason: str = ""
    """From a closed set, safe as a metric label."""
    value: float = 0.0


class Severity(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """Where an alert stands (Prometheus' words)."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at one transition (or, in a snapshot, as it stands now)."""

    name: str
    """CamelCase rule name, for example ``BlackPicture``."""
    state: AlertState
    severity: Severity
    stream: str
    rendition: str
    """``""`` for an alert on the whole stream or on the monitor itself."""
    feature: str
    """``""`` where the alert is not about a score."""
    starts_at: datetime
    """UTC when the condition began to hold (media time for picture alerts)."""
    ends_at: datetime | None
    """UTC when it stopped; ``None`` while pending or firing."""
    value: float | None
    threshold: float | None
    summary: str
    """One line for the pager."""
    description: str = ""
    """What it means and what to look at."""
    segment_start_ms: int | None = None
    """Start of the segment that tripped it: where the evidence is."""
    evidence: tuple[str, ...] = ()
    """Files under the evidence directory, relative paths."""
    suppressed_by: str = ""
    """Name of the alert that keeps this pending one from firing; ``""`` when nothing does. Not part of the identity."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The identity: constant for the life of the alert, without values, times or URLs."""
        named = {
            "alertname": self.name,
            "severity": str(self.severity),
            "stream": self.stream,
            "rendition": self.rendition,
            "feature": self.feature,
        }
        return {key: value for key, value in named.items() if value}

    @property
    def fingerprint(self) -> str:
        """Alertmanager's fingerprint of ``labels``: FNV-1a 64 over sorted names and values, 16 hex digits."""
        digest = 0xCBF29CE484222325
        for key, value in sorted(self.labels.items()):
            for byte in (*key.encode(), 0xFF, *value.encode(), 0xFF):
                digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return f"{digest:016x}"


def json_number(value: float) -> float | None:
    """``value`` as JSON can carry it: ``None`` for NaN and the infinities."""
    return value if math.isfinite(value) else None
