"""What ``vqmon score`` and ``vqmon compare`` show on a terminal: progress and tables. Everything here goes through rich."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from monitor.scorers import feature
from pipelines.pooling import Pooled, heading

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

    from monitor.protocols import Feature
    from monitor.types import Sync
    from pipelines.files import FileScores

POOL_COLUMNS = ("mean", "harmonic_mean", "min", "p1", "p5", "p50", "max", "stdev")
"""Pools shown where none are asked for, in order."""

EXPENDABLE = ("p1", "frames", "harmonic", "stdev", "unit", "max", "worst frame", "p5", "median")
"""Columns that go, in this order, until the table fits the terminal: a number that is cut off is no number. What was asked
for stays."""

GAP = 2
"""Blanks between columns."""

LONGEST_LABEL = 28
"""Longest file name that a table of several files repeats in its rows; longer ones are numbered."""


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
        task = bars.add_task(path, total=None, frames=0, rate="")
        frames = 0

        def advance(reached: Fraction, end: Fraction) -> None:
            nonlocal frames
            frames += 1
            elapsed = bars.tasks[0].elapsed
            rate = f"{frames / elapsed:.3g} a second" if elapsed else ""
            bars.update(task, completed=float(reached), total=float(end) or None, frames=frames, rate=rate)

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
        self._labels = _labels([scores.path for scores in files])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with what was scored above it and how below."""
        first, several = self._files[0], len(self._files) > 1
        beside = f" beside {first.reference}" if first.reference is not None else ""
        yield Text(f"{f'{len(self._files)} files' if several else printable(first.path)}{printable(beside)}", style="bold")
        yield self._table(options.max_width)
        for scores, label in zip(self._files, self._labels, strict=True):
            numbered = f"{label} {printable(scores.path)}" if label.startswith("#") else label
            yield Text(f"{numbered}: {_how(scores)}" if several else _how(scores), style="dim")
            indent = "  " if several else ""
            if scores.sync is not None and (text := _pairing(scores.sync, plain=several)):
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
        """By feature and then by file; the best of several files stands out."""
        pooled = [Pooled(scores.result) for scores in self._files]
        for name in dict.fromkeys(score.feature for scores in self._files for score in scores.result.scores):
            described = feature(name)[1]
            values = [{pool: each.value(name, pool) for pool in self._pools} for each in pooled]
            best = {pool: _best([each[pool] for each in values], described, pool) for pool in self._pools}
            decimals = _decimals([value for each in values for value in each.values()])
            title, unit = name, described.unit
            for label, each, found in zip(self._labels, pooled, values, strict=True):
                worst = each.worst(name, described.higher_is_better)
                numbers = {pool: _number(value, decimals) for pool, value in found.items()}
                yield {
                    "feature": Text(title),
                    "file": Text(label),
                    "unit": Text(unit),
                    **{
                        heading(pool): Text(number, style="bold green" if found[pool] == best[pool] is not None else "")
                        for pool, number in numbers.items()
                    },
                    "frames": Text(str(len(each.frames(name)) or "")),
                    "worst frame": Text(f"{worst.index} at {moment(worst.pts)}" if worst is not None else ""),
                }
                title = unit = ""


_TEXT = ("feature", "file", "unit")


def _labels(paths: Sequence[str]) -> list[str]:
    """What each of several files is called in the rows: its name, or a number where names are long or the same."""
    names = [printable(Path(path).name or path) for path in paths]
    if len(set(names)) == len(names) and max(len(name) for name in names) <= LONGEST_LABEL:
        return names
    return [f"#{number}" for number in range(1, len(paths) + 1)] if len(paths) > 1 else names


def _best(values: Sequence[float | None], described: Feature, pool: str) -> float | None:
    """The value that stands out; ``None`` where none does."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(values) < 2 or len(set(known)) < 2 or described.higher_is_better is None or pool == "stdev":
        return None
    return max(known) if described.higher_is_better else min(known)


def _how(scores: FileScores) -> str:
    """What a file is, and what was done with it at which speed."""
    result = scores.result
    facts = result.segment
    if scores.reference is not None:
        done = f"{facts.frames_paired} of {facts.frames_sampled} frames compared"
    else:
        done = f"{facts.frames_sampled} of {facts.frames_decoded} frames scored"
    speed = f", {facts.frames_sampled / result.score_seconds:.3g} a second" if result.score_seconds > 0 else ""
    return f"{facts.codec} {facts.format}, {done} in {result.score_seconds:.1f} s{speed}"


def _pairing(sync: Sync, *, plain: bool) -> str:
    """How a file was laid beside its reference; "" where it is as one would expect and ``plain`` leaves that out."""
    counts = {"dropped": sync.dropped, "duplicated": sync.duplicated, "frozen": sync.frozen}
    counted = [f"{count} {what}" for what, count in counts.items() if count]
    if plain and not (sync.offset or sync.offset_frames or sync.confidence is not None or counted):
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


def _width(rows: Sequence[Mapping[str, Text]], columns: Sequence[str]) -> int:
    return sum(GAP + max(len(column), *(len(row[column].plain) for row in rows)) for column in columns) - GAP


def _decimals(values: Sequence[float | None]) -> int:
    """Decimals that give the largest of some numbers at least four digits, and all of them the same."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    return next((decimals for limit, decimals in ((1.5, 4), (10, 3), (1000, 2), (10_000, 1)) if largest < limit), 0)


def _number(value: float | None, decimals: int) -> str:
    """A number with these decimals; one that they would make zero keeps two digits of its own."""
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
    """``text`` as any terminal can take it: bytes of a file name that are no UTF-8 become question marks."""
    return text.encode(errors="replace").decode()
