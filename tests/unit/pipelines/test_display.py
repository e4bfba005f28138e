"""Tables and progress on terminals of any width."""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from rich.console import Console

from monitor.aggregation import pool_segment
from monitor.scorers import specs
from monitor.types import Score, Segment, SegmentResult, VideoFormat
from pipelines.display import COLUMNS, FileTable, file_progress
from pipelines.files import FileScores

EVERYTHING = {feature.name: spec.model for spec in specs() for feature in spec.features}


def table(width: int, values: tuple[float, ...] = (0.00012345, 123.456, 20491.7), **more: object) -> str:
    frames = tuple(
        Score(name, value, index, Fraction(index, 25)) for name in EVERYTHING for index, value in enumerate(values)
    )
    facts = Segment(
        "a",
        "main",
        0,
        datetime(2026, 11, 21, tzinfo=UTC),
        Fraction(2),
        codec="h264",
        format=VideoFormat(1920, 1080, "yuv420p"),
        frames_decoded=50,
        frames_sampled=40,
        frames_paired=30,
    )
    result = SegmentResult(facts, pool_segment(facts, frames, EVERYTHING), frames, score_seconds=1.25)
    fields = {"path": "film.mp4", "reference": None, "metrics": (), "result": result} | more
    console = Console(file=io.StringIO(), width=width)
    console.print(FileTable(FileScores(**fields)))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 200])
def test_no_name_and_no_number_is_ever_cut(width: int) -> None:
    text = table(width)
    lines = text.splitlines()
    assert "…" not in text
    assert max(len(line) for line in lines) <= width
    assert len(lines) == 3 + len(EVERYTHING)
    for name in EVERYTHING:
        [row] = [line for line in lines if line.split()[0] == name]
        assert "6872" in row  # the mean


def test_columns_go_one_by_one_and_the_important_ones_stay() -> None:
    headings = [table(width).splitlines()[1].split() for width in (200, 80, 60)]
    assert headings[0] == ["feature", *COLUMNS]
    assert headings[0] != headings[1] != headings[2]
    for heading in headings:
        assert set(heading) >= {"feature", "mean", "min", "max"}


def test_a_narrow_terminal_folds_rather_than_cuts() -> None:
    folded = table(20)
    assert "…" not in folded
    assert max(len(line) for line in folded.splitlines()) <= 20


def test_what_was_scored_stands_above_and_how_below() -> None:
    alone, beside = table(80).splitlines(), table(80, reference="source.mp4").splitlines()
    assert (alone[0], alone[-1]) == ("film.mp4", "h264 1920x1080 yuv420p, 40 of 50 frames scored in 1.2 s")
    assert (beside[0], beside[-1]) == (
        "film.mp4 beside source.mp4",
        "h264 1920x1080 yuv420p, 30 of 40 frames compared in 1.2 s",
    )


def test_brackets_in_names_of_files_are_no_markup() -> None:
    assert table(80, path="[red]film[/red] [1].mp4").splitlines()[0] == "[red]film[/red] [1].mp4"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(38.123456, "38.12"), (0.0, "0"), (20491.7, "20492"), (1.5e-5, "1.5e-05"), (3e12, "3e+12"), (math.inf, "inf")],
)
def test_numbers_have_four_digits(value: float, shown: str) -> None:
    row = next(line for line in table(200, (value,)).splitlines() if line.startswith("blur"))
    assert row.split()[1] == shown


def test_progress_is_silent_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with file_progress("film.mp4", quiet=False) as progress:
        progress(Fraction(1), Fraction(2))
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("end", "expected"), [(Fraction(4), "50%"), (Fraction(0), "3 frames")])
def test_progress_shows_the_share_of_the_announced_duration(
    end: Fraction, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with file_progress("[b]film.mp4", quiet=False) as progress:
        for index in range(3):
            progress(Fraction(index), end)
    assert expected in terminal.getvalue()
    assert "[b]film.mp4" in terminal.getvalue()
    quiet = Terminal()
    monkeypatch.setattr("sys.stderr", quiet)
    with file_progress("film.mp4", quiet=True) as progress:
        progress(Fraction(1), end)
    assert quiet.getvalue() == ""
