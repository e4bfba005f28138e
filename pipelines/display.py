"""What ``vqmon score`` and ``vqmon compare`` show on a terminal: progress and tables. Everything here goes through rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from monitor.scorers import feature

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from monitor.types import SegmentScore
    from pipelines.files import FileScores

COLUMNS = ("unit", "mean", "harmonic", "min", "p1", "p5", "median", "max", "stdev", "frames")
"""Columns after the feature's name, in order."""

EXPENDABLE = ("p1", "harmonic", "frames", "stdev", "unit", "p5", "median")
"""Columns that go, in this order, until the table fits the terminal: a number that is cut off is no number."""

GAP = 2
"""Blanks between columns."""


@contextmanager
def file_progress(path: str, *, quiet: bool) -> Iterator[Callable[[Fraction, Fraction], None]]:
    """A bar on standard error with the frames done and frames a second; nothing when quiet or not on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _reached, _end: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[frames]} frames"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(path, total=None, frames=0)
        frames = 0

        def advance(reached: Fraction, end: Fraction) -> None:
            nonlocal frames
            frames += 1
            bars.update(task, completed=float(reached), total=float(end) or None, frames=frames)

        yield advance


class FileTable:
    """Pooled values of one file, as wide as the console allows."""

    def __init__(self, scores: FileScores) -> None:
        self._scores = scores

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with what was scored above it and how below."""
        result = self._scores.result
        facts = result.segment
        compared = self._scores.reference is not None
        scored = (
            f"{facts.frames_paired} of {facts.frames_sampled} frames compared"
            if compared
            else f"{facts.frames_sampled} of {facts.frames_decoded} frames scored"
        )
        beside = f" beside {self._scores.reference}" if compared else ""
        yield Text(f"{self._scores.path}{beside}", style="bold")
        yield _table([(score.feature, _cells(score)) for score in result.scores], options.max_width)
        yield Text(f"{facts.codec} {facts.format}, {scored} in {result.score_seconds:.1f} s", style="dim")


def _table(rows: Sequence[tuple[str, Mapping[str, str]]], width: int) -> Table:
    columns = list(COLUMNS)
    for expendable in EXPENDABLE:
        if _width(rows, columns) <= width:
            break
        columns.remove(expendable)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column("feature", overflow="fold")
    for heading in columns:
        table.add_column(heading, justify="left" if heading == "unit" else "right", overflow="fold")
    for name, cells in rows:
        table.add_row(name, *(cells[heading] for heading in columns))
    return table


def _width(rows: Sequence[tuple[str, Mapping[str, str]]], columns: Sequence[str]) -> int:
    names = max(len(name) for name, _ in [("feature", None), *rows])
    return names + sum(GAP + max(len(heading), *(len(cells[heading]) for _, cells in rows)) for heading in columns)


def _cells(score: SegmentScore) -> dict[str, str]:
    values = {
        "mean": score.mean,
        "harmonic": score.harmonic_mean,
        "min": score.min,
        "p1": score.p1,
        "p5": score.p5,
        "median": score.p50,
        "max": score.max,
        "stdev": score.stdev,
    }
    numbers = {heading: _number(value) for heading, value in values.items()}
    return {"unit": feature(score.feature)[1].unit, **numbers, "frames": str(score.frames)}


def _number(value: float) -> str:
    """Four significant digits, without an exponent where that is no longer."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
