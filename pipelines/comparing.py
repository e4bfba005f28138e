"""Encodes beside their reference: files in, each one's scores out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.aggregation import pool_segment
from monitor.alignment.tracking import REACH_SECONDS, Track, Tracker
from monitor.comparison import Comparison, Encode
from monitor.errors import CannotAlign, SourceError, UnsupportedFormat, VqmonError
from monitor.facts import completed
from monitor.panel import Panel
from monitor.retiming import as_they_are, at_rate
from monitor.scorers import create_all
from monitor.sources.decoding import look
from monitor.sources.file import FileSegment
from monitor.sources.scaling import Converter
from monitor.types import Segment, SegmentResult, Sync
from pipelines.compare_settings import Settings
from pipelines.comparison_flags import Seen, flags_of
from pipelines.files import FileScores, Pairs, Progress, nothing, silent
from pipelines.following import Follower
from pipelines.syncing import REPEATS, Located, find_offset
from pipelines.warmup import compile_kernels

if TYPE_CHECKING:
    from monitor.alignment.signature import Area
    from monitor.protocols import MetricSpec, Options
    from monitor.types import Frame, VideoFormat

AHEAD = 4
"""Pairs for each thread that may be decoded and not yet scored: one that is worked on, others for as long as decoding a key
frame takes."""

AHEAD_BYTES = 256 << 20
"""What their pictures may occupy, as they were decoded; a pair for each thread may wait in any case."""

FOLLOWED = (128, 72)
"""Smallest width and height of pictures that are followed: of smaller ones signatures say too little."""

SECOND_LOOK = 12
"""Frames to look at where the first ones do not agree on being interlaced."""

DOUBTFUL = 0.3
"""``Track.doubt`` from which pictures are looked for further away; true pairs get there by hard compression alone."""

UNTRUE = 1.0
"""``Track.doubt`` from which pictures are elsewhere even if several places there look alike, as in slow motion. What hard
compression takes to there is found near where it was looked for."""

PLAIN = Settings()
"""Every frame, as it is."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing one file gave: scores, or the reason why there are none."""

    path: str
    scores: FileScores | None = None
    error: VqmonError | None = None


@dataclass(slots=True, eq=False)
class _Side:
    """One distorted file."""

    path: str
    segment: FileSegment
    announced: Fraction | None
    """Length that the file writes down."""
    sync: Sync
    moments: Mapping[int, Fraction] = field(default_factory=dict)
    """Reference time of frames, by index, where the pictures decide and not the times."""
    refused: dict[str, str] = field(default_factory=dict)
    """Metrics that can't take its pictures, and why."""
    follower: Follower = field(default_factory=Follower)
    areas: tuple[Area | None, Area | None] = (None, None)
    """What of its pictures and of the reference's to follow, where black bars differ."""


def compare_files(
    paths: Sequence[str],
    reference: str,
    metrics: Sequence[MetricSpec],
    settings: Settings = PLAIN,
    *,
    options: Mapping[str, Options] = MappingProxyType({}),
    progress: Progress = lambda _reached, _end: None,
) -> list[Compared]:
    """Compare files with one reference in one pass.

    Args:
        paths: The encodes.
        reference: What they were made from.
        metrics: What to compute.
        settings: How.
        options: Options of metrics by their names.
        progress: Told the time reached and that of the end.

    Raises:
        SourceError: the reference can't be read. What is wrong with a distorted file costs the others nothing.
        ConfigError: a setting is wrong.
    """
    settings.check()
    now = datetime.now(UTC)
    original = FileSegment(reference, now, Path(reference).name, rendition="reference")
    threads = settings.threads or os.cpu_count() or 1
    found: dict[int, Compared] = {}
    sides: dict[int, _Side] = {}
    with ExitStack() as opened:
        opened.callback(original.close)
        seen = original.look(threads=threads)
        original.duration = original.announced() or Fraction(0)
        work = _Work(original, seen, metrics, options, settings, progress, threads)
        for order, path in enumerate(paths):
            segment = FileSegment(path, now, Path(path).name or path)
            opened.callback(segment.close)
            try:
                sides[order] = work.side(segment)
            except VqmonError as error:
                found[order] = Compared(path, error=error)
        if sides:
            compile_kernels(metrics, settings.bit_depth or seen.bit_depth, alignment=True, processes=threads)
            found |= dict(zip(sides, work.compare(list(sides.values())), strict=True))
    return [found[order] for order in range(len(paths))]


@dataclass(slots=True, eq=False)
class _Work:
    """A reference, and what to do with each encode of it."""

    original: FileSegment
    seen: VideoFormat
    """Format of the reference's first frame."""
    metrics: Sequence[MetricSpec]
    options: Mapping[str, Options]
    settings: Settings
    progress: Progress
    threads: int

    def side(self, segment: FileSegment) -> _Side:
        """Look at an encode before scoring.

        Raises:
            SourceError: it can't be read.
            UnsupportedFormat: it can't be compared with the reference.
            CannotAlign: nobody can tell which frames belong together.
        """
        match(segment, self.original, self.seen, self.settings, threads=self.threads)
        announced = segment.announced()
        segment.duration = announced or Fraction(0)
        side = _Side(segment.path, segment, announced, Sync(0.0, 0, "pts"))
        self._synchronise(side)
        return side

    def compare(self, sides: Sequence[_Side]) -> list[Compared]:
        """Score encodes in one pass; those whose times hide lost or added frames once more, where the pictures decide."""
        began = monotonic()
        with ExitStack() as stack:
            executor = stack.enter_context(ThreadPoolExecutor(self.threads, "score")) if self.threads > 1 else None
            requests = [(spec.name, self.options.get(spec.name, {})) for _ in sides for spec in self.metrics]
            scorers = create_all(requests)
            encodes, trackers = [], []
            for order, side in enumerate(sides):
                panel = Panel(
                    side.segment.stream,
                    scorers[order * len(self.metrics) : (order + 1) * len(self.metrics)],
                    executor,
                    self._ahead(len(sides)),
                    on_refused=side.refused.__setitem__,
                    timer=monotonic,
                )
                stack.callback(panel.close)
                trackers.append(Tracker(side.sync.offset, side.areas))
                encodes.append(self._encode(side, panel, trackers[-1]))
            follower = Follower()
            end = max(side.segment.duration for side in sides)
            Comparison(
                self.original,
                encodes,
                Converter().convert,
                self.threads,
                retime=self._retime,
                watch=partial(_tell, [follower.see, *(tracker.reference for tracker in trackers)]),
                progress=lambda moment: self.progress(moment, end),
                beyond=Fraction(REACH_SECONDS) if self.settings.frames is None else Fraction(0),
            ).run()
            seconds = monotonic() - began - sum(encode.panel.preparing_seconds for encode in encodes)
        return [
            self._compared(side, encode, tracker, follower, seconds)
            for side, encode, tracker in zip(sides, encodes, trackers, strict=True)
        ]

    def _ahead(self, encodes: int) -> int:
        """Frames of an encode that may wait for their scores."""
        fitting = AHEAD_BYTES // ((encodes + 1) * self.seen.frame_bytes)
        return max(self.threads, min(AHEAD * self.threads, fitting))

    def _encode(self, side: _Side, panel: Panel, tracker: Tracker) -> Encode:
        return Encode(
            side.segment,
            panel,
            Converter(self.settings.scaling).convert,
            partial(self.settings.target, metrics=self.metrics),
            self.settings.sampler(side.segment.stream),
            Fraction(side.sync.offset).limit_denominator(1_000_000),
            side.moments,
            retime=self._retime,
            limit=self.settings.frames,
            watch=partial(_tell, [side.follower.see, tracker.distorted]),
        )

    @property
    def _retime(self) -> Callable[[Iterator[Frame]], Iterator[Frame]]:
        return at_rate(self.settings.rate) if self.settings.rate is not None else as_they_are

    def _synchronise(self, side: _Side) -> None:
        """Find out how an encode lies beside the reference, as far as that is asked for and can be told before scoring.

        Raises:
            SourceError: a file can't be read.
            CannotAlign: the pictures don't tell.
        """
        wanted = self.settings.sync
        if isinstance(wanted, Fraction):
            side.sync = Sync(float(wanted), 0, "given")
        elif wanted == "auto":
            for opened in (side.segment, self.original):
                if "://" in opened.path:
                    opened.close()  # a search may take longer than a server lets a connection rest
            found = find_offset(side.segment, self.original, window=self.settings.window, threads=self.threads)
            if not found.sure and not self.settings.force:
                raise CannotAlign(
                    f"{side.path}: can't tell which frames of {self.original.path} it shows ({found.reason}; confidence "
                    f"{found.confidence:.2f}); give the offset as --sync SECONDS, look further with --sync-window, or take "
                    "the best guess with --force"
                )
            side.sync = Sync(found.offset, found.offset_frames, "content", found.confidence, found.second_best)
            if found.letterbox:
                side.areas = found.bars[0].area, found.bars[1].area

    def _compared(self, side: _Side, encode: Encode, tracker: Tracker, follower: Follower, seconds: float) -> Compared:
        try:
            result = self._result(side, encode, seconds)
        except VqmonError as error:
            return Compared(side.path, error=error)
        track = tracker.result() if self._is_followed(encode) else None
        if track is not None and track.shifted and side.sync.mode == "content" and not side.moments:
            # its times hide lost or added frames: once more, paired by the pictures
            side.sync, side.moments = paired_by_pictures(side.sync, track, follower.times)
            side.follower, side.refused = Follower(), {}
            return self.compare([side])[0]
        elsewhere = self._elsewhere(side, track) if track is not None else None
        seen = Seen(side.segment, self.original, side.announced, encode, side.follower, follower, track, elsewhere)
        flags = [*flags_of(seen, result.segment, self.settings, side.sync)]
        flags += silent(side.path, self.metrics, result, side.refused)
        if not result.scores:
            return Compared(side.path, error=nothing(side.path, flags))
        compared = next((target for target in encode.formats.values() if target is not None), result.segment.format)
        pairs = Pairs(encode.partners, encode.formats, self.settings.scaling, side.moments, self.settings.early)
        sync = completed_sync(side.sync, track, self.original.decoding.frame_rate if self.original.decoding else 0.0)
        return Compared(
            side.path,
            FileScores(side.path, self.original.path, tuple(self.metrics), result, tuple(flags), sync, compared, pairs),
        )

    def _elsewhere(self, side: _Side, track: Track) -> Located | None:
        """Where an encode's pictures are, if further from where they were paired than following them reaches."""
        if side.sync.mode == "content" or track.doubt < DOUBTFUL:
            return None
        try:
            found = find_offset(side.segment, self.original, window=self.settings.window, threads=self.threads)
        except SourceError:
            return None  # what can't be read was said
        far = abs(found.offset - side.sync.offset) > REACH_SECONDS / 2
        likely = found.sure or (track.doubt >= UNTRUE and found.reason == REPEATS)
        return found if likely and far else None

    def _is_followed(self, encode: Encode) -> bool:
        """Whether enough was seen to tell which frames are shown: all frames, in some size."""
        sizes = [(side.width, side.height) for formats in encode.formats for side in formats]
        large = all(width >= FOLLOWED[0] and height >= FOLLOWED[1] for width, height in sizes)
        return large and not encode.sampler.keyframes_only

    def _result(self, side: _Side, encode: Encode, seconds: float) -> SegmentResult:
        """One file's scores.

        Raises:
            SourceError: it can't be read, or has no pictures or none at the reference's times.
        """
        decoded = encode.decoded
        if encode.error is not None:
            raise encode.error
        if decoded is None or not decoded.frames_decoded:
            raise SourceError(f"{side.path}: no picture could be decoded", reason="decode")
        if self.original.decoding is None or not self.original.decoding.frames_decoded:
            raise SourceError(f"{self.original.path}: no picture could be decoded", reason="decode")
        if not encode.sampled:
            raise SourceError(
                f"{side.path} has {decoded.frames_decoded} frames and none of them was to be scored; begin earlier "
                "(--start-offset) or sample more"
            )
        if not encode.paired and not side.refused:
            raise SourceError(
                f"no frame of {side.path} is shown at the time of a frame of {self.original.path}; nothing to compare"
            )
        announced = Segment(
            stream=side.segment.stream,
            rendition="main",
            sequence=0,
            started_at=side.segment.started_at,
            duration=side.segment.duration,
            bytes=side.segment.size,
        )
        facts = completed(announced, decoded, sampled=encode.sampled, paired=encode.paired)
        if encode.paired == encode.limit:  # how far decoders then are ahead depends on the number of threads
            reached = max(encode.partners) + 1
            facts = replace(facts, frames_expected=reached, frames_decoded=reached)
        models = {feature.name: spec.model for spec in self.metrics for feature in spec.features}
        return SegmentResult(
            facts,
            pool_segment(facts, encode.panel.scores, models),
            tuple(sorted(encode.panel.scores, key=lambda score: score.index)),
            seconds,
            encode.panel.failed,
        )


def paired_by_pictures(sync: Sync, track: Track, times: Sequence[Fraction]) -> tuple[Sync, dict[int, Fraction]]:
    """``sync`` with the offset at the start of the file, and the reference time of each frame by its index.

    Args:
        sync: With the offset that most of the file has.
        track: Which reference frame each frame shows.
        times: When the reference's frames are shown.
    """
    ordered = sorted(times)
    known = {index: partner for index, partner in enumerate(track.partners.tolist()) if partner >= 0}
    first = next((index for index in known if track.expected[index] >= 0), None)
    if first is not None:
        usual = int(track.expected[first])
        moved = float(ordered[known[first]] - ordered[usual])
        sync = replace(sync, offset=sync.offset + moved, offset_frames=sync.offset_frames + known[first] - usual)
    return sync, {index: ordered[partner] for index, partner in known.items()}


def completed_sync(sync: Sync, track: Track | None, rate: float) -> Sync:
    """``sync`` with what following the pictures counted.

    Args:
        sync: As it was before scoring.
        track: What was counted, if anything.
        rate: Frames per second of the reference.
    """
    if sync.mode == "given":
        sync = replace(sync, offset_frames=round(sync.offset * rate))
    if track is None:
        return sync
    return replace(sync, matched=track.matched, dropped=track.dropped, duplicated=track.duplicated, frozen=track.frozen)


def _tell(listeners: Sequence[Callable[[Frame], None]], frame: Frame) -> None:
    for listener in listeners:
        listener(frame)


def match(
    segment: FileSegment, original: FileSegment, seen: VideoFormat, settings: Settings, *, threads: int = 1
) -> VideoFormat:
    """The format of an encode's first pictures; refuses, before an hour of scoring, what can't be compared.

    Args:
        segment: The encode.
        original: The reference.
        seen: Format of the reference's first picture.
        settings: How to compare.
        threads: Of the pass over the encode that this begins.

    Raises:
        SourceError: a file can't be read.
        UnsupportedFormat: the two can't be compared.
    """
    own = segment.look(threads=threads)
    if own.interlaced != seen.interlaced:  # which one picture does not tell: encoders choose for each
        own, seen = look(segment, SECOND_LOOK), look(original, SECOND_LOOK)
    try:
        settings.match(own, seen)
    except UnsupportedFormat as error:
        raise UnsupportedFormat(f"{segment.path}: {error}") from error
    return own
