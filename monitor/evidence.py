"""What an alert saw: the worst frame, the reference beside it, and the segment's scores frame by frame.

Nothing is kept as pictures in advance. The few most recent *encoded* segments of each rendition stay in memory
(``RecentSegments``, bounded in bytes over all renditions); when an alert fires, the one that tripped it is decoded once more
up to its worst frame. Each alert gets a folder ``<fingerprint>-<start in ms>`` with ``frame.jpg``, ``reference.jpg`` (where
there is a reference) and ``segment.json``; the oldest folders go when the directory exceeds its size.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.errors import SinkError, SourceError
from monitor.pairing import ReferenceWindow, placement
from monitor.types import Alert, Frame, Score, SegmentResult, json_number

if TYPE_CHECKING:
    from monitor.protocols import EncodedSegment, Feature

log = logging.getLogger(__name__)

ToRgb = Callable[[Frame], NDArray[np.uint8]]
"""A frame as 8-bit RGB, ``(height, width, 3)``: ``monitor.sources.scaling.to_rgb``."""

JPEG_QUALITY = 90
"""High enough that the artefacts on show are the stream's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """A scored segment, still encoded."""

    segment: EncodedSegment
    result: SegmentResult
    reference: ReferenceWindow | None


class RecentSegments:
    """The last few segments of every rendition, encoded: as far back as the worst segment of an alert can lie.

    The oldest go first when they exceed ``max_bytes`` together; the newest one always stays, however large it is.
    """

    def __init__(self, max_bytes: int = 64 << 20, *, each: int = 8) -> None:
        self._max_bytes = max_bytes
        self._each = each
        self._exhibits: OrderedDict[tuple[str, str, int], Exhibit] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, exhibit: Exhibit) -> None:
        """Remember a segment."""
        facts = exhibit.result.segment
        key = (facts.stream, facts.rendition, facts.start_ms)
        with self._lock:
            if (before := self._exhibits.pop(key, None)) is not None:
                self._bytes -= before.segment.size
            self._exhibits[key] = exhibit
            self._bytes += exhibit.segment.size
            mine = [other for other in self._exhibits if other[:2] == key[:2]]
            for oldest_key in mine[: -self._each]:
                self._bytes -= self._exhibits.pop(oldest_key).segment.size
            while self._bytes > self._max_bytes and len(self._exhibits) > 1:
                _, oldest = self._exhibits.popitem(last=False)
                self._bytes -= oldest.segment.size

    def find(self, stream: str, rendition: str, start_ms: int | None) -> Exhibit | None:
        """The segment that begins at ``start_ms``, or the rendition's newest one where that is gone or not given."""
        with self._lock:
            if start_ms is not None and (stream, rendition, start_ms) in self._exhibits:
                return self._exhibits[(stream, rendition, start_ms)]
            keys = [key for key in self._exhibits if key[:2] == (stream, rendition)]
            return self._exhibits[keys[-1]] if keys else None


@dataclass(slots=True, eq=False)
class _OneFrame:
    """A sampler that wants the single frame shown at ``pts``."""

    pts: Fraction
    keyframes_only: bool = field(default=False, init=False)

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:  # noqa: ARG002
        return pts == self.pts

    def reset(self) -> None: ...


class EvidenceArchive:
    """Writes evidence under a directory and keeps that directory within ``max_bytes``.

    Args:
        directory: Created when the first alert fires.
        features: Every feature by name, for the direction of "worst".
        to_rgb: How to show a frame.
        max_bytes: Size of the directory at most; at least the newest alert's evidence is kept.
    """

    def __init__(
        self, directory: Path, features: Mapping[str, Feature], to_rgb: ToRgb, *, max_bytes: int = 512 << 20
    ) -> None:
        self._directory = directory
        self._features = features
        self._to_rgb = to_rgb
        self._max_bytes = max_bytes

    def collect(self, alert: Alert, exhibit: Exhibit) -> tuple[str, ...]:
        """Write the evidence for ``alert``; paths relative to the directory.

        Raises:
            SinkError: the directory can't be written.
        """
        folder = self._directory / f"{alert.fingerprint}-{round(alert.starts_at.timestamp() * 1000)}"
        worst = self.worst(alert.feature, exhibit.result.frame_scores)
        names: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if worst is not None:
                for name, picture in self._pictures(exhibit, worst.pts).items():
                    (folder / name).write_bytes(picture)
                    names.append(name)
            (folder / "segment.json").write_text(
                json.dumps(_document(exhibit.result, worst), allow_nan=False), encoding="utf-8"
            )
            names.append("segment.json")
            self._prune(keep=folder)
        except OSError as error:
            raise SinkError(f"can't write evidence under {self._directory}: {error.strerror or error}") from error
        return tuple(f"{folder.name}/{name}" for name in names)

    def worst(self, feature: str, scores: tuple[Score, ...]) -> Score | None:
        """The worst frame of ``feature``; of whatever was scored where the alert names no feature."""
        own = [score for score in scores if score.feature == feature] or list(scores[:1])
        if not own:
            return None
        spec = self._features.get(own[0].feature)
        lowest = spec is None or spec.higher_is_better is not False
        return min(own, key=lambda score: score.value if lowest else -score.value)

    def _pictures(self, exhibit: Exhibit, pts: Fraction) -> dict[str, bytes]:
        """JPEGs by file name; fewer where a picture can't be had any more."""
        pictures: dict[str, bytes] = {}
        try:
            with exhibit.segment.decode() as decoded:
                frame = next(decoded.frames(_OneFrame(pts)), None)
            if frame is None:
                return pictures
            pictures["frame.jpg"] = self._jpeg(frame)
            if exhibit.reference is not None:
                _, _, offset = placement(exhibit.segment)
                with exhibit.reference.reader() as reader:
                    other = reader.frame_at(frame.pts + offset, frame.duration)
                if other is not None:
                    pictures["reference.jpg"] = self._jpeg(other)
        except SourceError as error:
            log.warning("no picture for the evidence: %s", error)
        return pictures

    def _jpeg(self, frame: Frame) -> bytes:
        bgr = cv2.cvtColor(self._to_rgb(frame), cv2.COLOR_RGB2BGR)
        done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise SinkError(f"frame {frame.index} ({frame.format}) could not be written as JPEG")
        return encoded.tobytes()

    def _prune(self, *, keep: Path) -> None:
        """Remove the oldest folders until the directory fits."""
        folders = sorted(
            (path for path in self._directory.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns
        )
        sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in folders}
        total = sum(sizes.values())
        for folder in folders:
            if total <= self._max_bytes:
                break
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]


def _document(result: SegmentResult, worst: Score | None) -> dict[str, object]:
    """``segment.json``: identity, worst frame, and every frame's scores."""
    frames: dict[int, dict[str, object]] = {}
    for score in result.frame_scores:
        row = frames.setdefault(score.index, {"index": score.index, "pts": float(score.pts), "scores": {}})
        scores = row["scores"]
        assert isinstance(scores, dict)
        scores[score.feature] = json_number(score.value)
    facts = result.segment
    return {
        "stream": facts.stream,
        "rendition": facts.rendition,
        "sequence": facts.sequence,
        "started_at": facts.started_at.isoformat(),
        "duration_seconds": float(facts.duration),
        "worst": None
        if worst is None
        else {"feature": worst.feature, "index": worst.index, "pts": float(worst.pts), "value": json_number(worst.value)},
        "frames": [frames[index] for index in sorted(frames)],
    }
