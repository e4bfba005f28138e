"""``vqmon score`` and ``vqmon compare``: every frame of files, through the same engine as a live stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from monitor.engine import SegmentScorer
from monitor.errors import ConfigError, SourceError, UnsupportedFormat
from monitor.pairing import ReferenceWindow
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

    @property
    def valid(self) -> bool:
        """Whether the numbers may be taken for the quality of the picture."""
        return not any(flag.spoils for flag in self.flags)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the numbers should know, in sentences."""
        return tuple(flag.detail for flag in self.flags)


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
        ConfigError: a metric is of the other kind.
    """
    if not names:
        return tuple(spec for spec in specs() if spec.reference is reference and spec.default)
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
    progress: Progress = lambda _reached, _end: None,
) -> FileScores:
    """Score one file, beside its reference where that is given.

    Raises:
        SourceError: a file can't be read, or has no pictures.
        UnsupportedFormat: no metric can take its pictures.
        ConfigError: a setting is wrong.
    """
    now = datetime.now(UTC)
    name = Path(path).name or path
    sampler = create_sampler(sampling, seed=name, per_second=per_second)
    segment = FileSegment(path, now, name)
    announced = segment.announced()
    segment.duration = announced or Fraction(0)
    original = FileSegment(reference, now, name, rendition="reference") if reference is not None else None
    window = _window(original) if original is not None else None
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
        outcome = scorer.score(segment, window)
    finally:
        scorer.close()
    result = outcome.result
    if not result.segment.frames_decoded:
        detail = outcome.events[0].detail if outcome.events else "no picture could be decoded"
        raise SourceError(detail if path in detail else f"{path}: {detail}", reason="decode")
    if original is not None and not result.segment.frames_paired and not refused:
        raise SourceError(f"no frame of {path} is shown at the time of a frame of {reference}; nothing to compare")
    flags = [Flag("damaged", event.detail) for event in outcome.events if event.kind is EventKind.DECODE_ERROR]
    if announced is not None and not sampler.keyframes_only:
        flags += _truncation(segment, announced)
    if original is not None:
        flags += _pairing(segment, original, result)
    flags += (Flag("refused", detail) for detail in dict.fromkeys(refused.values()))
    flags += _silent(metrics, result, refused)
    if not result.scores:
        why = "; ".join(flag.detail for flag in flags) or "no frame was sampled"
        raise UnsupportedFormat(f"{path}: nothing could be scored: {why}")
    scored = original.decoding if original is not None else None
    form = scored.format if scored is not None else result.segment.format
    return FileScores(path, reference, tuple(metrics), result, tuple(flags), format=form)


def _window(original: FileSegment) -> ReferenceWindow:
    """The whole reference; its frames are asked for once and in order, so that none needs to be kept."""
    window = ReferenceWindow(max_bytes=original.size, max_frame_bytes=0)
    window.add(original)
    window.end()
    return window


def _truncation(segment: FileSegment, announced: Fraction) -> Iterator[Flag]:
    end = segment.decoding.end if segment.decoding is not None else None
    if end is not None and end < announced - TRUNCATION_SECONDS:
        detail = (
            f"{segment.path} ends after {float(end):.2f} s though it announces {float(announced):.2f} s; is it truncated?"
        )
        yield Flag("truncated", detail)


def _pairing(segment: FileSegment, original: FileSegment, result: SegmentResult) -> Iterator[Flag]:
    """What the reader of a comparison should know about the two files."""
    facts, reference = result.segment, original.decoding
    if 0 < facts.frames_paired < facts.frames_sampled:
        missing = facts.frames_sampled - facts.frames_paired
        yield Flag("unpaired", f"{missing} of {facts.frames_sampled} frames have no reference frame at their time; left out")
    if reference is None or segment.decoding is None:
        return
    if reference.decode_errors:
        yield Flag(
            "reference_damaged",
            f"the reference {original.path} is damaged: {reference.decode_errors} frames could not be decoded, and those "
            "that refer to them may be wrong",
        )
    rest = original.span()[1] - (segment.decoding.end or Fraction(0))
    if rest > facts.duration / max(facts.frames_decoded, 1):
        detail = f"{original.path} goes on for {float(rest):.2f} s after the end of {segment.path}; that was not compared"
        yield Flag("shorter", detail)
    if facts.format is not None and reference.format is not None and facts.format != reference.format:
        changes = ", ".join(_changes(facts.format, reference.format))
        if changes:
            yield Flag("converted", f"{segment.path} was converted to the format of its reference: {changes}")


def _changes(old: VideoFormat, new: VideoFormat) -> Iterator[str]:
    if (old.width, old.height) != (new.width, new.height):
        yield f"{old.width}x{old.height} scaled to {new.width}x{new.height} (bicubic)"
    if old.pixel_format != new.pixel_format:
        yield f"{old.pixel_format} to {new.pixel_format}"
    if old.full_range != new.full_range:
        yield "full range to limited" if old.full_range else "limited range to full"
    if old.matrix != new.matrix and "unknown" not in (old.matrix, new.matrix):
        yield f"matrix {old.matrix} to {new.matrix}"


def _silent(metrics: Sequence[MetricSpec], result: SegmentResult, refused: dict[str, str]) -> Iterator[Flag]:
    """Why features have no value."""
    scored = {score.feature for score in result.scores}
    for spec in metrics:
        if spec.name in result.failed:
            yield Flag("failed", f"metric {spec.name!r} failed; see the log above")
        elif spec.name not in refused:
            for feature in spec.features:
                if feature.name not in scored:
                    yield Flag("no_data", f"{feature.name} has no value: {feature.no_data}")
