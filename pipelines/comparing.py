"""Encodes beside their reference: files in, each one's scores out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.aggregation import pool_segment
from monitor.comparison import Comparison, Encode
from monitor.errors import SourceError, UnsupportedFormat, VqmonError
from monitor.facts import completed
from monitor.panel import Panel
from monitor.retiming import as_they_are, at_rate
from monitor.scorers import create_all
from monitor.sources.cadence import cadence
from monitor.sources.decoding import look
from monitor.sources.file import FileSegment
from monitor.sources.mismatch import check, differences
from monitor.sources.scaling import Converter, common_format
from monitor.types import Segment, SegmentResult, Sync
from pipelines.compare_settings import Settings
from pipelines.files import FileScores, Flag, Progress, silent, truncation

if TYPE_CHECKING:
    from monitor.protocols import MetricSpec, Options
    from monitor.types import Frame, VideoFormat

AHEAD = 2
"""Frames for each thread that may be decoded and not yet scored: one that is worked on, and one to go on with."""

SECOND_LOOK = 12
"""Frames to look at where the first ones do not agree on being interlaced."""

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
    """One distorted file at work."""

    path: str
    segment: FileSegment
    encode: Encode
    refused: dict[str, str]
    announced: Fraction | None
    times: list[Fraction]
    """Of its frames, as decoded."""


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
    now = datetime.now(UTC)
    threads = settings.threads or os.cpu_count() or 1
    samplers = [settings.sampler(Path(path).name) for path in paths]
    retime = at_rate(settings.rate) if settings.rate is not None else as_they_are
    converters = [Converter(settings.scaling) for _ in paths]
    original = FileSegment(reference, now, Path(reference).name, rendition="reference")
    original.duration = original.announced() or Fraction(0)
    seen = look(original)
    original_times: list[Fraction] = []
    began = monotonic()
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(threads, "score")) if threads > 1 else None
        scorers = create_all([(spec.name, options.get(spec.name, {})) for _ in paths for spec in metrics])
        results: dict[int, Compared] = {}
        sides: dict[int, _Side] = {}
        for order, path in enumerate(paths):
            name = Path(path).name or path
            refused: dict[str, str] = {}
            panel = Panel(
                name,
                scorers[order * len(metrics) : (order + 1) * len(metrics)],
                executor,
                AHEAD * threads,
                on_refused=refused.__setitem__,
            )
            stack.callback(panel.close)
            segment, times = FileSegment(path, now, name), list[Fraction]()
            try:
                announced = segment.announced()
                _match(segment, original, seen)
            except (SourceError, UnsupportedFormat) as error:
                results[order] = Compared(path, error=error)
                continue
            segment.duration = announced or Fraction(0)
            encode = Encode(
                segment,
                panel,
                converters[order].convert,
                partial(common_format, depth=settings.bit_depth),
                samplers[order],
                retime=retime,
                limit=settings.frames,
                watch=partial(_note, times),
            )
            sides[order] = _Side(path, segment, encode, refused, announced, times)
        end = max((side.segment.duration for side in sides.values()), default=Fraction(0))
        comparison = Comparison(
            original,
            [side.encode for side in sides.values()],
            Converter().convert,
            threads,
            retime=retime,
            watch=partial(_note, original_times),
            progress=lambda moment: progress(moment, end),
        )
        comparison.run()
        uneven = tuple(_uneven(reference, original_times))
        for order, side in sides.items():
            try:
                scores = _scores(side, original, metrics, settings, now, monotonic() - began)
                scores = replace(scores, flags=(*scores.flags, *_uneven(side.path, side.times), *uneven))
                results[order] = Compared(side.path, scores)
            except VqmonError as error:
                results[order] = Compared(side.path, error=error)
    return [results[order] for order in range(len(paths))]


def _match(segment: FileSegment, original: FileSegment, seen: VideoFormat) -> None:
    """Refuse, before an hour of scoring, what can't be compared.

    Args:
        segment: An encode.
        original: The reference.
        seen: Format of the reference's first frame.

    Raises:
        SourceError: a file can't be read.
        UnsupportedFormat: the two can't be compared.
    """
    own = look(segment)
    if own.interlaced != seen.interlaced:  # which one frame does not tell: encoders choose for each
        own, seen = look(segment, SECOND_LOOK), look(original, SECOND_LOOK)
    try:
        check(own, seen)
    except UnsupportedFormat as error:
        raise UnsupportedFormat(f"{segment.path}: {error}") from error


def _scores(
    side: _Side, original: FileSegment, metrics: Sequence[MetricSpec], settings: Settings, now: datetime, seconds: float
) -> FileScores:
    """One file's part of the comparison.

    Raises:
        SourceError: it can't be read, or has no pictures or none at the reference's times.
        UnsupportedFormat: no metric could take its pictures.
    """
    encode, decoded = side.encode, side.encode.decoded
    if encode.error is not None:
        raise encode.error
    if decoded is None or not decoded.frames_decoded:
        raise SourceError(f"{side.path}: no picture could be decoded", reason="decode")
    if original.decoding is None or not original.decoding.frames_decoded:
        raise SourceError(f"{original.path}: no picture could be decoded", reason="decode")
    if not encode.paired and not side.refused:
        raise SourceError(f"no frame of {side.path} is shown at the time of a frame of {original.path}; nothing to compare")
    announced = Segment(
        stream=side.segment.stream,
        rendition="main",
        sequence=0,
        started_at=now,
        duration=side.segment.duration,
        bytes=side.segment.size,
    )
    facts = completed(announced, decoded, sampled=encode.sampled, paired=encode.paired)
    models = {feature.name: spec.model for spec in metrics for feature in spec.features}
    result = SegmentResult(
        facts,
        pool_segment(facts, encode.panel.scores, models),
        tuple(sorted(encode.panel.scores, key=lambda score: score.index)),
        seconds,
        encode.panel.failed,
    )
    flags = tuple(_flags(side, original, settings, facts))
    flags += tuple(Flag("refused", detail) for detail in dict.fromkeys(side.refused.values()))
    flags += tuple(silent(metrics, result, side.refused))
    if not result.scores:
        why = "; ".join(flag.detail for flag in flags) or "no frame was sampled"
        raise UnsupportedFormat(f"{side.path}: nothing could be scored: {why}")
    compared = next((target for target in encode.formats.values() if target is not None), facts.format)
    return FileScores(side.path, original.path, tuple(metrics), result, flags, Sync(0.0, 0, "pts"), compared)


def _note(times: list[Fraction], frame: Frame) -> None:
    times.append(frame.pts)


def _uneven(path: str, times: Sequence[Fraction]) -> Iterator[Flag]:
    """Whether frames come at uneven times."""
    found = cadence(times)
    if found is not None and found.variable:
        yield Flag("vfr", f"{path} has a {found}; frames are paired by their times")


def _flags(side: _Side, original: FileSegment, settings: Settings, facts: Segment) -> Iterator[Flag]:
    """What the reader of a comparison should know about the two files."""
    if facts.decode_errors:
        detail = f"{side.path}: {facts.decode_errors} of {facts.frames_expected} frames could not be decoded"
        yield Flag("damaged", detail)
    whole = settings.frames is None and not settings.shortest and not side.encode.sampler.keyframes_only
    if whole and side.announced is not None:
        yield from truncation(side.segment, side.announced)
    if 0 < facts.frames_paired < facts.frames_sampled and not settings.shortest:
        missing = facts.frames_sampled - facts.frames_paired
        yield Flag("unpaired", f"{missing} of {facts.frames_sampled} frames have no reference frame at their time; left out")
    reference = original.decoding
    if reference is None or side.segment.decoding is None:
        return
    if reference.decode_errors:
        yield Flag(
            "reference_damaged",
            f"the reference {original.path} is damaged: {reference.decode_errors} frames could not be decoded, and those "
            "that refer to them may be wrong",
        )
    if whole:
        end = original.duration or original.span()[1]
        rest = end - (side.segment.decoding.end or Fraction(0))
        if rest > facts.duration / max(facts.frames_decoded, 1):
            detail = f"{original.path} goes on for {float(rest):.2f} s after the end of {side.path}; that was not compared"
            yield Flag("shorter", detail)
    for (distorted, beside), target in side.encode.formats.items():
        if target is not None:
            for name, detail in differences(distorted, beside, target, scaling=settings.scaling):
                yield Flag(name, f"{side.path}: {detail}")
