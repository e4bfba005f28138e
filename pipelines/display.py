"""What ``vqmon score`` and ``vqmon compare`` show on a terminal: progress and tables. Everything here goes through rich."""

from __future__ import annotations

import math
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
from pipelines.pooling import Pooled, heading
from pipelines.wording import aligned, how, labels, moment, pairing, printable, rate

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from monitor.protocols import Feature
    from pipelines.files import FileScores

POOL_COLUMNS = ("mean", "harmonic_mean", "min", "p1", "p5", "p50", "max", "stdev")
"""Pools shown where none are asked for, in order."""

EXPENDABLE = ("p1", "frames", "harmonic", "stdev", "unit", "max", "worst frame", "p5", "median")
"""Columns that go, in this order, until the table fits the terminal: a number that is cut off is no number. What was asked
for stays."""

GAP = 2
"""Blanks between columns."""

PREPARING = "preparing; the first time on a machine metrics are compiled"
"""What the progress bar says until the first frame is scored."""


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
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(PREPARING, total=None, frames=0, rate="")
        frames = 0

        def advance(reached: Fraction, end: Fraction) -> None:
            nonlocal frames
            if not frames:
                bars.reset(task, description=path)
            frames += 1
            elapsed = bars.tasks[0].elapsed
            speed = rate(frames, elapsed) if elapsed else ""
            bars.update(task, completed=float(reached), total=float(end) or None, frames=frames, rate=speed)

        yield advance


class FileTable:
    """Pooled values of one file, or of several beside each other, as wide as the console allows.

    Args:
        files: What each file scored; the same reference for all of them.
        pools: Pools to show, as ``pipelines.pooling.parse_pool`` gives them; the usual ones where there are none.
    """

    def __init__(self, *files: FileScores, pools: Sequence[str] = ()) -> None:
        self._files = files
        self._asked = [heading(pool) for pool in pools]
        self._pools = tuple(pools) or POOL_COLUMNS
        self._labels = labels([scores.path for scores in files])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with what was scored above it and how below."""
        first, several = self._files[0], len(self._files) > 1
        beside = f" beside {first.reference}" if first.reference is not None else ""
        yield Text(f"{f'{len(self._files)} files' if several else printable(first.path)}{printable(beside)}", style="bold")
        yield self._table(options.max_width)
        for scores, label in zip(self._files, self._labels, strict=True):
            numbered = f"{label} {printable(scores.path)}" if label.startswith("#") else label
            yield Text(f"{numbered}: {how(scores)}" if several else how(scores), style="dim")
            indent = "  " if several else ""
            if scores.sync is not None and (text := pairing(scores.sync)):
                yield Text(f"{indent}{text}", style="dim")
            for flag in scores.flags:
                if flag.spoils:
                    text = f"{indent}These numbers do not hold ({flag.name}): {printable(flag.detail)}"
                    yield Text(text, style="bold red")

    def _table(self, width: int) -> Table:
        rows = list(self._rows())
        columns = self._columns(rows, width)
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for column in columns:
            table.add_column(column, justify="left" if column in _TEXT else "right", overflow="fold")
        for row in rows:
            table.add_row(*(row.get(column, Text()) for column in columns))
        return table

    def _columns(self, rows: Sequence[Mapping[str, Text]], width: int) -> list[str]:
        """The columns that there is room for."""
        several = ["file"] if len(self._files) > 1 else []
        columns = ["feature", *several, "unit", *map(heading, self._pools), "frames", "worst frame"]
        if self._asked:
            columns.remove("frames")
        for column in ("unit", "worst frame"):
            if not any(row[column].plain for row in rows):
                columns.remove(column)
        for expendable in EXPENDABLE:
            if _width(rows, columns) <= width:
                break
            if expendable in columns and expendable not in self._asked:
                columns.remove(expendable)
        return columns

    def _rows(self) -> Iterator[Mapping[str, Text]]:
        """By feature, as metrics were asked for, and then by file; the best of several files stands out."""
        pooled = [Pooled(scores.result) for scores in self._files]
        asked = [each.name for scores in self._files for spec in scores.metrics for each in spec.features]
        scored = [score.feature for scores in self._files for score in scores.result.scores]
        for name in (each for each in dict.fromkeys((*asked, *scored)) if each in scored):
            described = feature(name)[1]
            values = [[each.value(name, pool) for pool in self._pools] for each in pooled]
            numbers = iter(aligned([value for each in values for value in each]))
            best = [
                _best(column, described, pool) for pool, column in zip(self._pools, zip(*values, strict=True), strict=True)
            ]
            title, unit = name, described.unit
            for label, each, found in zip(self._labels, pooled, values, strict=True):
                worst = each.worst(name, described.higher_is_better)
                yield {
                    "feature": Text(title),
                    "file": Text(label),
                    "unit": Text(unit),
                    **{
                        heading(pool): Text(next(numbers), style="bold green" if value == top is not None else "")
                        for pool, value, top in zip(self._pools, found, best, strict=True)
                    },
                    "frames": Text(str(len(each.frames(name)) or "")),
                    "worst frame": Text(f"{worst.index} at {moment(worst.pts)}" if worst is not None else ""),
                }
                title = unit = ""


_TEXT = ("feature", "file", "unit")


def _best(values: Sequence[float | None], described: Feature, pool: str) -> float | None:
    """The value that stands out; ``None`` where none does."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(values) < 2 or len(set(known)) < 2 or described.higher_is_better is None or pool == "stdev":
        return None
    return max(known) if described.higher_is_better else min(known)


def _width(rows: Sequence[Mapping[str, Text]], columns: Sequence[str]) -> int:
    return sum(GAP + max(len(column), *(len(row[column].plain) for row in rows)) for column in columns) - GAP
