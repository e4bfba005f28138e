"""Tables and progress on terminals of any width."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from rich.console import Console

from monitor.aggregation import pool_segment
from monitor.scorers import specs
from monitor.types import Score, Segment, SegmentResult, Sync, VideoFormat
from pipelines.display import FileTable, file_progress
from pipelines.files import FileScores, Flag
from pipelines.wording import moment, rate
from tests.unit.pipelines.scored import scores, spoilt

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
    assert lines[2 + len(EVERYTHING)].startswith("h264 1920x1080 yuv420p")
    for name in EVERYTHING:
        [row] = [line for line in lines if line.split()[0] == name]
        assert "6872" in row  # the mean


def test_columns_go_one_by_one_and_the_important_ones_stay() -> None:
    headings = [table(width).splitlines()[1].split() for width in (200, 80, 60)]
    assert headings[0] == [
        *("feature", "unit", "mean", "harmonic", "min", "p1", "p5", "median", "max", "stdev", "frames", "worst", "frame")
    ]
    assert headings[0] != headings[1] != headings[2]
    for heading in headings:
        assert set(heading) >= {"feature", "mean", "min"}


def test_a_narrow_terminal_folds_rather_than_cuts() -> None:
    folded = table(20)
    assert "…" not in folded
    assert max(len(line) for line in folded.splitlines()) <= 20


def test_what_was_scored_stands_above_and_how_below() -> None:
    alone, beside = table(80).splitlines(), table(80, reference="source.mp4").splitlines()
    assert (alone[0], alone[-1]) == ("film.mp4", "h264 1920x1080 yuv420p, 40 of 50 frames scored in 1.2 s, 32 a second")
    assert (beside[0], beside[-1]) == (
        "film.mp4 beside source.mp4",
        "h264 1920x1080 yuv420p, 30 of 40 frames compared in 1.2 s, 32 a second",
    )


def test_brackets_in_names_of_files_are_no_markup() -> None:
    assert table(80, path="[red]film[/red] [1].mp4").splitlines()[0] == "[red]film[/red] [1].mp4"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((38.123456, "38.12"), (0.9, "0.9000"), (2.0, "2.000"), (0.0, "0.0000"), (1234.5, "1234.5"), (20491.7, "20492")),
        *((1.5e-5, "1.5e-05"), (3e12, "3e+12"), (math.inf, "inf")),
    ],
)
def test_numbers_have_four_digits(value: float, shown: str) -> None:
    row = next(line for line in table(200, (value,)).splitlines() if line.startswith("blur"))
    assert row.split()[1] == shown


def rendered(*files: FileScores, width: int = 120, pools: tuple[str, ...] = (), color: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(FileTable(*files, pools=pools))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_a_features_numbers_have_the_same_decimals() -> None:
    row = next(line for line in rendered(scores(values={"vmaf": (100.0, 0.5)})).splitlines() if line.startswith("vmaf"))
    assert {len(number.partition(".")[2]) for number in row.split()[1:9]} == {2}


def test_several_files_stand_beside_each_other_under_each_feature() -> None:
    files = [
        scores("x/a.mp4", {"vmaf": (90.0,), "psnr_y": (40.0,)}),
        scores("x/b.mp4", {"vmaf": (80.0,), "psnr_y": (41.0,)}),
    ]
    lines = rendered(*files).splitlines()
    assert lines[0] == "2 files beside r.mp4"
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["vmaf", "a.mp4", "90.00"],
        ["b.mp4", "80.00", "80.00"],
        ["psnr_y", "a.mp4", "dB"],
        ["b.mp4", "41.00", "41.00"],
    ]
    assert lines[6].startswith("a.mp4: h264 160x96 yuv420p, 1 of 1 frames compared")
    assert lines[7].startswith("b.mp4: h264")


def test_features_stand_in_the_order_in_which_metrics_were_asked_for() -> None:
    file = scores(values={"psnr_y": (40.0,), "psnr_cb": (41.0,), "vmaf": (90.0,)})
    turned = replace(file, metrics=tuple(reversed(file.metrics)))
    rows = [[line.split()[0] for line in rendered(each).splitlines()[2:5]] for each in (file, turned)]
    assert rows == [["psnr_y", "psnr_cb", "vmaf"], ["vmaf", "psnr_y", "psnr_cb"]]


def test_long_or_equal_names_are_numbered() -> None:
    for paths in (("x/a.mp4", "y/a.mp4"), ("a.mp4", f"{'b' * 40}.mp4")):
        lines = rendered(*(scores(path, {"vmaf": (90.0,)}) for path in paths)).splitlines()
        assert lines[2].split()[:2] == ["vmaf", "#1"]
        assert lines[3].split()[0] == "#2"
        assert [line.split(":")[0] for line in lines[4:]] == [f"#1 {paths[0]}", f"#2 {paths[1]}"]


def test_the_best_of_several_files_stands_out() -> None:
    files = [scores("a.mp4", {"vmaf": (90.0,), "gmsd": (0.2,)}), scores("b.mp4", {"vmaf": (80.0,), "gmsd": (0.1,)})]
    text = rendered(*files, pools=("mean",), color=True)
    bold = re.findall(r"\x1b\[1;32m([^\x1b]*)\x1b", text)
    assert [cell.strip() for cell in bold] == ["90.00", "0.1000"]
    assert "\x1b[1;32m" not in rendered(files[0], color=True)


def test_the_pools_that_were_asked_for_are_the_columns_and_never_go() -> None:
    file = scores(values={"vmaf": tuple(map(float, range(101))), "integer_motion2": (1.0,) * 101})
    for width, more in ((120, ["unit"]), (50, [])):
        heading, row = rendered(file, width=width, pools=("mean", "p10", "p1", "stdev")).splitlines()[1:3]
        assert heading.split()[: 5 + len(more)] == ["feature", *more, "mean", "p10", "p1", "stdev"]
        assert row.split()[:5] == ["vmaf", "50.00", "10.00", "1.00", "29.15"]


def test_the_worst_frame_is_named_where_there_is_a_worst() -> None:
    values = {"vmaf": (90.0, 80.0, 85.0), "gmsd": (0.1, 0.3, 0.4), "integer_motion2": (0.0, 1.0, 2.0)}
    rows = {line.split()[0]: line for line in rendered(scores(values=values)).splitlines()[2:5]}
    assert rows["vmaf"].endswith("1 at 0.04 s")
    assert rows["gmsd"].endswith("2 at 0.08 s")
    assert "at" not in rows["integer_motion2"].split()


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.684, "0.68 s"), (59.996, "1:00.00"), (62.4, "1:02.40"), (7384.5, "2:03:04.50")]
)
def test_moments_are_for_people(seconds: float, shown: str) -> None:
    assert moment(Fraction(seconds)) == shown


@pytest.mark.parametrize(
    ("frames", "seconds", "shown"), [(75, 0.05, "1500 a second"), (100, 3.0, "33.3 a second"), (9, 4.0, "2.25 a second")]
)
def test_speeds_have_no_exponent(frames: int, seconds: float, shown: str) -> None:
    assert rate(frames, seconds) == shown


@pytest.mark.parametrize(
    ("sync", "line"),
    [
        (Sync(0.0, 0, "content", 0.9), "no offset, found in the pictures, 90 % sure"),
        (
            Sync(0.12, 3, "content", 0.981, 0.012),
            "offset +3 frames (+0.120 s) found in the pictures, 98 % sure (next best 1 %)",
        ),
        (Sync(-0.04, -1, "given"), "offset -1 frame (-0.040 s) as given"),
        (Sync(0.0, 0, "pts", dropped=2, frozen=7), "no offset, by the files' own times, 2 dropped, 7 frozen"),
    ],
)
def test_how_the_files_were_paired_is_said(sync: Sync, line: str) -> None:
    assert rendered(scores(sync=sync)).splitlines()[-1] == line
    several = rendered(scores("a.mp4", sync=sync), scores("b.mp4", sync=Sync(0.0, 0, "pts"))).splitlines()
    assert several[-2:] == [f"  {line}", several[-1]]
    assert several[-1].startswith("b.mp4: h264")


def test_of_files_that_pair_by_their_own_times_nothing_is_said() -> None:
    plain = rendered(scores(sync=Sync(0.0, 0, "pts", matched=50)))
    assert plain == rendered(scores())


def test_what_spoils_the_numbers_is_said_in_red_and_what_does_not_is_not() -> None:
    file = spoilt(scores(flags=[Flag("shorter", "the reference goes on")]), detail="give --sync-offset")
    assert "\x1b[1;31mThese numbers do not hold (misaligned): give --sync-offset\x1b" in rendered(file, color=True)
    assert "goes on" not in rendered(file)


def test_a_value_that_does_not_exist_is_a_dash() -> None:
    files = [scores("a.mp4", {"vmaf": (90.0,)}), scores("b.mp4", {"psnr_y": (40.0,)})]
    rows = [line.split() for line in rendered(*files, pools=("mean",)).splitlines()[2:6]]
    assert rows == [
        ["vmaf", "a.mp4", "90.00", "0", "at", "0.00", "s"],
        ["b.mp4", "-"],
        ["psnr_y", "a.mp4", "dB", "-"],
        ["b.mp4", "40.00", "0", "at", "0.00", "s"],
    ]


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
