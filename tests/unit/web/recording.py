"""An hour of a stream with known faults, in memory: what the dashboard and the report are tested with."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.protocols import Feature, MetricSpec, Reference, RenditionRow, SegmentRow, SeriesRow, ThresholdRow
from monitor.types import Alert, AlertState, EventKind, Severity, SourceEvent

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


def feature(
    name: str, title: str, unit: str, display: tuple[float, float], worst: float, best: float, **extra: float
) -> Feature:
    low, high = min(worst, best), max(worst, best)
    if worst == best:
        low, high = display
    return Feature(
        name=name,
        title=title,
        unit=unit,
        minimum=low,
        maximum=high,
        worst=worst,
        best=best,
        zero="described",
        no_data="nothing was scored",
        display=display,
        warning=extra.get("warning"),
        critical=extra.get("critical"),
    )


def metric(name: str, title: str, reference: Reference, *features: Feature) -> MetricSpec:
    return MetricSpec(name, title, f"What {title} measures.", "a paper", reference, features)


SPECS = (
    metric(
        "psnr",
        "PSNR",
        Reference.FULL,
        feature("psnr_y", "PSNR Y", "dB", (20, 60), 0, math.inf, warning=32.0),
        feature("psnr_cb", "PSNR Cb", "dB", (20, 60), 0, math.inf),
    ),
    metric("ssim", "SSIM", Reference.FULL, feature("float_ssim", "SSIM", "", (0.7, 1.0), 0, 1)),
    metric(
        "fusion", "Fusion", Reference.FULL, feature("fusion", "Fusion score", "", (0, 100), 0, 100, warning=70, critical=50)
    ),
    metric("black", "Black", Reference.NONE, feature("black_ratio", "Black", "ratio", (0, 1), 1, 0, warning=0.95)),
    metric("motion", "Motion", Reference.NONE, feature("motion", "Motion", "code value", (0, 40), 0, 0)),
    metric("blur", "Blur", Reference.NONE, feature("sharpness", "Sharpness", "", (0, 2000), 0, math.inf)),
)

LADDER = {"1080p": (1920, 1080, 4.8e6, 93.0), "720p": (1280, 720, 2.4e6, 84.0), "480p": (854, 480, 1.1e6, 71.0)}


class Recording:
    """``monitor.protocols.History`` over lists."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], RenditionRow] = {}
        self.scores: dict[tuple[str, str, str], list[SeriesRow]] = defaultdict(list)
        self.facts: dict[tuple[str, str], list[SegmentRow]] = defaultdict(list)
        self.alerts: list[Alert] = []
        self.reports: list[SourceEvent] = []
        self.lines: list[ThresholdRow] = []
        self.writes = 0

    def renditions(self) -> Sequence[RenditionRow]:
        return sorted(self.rows.values(), key=lambda row: (row.stream, -row.bitrate_bps))

    def features(self, stream: str) -> Sequence[str]:
        return sorted({name for owner, _, name in self.scores if owner == stream})

    def series(
        self,
        stream: str,
        rendition: str,
        feature: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int = 5000,
        pools: Sequence[str] | None = None,
    ) -> Sequence[SeriesRow]:
        rows = self.scores.get((stream, rendition, feature), [])
        found = [row for row in rows if since_ms <= row.start_ms < until_ms][-limit:]
        if pools is None:
            return found
        return [replace(row, pools={name: row.pools[name] for name in pools if name in row.pools}) for row in found]

    def segments(
        self, stream: str, rendition: str, *, since_ms: int, until_ms: int, limit: int = 5000
    ) -> Sequence[SegmentRow]:
        rows = self.facts.get((stream, rendition), [])
        return [row for row in rows if since_ms <= row.start_ms < until_ms][-limit:]

    def incidents(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[Alert]:
        found = [
            alert
            for alert in self.alerts
            if stream in (None, alert.stream) and (alert.ends_at is None or milliseconds(alert.ends_at) >= since_ms)
        ]
        return sorted(found, key=lambda alert: alert.starts_at, reverse=True)[:limit]

    def events(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[SourceEvent]:
        found = [each for each in self.reports if stream in (None, each.stream) and milliseconds(each.at) >= since_ms]
        return sorted(found, key=lambda event: event.at, reverse=True)[:limit]

    def thresholds(self) -> Sequence[ThresholdRow]:
        return self.lines

    def revision(self) -> int:
        return self.writes

    def add_segment(
        self,
        stream: str,
        rendition: str,
        start_ms: int,
        values: dict[str, float],
        *,
        bitrate: float = 0.0,
        duration_ms: int = 4000,
    ) -> None:
        """One more scored segment of a rendition of ``LADDER``."""
        width, height, usual, _ = LADDER.get(rendition, (640, 360, 8e5, 60.0))
        bitrate = bitrate or usual
        for name, value in values.items():
            spread = min(0.03 * abs(value), 1 - value) if value <= 1 else 0.03 * value
            pools = {
                "mean": value,
                "harmonic_mean": value - 0.1 * spread,
                "min": value - spread,
                "max": value + spread,
                "p1": value - spread,
                "p5": value - 0.8 * spread,
                "p50": value,
                "p95": value + 0.8 * spread,
                "stdev": 0.4 * spread,
            }
            self.scores[(stream, rendition, name)].append(SeriesRow(start_ms, duration_ms, 100, 1.0, pools))
        rows = self.facts[(stream, rendition)]
        rows.append(SegmentRow(len(rows), start_ms, duration_ms, bitrate, 0.6, 100, 100, 0, False))
        self.rows[(stream, rendition)] = RenditionRow(
            stream,
            rendition,
            "h264",
            width,
            height,
            25.0,
            bitrate,
            rows[0].start_ms,
            start_ms,
            duration_ms,
            up=True,
            detail="",
        )
        self.writes += 1

    def set_up(self, stream: str, rendition: str, up: bool | None, detail: str = "") -> None:
        self.rows[(stream, rendition)] = replace(self.rows[(stream, rendition)], up=up, detail=detail)
        self.writes += 1


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def alert(name: str, rendition: str, start_ms: int, end_ms: int | None, summary: str, **extra: Any) -> Alert:
    fields: dict[str, Any] = {
        "severity": Severity.WARNING,
        "stream": "channel-one",
        "feature": "",
        "value": None,
        "threshold": None,
        "description": "",
        "segment_start_ms": start_ms,
        "evidence": (),
    } | extra
    state = AlertState.FIRING if end_ms is None else AlertState.RESOLVED
    ends = None if end_ms is None else at(end_ms)
    return Alert(
        name=name, state=state, rendition=rendition, starts_at=at(start_ms), ends_at=ends, summary=summary, **fields
    )


def hour(evidence: Path | None = None, now_ms: int = NOW_MS, stream: str = "channel-one") -> Recording:
    """An hour of three renditions: a collapse, a freeze, black, missing segments, and a fall that still lasts."""
    recording, chance = Recording(), random.Random(7)
    for position, (rendition, (_, _, bitrate, level)) in enumerate(LADDER.items()):
        content = random.Random(3)
        for number in range(900):
            start = now_ms - (901 - number) * 4000
            minute = (start - now_ms) / MINUTE_MS
            scene = 3.0 * math.sin(number / 31.0) + (4.0 if (number // 130) % 2 else 0.0) + content.gauss(0, 0.7)
            score, rate, black, moving = level - 0.6 * scene, bitrate * (1 + 0.05 * math.sin(number / 19)), 0.001, 14 + scene
            if rendition == "480p" and -42 <= minute < -38:
                score, rate = score - 27, 0.3 * rate
            if rendition == "720p" and -25 <= minute < -23:
                score, moving = score - 34, 0.1
            if -15 <= minute < -14:
                black, moving = 0.998, 0.05
            if rendition == "1080p" and -9 <= minute < -8.7:
                continue
            if rendition == "1080p" and minute >= -2.6:
                score, rate = score - 31, 0.22 * rate
            score = min(99.5, max(5.0, score + chance.gauss(0, 0.5)))
            values = {
                "fusion": score,
                "psnr_y": 20 + 0.25 * score,
                "psnr_cb": 26 + 0.2 * score,
                "float_ssim": 1 - 0.0035 * (100 - score),
                "black_ratio": black,
                "motion": max(0.05, moving),
                "sharpness": 900 - 180 * position + 4 * scene,
            }
            recording.add_segment(stream, rendition, start, values, bitrate=rate)
    recording.alerts = faults(now_ms, stream, evidence)
    for minutes in (9.0, 8.93, 8.87):
        moment = at(now_ms - round(minutes * MINUTE_MS))
        recording.reports.append(
            SourceEvent(EventKind.SEGMENT_MISSING, stream, "1080p", moment, "404 for seg-00768.ts", "http_4xx", 768.0)
        )
    recording.reports += [
        SourceEvent(EventKind.UP, stream, rendition, at(now_ms - 60 * MINUTE_MS), "first segment") for rendition in LADDER
    ]
    recording.reports.append(
        SourceEvent(EventKind.DISCONTINUITY, stream, "480p", at(now_ms - 38 * MINUTE_MS), "EXT-X-DISCONTINUITY", "flagged")
    )
    recording.lines = [
        ThresholdRow("LowScore", "warning", "fusion", "mean", fires_above=False, value=60.0, clear=64.0),
        ThresholdRow("LowScore", "critical", "fusion", "mean", fires_above=False, value=40.0, clear=44.0),
        ThresholdRow("BlackPicture", "critical", "black_ratio", "mean", fires_above=True, value=0.98, clear=0.9),
    ]
    return recording


def faults(now_ms: int, stream: str, evidence: Path | None) -> list[Alert]:
    def ago(minutes: float) -> int:
        return now_ms - round(minutes * MINUTE_MS)

    found = [
        alert(
            "LowScore",
            "480p",
            ago(41.8),
            ago(37.6),
            "Fusion score 44.1 on 480p, below 60 for 3 segments",
            feature="fusion",
            stream=stream,
            value=44.1,
            threshold=60.0,
        ),
        alert(
            "FrozenPicture",
            "720p",
            ago(25),
            ago(23),
            "The picture of 720p has not moved for 30 s",
            severity=Severity.CRITICAL,
            stream=stream,
            feature="motion",
            value=0.1,
            threshold=0.5,
        ),
        alert("SegmentMissing", "1080p", ago(9), ago(8.2), "3 segments of 1080p could not be had in 5 min", stream=stream),
        alert(
            "ScoreDrop",
            "1080p",
            ago(2.4),
            None,
            "Fusion score of 1080p fell by 31 below its usual 92",
            feature="fusion",
            stream=stream,
            value=61.2,
            threshold=86.0,
            description="The encoder spends far fewer bits than usual on this rung.",
        ),
        alert(
            "LadderInversion",
            "",
            ago(1.6),
            None,
            "1080p looks worse than 720p and costs twice the bits",
            stream=stream,
            severity=Severity.INFO,
        ),
    ]
    found += [
        alert(
            "BlackPicture",
            rendition,
            ago(15),
            ago(14),
            f"{rendition} is black",
            severity=Severity.CRITICAL,
            stream=stream,
            feature="black_ratio",
            value=0.998,
            threshold=0.98,
        )
        for rendition in LADDER
    ]
    if evidence is None:
        return found
    return [replace(each, evidence=prove(each, evidence)) if each.feature else each for each in found]


def prove(incident: Alert, folder: Path) -> tuple[str, ...]:
    """Write evidence as ``monitor.evidence`` does."""
    name = f"{incident.fingerprint}-{milliseconds(incident.starts_at)}"
    (folder / name).mkdir(parents=True, exist_ok=True)
    clean = landscape()
    shown = clean
    if incident.name == "BlackPicture":
        shown = np.full_like(clean, 2)
    elif incident.name != "FrozenPicture":
        small = cv2.resize(clean, (80, 45), interpolation=cv2.INTER_AREA)
        shown = np.asarray(cv2.resize(small, (640, 360), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    cv2.imwrite(str(folder / name / "frame.jpg"), shown)
    cv2.imwrite(str(folder / name / "reference.jpg"), clean)
    level = incident.value or 0.0
    frames: list[dict[str, Any]] = [
        {
            "index": index,
            "pts": 81.2 + index / 25,
            "scores": {incident.feature: level * (1 + 0.08 * math.cos(index / 6)), "psnr_y": 34.0},
        }
        for index in range(100)
    ]
    worst = min(frames, key=lambda frame: frame["scores"][incident.feature])
    document = {
        "stream": incident.stream,
        "rendition": incident.rendition,
        "started_at": incident.starts_at.isoformat(),
        "frames": frames,
        "worst": {
            "feature": incident.feature,
            "index": worst["index"],
            "pts": worst["pts"],
            "value": worst["scores"][incident.feature],
        },
    }
    (folder / name / "segment.json").write_text(json.dumps(document))
    return tuple(f"{name}/{file}" for file in ("frame.jpg", "reference.jpg", "segment.json"))


def landscape() -> NDArray[np.uint8]:
    """A picture with soft and hard parts, 640x360 BGR."""
    rows, columns = np.mgrid[0:360, 0:640].astype(np.float64)
    sky = np.stack([225 - rows * 0.25, 150 + rows * 0.2, 90 + rows * 0.35], axis=-1)
    hills = 230 + 34 * np.sin(columns / 61) + 12 * np.sin(columns / 17)
    picture = np.where(
        (rows > hills)[..., None], np.array([52, 96, 58]) + 14 * np.sin(columns / 3 + rows / 5)[..., None], sky
    )
    shown = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))
    cv2.circle(shown, (488, 88), 34, (190, 235, 255), -1)
    cv2.putText(shown, "CHANNEL ONE  20:15", (24, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    return shown


def fleet(streams: int = 50, now_ms: int = NOW_MS) -> Recording:
    """Many streams of five renditions: one in ten alerting, one in twenty-five down."""
    recording, chance = Recording(), random.Random(11)
    for number in range(streams):
        name = f"channel-{number:02d}"
        for position, rendition in enumerate(("1080p", "720p", "480p", "360p", "240p")):
            level = 93 - 9 * position - (30 if number % 10 == 3 else 0)
            for index in range(60):
                start = now_ms - (61 - index) * 4000
                recording.add_segment(
                    name, rendition, start, {"fusion": level + chance.gauss(0, 1.5), "psnr_y": 40 - 2.0 * position}
                )
            if number % 25 == 7:
                recording.set_up(name, rendition, up=False, detail="connection refused")
        if number % 10 == 3:
            recording.alerts.append(
                alert(
                    "LowScore",
                    "1080p",
                    now_ms - 5 * MINUTE_MS,
                    None,
                    f"Fusion score 63 on {name}",
                    stream=name,
                    feature="fusion",
                )
            )
    return recording
