"""From the words of ``vqmon score`` and ``vqmon compare`` to tables, files and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType

from rich.console import Console

from monitor.errors import SinkError, SourceError, UnknownName, UnsupportedFormat
from monitor.protocols import Reference
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.display import FileTable, file_progress
from pipelines.files import FileScores, Progress, choose_metrics, score_file
from pipelines.logs import complain
from pipelines.scorefiles import FORMATS, WRITERS

STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where scores go."""

    output: Path | None = None
    """File, or ``-`` for standard output."""
    output_format: str | None = None
    """By the file's suffix where ``None``."""
    quiet: bool = False
    """No table, no progress bar."""

    @property
    def path(self) -> Path | None:
        """File that is to be written; standard output where only a format is named."""
        return STDOUT if self.output is None and self.output_format is not None else self.output

    def check(self) -> None:
        """Refuse before an hour of scoring what could not be written after it.

        Raises:
            UnknownName: there is no such format.
            SinkError: the file can't be written.
        """
        check_output(self.path, self.output_format)

    def show(self, scores: FileScores) -> None:
        """Print a file's table and its warnings."""
        if not self.quiet and self.path != STDOUT:
            Console().print(FileTable(scores))
        for warning in scores.warnings:
            complain(f"warning: {warning}")

    def write(self, scored: Sequence[FileScores]) -> None:
        """Write the file that was asked for.

        Raises:
            SinkError: it can't be written.
        """
        if scored and self.path is not None:
            _write(scored, self.path, self.output_format)


def run_scoring(files: Sequence[str], names: Sequence[str], delivery: Delivery, *, sampling: str, per_second: float) -> int:
    """Score files one after the other without a reference; the exit code.

    A file that can't be scored costs the others nothing: it is named on standard error, and the code is 1.

    Raises:
        ConfigError: a setting is wrong.
        SinkError: the output can't be written.
    """
    chosen = choose_metrics(names, Reference.NONE)
    delivery.check()
    scored: list[FileScores] = []
    for path in files:
        try:
            with file_progress(path, quiet=delivery.quiet) as advance, interruptible(advance) as progress:
                scores = score_file(
                    path, chosen, sampling=sampling, per_second=per_second, threads=os.cpu_count() or 1, progress=progress
                )
        except (SourceError, UnsupportedFormat) as error:
            complain(str(error))
            continue
        scored.append(scores)
        delivery.show(scores)
    delivery.write(scored)
    return 0 if len(scored) == len(files) else 1


def run_comparison(
    files: Sequence[str], reference: str, names: Sequence[str], delivery: Delivery, settings: Settings
) -> int:
    """Compare files with their reference in one pass; the exit code.

    A file that can't be compared costs the others nothing: it is named on standard error, and the code is 1.

    Raises:
        ConfigError: a setting is wrong.
        SourceError: the reference can't be read.
        SinkError: the output can't be written.
    """
    chosen = choose_metrics(names, Reference.FULL)
    delivery.check()
    label = files[0] if len(files) == 1 else f"{len(files)} files"
    with file_progress(label, quiet=delivery.quiet) as advance, interruptible(advance) as progress:
        compared = compare_files(files, reference, chosen, settings, progress=progress)
    for one in compared:
        if one.scores is not None:
            delivery.show(one.scores)
        else:
            complain(str(one.error))
    scored = [one.scores for one in compared if one.scores is not None]
    delivery.write(scored)
    return 0 if len(scored) == len(files) else 1


@contextmanager
def interruptible(advance: Progress) -> Iterator[Progress]:
    """``advance``, raising ``KeyboardInterrupt`` after Ctrl-C: between frames, not anywhere.

    In the middle of a kernel's compilation the interrupt would be printed and lost. A second one ends the process at once.
    """
    interrupted = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            os._exit(130)
        interrupted.set()

    def progress(reached: Fraction, end: Fraction) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        advance(reached, end)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield progress
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted.is_set():
        raise KeyboardInterrupt


def check_output(output: Path | None, output_format: str | None) -> None:
    """Refuse before an hour of scoring what could not be written after it.

    Raises:
        UnknownName: there is no such format.
        SinkError: the file can't be written.
    """
    if output_format is not None and output_format not in FORMATS:
        raise UnknownName("output format", output_format, FORMATS)
    if output is None or output == STDOUT or (output.exists() and not output.is_file() and not output.is_dir()):
        return  # writing to a pipe or a device to try it would be writing
    new = not output.exists()
    try:
        with output.open("a", encoding="utf-8"):
            pass
        if new:
            output.unlink()
    except OSError as error:
        raise _unwritable(output, error) from error


def _write(scored: Sequence[FileScores], output: Path, output_format: str | None) -> None:
    """Write in the format named, else in that of the file's suffix, else as JSON."""
    suffix = output.suffix.removeprefix(".").lower()
    text = WRITERS[output_format or (suffix if suffix in WRITERS else "json")](scored)
    if output == STDOUT:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(output, error) from error


def _unwritable(output: Path, error: OSError) -> SinkError:
    missing = isinstance(error, FileNotFoundError) and not output.parent.is_dir()
    reason = f"there is no folder {output.parent}" if missing else error.strerror or str(error)
    return SinkError(f"can't write {output}: {reason}")
