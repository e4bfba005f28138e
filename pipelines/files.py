"""``vqmon score`` and ``vqmon compare``: every frame of files, through the same engine as a live stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from monitor.engine import SegmentScorer
from monitor.errors import ConfigError, SourceError
from monitor.pairing import ReferenceWindow
from monitor.protocols import MetricSpec, Reference, Sampler
from monitor.sampling import create_sampler
from monitor.scorers import create_all, resolve, specs
from monitor.sources.file import FileSegment
from monitor.sources.scaling import Converter
from monitor.types import SegmentResult

Progress = Callable[[Fraction], None]
"""Told the presentation time reached, in seconds."""


@dataclass(frozen=True, slots=True)
class FileScores:
    """What one file scored."""

    path: str
    reference: str | None
    metrics: tuple[MetricSpec, ...]
    result: SegmentResult
    warnings: tuple[str, ...] = ()
    """What the reader of the numbers should know."""


@dataclass(slots=True)
class _Reporting:
    """A sampler that tells how far it has come."""

    inner: Sampler
    progress: Progress
    keyframes_only: bool = field(init=False)

    def __post_init__(self) -> None:
        self.keyframes_only = self.inner.keyframes_only

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        self.progress(pts)
        return self.inner.wants(pts, duration, index, keyframe=keyframe)

    def reset(self) -> None:
        self.inner.reset()


def choose_metrics(names: Sequence[str], reference: Reference) -> tuple[MetricSpec, ...]:
    """The metrics called ``names``, or all of a kind where none are named.

    Raises:
        UnknownName: a name is no metric.
        ConfigError: a metric is of the other kind.
    """
    if not names:
        return tuple(spec for spec in specs() if spec.reference is reference)
    chosen = resolve(names)
    for spec in chosen:
        if spec.reference is not reference:
            other = "vqmon compare DIST REF" if spec.reference is Reference.FULL else "vqmon score FILE"
            raise ConfigError(f"{spec.name} is a {spec.reference} metric; use `{other} -m {spec.name}`")
    return tuple(chosen)


def score_file(
    path: str,
    metrics: Sequence[MetricSpec],
    *,
    reference: str | None = None,
    sampling: str = "every",
    per_second: float = 2.0,
    threads: int = 1,
    progress: Progress = lambda _: None,
) -> FileScores:
    """Score one file, beside its reference where that is given.

    Raises:
        SourceError: a file can't be read, or has no pictures.
        ConfigError: a setting is wrong.
    """
    now = datetime.now(UTC)
    name = Path(path).name or path
    segment = FileSegment(path, now, name)
    window: ReferenceWindow | None = None
    if reference is not None:
        original = FileSegment(reference, now, name, rendition="reference")
        segment.duration = segment.span()[1]
        window = ReferenceWindow(max_bytes=1 << 62, max_frame_bytes=0)
        window.add(original)
        window.end()
    scorer = SegmentScorer(
        stream=name,
        rendition="main",
        sampler=_Reporting(create_sampler(sampling, seed=name, per_second=per_second), progress),
        scorers=create_all([(spec.name, {}) for spec in metrics]),
        convert=Converter().convert,
        timer=time.monotonic,
        threads=threads,
    )
    try:
        outcome = scorer.score(segment, window)
    finally:
        scorer.close()
    facts = outcome.result.segment
    if not facts.frames_decoded:
        detail = outcome.events[0].detail if outcome.events else "no picture could be decoded"
        raise SourceError(detail if path in detail else f"{path}: {detail}", reason="decode")
    warnings = [event.detail for event in outcome.events if event.detail]
    if outcome.result.failed:
        warnings.append(f"not scored: {', '.join(outcome.result.failed)}; see the log")
    if reference is not None:
        if not facts.frames_paired:
            raise SourceError(f"no frame of {path} is shown at the time of a frame of {reference}; nothing to compare")
        if facts.frames_paired < facts.frames_sampled:
            missing = facts.frames_sampled - facts.frames_paired
            warnings.append(f"{missing} of {facts.frames_sampled} frames have no reference frame at their time; left out")
        if facts.format is not None and (facts.format.width, facts.format.height) != (size := original.picture_size()):
            warnings.append(
                f"{path} was scaled from {facts.format.width}x{facts.format.height} to {size[0]}x{size[1]} (bicubic)"
            )
    return FileScores(path, reference, tuple(metrics), outcome.result, tuple(warnings))
