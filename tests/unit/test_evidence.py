"""What an alert leaves behind: pictures and numbers."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import SinkError
from monitor.evidence import EvidenceArchive, Exhibit, RecentSegments
from monitor.pairing import ReferenceWindow
from monitor.protocols import Feature
from monitor.sources.decoding import ByteSegment
from monitor.sources.scaling import to_rgb
from monitor.types import Alert, AlertState, Score, Segment, SegmentResult, Severity
from tests.unit.sources.pictures import START, frames_of, x264

RATE = 25


def feature(name: str, worst: float, best: float) -> Feature:
    return Feature(name, name, "", 0.0, 100.0, worst, best, "nothing", "no frame")


FEATURES = {one.name: one for one in (feature("psnr_y", 0, 100), feature("black_ratio", 1, 0), feature("luma_mean", 0, 0))}


def alert(name: str = "ScoreDrop", feature: str = "psnr_y", at: datetime = START) -> Alert:
    return Alert(name, AlertState.FIRING, Severity.WARNING, "channel", "720p", feature, at, None, 21.0, 30.0, "it is bad")


def encoded(sequence: int = 0, data: bytes | None = None, rendition: str = "720p") -> ByteSegment:
    moment = START + timedelta(seconds=2 * sequence)
    return ByteSegment("channel", rendition, sequence, moment, True, Fraction(2), x264(50) if data is None else data)


def exhibit(
    segment: ByteSegment, values: dict[str, list[float]] | None = None, reference: ReferenceWindow | None = None
) -> Exhibit:
    start = frames_of(segment)[0].pts if segment.data and values else Fraction(0)
    scores = tuple(
        Score(name, value, index, start + Fraction(index, RATE))
        for name, row in (values or {}).items()
        for index, value in enumerate(row)
    )
    facts = Segment("channel", segment.rendition, segment.sequence, segment.started_at, segment.duration)
    return Exhibit(segment, SegmentResult(facts, (), scores), reference)


def archive(folder: Path, max_bytes: int = 512 << 20) -> EvidenceArchive:
    return EvidenceArchive(folder / "evidence", FEATURES, to_rgb, max_bytes=max_bytes)


def dip(at: int, low: float, high: float) -> list[float]:
    return [low if index == at else high for index in range(50)]


def psnr(picture: bytes, frame: object) -> float:
    """PSNR of a JPEG against a decoded frame, in dB."""
    bgr = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    difference = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(float) - to_rgb(frame)
    return 10 * math.log10(255**2 / max(float((difference**2).mean()), 1e-9))


# ---- choosing the frame


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [("psnr_y", 20.0, 40.0, 33), ("black_ratio", 1.0, 0.0, 33), ("luma_mean", 10.0, 90.0, 33), ("foreign", 1.0, 2.0, 33)],
)
def test_the_worst_frame_is_the_worst_in_the_features_direction(name: str, low: float, high: float, expected: int) -> None:
    scores = exhibit(encoded(), {name: dip(33, low, high)}).result.frame_scores
    worst = archive(Path()).worst(name, scores)
    assert worst is not None
    assert worst.index == expected


def test_an_alert_without_a_feature_shows_the_first_scored_frame(tmp_path: Path) -> None:
    scores = exhibit(encoded(), {"psnr_y": dip(33, 20, 40)}).result.frame_scores
    worst = archive(tmp_path).worst("", scores)
    assert worst is not None
    assert worst.index == 0
    assert archive(tmp_path).worst("psnr_y", ()) is None


# ---- what is written


def test_the_picture_is_that_of_the_worst_frame(tmp_path: Path) -> None:
    segment = encoded()
    names = archive(tmp_path).collect(alert(), exhibit(segment, {"psnr_y": dip(33, 20, 40)}))
    folder = f"{alert().fingerprint}-{round(START.timestamp() * 1000)}"
    assert names == (f"{folder}/frame.jpg", f"{folder}/segment.json")
    picture = (tmp_path / "evidence" / names[0]).read_bytes()
    likeness = [psnr(picture, frame) for frame in frames_of(segment)]
    assert max(likeness) == likeness[33] > 35
    assert sorted(likeness)[-2] < likeness[33] - 6


def test_the_reference_lies_beside_it(tmp_path: Path) -> None:
    reference = encoded(data=x264(50, gop=50), rendition="source")
    window = ReferenceWindow()
    window.add(reference)
    names = archive(tmp_path).collect(alert(), exhibit(encoded(), {"psnr_y": dip(12, 20, 40)}, window))
    assert [name.split("/")[1] for name in names] == ["frame.jpg", "reference.jpg", "segment.json"]
    picture = (tmp_path / "evidence" / names[1]).read_bytes()
    assert psnr(picture, frames_of(reference)[12]) > 35


def test_a_reference_of_another_time_is_left_out(tmp_path: Path) -> None:
    window = ReferenceWindow()
    window.add(encoded(40, rendition="source"))
    names = archive(tmp_path).collect(alert(), exhibit(encoded(), {"psnr_y": dip(12, 20, 40)}, window))
    assert [name.split("/")[1] for name in names] == ["frame.jpg", "segment.json"]


def test_the_numbers_say_which_frame_and_why(tmp_path: Path) -> None:
    shown = exhibit(encoded(4), {"psnr_y": dip(33, 20, math.inf), "black_ratio": [0.5] * 50})
    names = archive(tmp_path).collect(alert(), shown)
    document = json.loads((tmp_path / "evidence" / names[-1]).read_text())
    frames = document.pop("frames")
    assert document == {
        "stream": "channel",
        "rendition": "720p",
        "sequence": 4,
        "started_at": (START + timedelta(seconds=8)).isoformat(),
        "duration_seconds": 2.0,
        "worst": {"feature": "psnr_y", "index": 33, "pts": float(shown.result.frame_scores[33].pts), "value": 20.0},
    }
    assert [frame["index"] for frame in frames] == list(range(50))
    assert frames[33]["scores"] == {"psnr_y": 20.0, "black_ratio": 0.5}
    assert frames[0]["scores"] == {"psnr_y": None, "black_ratio": 0.5}
    assert frames[25]["pts"] - frames[0]["pts"] == pytest.approx(1.0)


def test_a_segment_that_gave_no_score_still_leaves_its_numbers(tmp_path: Path) -> None:
    names = archive(tmp_path).collect(alert("SegmentBad", ""), exhibit(encoded(data=b"")))
    assert [name.split("/")[1] for name in names] == ["segment.json"]
    document = json.loads((tmp_path / "evidence" / names[0]).read_text())
    assert (document["worst"], document["frames"]) == (None, [])


def test_a_picture_that_cannot_be_had_any_more_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shown = exhibit(encoded(), {"psnr_y": dip(33, 20, 40)})
    damaged = replace(shown, segment=encoded(data=b"not media at all" * 20))
    names = archive(tmp_path).collect(alert(), damaged)
    assert [name.split("/")[1] for name in names] == ["segment.json"]
    assert "no picture for the evidence" in caplog.text


def test_the_same_alert_writes_over_its_own_evidence(tmp_path: Path) -> None:
    store = archive(tmp_path)
    shown = exhibit(encoded(), {"psnr_y": dip(33, 20, 40)})
    assert store.collect(alert(), shown) == store.collect(alert(), shown)
    assert len(list((tmp_path / "evidence").iterdir())) == 1
    store.collect(alert(at=START + timedelta(minutes=1)), shown)
    store.collect(alert("BlackPicture", "black_ratio"), shown)
    assert len(list((tmp_path / "evidence").iterdir())) == 3


# ---- room


def test_the_oldest_evidence_goes_first(tmp_path: Path) -> None:
    store = archive(tmp_path)
    shown = exhibit(encoded(), {"psnr_y": dip(33, 20, 40)})
    folders = []
    for minute in range(5):
        [name, *_] = store.collect(alert(at=START + timedelta(minutes=minute)), shown)
        folders.append(tmp_path / "evidence" / name.split("/")[0])
        os.utime(folders[-1], (minute, minute))
    size = sum(file.stat().st_size for file in folders[0].iterdir())
    small = archive(tmp_path, max_bytes=round(3.5 * size))
    [name, *_] = small.collect(alert(at=START + timedelta(minutes=9)), shown)
    left = {path.name for path in (tmp_path / "evidence").iterdir()}
    assert left == {folders[3].name, folders[4].name, name.split("/")[0]}


def test_the_newest_evidence_stays_however_large(tmp_path: Path) -> None:
    store = archive(tmp_path, max_bytes=1)
    shown = exhibit(encoded(), {"psnr_y": dip(33, 20, 40)})
    for minute in range(3):
        names = store.collect(alert(at=START + timedelta(minutes=minute)), shown)
        assert [path.name for path in (tmp_path / "evidence").iterdir()] == [names[0].split("/")[0]]


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the directory should be")
    with pytest.raises(SinkError, match=r"can't write evidence under .*evidence: "):
        archive(tmp_path).collect(alert(), exhibit(encoded(), {"psnr_y": dip(33, 20, 40)}))


# ---- the segments of the last minutes


def sized(sequence: int, size: int, rendition: str = "720p") -> Exhibit:
    return exhibit(encoded(sequence, bytes(size), rendition))


def found(recent: RecentSegments, sequence: int, rendition: str = "720p") -> int | None:
    start = round((START + timedelta(seconds=2 * sequence)).timestamp() * 1000)
    one = recent.find("channel", rendition, start)
    return None if one is None else one.segment.sequence


def test_segments_are_found_by_when_they_began() -> None:
    recent = RecentSegments()
    for sequence in range(3):
        recent.add(sized(sequence, 10))
    assert [found(recent, sequence) for sequence in range(3)] == [0, 1, 2]


def test_the_newest_stands_in_for_what_has_gone() -> None:
    recent = RecentSegments(max_bytes=25)
    for sequence in range(4):
        recent.add(sized(sequence, 10))
    recent.add(sized(9, 1, "360p"))
    assert [found(recent, sequence) for sequence in range(4)] == [3, 3, 2, 3]
    newest = recent.find("channel", "720p", None)
    assert newest is not None
    assert newest.segment.sequence == 3
    assert recent.find("channel", "1080p", None) is None
    assert recent.find("other", "720p", None) is None


def test_a_segment_that_comes_again_counts_once() -> None:
    recent = RecentSegments(max_bytes=30)
    recent.add(sized(0, 10))
    for _ in range(10):
        recent.add(sized(1, 10))
    recent.add(sized(2, 10))
    assert [found(recent, sequence) for sequence in range(3)] == [0, 1, 2]


def test_one_segment_larger_than_the_room_is_kept() -> None:
    recent = RecentSegments(max_bytes=100)
    recent.add(sized(0, 10))
    recent.add(sized(1, 1000))
    assert found(recent, 0) == found(recent, 1) == 1
    recent.add(sized(2, 10))
    assert found(recent, 1) == 2


def test_each_rendition_keeps_its_last_few() -> None:
    recent = RecentSegments(each=3)
    for sequence in range(6):
        recent.add(sized(sequence, 10))
        recent.add(sized(sequence, 10, "360p"))
    assert [found(recent, sequence, "360p") for sequence in range(6)] == [5, 5, 5, 3, 4, 5]
