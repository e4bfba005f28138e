"""How the stages meet: what a metric, a source, a sink and a notifier promise each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime
    from fractions import Fraction

    from monitor.types import Alert, Frame, FramePair, Score, SegmentResult, SourceEvent, VideoFormat


class Reference(StrEnum):
    """What a metric looks at."""

    FULL = "full-reference"
    """A distorted frame beside its reference frame (``FramePair``)."""
    NONE = "no-reference"
    """The distorted frame alone (``Frame``)."""


class Spacing(StrEnum):
    """How far apart the frames that a metric compares may be."""

    NONE = "none"
    """Frames are scored one by one; any sampling will do."""
    ANY = "any"
    """Compares a frame with the previously scored one, however far back it is."""
    CONSECUTIVE = "consecutive"
    """Compares neighbours only; sparse sampling yields no value, ``bursts`` does. A ``Temporal`` metric compares neighbours
    in the reference, which need not be sampled."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One named output of a metric: everything that help, tables, dashboards and alerts need to know about it."""

    name: str
    """libvmaf's identifier where libvmaf computes the same (``psnr_y``), else ours; snake_case, unique over all metrics."""
    title: str
    """For axes and tables, for example ``PSNR Y``."""
    unit: str
    """``dB``, ``ratio``, ``code value`` (8-bit luma steps), ``seconds`` or ``""`` for a bare number."""
    minimum: float
    """Smallest possible value; may be ``-inf``."""
    maximum: float
    """Largest possible value; may be ``inf``."""
    worst: float
    """Direction: the end of the range where the picture is bad. Equal to ``best`` for a descriptor (SI, mean luma)."""
    best: float
    zero: str
    """Meaning of 0."""
    no_data: str
    """Meaning of no value."""
    display: tuple[float, float] = (0.0, 100.0)
    """Range worth plotting."""
    warning: float | None = None
    """Default alert thresholds, where an absolute one makes sense."""
    critical: float | None = None
    min_drop: float | None = None
    """Smallest fall below the stream's own median that is worth an alert: about six points on a 0-100 scale."""
    pool: str = "mean"
    """The pool to show and alert on by default."""

    @property
    def higher_is_better(self) -> bool | None:
        """Direction, or ``None`` for a descriptor."""
        return None if self.worst == self.best else self.best > self.worst


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What one metric is: data that drives everything except the arithmetic."""

    name: str
    """What users type: ``-m psnr``."""
    title: str
    summary: str
    """One sentence: what it measures and by which definition."""
    source: str
    """Paper, standard clause or reference implementation."""
    reference: Reference
    features: tuple[Feature, ...]
    version: int = 1
    """Raised whenever numbers change; ``model`` of the scores is ``name/version``."""
    trained: str = ""
    """The trained model behind the numbers, ``vmaf_v0.6.1``: it takes the name's place in ``model``."""
    parts: tuple[str, ...] = ()
    """Metrics that measure what this one is made of: where those are compiled, it is."""
    logged: tuple[str, ...] = ()
    """Metrics whose features stand in libvmaf's logs where this one does."""
    spacing: Spacing = Spacing.NONE
    needs_chroma: bool = False
    min_size: int = 1
    """Smallest width and height in luma samples."""
    min_longer_side: int = 1
    """Smallest width or height, whichever is larger, in luma samples."""
    device: str = "cpu"
    default: bool = True
    """Whether it is computed when no metrics are named."""

    @property
    def model(self) -> str:
        """Identity of the numbers: ``psnr/1``, ``vmaf_v0.6.1/1``."""
        return f"{self.trained or self.name}/{self.version}"


ItemT_contra = TypeVar("ItemT_contra", bound="Frame | FramePair", contravariant=True)


class Scorer(Protocol[ItemT_contra]):
    """A metric at work. One instance per rendition, called from one thread at a time."""

    spec: ClassVar[MetricSpec]

    def prepare(self, video_format: VideoFormat) -> None:
        """Called before the first batch and again at each format change.

        Raises:
            UnsupportedFormat: these frames can't be scored; nothing else is called until the next ``prepare``.
        """

    def score(self, batch: Sequence[ItemT_contra]) -> Iterable[Score]:
        """Scores of one batch: never empty, in presentation order, all of the prepared format.

        Never NaN. A frame that can't be scored (the first one of a temporal metric) yields nothing. Scores may be of an
        earlier batch's frames where the scorer is ``Delayed``.
        """

    def reset(self) -> None:
        """Forget earlier frames: the timeline broke. Afterwards as good as new."""

    def close(self) -> None:
        """Free resources; nothing is called afterwards."""


@runtime_checkable
class Delayed(Protocol):
    """A scorer that can score a frame only once it has seen the next one, and so owes scores when a segment ends."""

    def flush(self, following: Frame | None = None) -> Iterable[Score]:
        """The scores still owed. What is needed to go on with the next segment is kept.

        Args:
            following: The reference frame shown next, of the prepared format: with it, what is owed equals what it would
                have been had the next pair come. ``None`` where the reference ends, and for no-reference metrics: what is
                owed is scored as if no frame followed.
        """


@runtime_checkable
class Temporal(Protocol):
    """A full-reference scorer that looks at what the reference shows around a pair, not at the distorted frames there.

    So its scores need no neighbouring pairs: who has the reference gives it the frames in between (``lead_in``, and
    ``flush`` where it is ``Delayed`` too), and each score is what it would be had every frame been paired.
    """

    @property
    def before(self) -> int:
        """How many reference frames before a pair's it looks at."""

    def lead_in(self, frames: Sequence[Frame]) -> None:
        """Forget earlier pairs, which were flushed; the next one comes after these.

        Args:
            frames: What the reference shows right before the next pair's frame, oldest first, of the prepared format; at
                least one, and fewer than ``before`` only where the reference begins.
        """


@runtime_checkable
class Parallel(Protocol[ItemT_contra]):
    """A scorer whose work on one item can be cut into tasks for several threads."""

    def tasks(self, item: ItemT_contra) -> Sequence[Callable[[], object]]:
        """Work on an item of the prepared format that needs no later one; ``score`` then finds it done.

        Called in presentation order. The tasks may run in any thread and in any order, before ``score`` of that item or not
        at all. What metrics share is handed out once. Results live as long as the item's planes.
        """


class Sampler(Protocol):
    """Which frames of a rendition to score. Deterministic: same stream and seed, same choice."""

    keyframes_only: bool
    """Whether the decoder may skip everything but key frames."""

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        """Whether to score the frame on display in ``[pts, pts + duration)``. Called once a frame, in order."""

    def reset(self) -> None:
        """A new segment after a discontinuity begins."""


class EncodedSegment(Protocol):
    """One segment as delivered: identified, encoded, decodable on its own, any number of times."""

    stream: str
    rendition: str
    sequence: int
    started_at: datetime
    """UTC of the first frame (PDT, else arrival)."""
    has_utc: bool
    """Whether ``started_at`` is EXT-X-PROGRAM-DATE-TIME, so that other renditions' segments can be paired by it."""
    duration: Fraction
    """As announced or, for packets, measured."""
    discontinuity: bool
    published_at: datetime | None
    download_seconds: float

    @property
    def size(self) -> int:
        """Bytes held in memory: what queues count."""

    def span(self) -> tuple[Fraction, Fraction]:
        """Media time of the first frame and of the end of the last one, from the container, without decoding.

        Raises:
            BadMedia, NoVideo: as ``decode``.
        """

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> DecodedSegment:
        """Open the segment for one pass over its frames.

        Raises:
            BadMedia: empty, truncated beyond use, or no decoder.
            NoVideo: no video stream in it.
        """


class DecodedSegment(Protocol):
    """One pass over a segment's frames; a context manager. Facts are final once iteration has ended."""

    codec: str
    format: VideoFormat | None
    """Of the most recent frame; ``None`` before the first."""
    frame_rate: float
    """Nominal frames per second, 0 when unknown."""
    frames_expected: int
    """Video packets seen; equals decoded frames for whole, undamaged segments."""
    frames_decoded: int
    decode_errors: int
    """Packets that failed and frames flagged corrupt."""
    start: Fraction | None
    """Media time of the first frame."""
    end: Fraction | None
    """Media time of the end of the last frame."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def frames(self, sampler: Sampler) -> Iterator[Frame]:
        """The frames that the sampler wants, in presentation order; corrupt ones are left out and counted."""


@runtime_checkable
class Source(Protocol):
    """One rendition's input: gives encoded segments and events until stopped or ended.

    Iterate once, inside ``with``. A live source reconnects by itself for ever, reporting DOWN and UP; it raises only for
    what no retry can mend (``ConfigError``, an unsupported protocol). A file or VOD raises ``SourceError`` when it can't be
    read and ends after ENDED. ``stop`` may be called from any thread and ends the iteration within a second.
    """

    stream: str
    rendition: str

    @property
    def live(self) -> bool:
        """Whether the input has no end of its own; an HLS source knows for sure after its first playlist."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def __iter__(self) -> Iterator[EncodedSegment | SourceEvent]: ...

    def stop(self) -> None:
        """End the iteration soon, from any thread."""


class Sink(Protocol):
    """Keeps results. Writing the same one twice is the same as once."""

    name: str

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        """Take results and events; they may be buffered until ``flush``.

        Raises:
            SinkUnavailable: nothing was taken; call again with the same.
        """

    def flush(self) -> None:
        """Return only when all that was written is safe."""

    def close(self) -> None:
        """Flush and free."""


class Notifier(Protocol):
    """Tells somebody about alerts."""

    name: str

    def notify(self, alerts: Sequence[Alert]) -> None:
        """Deliver transitions (firing or resolved), oldest first.

        Raises:
            NotifyUnavailable: try again later.
            NotifyError: refused for good.
        """

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        """Called every few seconds with all that fires: for receivers that forget (Alertmanager). Others do nothing."""

    def close(self) -> None:
        """Free resources."""


Options = Mapping[str, object]
"""Options of a metric by name, checked against the scorer's dataclass fields."""


@dataclass(frozen=True, slots=True)
class RenditionRow:
    """One rendition as the store last saw it."""

    stream: str
    rendition: str
    codec: str
    width: int
    height: int
    frame_rate: float
    bitrate_bps: float
    """Of the latest segment."""
    first_start_ms: int
    last_start_ms: int
    last_duration_ms: int
    up: bool | None
    """Latest state report: up, down, or ``None`` when the input ended or none was stored."""
    detail: str
    """What the latest state report said."""


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One feature of one segment as stored (see ``monitor.types.SegmentScore``)."""

    start_ms: int
    duration_ms: int
    frames: int
    coverage: float
    pools: Mapping[str, float]
    """Pool name to value; pools without a finite value are absent."""


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """Facts of one stored segment."""

    sequence: int
    start_ms: int
    duration_ms: int
    bitrate_bps: float
    download_seconds: float
    frames_expected: int
    frames_decoded: int
    decode_errors: int
    discontinuity: bool


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """An alert rule's line on a chart."""

    alert: str
    severity: str
    feature: str
    pool: str
    fires_above: bool
    """Whether the alert fires above ``value``, else below."""
    value: float
    clear: float


class History(Protocol):
    """What the dashboard and the report read. Times are integer milliseconds since the Unix epoch, UTC."""

    def renditions(self) -> Sequence[RenditionRow]:
        """Every rendition ever stored, by stream and then descending bitrate."""

    def features(self, stream: str) -> Sequence[str]:
        """Features that have scores for the stream."""

    def series(
        self,
        stream: str,
        rendition: str,
        feature: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int = 5000,
        pools: Sequence[str] | None = None,
    ) -> Sequence[SeriesRow]:
        """Scores of one feature in ``[since_ms, until_ms)`` by time; the newest ``limit`` where there are more.

        Only ``pools`` are read where they are named: a day at two-second segments is 43,200 rows.
        """

    def segments(
        self, stream: str, rendition: str, *, since_ms: int, until_ms: int, limit: int = 5000
    ) -> Sequence[SegmentRow]:
        """Segment facts in ``[since_ms, until_ms)`` by time."""

    def incidents(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[Alert]:
        """Incidents that were open at or after ``since_ms``, newest first; the state is FIRING or RESOLVED."""

    def events(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[SourceEvent]:
        """Source events, newest first."""

    def thresholds(self) -> Sequence[ThresholdRow]:
        """Absolute thresholds of the rules in force when scores were last written."""

    def revision(self) -> int:
        """A number that grows with every write: whether there is anything new to show."""


class StateStore(Protocol):
    """What the alert engine needs to survive a restart."""

    def save_alerts(self, alerts: Sequence[Alert]) -> None:
        """Record firing and resolved transitions as incidents: upsert on (fingerprint, starts_at)."""

    def save_state(self, key: str, value: str) -> None:
        """Keep a document (JSON) under a key, replacing the one before."""

    def load_state(self, key: str) -> str | None:
        """The document kept under a key."""
