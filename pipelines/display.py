"""What people see on a terminal: progress, tables, live state. Everything here goes through rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from monitor.scorers import feature

if TYPE_CHECKING:
    from pipelines.files import FileScores


@contextmanager
def file_progress(path: str, *, quiet: bool) -> Iterator[Callable[[Fraction], None]]:
    """A bar on standard error with the frames done and frames a second; nothing when quiet or not on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:.0f} frames, {task.fields[rate]:.0f}/s"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(path, total=None, rate=0.0)

        def advance(_pts: Fraction) -> None:
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed or 0.0
            bars.update(task, advance=1, rate=speed)

        yield advance


def file_table(scores: FileScores) -> Table:
    """Pooled values of one file."""
    facts = scores.result.segment
    beside = f" beside {scores.reference}" if scores.reference else ""
    table = Table(title=f"{scores.path}{beside}", title_justify="left", box=None, pad_edge=False)
    table.add_column("feature", no_wrap=True)
    table.add_column("unit")
    for heading in ("mean", "harmonic", "min", "p1", "p5", "median", "max", "stdev", "frames"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in scores.result.scores:
        _, description = feature(score.feature)
        values = (score.mean, score.harmonic_mean, score.min, score.p1, score.p5, score.p50, score.max, score.stdev)
        table.add_row(score.feature, description.unit, *(f"{value:.4g}" for value in values), str(score.frames))
    speed = facts.frames_decoded / scores.result.score_seconds if scores.result.score_seconds else 0.0
    table.caption = (
        f"{facts.codec} {facts.format}, {facts.frames_sampled} of {facts.frames_decoded} frames scored, {speed:.0f} frames/s"
    )
    table.caption_justify = "left"
    return table
