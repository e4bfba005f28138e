"""How files and their scores are spoken of, in tables and reports: labels, numbers, moments, pairing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.sources.addresses import without_secrets

if TYPE_CHECKING:
    from fractions import Fraction

    from monitor.types import Sync
    from pipelines.files import FileScores

LONGEST_LABEL = 28
"""Longest file name that a table of several files repeats in its rows; longer ones are numbered."""


def labels(paths: Sequence[str]) -> list[str]:
    """What each of several files is called in the rows: its name, or a number where names are long or the same."""
    names = [printable(Path(without_secrets(path)).name or path) for path in paths]
    if len(set(names)) == len(names) and max(len(name) for name in names) <= LONGEST_LABEL:
        return names
    return [f"#{number}" for number in range(1, len(paths) + 1)] if len(paths) > 1 else names


def how(scores: FileScores) -> str:
    """What a file is, and what was done with it at which speed."""
    result = scores.result
    facts = result.segment
    if scores.reference is not None:
        done = f"{facts.frames_paired} of {facts.frames_sampled} frames compared"
    else:
        done = f"{facts.frames_sampled} of {facts.frames_decoded} frames scored"
    speed = f", {rate(facts.frames_sampled, result.score_seconds)}" if result.score_seconds > 0 else ""
    return f"{facts.codec} {facts.format}, {done} in {result.score_seconds:.1f} s{speed}"


def rate(frames: int, seconds: float) -> str:
    """Frames a second, three digits or the whole number."""
    value = frames / seconds
    return f"{value:.0f} a second" if value >= 1000 else f"{value:.3g} a second"


def pairing(sync: Sync) -> str:
    """How a file was laid beside its reference; "" where nothing had to be found, given or counted."""
    counts = {"dropped": sync.dropped, "duplicated": sync.duplicated, "frozen": sync.frozen}
    counted = [f"{count} {what}" for what, count in counts.items() if count]
    if not (sync.offset or sync.offset_frames or sync.confidence is not None or counted or sync.mode != "pts"):
        return ""
    sources = {"pts": "by the files' own times", "content": "found in the pictures", "given": "as given"}
    source = sources.get(sync.mode, sync.mode)
    if sync.offset or sync.offset_frames:
        frames = f"{sync.offset_frames:+d} frame{'s' * (abs(sync.offset_frames) != 1)}"
        text = f"offset {frames} ({sync.offset:+.3f} s) {source}"
    else:
        text = f"no offset, {source}"
    if sync.confidence is not None:
        text += f", {100 * sync.confidence:.0f} % sure"
        if sync.second_best is not None:
            text += f" (next best {100 * sync.second_best:.0f} %)"
    return ", ".join((text, *counted))


def aligned(values: Sequence[float | None]) -> list[str]:
    """Numbers of one kind with the same decimals, so many that the largest has four digits at least.

    One that they would make zero keeps two digits of its own; ``-`` stands where there is none.
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    decimals = next((count for limit, count in ((1.5, 4), (10, 3), (1000, 2), (10_000, 1)) if largest < limit), 0)
    return [_number(value, decimals) for value in values]


def _number(value: float | None, decimals: int) -> str:
    if value is None or math.isnan(value):
        return "-"
    if abs(value) >= 1e9 or 0.0 < abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.2g}"
    return f"{value:.{decimals}f}"


def moment(pts: Fraction) -> str:
    """A presentation time for people: ``0.68 s``, ``1:02.40``, ``2:03:04.56``."""
    seconds = round(float(pts), 2)
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"


def printable(text: str) -> str:
    """``text`` as any terminal can take it and any person may see it.

    Bytes of a file name that are no UTF-8 become question marks; addresses lose their credentials and queries.
    """
    return without_secrets(text).encode(errors="replace").decode()
