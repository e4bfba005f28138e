"""A group of streams at work: their inputs opened, their segments scored, evidence at hand. It knows no store and no alerts.

A group runs in this process or, so that a decoder's crash costs one group and not the monitor, in a child
(``pipelines.isolation``). All that leaves it are the values below.
"""

from __future__ import annotations

import fnmatch
import logging
import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from monitor.engine import SegmentScorer
from monitor.errors import ConfigError, SourceError, VqmonError
from monitor.evidence import EvidenceArchive, Exhibit, RecentSegments
from monitor.pairing import ReferenceWindow
from monitor.protocols import MetricSpec, Reference, Source
from monitor.sampling import create_sampler
from monitor.scheduling import Failed, Lane, Message, ReferenceFeed, Scheduler, Scored
from monitor.scorers import create_all, resolve, specs
from monitor.sources import discover
from monitor.sources.backoff import Backoff
from monitor.sources.clock import Clock, SystemClock
from monitor.sources.scaling import Converter, to_rgb
from monitor.types import Alert, EventKind, SegmentResult, SourceEvent
from pipelines.config import EvidenceConfig, StreamConfig
from pipelines.warmup import warm_up

log = logging.getLogger(__name__)

REFERENCE = "reference"
"""What a reference is called where renditions have names."""
REFERENCE_RETRY_SECONDS = 10.0
"""Longest pause between two attempts to open a live stream's reference."""
EVIDENCE_WIDTH = 1280
"""Pixels: wider frames are shrunk for their evidence, which is for looking, not for measuring."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A rendition is watched from now on."""

    stream: str
    rendition: str
    live: bool
    ladder: tuple[str, ...]
    """All renditions of the stream that are watched from now on; others of an earlier run or ladder are gone."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """A stream can't be opened for now, so that its renditions are not known yet; it is tried again."""

    event: SourceEvent


@dataclass(frozen=True, slots=True)
class LaneGauge:
    """How a rendition's queue stands."""

    stream: str
    rendition: str
    depth: int
    bytes: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Gauges:
    """How a group stands: sent about twice a second, which also shows that it lives."""

    lanes: tuple[LaneGauge, ...]
    scorer_seconds: tuple[tuple[str, float], ...]
    """Metric, and the seconds that it took on one segment; all since the last report."""


GroupMessage = SegmentResult | SourceEvent | Expected | Unopened | Failed | Gauges
Outlet = Callable[[GroupMessage], None]


class Group(Protocol):
    """What the monitor needs of a group, wherever it runs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Stop fetching; what has been fetched is still scored."""

    def join(self, timeout_seconds: float) -> bool:
        """Wait until everything has been sent; whether it has."""

    @property
    def finished(self) -> bool:
        """Whether every input has ended and everything has been sent."""

    def report(self) -> None:
        """Send ``Gauges``."""

    def collect(self, alert: Alert) -> tuple[str, ...]:
        """Write the evidence for an alert; paths under the evidence directory.

        Raises:
            SinkError: the directory can't be written, or the group is gone.
        """

    def close(self) -> None:
        """End at once what is still going on. Until then evidence can be had, after the end of every input too."""


def chosen_metrics(stream: StreamConfig) -> tuple[MetricSpec, ...]:
    """The metrics of a stream: those it names, else every usual one that its inputs allow.

    Raises:
        UnknownName: a name is no metric.
        ConfigError: a full-reference metric without a reference.
    """
    if stream.metrics is None:
        return tuple(spec for spec in specs() if spec.default and (stream.reference or spec.reference is Reference.NONE))
    found = tuple(resolve(stream.metrics))
    for spec in found:
        if spec.reference is Reference.FULL and not stream.reference:
            raise ConfigError(f"stream {stream.name!r} asks for {spec.name}, which needs a reference; set `reference:`")
    return found


class StreamGroup:
    """A group in this process.

    Args:
        streams: What to watch; names are unique.
        outlet: Told every message, from several threads.
        evidence: Where pictures go; ``None`` keeps none.
        workers: Segments scored at once, and threads that metrics work ahead in, so that one pair can have every core; one a
            core by default.
        clock: Time.
    """

    def __init__(
        self,
        streams: Sequence[StreamConfig],
        outlet: Outlet,
        *,
        evidence: EvidenceConfig | None = None,
        workers: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._streams = streams
        self._outlet = outlet
        self._clock = clock or SystemClock()
        self._workers = workers or os.cpu_count() or 1
        self._executor = ThreadPoolExecutor(self._workers, "ahead") if self._workers > 1 else None
        self._recent = RecentSegments()
        features = {feature.name: feature for spec in specs() for feature in spec.features}
        self._archive = (
            EvidenceArchive(
                evidence.dir,
                features,
                lambda frame: to_rgb(frame, max_width=EVIDENCE_WIDTH),
                max_bytes=evidence.max_megabytes << 20,
            )
            if evidence
            else None
        )
        self._stop = threading.Event()
        self._timings: list[tuple[str, float]] = []
        self._timings_lock = threading.Lock()
        self._warming = threading.Lock()
        self._scheduler: Scheduler | None = None

    def start(self) -> None:
        self._scheduler = scheduler = Scheduler(
            outlet=self._pass_on, monotonic=self._clock.monotonic, utc=self._clock.now, workers=self._workers
        )
        openers = [
            threading.Thread(target=self._open, args=(stream, scheduler), name=f"open-{stream.name}", daemon=True)
            for stream in self._streams
        ]
        for opener in openers:
            opener.start()
        threading.Thread(target=_seal, args=(openers, scheduler), name="open-all", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        if self._scheduler is not None:
            self._scheduler.stop()

    def join(self, timeout_seconds: float) -> bool:
        ended = self._scheduler is None or self._scheduler.join(timeout_seconds)
        if ended and self._executor is not None:
            self._executor.shutdown()
        return ended

    @property
    def finished(self) -> bool:
        return self._scheduler is not None and self._scheduler.finished

    def report(self) -> None:
        scheduler = self._scheduler
        if scheduler is None:
            return
        lanes = tuple(
            LaneGauge(lane.source.stream, lane.source.rendition, lane.depth, lane.bytes, scheduler.lag_seconds(lane))
            for lane in scheduler.lanes
        )
        with self._timings_lock:
            timings, self._timings = tuple(self._timings), []
        self._outlet(Gauges(lanes, timings))

    def collect(self, alert: Alert) -> tuple[str, ...]:
        exhibit = self._recent.find(alert.stream, alert.rendition, alert.segment_start_ms)
        if self._archive is None or exhibit is None:
            return ()
        return self._archive.collect(alert, exhibit)

    def close(self) -> None:
        self._stop.set()
        if self._scheduler is not None:
            self._scheduler.stop(drain=False)

    def _pass_on(self, message: Message) -> None:
        if isinstance(message, Scored):
            if self._archive is not None:
                self._recent.add(Exhibit(message.segment, message.result, message.reference))
            self._outlet(message.result)
        else:
            self._outlet(message)

    def _open(self, stream: StreamConfig, scheduler: Scheduler) -> None:
        """Find the renditions of a stream, however long that takes, and start them."""
        try:
            sources = self._found(stream)
            if sources is not None:
                self._begin(stream, sources, scheduler)
        except Exception as error:  # a bug in one stream costs that stream and no other
            log.exception("stream %s can't be watched", stream.name)
            detail = f"stream {stream.name!r} can't be watched ({type(error).__name__}); the log has the details"
            self._outlet(Failed(SourceEvent(EventKind.DOWN, stream.name, "", self._clock.now(), detail, "open")))

    def _found(self, stream: StreamConfig) -> list[Source] | None:
        """The renditions of a stream; ``None`` where it can't be opened for good, or when stopped."""
        backoff = Backoff(random.Random(stream.name))
        while not self._stop.is_set():
            try:
                return self._discover(stream)
            except VqmonError as error:
                down = self._down(stream, "", error)
                if not error.retriable or stream.live is False or stream.realtime:
                    self._outlet(Failed(down))
                    return None
                self._outlet(Unopened(down))
                self._clock.wait(self._stop, backoff.failed(self._clock.monotonic()))
        return None

    def _down(self, stream: StreamConfig, rendition: str, error: VqmonError) -> SourceEvent:
        reason = error.reason if isinstance(error, SourceError) else "open"
        return SourceEvent(EventKind.DOWN, stream.name, rendition, self._clock.now(), str(error), reason)

    def _discover(self, stream: StreamConfig) -> list[Source]:
        sources = discover(
            stream.url,
            stream=stream.name,
            live=stream.live,
            realtime=stream.realtime,
            segment_seconds=stream.segment_seconds,
            clock=self._clock,
        )
        wanted = [source for source in sources if any(fnmatch.fnmatch(source.rendition, glob) for glob in stream.renditions)]
        if not wanted:
            globs, names = ", ".join(stream.renditions), ", ".join(source.rendition for source in sources)
            raise ConfigError(f"stream {stream.name!r}: no rendition matches {globs}; there are: {names}")
        return wanted

    def _begin(self, stream: StreamConfig, sources: Sequence[Source], scheduler: Scheduler) -> None:
        metrics = chosen_metrics(stream)
        with self._warming:  # compile before pictures queue up behind the compiler
            try:
                warm_up(metrics)
            except Exception:  # a metric with a bug costs its own values; the engine sees to that
                log.exception("stream %s: some metric can't be prepared", stream.name)
        paired = stream.reference is not None and any(spec.reference is Reference.FULL for spec in metrics)
        window = ReferenceWindow() if paired else None
        lanes = [Lane(source, self._scorer(stream, metrics, source.rendition), window) for source in sources]
        ladder = tuple(lane.source.rendition for lane in lanes)
        for lane in lanes:
            self._outlet(Expected(stream.name, lane.source.rendition, lane.source.live, ladder))
            scheduler.add(lane)
        if window is not None:
            self._begin_reference(stream, window, lanes, scheduler)

    def _begin_reference(
        self, stream: StreamConfig, window: ReferenceWindow, lanes: Sequence[Lane], scheduler: Scheduler
    ) -> None:
        """Find the reference of a stream; that of a live one for as long as it takes."""
        assert stream.reference is not None
        backoff = Backoff(random.Random(f"{stream.name} reference"), maximum_seconds=REFERENCE_RETRY_SECONDS)
        told = False
        while not self._stop.is_set():
            try:
                source = discover(
                    stream.reference,
                    stream=stream.name,
                    rendition=REFERENCE,
                    live=stream.live,
                    realtime=stream.realtime,
                    segment_seconds=stream.segment_seconds,
                    clock=self._clock,
                )[0]
            except VqmonError as error:
                down = self._down(stream, REFERENCE, error)
                if not error.retriable or not any(lane.source.live and not lane.fed for lane in lanes):
                    self._outlet(Failed(down))
                    window.end()
                    return
                if not told:
                    self._outlet(down)
                    told = True
                self._clock.wait(self._stop, backoff.failed(self._clock.monotonic()))
            else:
                scheduler.add_reference(ReferenceFeed(source, window, lanes))
                return

    def _scorer(self, stream: StreamConfig, metrics: Sequence[MetricSpec], rendition: str) -> SegmentScorer:
        sampling = stream.sampling
        return SegmentScorer(
            stream=stream.name,
            rendition=rendition,
            sampler=create_sampler(
                sampling.mode,
                seed=stream.name,
                per_second=sampling.per_second,
                burst_frames=sampling.burst_frames,
                burst_every_seconds=sampling.burst_every_seconds,
            ),
            scorers=create_all([(spec.name, {}) for spec in metrics]),
            convert=Converter().matched,
            observe=self._time,
            timer=self._clock.monotonic,
            executor=self._executor,
        )

    def _time(self, metric: str, seconds: float) -> None:
        with self._timings_lock:
            self._timings.append((metric, seconds))


def _seal(openers: Sequence[threading.Thread], scheduler: Scheduler) -> None:
    for opener in openers:
        opener.join()
    scheduler.seal()
