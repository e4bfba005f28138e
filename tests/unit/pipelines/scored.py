"""Scores of files, made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from monitor.aggregation import pool_segment
from monitor.scorers import feature
from monitor.types import Score, Segment, SegmentResult, Sync, VideoFormat
from pipelines.files import FileScores, Flag, Pairs

FORM = VideoFormat(320, 192, "yuv420p", chroma_width=160, chroma_height=96)

CODED = VideoFormat(160, 96, "yuv420p", chroma_width=80, chroma_height=48)


def scores(
    path: str = "a.mp4",
    values: Mapping[str, Sequence[float | None]] | None = None,
    *,
    reference: str | None = "r.mp4",
    flags: Sequence[Flag] = (),
    sync: Sync | None = None,
    rate: int = 25,
    score_seconds: float = 0.5,
    formats: Mapping[tuple[VideoFormat, VideoFormat], VideoFormat] | None = None,
) -> FileScores:
    """What one file scored: by feature, a value for each frame (``None`` where it has none)."""
    values = values if values is not None else {"psnr_y": (40.5, 38.25), "ssim": (None, 0.9)}
    frames = tuple(
        Score(name, value, index, Fraction(index, rate))
        for name, series in values.items()
        for index, value in enumerate(series)
        if value is not None
    )
    count = max(len(series) for series in values.values())
    facts = Segment(
        "a",
        "main",
        0,
        datetime(2026, 11, 21, tzinfo=UTC),
        Fraction(count, rate),
        frames_expected=count,
        frames_decoded=count,
        frames_sampled=count,
        frames_paired=count if reference is not None else 0,
        format=CODED,
        codec="h264",
        frame_rate=float(rate),
    )
    offset = Fraction(sync.offset).limit_denominator(1_000_000) if sync is not None else Fraction(0)
    pairs = Pairs({index: Fraction(index, rate) + offset for index in range(count)}, formats or {})
    models = {name: feature(name)[0].model for name in values}
    result = SegmentResult(facts, pool_segment(facts, frames, models), frames, score_seconds)
    specs = tuple(dict.fromkeys(feature(name)[0] for name in values))
    return FileScores(path, reference, specs, result, tuple(flags), sync, FORM, pairs)


def spoilt(file: FileScores, name: str = "misaligned", detail: str = "two frames late") -> FileScores:
    """The same with a flag that says that its numbers do not hold."""
    return replace(file, flags=(*file.flags, Flag(name, detail, spoils=True)))
