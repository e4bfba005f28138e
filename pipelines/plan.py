"""``vqmon compare --dry-run``: what would be compared, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import SourceError, UnsupportedFormat
from monitor.sources.file import FileSegment
from monitor.sources.mismatch import differences
from pipelines.comparing import match
from pipelines.wording import printable

if TYPE_CHECKING:
    from monitor.protocols import MetricSpec
    from pipelines.compare_settings import Settings


def plan(
    paths: Sequence[str], reference: str, metrics: Sequence[MetricSpec], settings: Settings
) -> Iterator[tuple[str, bool]]:
    """Lines for people, and whether each is good news; only the first pictures of the files are decoded.

    Raises:
        SourceError: the reference can't be read.
    """
    original = _segment(reference)
    with closing(original):
        seen, length = original.look(), _length(original)
    yield f"reference  {printable(reference)}: {seen}{length}", True
    for path in paths:
        segment = _segment(path)
        try:
            with closing(segment):
                form, length = match(segment, original, seen, settings), _length(segment)
            target = settings.target(form, seen, metrics)
        except (SourceError, UnsupportedFormat) as error:
            yield f"distorted  {printable(path)}: {printable(str(error)).removeprefix(f'{printable(path)}: ')}", False
            continue
        changes = "; ".join(detail for _, detail in differences(form, seen, target, scaling=settings.scaling))
        yield f"distorted  {printable(path)}: {form}{length}{f'; {changes}' if changes else ''}", True
    yield f"metrics    {', '.join(f'{spec.name} ({spec.model})' for spec in metrics)}", True
    yield f"frames     {_frames(settings)}", True


def _segment(path: str) -> FileSegment:
    return FileSegment(path, datetime.now(UTC), Path(path).name)


def _length(segment: FileSegment) -> str:
    """A file's announced length, for people."""
    announced = segment.announced()
    return f", {float(announced):.2f} s" if announced else ""


def _frames(settings: Settings) -> str:
    chosen = f"one of each {settings.subsample}" if settings.subsample > 1 else settings.sampling
    if settings.sampling == "rate":
        chosen = f"{settings.per_second:g} a second"
    parts = [chosen]
    if settings.rate is not None:
        parts.append(f"both sides shown at {float(settings.rate):g} a second")
    if settings.start:
        frames = isinstance(settings.start, int)
        parts.append(f"from {f'frame {settings.start}' if frames else f'{float(settings.start):g} s'} on")
    if settings.frames is not None:
        parts.append(f"at most {settings.frames}")
    return ", ".join(parts)
