from __future__ import annotations

import base64
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from monitor.errors import ConfigError, SinkError, UnknownName
from monitor.web import write_report

HOUR = 3_600_000


@pytest.fixture
def arguments(recording: ModuleType, evidence: Path) -> dict[str, Any]:
    return {
        "specs": recording.SPECS,
        "evidence_dir": evidence,
        "title": "Night <shift>",
        "since_ms": recording.NOW_MS - HOUR,
        "until_ms": recording.NOW_MS,
    }


def embedded(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="vqmon-data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


def test_the_report_holds_what_the_page_would_fetch(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(history, path, **arguments)
    data = embedded(path)
    stream = data["streams"]["channel-one"]
    assert set(stream["series"]) == set(data["overview"]["streams"][0]["features"])
    assert {line["rendition"] for line in stream["segments"]["series"]} == {"1080p", "720p", "480p"}
    assert len(stream["ladders"]["fusion"]["rungs"]) == 3
    assert len(data["incidents"]) == 8
    assert len(data["events"]) == 7
    assert data["thresholds"][0]["alert"] == "LowScore"
    assert data["notes"] == []


def test_nothing_in_the_report_points_outside(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(history, path, **arguments)
    page = path.read_text()
    shell = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:|#)', shell)
    assert "Content-Security-Policy" in shell
    assert "default-src 'none'" in shell
    assert "<title>Night &lt;shift&gt;</title>" in shell


def test_pictures_travel_scaled_down(history: Any, arguments: dict[str, Any], recording: ModuleType, tmp_path: Path) -> None:
    incident = next(each for each in history.incidents() if each.name == "ScoreDrop")
    folder = tmp_path / "evidence"
    for relative in incident.evidence:
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
    wide = np.full((1080, 1920, 3), 90, dtype=np.uint8)
    cv2.imwrite(str(folder / incident.evidence[0]), wide)
    (folder / incident.evidence[2]).write_text('{"frames": [], "worst": {"value": NaN}}')
    path = tmp_path / "report.html"
    write_report(history, path, **arguments | {"evidence_dir": folder})
    data = embedded(path)
    packed = base64.b64decode(data["pictures"][incident.evidence[0]].split(",")[1])
    assert cv2.imdecode(np.frombuffer(packed, dtype=np.uint8), cv2.IMREAD_COLOR).shape == (540, 960, 3)
    assert data["documents"][incident.evidence[2]] == {"frames": [], "worst": {"value": None}}
    assert "evidence files not in this report" in data["notes"][0]


def test_room_for_pictures_is_bounded(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(history, path, **arguments, max_evidence_bytes=60_000)
    data = embedded(path)
    kept = sum(len(picture) for picture in data["pictures"].values())
    assert 0 < kept <= 60_000
    assert re.match(r"\d+ evidence files not in this report", data["notes"][0])


def test_a_past_period_is_shown_as_it_was(
    history: Any, arguments: dict[str, Any], recording: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    until = recording.NOW_MS - 24 * 60_000
    write_report(history, path, **arguments | {"until_ms": until})
    overview = embedded(path)["overview"]
    assert overview["newest_ms"] <= until + 4000
    assert [each["name"] for each in overview["active"]] == []
    row = next(each for each in overview["streams"][0]["renditions"] if each["rendition"] == "720p")
    assert row["scores"][0]["value"] < 60


def test_one_stream_of_several(recording: ModuleType, arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(recording.fleet(4), path, **arguments, stream="channel-03")
    data = embedded(path)
    assert list(data["streams"]) == ["channel-03"]
    assert {each["stream"] for each in data["incidents"]} == {"channel-03"}
    assert data["overview"]["fleet"]["alerting"] == 1


def test_an_unknown_stream(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean channel-one"):
        write_report(history, tmp_path / "report.html", **arguments, stream="channel-on")


def test_an_empty_period(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="period is empty"):
        write_report(history, tmp_path / "report.html", **arguments | {"until_ms": arguments["since_ms"]})


def test_an_empty_store_gives_a_page(recording: ModuleType, arguments: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(recording.Recording(), path, **arguments)
    assert embedded(path)["overview"]["streams"] == []


def test_an_unwritable_path_is_one_line(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"can't be written to .*no such file") as caught:
        write_report(history, tmp_path / "absent" / "report.html", **arguments)
    assert "\n" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match="can't be written"):
        write_report(history, tmp_path / "folder", **arguments)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_device_or_a_pipe_stays_what_it_is(history: Any, arguments: dict[str, Any], tmp_path: Path) -> None:
    """A rename would put a file in its place: for root in the place of /dev/null."""
    device, pipe = Path("/dev/full"), tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as readers:
        page = readers.submit(pipe.read_text)
        write_report(history, pipe, **arguments)
        assert page.result(timeout=30).rstrip().endswith("</html>")
    assert pipe.is_fifo()
    with pytest.raises(SinkError, match="can't be written to /dev/full: no space left on device"):
        write_report(history, device, **arguments)
    assert device.is_char_device()


def test_markup_in_names_stays_data(recording: ModuleType, arguments: dict[str, Any], tmp_path: Path) -> None:
    history = recording.Recording()
    evil = "</script><script>alert(1)</script>"
    history.add_segment(evil, "720p", recording.NOW_MS - 5000, {"fusion": 50.0})
    path = tmp_path / "report.html"
    write_report(history, path, **arguments)
    assert "alert(1)</script>" not in path.read_text()
    assert list(embedded(path)["streams"]) == [evil]
