"""Lines of JSON: their schema, and what can go wrong with a file or a pipe."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.ndjson import NdjsonSink
from monitor.types import POOLS, AlertState, EventKind, SegmentResult
from tests.unit.sinks import samples
from tests.unit.sinks.samples import alert, event, moment, result

ROOT = Path(__file__).resolve().parents[3]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


def test_a_segment_line_holds_every_fact(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    with NdjsonSink(path) as sink:
        sink.write([result(number=3, means={"psnr_y": 40.0})])
    (line,) = lines(path)
    assert line == {
        "type": "segment", "stream": "news", "rendition": "720p", "sequence": 103, "start": "2026-11-21T12:00:06.250000Z",
        "duration_seconds": 2.0, "discontinuity": False, "bytes": 500_000, "bitrate_bps": 2_000_000.0, "codec": "h264",
        "width": 1280, "height": 720, "frame_rate": 25.0, "frames_expected": 50, "frames_decoded": 49, "frames_sampled": 10,
        "frames_paired": 9, "decode_errors": 1, "download_seconds": 0.25, "score_seconds": 0.5, "failed": ["ssim"],
        "scores": {
            "psnr_y": {"model": "psnr/1", "frames": 10, "coverage": 0.2}
            | {pool: 40 + place / 8 for place, pool in enumerate(POOLS)}
        },
    }  # fmt: skip
    assert list(line)[:5] == ["type", "stream", "rendition", "sequence", "start"]


def test_an_event_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    with NdjsonSink(str(path)) as sink:
        sink.write([], [event(EventKind.SEGMENT_MISSING, rendition="", at=1, reason="http_4xx", detail="404", value=7)])
    assert lines(path) == [
        {"type": "event", "kind": "segment_missing", "stream": "news", "rendition": "", "at": "2026-11-21T12:00:01.250000Z",
         "reason": "http_4xx", "detail": "404", "value": 7.0}
    ]  # fmt: skip


def test_an_alert_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    firing, resolved = (
        alert(evidence=("a.png",)),
        alert(state=AlertState.RESOLVED, until=9, value=None, segment_start_ms=None),
    )
    with NdjsonSink(path) as sink:
        sink.write_alerts([firing, resolved])
    first, second = lines(path)
    assert first == {
        "type": "alert", "alertname": "BlackPicture", "state": "firing", "severity": "critical", "stream": "news",
        "rendition": "720p", "feature": "black_ratio", "fingerprint": firing.fingerprint,
        "starts_at": "2026-11-21T12:00:00.250000Z", "ends_at": None, "value": 1.0, "threshold": 0.98,
        "summary": "the picture is black", "description": "for 5 s", "segment_start": "2026-11-21T12:00:00.250000Z",
        "evidence": ["a.png"],
    }  # fmt: skip
    assert (second["state"], second["ends_at"]) == ("resolved", "2026-11-21T12:00:09.250000Z")
    assert (second["value"], second["segment_start"]) == (None, None)


def test_numbers_carry_nine_digits_and_none_that_json_lacks(tmp_path: Path) -> None:
    given = result(frame_rate=30000 / 1001)
    worst = samples.score(given.segment, **samples.NOT_FINITE, min=1e-12 / 3)
    with NdjsonSink(tmp_path / "scores.ndjson") as sink:
        sink.write([SegmentResult(given.segment, (worst,))])
    (line,) = lines(tmp_path / "scores.ndjson")
    pools = line["scores"]["psnr_y"]  # type: ignore[index]
    assert {name for name, value in pools.items() if value is None} == set(samples.NOT_FINITE)
    assert (line["frame_rate"], pools["min"]) == (29.9700300, 3.33333333e-13)


def test_times_are_utc_whatever_they_were_given_in(tmp_path: Path) -> None:
    with NdjsonSink(tmp_path / "scores.ndjson") as sink:
        sink.write([result(started_at=moment(0).astimezone(timezone(timedelta(hours=5, minutes=30))))])
    assert lines(tmp_path / "scores.ndjson")[0]["start"] == "2026-11-21T12:00:00.250000Z"


def test_odd_text_stays_one_line_of_valid_utf8(tmp_path: Path) -> None:
    with NdjsonSink(tmp_path / "scores.ndjson") as sink:
        sink.write([result('ü "x"\n\u2028')], [event(detail="bad \udcff byte")])
    text = (tmp_path / "scores.ndjson").read_bytes().decode()
    assert text.count("\n") == 2
    assert [json.loads(line)["stream"] for line in text.split("\n")[:2]] == ['ü "x"\n\u2028', "news"]


def test_a_file_is_appended_to_and_a_torn_end_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.ndjson"
    for number in range(2):
        with NdjsonSink(path) as sink:
            sink.write([result(number=number)])
    path.write_bytes(path.read_bytes() + b'{"type": "seg')
    with NdjsonSink(path) as sink:
        sink.write([result(number=2)])
    whole = [line for line in path.read_text().splitlines() if line != '{"type": "seg']
    assert [json.loads(line)["sequence"] for line in whole] == [100, 101, 102]


def test_lines_can_be_read_at_once(tmp_path: Path) -> None:
    sink = NdjsonSink(tmp_path / "scores.ndjson")
    assert list(tmp_path.iterdir()) == []
    sink.write([result()])
    assert len(lines(tmp_path / "scores.ndjson")) == 1
    sink.flush()
    sink.close()
    sink.close()


def test_a_stream_is_written_and_left_open() -> None:
    stream = io.BytesIO()
    with NdjsonSink(stream) as sink:
        sink.write([result()])
    assert json.loads(stream.getvalue())["type"] == "segment"


def test_a_pipe_without_a_reader_is_an_error_in_words() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as stream:
        with pytest.raises(SinkError, match=r"can't be written: Broken pipe") as caught:
            NdjsonSink(stream).write([result()])
        assert not isinstance(caught.value, SinkUnavailable)


@pytest.mark.parametrize("path", ["file/scores.ndjson", "."])
def test_a_path_that_can_not_be_opened(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"^file .* can't be opened: ") as caught, NdjsonSink(tmp_path / path):
        pass
    assert "\n" not in str(caught.value)


def test_a_full_disk_takes_nothing_and_then_everything(tiny_disk: Path) -> None:
    path = tiny_disk / "scores.ndjson"
    with NdjsonSink(path) as sink:
        sink.write([result()])
        with pytest.raises(OSError, match="No space left"):
            (tiny_disk / "filler").write_bytes(bytes(2**20))
        many = [result(number=number) for number in range(1, 60)]
        with pytest.raises(SinkUnavailable, match=r"scores\.ndjson can't be written: No space left on device$"):
            sink.write(many)
        assert len(lines(path)) == 1
        (tiny_disk / "filler").unlink()
        sink.write(many)
    assert len(lines(path)) == 60


def test_a_device_that_is_always_full() -> None:
    with NdjsonSink("/dev/full") as sink, pytest.raises(SinkUnavailable, match=r"No space left"):
        sink.write([result()])


def test_threads_do_not_tear_lines(tmp_path: Path) -> None:
    path = tmp_path / "scores.ndjson"
    with NdjsonSink(path) as sink:

        def write(stream: str) -> None:
            for number in range(50):
                sink.write([result(stream, number=number)])
                sink.write_alerts([alert(stream=stream)])

        writers = [threading.Thread(target=write, args=(f"s{number}",)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert len(lines(path)) == 400


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_writer_leaves_whole_lines(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "scores.ndjson"
    program = (
        "import sys\n"
        "from monitor.sinks.ndjson import NdjsonSink\n"
        "from tests.unit.sinks.samples import result\n"
        "sink, number = NdjsonSink(sys.argv[1]), 0\n"
        "while True:\n"
        "    sink.write([result(number=number)]); number += 1\n"
        "    if number == 20: print('running', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(how)
        assert process.wait(30) == -how
    found = lines(path)
    assert [line["sequence"] for line in found] == list(range(100, 100 + len(found)))
    assert len(found) >= 20
