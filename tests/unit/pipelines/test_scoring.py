"""Tables, files and exit codes of ``vqmon score`` and ``vqmon compare``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from monitor.errors import ConfigError, SinkError, UnknownName
from monitor.scorers import _registry, specs
from pipelines.choosing import Wish
from pipelines.compare_settings import Settings
from pipelines.delivery import Delivery, try_writing
from pipelines.scoring import run_comparison, run_scoring
from tests.unit.sources.pictures import encoded, moving


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
    paths, delivery = [str(file) for file in files], Delivery(output, output_format, quiet=quiet)
    if reference is not None:
        return run_comparison(paths, str(reference), Wish(names), delivery, Settings(sampling, per_second))
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


def test_logs_hold_what_a_model_is_made_of_and_tables_do_not(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "log.json"
    assert run(clips / "b-frames.mp4", reference=clips / "reference.mp4", names=("vmaf",), output=output) == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "vmaf" in line or "integer" in line]
    assert shown == ["vmaf"]
    logged = json.loads(output.read_text())
    made_of = {"integer_adm2", "integer_motion2", *(f"integer_vif_scale{scale}" for scale in range(4))}
    assert made_of < set(logged["pooled_metrics"])
    assert list(logged["frames"][5]["metrics"])[-1] == "vmaf"


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
    try_writing(tmp_path / "new.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.json").write_text("precious")
    try_writing(tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "precious"


def test_trying_does_not_touch_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    try_writing(tmp_path / "pipe")  # opening it would wait for a reader
    try_writing(Path("/dev/stdout"))


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
        try_writing(tmp_path / path)


def test_standard_output_is_one_thing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="standard output can't be both csv and json; give one of them a file with -o"):
        Delivery(output_format="csv", stdout_format="json").check()
    delivery = Delivery(tmp_path / "a.csv", "csv", stdout_format="json")
    delivery.check()
    assert delivery.printed == "json"


def test_two_things_do_not_go_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both the scores and the report would go to"):
        Delivery(tmp_path / "a.html", report=tmp_path / "a.html").check()


def test_a_video_is_not_overwritten(tmp_path: Path) -> None:
    video, link = tmp_path / "encode.mp4", tmp_path / "link.json"
    video.write_bytes(b"frames")
    link.symlink_to(video)
    inputs = ["https://example.com/encode.mp4", str(video)]
    for delivery in (Delivery(video), Delivery(link), Delivery(report=tmp_path / "." / "encode.mp4")):
        with pytest.raises(ConfigError, match="is one of the videos to score and would be overwritten; give another name"):
            delivery.check(inputs)
    Delivery(tmp_path / "encode.json").check(inputs)
    assert video.read_bytes() == b"frames"


def test_a_report_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a report does not go to standard output; give --report the name of a file"):
        Delivery(report=Path("-")).check()


def test_an_unknown_format_is_answered_with_what_is_near() -> None:
    with pytest.raises(UnknownName, match="no output format 'ndjsn'; did you mean ndjson"):
        Delivery(output_format="ndjsn").check()


def test_a_full_disk_is_named(clips: Path) -> None:
    with pytest.raises(SinkError, match="can't write /dev/full: No space left on device"):
        run(clips / "reference.mp4", output=Path("/dev/full"), quiet=True)


# ---- what compare adds


def compare(clips: Path, delivery: Delivery, *gates: str, names: tuple[str, ...] = ("psnr",)) -> int:
    files = [str(clips / name) for name in ("b-frames.mp4", "reference.mp4")]
    return run_comparison(files, str(clips / "reference.mp4"), Wish(names), delivery, Settings(), gates)


def test_a_missed_gate_is_named_and_fails(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(clips, Delivery(quiet=True), "psnr_y:min=30") == 0
    assert capsys.readouterr() == ("", "")
    assert compare(clips, Delivery(quiet=True), "psnr_y:min=59.5", "ssim=0.5") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "b-frames.mp4: psnr_y:min is " in line
    assert "below 59.5" in line


def test_gates_add_their_metrics(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(clips, Delivery(stdout_format="json"), "ssim=0.5") == 0
    logs = json.loads(capsys.readouterr().out)["files"]
    assert all({"psnr_y", "ssim"} <= set(log["pooled_metrics"]) for log in logs)


def test_several_files_are_one_table_with_the_pools_that_were_asked_for(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(clips, Delivery(pools=("p10", "min"))) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    assert {"p10", "min"} <= set(output.split())
    assert "median" not in output
    assert all(name in output for name in ("b-frames.mp4", "reference.mp4", "psnr_cr"))


def test_the_report_shows_the_worst_frames(clips: Path, tmp_path: Path) -> None:
    assert compare(clips, Delivery(quiet=True, report=tmp_path / "report.html")) == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 3
    assert "b-frames.mp4" in page


def test_a_report_that_cannot_be_written_is_told_before_anything_is_scored(clips: Path) -> None:
    with pytest.raises(SinkError, match="there is no folder"):
        compare(clips, Delivery(report=Path("/nowhere/report.html")))


def test_a_dry_run_says_what_would_be_done(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(clips / name) for name in ("small.mkv", "song.mp4")]
    settings = Settings(subsample=5, start=3, frames=7)
    code = run_comparison(files, str(clips / "deep.mkv"), Wish(["psnr"]), Delivery(), settings, dry_run=True)
    assert code == 1  # one of them has no video
    reference, small, song, metrics, frames = capsys.readouterr().out.splitlines()
    assert reference.endswith("deep.mkv: 64x48 yuv420p10le, 2.00 s")
    assert small.endswith("small.mkv: 32x24 yuv420p, 2.00 s; 32x24 scaled to 64x48 (bicubic); 8 bits converted to 10")
    assert "song.mp4 has no video stream" in song
    assert metrics == "metrics    psnr (psnr/1)"
    assert frames == "frames     one of each 5, from frame 3 on, at most 7"
    assert run_comparison(files[:1], str(clips / "deep.mkv"), Wish(["psnr"]), Delivery(), settings, dry_run=True) == 0


def test_a_dry_run_refuses_fields_unless_forced(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = tmp_path / "fields.mkv"
    fields.write_bytes(encoded(moving(20), codec="libx264", options={"x264-params": "tff=1"}))
    for settings, code in ((Settings(), 1), (Settings(force=True), 0)):
        run = run_comparison([str(fields)], str(clips / "full.mkv"), Wish(["psnr"]), Delivery(), settings, dry_run=True)
        assert run == code
    _, refused, *_, forced, _, _ = capsys.readouterr().out.splitlines()
    assert refused.startswith(f"distorted  {fields}: can't compare interlaced 64x48 yuv420p with progressive 64x48")
    assert refused.endswith("or give --force to compare them as they are")
    assert forced.endswith("interlaced, its reference progressive: compared as if both were progressive")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that a test defines are gone after it."""
    specs()
    for table in ("_classes", "_owners"):
        monkeypatch.setattr(_registry._registry, table, dict(getattr(_registry._registry, table)))


@pytest.mark.usefixtures("registry")
def test_several_models_score_in_one_pass(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = Wish(models=("version=vmaf_v0.6.1:name=mine", "vmaf_v0.6.1neg"), names=["vmaf", "psnr"])
    files = [str(clips / "b-frames.mp4")]
    delivery = Delivery(stdout_format="json")
    assert run_comparison(files, str(clips / "reference.mp4"), wish, delivery, Settings(), ["mine:min=1"]) == 0
    pooled = json.loads(capsys.readouterr().out)["pooled_metrics"]
    assert {"mine", "vmaf_neg", "psnr_y"} <= set(pooled)
    assert "vmaf" not in pooled
