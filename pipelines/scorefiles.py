"""Scores of files as JSON (libvmaf's log layout), CSV and NDJSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.types import POOLS, json_number

if TYPE_CHECKING:
    from pipelines.files import FileScores

FORMATS = ("json", "csv", "ndjson")
"""Names of the formats, as users type them."""


def _frames(scores: FileScores) -> list[dict[str, object]]:
    """libvmaf's ``frames``: a number, and the metrics of that frame."""
    frames: dict[int, dict[str, float | None]] = {}
    for score in scores.result.frame_scores:
        frames.setdefault(score.index, {})[score.feature] = json_number(score.value)
    return [{"frameNum": index, "metrics": frames[index]} for index in sorted(frames)]


def _pooled(scores: FileScores) -> dict[str, dict[str, float | int | None]]:
    """libvmaf's ``pooled_metrics``, with further pools, the frame count and the coverage after its own four."""
    order = ("min", "max", "mean", "harmonic_mean")
    names = (*order, *(pool for pool in POOLS if pool not in order))
    return {
        score.feature: {
            **{name: json_number(score.pool(name)) for name in names},
            "frames": score.frames,
            "coverage": score.coverage,
        }
        for score in scores.result.scores
    }


def _document(scores: FileScores) -> dict[str, object]:
    facts = scores.result.segment
    return {
        "version": f"vqmon {__version__}",
        "fps": round(facts.frames_sampled / scores.result.score_seconds, 2) if scores.result.score_seconds else None,
        "distorted": scores.path,
        **({"reference": scores.reference} if scores.reference is not None else {}),
        "models": {score.feature: score.model for score in scores.result.scores},
        "frame_rate": facts.frame_rate,
        "valid": scores.valid,
        "flags": list(dict.fromkeys(flag.name for flag in scores.flags)),
        "warnings": list(scores.warnings),
        **({"sync": asdict(scores.sync)} if scores.sync is not None else {}),
        "frames": _frames(scores),
        "pooled_metrics": _pooled(scores),
        "aggregate_metrics": {},
    }


def as_json(files: Sequence[FileScores]) -> str:
    """One libvmaf log; for several files ``{"files": [log, ...]}``."""
    documents = [_document(scores) for scores in files]
    whole = documents[0] if len(documents) == 1 else {"version": f"vqmon {__version__}", "files": documents}
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def as_csv(files: Sequence[FileScores]) -> str:
    """One line a frame as in libvmaf's CSV: ``Frame``, then the features; ``File`` comes first where there are several."""
    several = len(files) > 1
    features = list(dict.fromkeys(score.feature for scores in files for score in scores.result.scores))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["File"] if several else []), "Frame", *features])
    for scores in files:
        for frame in _frames(scores):
            metrics = frame["metrics"]
            assert isinstance(metrics, dict)
            row = ["" if metrics.get(feature) is None else repr(metrics[feature]) for feature in features]
            writer.writerow([*([scores.path] if several else []), frame["frameNum"], *row])
    return text.getvalue()


def as_ndjson(files: Sequence[FileScores]) -> str:
    """One object a line: ``type`` is ``frame`` or, after a file's frames, ``pooled``."""
    lines: list[dict[str, object]] = []
    for scores in files:
        lines.extend({"type": "frame", "file": scores.path, **frame} for frame in _frames(scores))
        lines.append({"type": "pooled", "file": scores.path, "pooled_metrics": _pooled(scores)})
    return "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)


WRITERS = {"json": as_json, "csv": as_csv, "ndjson": as_ndjson}
"""Each format's writer."""
