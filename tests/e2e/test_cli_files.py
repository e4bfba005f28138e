"""The installed ``vqmon`` on files: what it prints, what it refuses, what it exits with."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import pytest

from monitor import __version__
from tests.unit.pipelines.forms import make_clips
from tests.unit.sources.media import clip

SECONDS = 120
"""Longest run of a command on a busy machine."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("clips"))


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "pipelines", *map(str, words)]


def vqmon(
    *words: object, folder: Path | None = None, width: int = 80, stdin: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        cwd=folder,
        env={**os.environ, "COLUMNS": str(width), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


# ---- what it is for


def piped(path: Path) -> int:
    """The reading end of a pipe through which a file goes."""
    reading, writing = os.pipe()

    def fill() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as end:
            end.write(path.read_bytes())

    threading.Thread(target=fill, daemon=True).start()
    return reading


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("score", "-", "-m", "blur"), "50 of 50 frames scored"),
        (("compare", "-", "reference.mp4"), "50 of 50 frames compared"),
        (("compare", "reference.mp4", "-", "-m", "psnr", "--sampling", "every"), "50 of 50 frames compared"),
        (("compare", "-", "reference.mp4", "--dry-run"), "distorted  -: 64x48 yuv420p"),
    ],
)
def test_videos_come_through_a_pipe(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    stream = clip(tmp_path / "stream.ts")
    clip(tmp_path / "reference.mp4")
    reading = piped(stream)
    done = vqmon(*words, folder=tmp_path, stdin=reading)
    os.close(reading)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("compare", "-", "reference.mp4", "-m", "psnr", "--sync", "auto"), 1, "- is a pipe, which can be read only once"),
        (("compare", "reference.mp4", "-"), 2, "- is a pipe: which VMAF model suits it can't be looked up first"),
    ],
)
def test_what_reads_twice_takes_no_pipe(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    stream = clip(tmp_path / "stream.ts")
    clip(tmp_path / "reference.mp4")
    reading = piped(stream)
    done = vqmon(*words, folder=tmp_path, stdin=reading, width=200)
    os.close(reading)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_score_prints_a_table(clips: Path) -> None:
    done = vqmon("score", "reference.mp4", folder=clips)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "reference.mp4"
    assert {"luma_mean", "blur", "noise", "black_ratio", "ti"} <= {line.split()[0] for line in lines[2:]}
    assert max(len(line) for line in lines) <= 80
    assert "…" not in done.stdout
    assert lines[-1].startswith("h264 64x48 yuv420p, 50 of 50 frames scored in ")


def test_compare_prints_a_table(clips: Path) -> None:
    done = vqmon("compare", "b-frames.ts", "reference.mp4", "-m", "psnr", folder=clips)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "b-frames.ts beside reference.mp4"
    assert [line.split()[0] for line in lines[1:5]] == ["feature", "psnr_y", "psnr_cb", "psnr_cr"]
    assert any("50 of 50 frames compared" in line for line in lines[5:])


def test_json_goes_into_a_file_beside_the_table(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = vqmon("compare", "b-frames.mp4", "reference.mp4", "-m", "psnr", "-of", "json", "-o", out, folder=clips)
    assert (done.returncode, done.stderr) == (0, "")
    assert "psnr_y" in done.stdout
    log = json.loads(out.read_text())
    assert [frame["frameNum"] for frame in log["frames"]] == list(range(50))
    assert set(log["frames"][0]["metrics"]) == {"psnr_y", "psnr_cb", "psnr_cr"}
    values = [frame["metrics"]["psnr_y"] for frame in log["frames"]]
    assert log["pooled_metrics"]["psnr_y"]["mean"] == pytest.approx(sum(values) / 50)
    assert log["pooled_metrics"]["psnr_y"]["min"] == min(values)


def test_formats_go_to_standard_output_alone(clips: Path) -> None:
    printed = {
        kind: vqmon("score", "reference.mp4", "-m", "black,luma_mean", "-of", kind, folder=clips)
        for kind in ("json", "csv", "ndjson")
    }
    assert {(done.returncode, done.stderr) for done in printed.values()} == {(0, "")}
    rows = list(csv.DictReader(io.StringIO(printed["csv"].stdout)))
    lines = [json.loads(line) for line in printed["ndjson"].stdout.splitlines()]
    frames = json.loads(printed["json"].stdout)["frames"]
    assert len(rows) == len(frames) == 50
    assert len(lines) == 51
    for row, line, frame in zip(rows, lines, frames, strict=False):
        assert float(row["luma_mean"]) == round(line["metrics"]["luma_mean"], 6) == frame["metrics"]["luma_mean"]


def test_the_same_twice_gives_the_same_bytes(clips: Path) -> None:
    first, second = (vqmon("score", "b-frames.ts", "-of", "csv", folder=clips).stdout for _ in range(2))
    assert first == second


def test_warnings_do_not_fail(clips: Path) -> None:
    done = vqmon("compare", "small.mkv", "reference.mp4", "-m", "psnr", folder=clips)
    assert done.returncode == 0
    assert done.stderr == "vqmon: warning: small.mkv: 32x24 scaled to 64x48 (bicubic)\n"


def test_one_bad_file_of_several_fails_and_the_others_are_scored(clips: Path) -> None:
    done = vqmon("score", "text.mp4", "reference.mp4", "-m", "black", folder=clips)
    assert done.returncode == 1
    assert done.stderr == "vqmon: text.mp4 is text, expected a video file\n"
    assert "black_ratio" in done.stdout


# ---- what it refuses


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("score nowhere.mp4", 1, "nowhere.mp4: no such file"),
        ("score .", 1, ". is a directory, expected a video file"),
        ("score empty.mp4", 1, "empty.mp4 is empty, expected a video file"),
        ("score truncated.mp4", 1, "truncated.mp4 is an MP4 without its index (moov)"),
        ("score text.mp4", 1, "text.mp4 is text, expected a video file"),
        ("score song.mp4", 1, "song.mp4 has no video stream, only audio"),
        ("compare reference.mp4 nowhere.mp4", 1, "nowhere.mp4: no such file"),
        ("compare song.mp4 reference.mp4", 1, "song.mp4 has no video stream, only audio"),
        ("score reference.mp4 -o nowhere/out.json", 1, "can't write nowhere/out.json: there is no folder nowhere"),
        ("score reference.mp4 -o .", 1, "can't write .: Is a directory"),
        ("score reference.mp4 -m blurr", 2, "no metric or feature 'blurr'; did you mean blur"),
        ("score reference.mp4 -m psnr", 2, "psnr is a full-reference metric; use `vqmon compare DIST REF -m psnr`"),
        ("compare small.mkv reference.mp4 -m blurr", 2, "no metric or feature 'blurr'; did you mean blur"),
        ("compare small.mkv", 2, "nothing to compare small.mkv with; give the reference after it, or with -r"),
        ("score reference.mp4 -of table", 2, "no output format 'table'; known: csv, fqm-json, json, ndjson, xml"),
        ("score reference.mp4 --sampling often", 2, "no sampling mode 'often'; known:"),
        ("score reference.mp4 --sampling rate --rate 0", 2, "sampling rate is 0 frames a second; expected"),
        ("score small.mkv -m noise", 1, "small.mkv: nothing could be scored: metric 'noise' needs frames of at least 32x32"),
    ],
)
def test_what_is_wrong_is_one_line(clips: Path, words: str, code: int, complaint: str) -> None:
    done = vqmon(*words.split(), folder=clips)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith(f"vqmon: {complaint}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [("score", "Missing argument"), ("score a.mp4 --bogus", "No such option: --bogus"), ("scroe a.mp4", "No such command")],
)
def test_wrong_usage_points_to_the_help(clips: Path, words: str, hint: str) -> None:
    done = vqmon(*words.split(), folder=clips)
    assert done.returncode == 2
    assert hint in done.stderr
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_packets_are_scored_around(clips: Path) -> None:
    done = vqmon("score", "corrupt.ts", "-m", "black", folder=clips)
    assert done.returncode == 0
    assert done.stderr.startswith("vqmon: warning: ")
    assert "frames could not be decoded" in done.stderr
    assert done.stderr.count("\n") == 1  # FFmpeg itself stays silent


# ---- how it ends


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose scoring takes longer than any test waits."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    with av.open(str(clip(path.with_name("short.mkv"), seconds=1, size=(640, 360)))) as short:
        packets = [(bytes(packet), packet.is_keyframe) for packet in short.demux(video=0) if packet.size]
        with av.open(str(path), "w") as long:
            stream = long.add_stream_from_template(short.streams.video[0])
            for index in range(800 * len(packets)):
                data, keyframe = packets[index % len(packets)]
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), keyframe
                packet.pts = packet.dts = 40 * index
                long.mux(packet)
    return path


@pytest.mark.parametrize("words", [("score", "FILE"), ("compare", "FILE", "FILE")])
def test_an_interrupt_ends_a_long_score(endless: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = [str(endless) if word == "FILE" else word for word in words]
    with subprocess.Popen(
        command(*arguments, "-o", out),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _wait_until_it_scores(process)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, errors) == (130, "", "")
    assert not out.exists()


def _wait_until_it_scores(process: subprocess.Popen[str]) -> None:
    """Wait until the child has loaded the compiler of its kernels, which it does when the first frame is there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if "llvmlite" in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(1.0)  # into the middle of it
            return
        time.sleep(0.05)
    pytest.fail(f"the command did not begin to score; exit code {process.poll()}")


@pytest.mark.parametrize("metrics", ["black", "black,exposure,siti"])  # less and more than a buffer holds
def test_a_reader_that_leaves_hears_no_complaint(clips: Path, metrics: str) -> None:
    with subprocess.Popen(
        command("score", "b-frames.ts", "-m", metrics, "-of", "ndjson"),
        cwd=clips,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, "")


# ---- how it begins


HEAVY = ("numba", "av", "cv2", "sqlalchemy", "plotly", "starlette", "torch", "uvicorn", "alembic", "httpx", "kafka")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import pipelines.cli", HEAVY),
        (
            "import sys; sys.argv = ['vqmon', '--help']; import pipelines.cli; pipelines.cli.app(standalone_mode=False)",
            HEAVY,
        ),
        (
            "import sys; sys.argv = ['vqmon', 'metrics']; import pipelines.cli; pipelines.cli.app(standalone_mode=False)",
            HEAVY,
        ),
    ],
    ids=["import", "help", "metrics"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str, heavy: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys; print('HEAVY', sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_names_every_command() -> None:
    done = vqmon("--help")
    assert done.returncode == 0
    for name in ("score", "compare", "watch", "serve", "report", "metrics", "demo", "dashboards"):
        assert f" {name} " in done.stdout


def test_help_of_the_file_commands_names_their_options() -> None:
    for name in ("score", "compare"):
        text = vqmon(name, "-h", width=120).stdout
        for option in ("--metrics", "-m", "--output", "-o", "--output-format", "-of", "--sampling", "--quiet"):
            assert option in text


COMMANDS = (
    "", "metrics", "score", "compare", "watch", "serve", "report", "demo", "dashboards", "dashboards push", "models",
    "models list", "models fetch", "models verify",
)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_to_type_and_why(name: str) -> None:
    done = vqmon(*name.split(), "--help", width=100)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 100
    for odd in ("<bool>", "<str>", "<path>", "<int>", "<float>", "list[", "[x>", "{", "…"):
        assert odd not in done.stdout
    described = [line.strip("│* ").split("  ") for line in lines if re.match(r"│[ *]{1,4}--", line)]
    assert described
    for words in described:
        assert len(words[-1].split()) >= 3, words  # a sentence beside each


def test_version() -> None:
    done = vqmon("--version")
    assert (done.returncode, done.stdout) == (0, f"vqmon {__version__}\n")


def test_metrics_for_people_and_machines() -> None:
    people, machines = vqmon("metrics"), vqmon("metrics", "--json")
    assert (people.returncode, machines.returncode) == (0, 0)
    assert max(len(line.rstrip()) for line in people.stdout.splitlines()) <= 80
    names = [metric["name"] for metric in json.loads(machines.stdout)]
    assert {"psnr", "black", "blur"} <= set(names)
    for name in names:
        assert any(line.startswith(f"{name}  ") for line in people.stdout.splitlines())
