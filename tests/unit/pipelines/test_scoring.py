"""Tables, files and exit codes of ``vqmon score`` and ``vqmon compare``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from monitor.errors import ConfigError, SinkError, UnknownName
from pipelines.compare_settings import Settings
from pipelines.scoring import Delivery, check_output, run_comparison, run_scoring


def run(
    *files: Path,
    reference: Path | None = None,
    names: tuple[str, ...] = ("black",),
    output: Path | None = None,
    output_format: str | None = None,
    quiet: bool = False,
    sampling: str = "every",
    per_second: float = 2.0,
) -> int:
    paths, delivery = [str(file) for file in files], Delivery(output, output_format, quiet)
    if reference is not None:
        return run_comparison(paths, str(reference), names, delivery, Settings(sampling, per_second))
    return run_scoring(paths, names, delivery, sampling=sampling, per_second=per_second)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def test_a_table_goes_to_standard_output(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clips / "reference.mp4") == 0
    output, errors = capsys.readouterr()
    assert output.splitlines()[0] == str(clips / "reference.mp4")
    assert output.splitlines()[2].split()[:2] == ["black_ratio", "ratio"]
    assert errors == ""


def test_warnings_go_to_standard_error(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clips / "short.mp4", reference=clips / "reference.mp4", names=("psnr",)) == 0
    output, errors = capsys.readouterr()
    assert "psnr_y" in output
    assert errors.startswith("vqmon: warning: ")
    assert errors.count("\n") == 1


def test_one_bad_file_costs_the_others_nothing(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores.json"
    files = (clips / "text.mp4", clips / "reference.mp4", clips / "nowhere.mp4", clips / "b-frames.mp4")
    assert run(*files, output=out) == 1
    output, errors = capsys.readouterr()
    assert output.count("black_ratio") == 2
    assert [line.rsplit("/", 1)[1] for line in errors.splitlines()] == [
        "text.mp4 is text, expected a video file",
        "nowhere.mp4: no such file",
    ]
    logs = json.loads(out.read_text())["files"]
    assert [Path(log["distorted"]).name for log in logs] == ["reference.mp4", "b-frames.mp4"]


def test_nothing_is_written_when_nothing_was_scored(clips: Path, tmp_path: Path) -> None:
    assert run(clips / "empty.mp4", output=tmp_path / "scores.json") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "output_format", "begins"),
    [
        ("a.json", None, "{\n"),
        ("a.csv", None, "Frame,black_ratio,\n"),
        ("a.CSV", None, "Frame,black_ratio,\n"),
        ("a.ndjson", None, '{"type": "frame"'),
        ("a.txt", None, "{\n"),
        ("a.txt", "csv", "Frame,black_ratio,\n"),
        ("a.json", "ndjson", '{"type": "frame"'),
    ],
)
def test_the_format_is_the_one_named_else_that_of_the_suffix(
    clips: Path, tmp_path: Path, name: str, output_format: str | None, begins: str
) -> None:
    assert run(clips / "reference.mp4", output=tmp_path / name, output_format=output_format, quiet=True) == 0
    assert (tmp_path / name).read_text().startswith(begins)


@pytest.mark.parametrize("output", [None, Path("-")])
def test_a_format_without_a_file_goes_to_standard_output_alone(
    clips: Path, capsys: pytest.CaptureFixture[str], output: Path | None
) -> None:
    assert run(clips / "reference.mp4", output=output, output_format="json") == 0
    printed, errors = capsys.readouterr()
    assert json.loads(printed)["pooled_metrics"]["black_ratio"]["frames"] == 50
    assert errors == ""


def test_quiet_prints_nothing(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clips / "reference.mp4", output=tmp_path / "a.json", quiet=True) == 0
    assert capsys.readouterr() == ("", "")


def test_wrong_words_are_refused_before_any_file_is_opened(clips: Path) -> None:
    nowhere = clips / "nowhere.mp4"
    for changes, complaint in (
        ({"names": ("blakc",)}, "no metric or feature 'blakc'; did you mean black"),
        ({"names": ("psnr",)}, "psnr is a full-reference metric"),
        ({"sampling": "often"}, "no sampling mode 'often'"),
        ({"sampling": "rate", "per_second": 0.0}, "sampling rate is 0 frames a second"),
        ({"output_format": "jsno"}, "no output format 'jsno'; did you mean json"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            run(nowhere, **changes)


# ---- trying the output first


def test_trying_leaves_no_trace(tmp_path: Path) -> None:
    check_output(tmp_path / "new.json", None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.json").write_text("precious")
    check_output(tmp_path / "old.json", "json")
    assert (tmp_path / "old.json").read_text() == "precious"


def test_trying_does_not_touch_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    check_output(tmp_path / "pipe", "csv")  # opening it would wait for a reader
    check_output(Path("/dev/stdout"), "csv")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("nowhere/a.json", "there is no folder .*nowhere"),
        (".", "Is a directory"),
        ("file/a.json", "no folder|Not a directory"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, path: str, complaint: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=complaint):
        check_output(tmp_path / path, None)


def test_an_unknown_format_is_answered_with_what_is_near() -> None:
    with pytest.raises(UnknownName, match="no output format 'ndjsn'; did you mean ndjson"):
        check_output(None, "ndjsn")


def test_a_full_disk_is_named(clips: Path) -> None:
    with pytest.raises(SinkError, match="can't write /dev/full: No space left on device"):
        run(clips / "reference.mp4", output=Path("/dev/full"), quiet=True)
