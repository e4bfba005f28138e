"""Where the scores of files go: a table, warnings, a file, a report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from monitor.errors import ConfigError, SinkError, UnknownName
from pipelines.display import FileTable
from pipelines.files import FileScores
from pipelines.logs import complain
from pipelines.scorefiles import FORMATS, LIBVMAF_FORMATS, WRITERS

STDOUT = Path("-")

HUMAN = "human"
"""Name of the tables among the formats of standard output."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What to make of scores."""

    output: Path | None = None
    """File, or ``-`` for standard output."""
    output_format: str | None = None
    """By the file's suffix where ``None``; without ``output`` it goes to standard output."""
    stdout_format: str = HUMAN
    """What goes to standard output: tables, or one of the formats of files."""
    report: Path | None = None
    """HTML file to write."""
    pools: tuple[str, ...] = ()
    """Pools to show, as ``pipelines.pooling.parse_pool`` gives them; the usual ones where there are none."""
    quiet: bool = False
    """No table, no progress bar."""

    @property
    def printed(self) -> str | None:
        """The format that standard output gets, ``None`` for tables.

        Raises:
            ConfigError: it was to get two.
        """
        formats = {self.stdout_format} - {HUMAN}
        if (self.output is None and self.output_format is not None) or self.output == STDOUT:
            formats.add(self.output_format or "json")
        if len(formats) > 1:
            both = " and ".join(sorted(formats))
            raise ConfigError(f"standard output can't be both {both}; give one of them a file with -o")
        return next(iter(formats), None)

    @property
    def written(self) -> str | None:
        """The format of the output file, ``None`` where there is none."""
        if self.output is None or self.output == STDOUT:
            return None
        suffix = self.output.suffix.removeprefix(".").lower()
        return self.output_format or (suffix if suffix in WRITERS else "json")

    @property
    def logs(self) -> bool:
        """Whether anything is written in a format of libvmaf's."""
        return any(chosen in LIBVMAF_FORMATS for chosen in (self.written, self.printed))

    def check(self, inputs: Sequence[str] = ()) -> None:
        """Refuse before an hour of scoring what could not be written after it.

        Args:
            inputs: The files that are scored, none of which is to be overwritten.

        Raises:
            UnknownName: there is no such format.
            ConfigError: a file has two purposes.
            SinkError: a file can't be written.
        """
        for chosen in (self.output_format, self.printed):
            if chosen is not None and chosen not in FORMATS:
                raise UnknownName("output format", chosen, FORMATS)
        if self.report is not None and self.report == self.output:
            raise ConfigError(f"both the scores and the report would go to {self.report}; give one of them another name")
        if self.report == STDOUT:
            raise ConfigError("a report does not go to standard output; give --report the name of a file")
        for path in (self.output, self.report):
            if path is not None and path != STDOUT:
                for read in inputs:
                    if path.is_file() and Path(read).is_file() and path.samefile(read):
                        raise ConfigError(
                            f"{path} is one of the videos to score and would be overwritten; give another name"
                        )
                try_writing(path)

    def show(self, *files: FileScores) -> None:
        """Print a table and what the reader should know."""
        table = not self.quiet and self.printed is None
        if table:
            Console().print(FileTable(*files, pools=self.pools))
        said = {flag.detail: None for scores in files for flag in scores.flags if not (table and flag.spoils)}
        for warning in said:  # what spoils the numbers stands under the table
            complain(f"warning: {warning}")

    def write(self, scored: Sequence[FileScores]) -> None:
        """Write what was asked for.

        Raises:
            SinkError: it can't be written.
        """
        if not scored:
            return
        if (printed := self.printed) is not None:
            sys.stdout.write(WRITERS[printed](scored, self.pools))
        if self.output is not None and (written := self.written) is not None:
            text = WRITERS[written](scored, self.pools)
            try:
                self.output.write_text(text, encoding="utf-8")
            except OSError as error:
                raise _unwritable(self.output, error) from error


def try_writing(path: Path) -> None:
    """Find out whether a file can be written, and leave no trace.

    Raises:
        SinkError: it can't.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        return  # writing to a pipe or a device to try it would be writing
    new = not path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if new:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SinkError:
    missing = isinstance(error, FileNotFoundError) and not path.parent.is_dir()
    reason = f"there is no folder {path.parent}" if missing else error.strerror or str(error)
    return SinkError(f"can't write {path}: {reason}")
