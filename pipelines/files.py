"""``vqmon score``: every frame of a file, through the same engine as a live stream; and what comparing files gives, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from monitor.engine import SegmentScorer
from monitor.errors import ConfigError, SourceError, UnsupportedFormat
from monitor.protocols import MetricSpec, Reference, Sampler
from monitor.sampling import create_sampler
from monitor.scorers import create_all, resolve, specs
from monitor.sources.file import FileSegment
from monitor.sources.scaling import Converter
from monitor.types import EventKind, SegmentResult, Sync

if TYPE_CHECKING:
    from monitor.types import VideoFormat

Progress = Callable[[Fraction, Fraction], None]
"""Told the presentation time reached and the time of the end as far as it is announced (else 0), seconds."""

TRUNCATION_SECONDS = Fraction(1, 2)
"""How much earlier than announced a file may end before it counts as truncated: headers round, and edit lists cut."""


class Flag(NamedTuple):
    """Something that the reader of the numbers should know."""

    name: str
    """One word for machines, for example ``scaled``."""
    detail: str
    """The same in a sentence, with figures."""
    spoils: bool = False
    """Whether the numbers say something else than the quality of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """How frames of a file came to stand beside frames of its reference: what it takes to show them again."""

    partners: Mapping[int, Fraction] = field(default_factory=dict)
    """When the reference frame is shown that a frame was compared with, by the frame's index."""
    formats: Mapping[tuple[VideoFormat, VideoFormat], VideoFormat | None] = field(default_factory=dict)
    """What frames of the file and of the reference were brought into, by their own formats; ``None`` where that can't be."""
    scaling: str = "bicubic"
    """By which interpolation."""
    moments: Mapping[int, Fraction] = field(default_factory=dict)
    """When the reference shows what single frames show, by index, where their own times do not say it."""
    early: Fraction = Fraction(0)
    """How much later than at a moment a frame may come and be the one shown then; seconds."""


@dataclass(frozen=True, slots=True)
class FileScores:
    """What one file scored."""

    path: str
    reference: str | None
    metrics: tuple[MetricSpec, ...]
    result: SegmentResult
    flags: tuple[Flag, ...] = ()
    sync: Sync | None = None
    """How the frames were paired; ``None`` without a reference."""
    format: VideoFormat | None = None
    """Of the pictures that were scored: the reference's, or the file's own where it stands alone."""
    pairs: Pairs = field(default_factory=Pairs)
    """Empty without a reference."""

    @property
    def valid(self) -> bool:
        """Whether the numbers may be taken for the quality of the picture."""
        return not any(flag.spoils for flag in self.flags)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the numbers should know, in sentences."""
        return tuple(flag.detail for flag in self.flags)

    def of(self, metrics: Sequence[MetricSpec]) -> FileScores:
        """The scores of some of the metrics."""
        wanted = {feature.name for spec in metrics for feature in spec.features}
        result = replace(
            self.result,
            scores=tuple(score for score in self.result.scores if score.feature in wanted),
            frame_scores=tuple(score for score in self.result.frame_scores if score.feature in wanted),
        )
        return replace(self, metrics=tuple(metrics), result=result)


@dataclass(slots=True)
class _Reporting:
    """A sampler that tells how far it has come."""

    inner: Sampler
    progress: Progress
    end: Fraction
    keyframes_only: bool = field(init=False)

    def __post_init__(self) -> None:
        self.keyframes_only = self.inner.keyframes_only

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        self.progress(pts + duration, self.end)
        return self.inner.wants(pts, duration, index, keyframe=keyframe)

    def reset(self) -> None:
        self.inner.reset()


def choose_metrics(names: Sequence[str], reference: Reference) -> tuple[MetricSpec, ...]:
    """The metrics called ``names``, or the usual ones of a kind where none are named.

    Raises:
        UnknownName: a name is no metric.
        ConfigError: a metric needs a reference, and there is none.
    """
    if not names:
        return tuple(spec for spec in specs() if spec.reference is reference and spec.default)
    chosen = resolve(names)
    for spec in chosen:
        if spec.reference is Reference.FULL and reference is Reference.NONE:
            raise ConfigError(f"{spec.name} is a {spec.reference} metric; use `vqmon compare DIST REF -m {spec.name}`")
    return tuple(chosen)


def score_file(
    path: str,
    metrics: Sequence[MetricSpec],
    *,
    sampling: str = "every",
    per_second: float = 2.0,
    threads: int = 1,
    progress: Progress = lambda _reached, _end: None,
) -> FileScores:
    """Score one file without a reference.

    Raises:
        SourceError: a file can't be read, or has no pictures.
        UnsupportedFormat: no metric can take its pictures.
        ConfigError: a setting is wrong.
    """
    now = datetime.now(UTC)
    name = Path(path).name or path
    sampler = create_sampler(sampling, seed=name, per_second=per_second)
    segment = FileSegment(path, now, name)
    announced = None if segment.is_pipe else segment.announced()
    segment.duration = announced or Fraction(0)
    refused: dict[str, str] = {}
    scorer = SegmentScorer(
        stream=name,
        rendition="main",
        sampler=_Reporting(sampler, progress, segment.duration),
        scorers=create_all([(spec.name, {}) for spec in metrics]),
        convert=Converter().convert,
        timer=time.monotonic,
        threads=threads,
        on_refused=refused.__setitem__,
    )
    try:
        outcome = scorer.score(segment)
    finally:
        scorer.close()
    result = outcome.result
    if not result.segment.frames_decoded:
        detail = outcome.events[0].detail if outcome.events else "no picture could be decoded"
        raise SourceError(detail if path in detail else f"{path}: {detail}", reason="decode")
    flags = [Flag("damaged", event.detail) for event in outcome.events if event.kind is EventKind.DECODE_ERROR]
    if announced is not None and not sampler.keyframes_only:
        flags += truncation(segment, announced)
    flags += silent(path, metrics, result, refused)
    if not result.scores:
        raise nothing(path, flags)
    return FileScores(path, None, tuple(metrics), result, tuple(flags), format=result.segment.format)


def truncation(segment: FileSegment, announced: Fraction) -> Iterator[Flag]:
    """Whether a file ended earlier than it announces."""
    end = segment.decoding.end if segment.decoding is not None else None
    if end is not None and end < announced - TRUNCATION_SECONDS:
        detail = (
            f"{segment.path} ends after {float(end):.2f} s though it announces {float(announced):.2f} s; is it truncated?"
        )
        yield Flag("truncated", detail)


def silent(path: str, metrics: Sequence[MetricSpec], result: SegmentResult, refused: Mapping[str, str]) -> Iterator[Flag]:
    """Why features have no value.

    Args:
        path: The file.
        metrics: What was to be computed.
        result: What it gave.
        refused: Metrics that could not take the pictures, and why.
    """
    yield from (Flag("refused", f"{path}: {detail}") for detail in dict.fromkeys(refused.values()))
    scored = {score.feature for score in result.scores}
    for spec in metrics:
        if spec.name in result.failed:
            yield Flag("failed", f"{path}: metric {spec.name!r} failed; see the log above")
        elif spec.name not in refused:
            missing = [feature for feature in spec.features if feature.name not in scored]
            for why in dict.fromkeys(feature.no_data for feature in missing):
                names = [feature.name for feature in missing if feature.no_data == why]
                have = "have" if len(names) > 1 else "has"
                yield Flag("no_data", f"{path}: {', '.join(names)} {have} no value: {why}")


def nothing(path: str, flags: Sequence[Flag]) -> UnsupportedFormat:
    """That a file has no scores at all, and everything that may be the reason."""
    why = "; ".join(flag.detail.removeprefix(f"{path}: ") for flag in flags) or "no frame was sampled"
    return UnsupportedFormat(f"{path}: nothing could be scored: {why}")
