"""Scores of files as ffmpeg-quality-metrics' JSON lays them out.

Source: ffmpeg-quality-metrics 3.13, ``get_results_json``. Numbers are rounded as there, to three decimals (what libvmaf
computes to six). Its PSNR comes from mean squared errors and has no cap: where ours is at its cap the error is known to be
small but not how small, and both are ``null`` (there: 0 and ``Infinity``, which is no JSON). What was not scored is left
out; metrics that it does not have stand in sections of their own.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from monitor.scorers import feature
from monitor.scorers.psnr import psnr
from monitor.sources.addresses import without_secrets

if TYPE_CHECKING:
    from monitor.types import VideoFormat
    from pipelines.frame_log import FrameLog

Rows = list[dict[str, float | int | None]]

_PLANES = (("y", "y"), ("cb", "u"), ("cr", "v"))
"""Planes as our features and as FFmpeg call them."""

_LIBVMAFS = {
    *("adm", "adm3", "cambi", "ciede2000", "float_ms_ssim", "float_ssim", "motion", "motion3", "psnr_hvs", "speed_chroma"),
    "vif",
}
"""Metrics that libvmaf computes besides the models'; ``vmaf`` holds all of its numbers."""


def as_fqm_json(logs: Sequence[FrameLog]) -> str:
    """One document; for several files ``{"files": [document, ...]}``."""
    documents = [_document(log) for log in logs]
    whole = documents[0] if len(documents) == 1 else {"files": documents}
    return json.dumps(whole, indent=4, allow_nan=False) + "\n"


def _document(log: FrameLog) -> dict[str, object]:
    sections: dict[str, Rows] = {"psnr": list(_psnr(log)), "ssim": list(_ssim(log))}
    features: dict[str, list[str]] = {"vmaf": []}
    for name in log.features:
        if (section := _section(name)) not in sections:
            features.setdefault(section, []).append(name)
    sections |= {section: list(_rows(log, names)) for section, names in features.items()}
    found = {name: rows for name, rows in sections.items() if rows}
    facts = log.facts()
    return {
        **found,
        "global": {name: _statistics(rows) for name, rows in found.items()},
        "input_file_dist": without_secrets(log.scores.path),
        "input_file_ref": None if log.scores.reference is None else without_secrets(log.scores.reference),
        **{key: facts[key] for key in ("models", "sync", "valid", "flags", "warnings") if key in facts},
    }


def _section(name: str) -> str:
    """Where a feature's numbers stand."""
    spec, _ = feature(name)
    if spec.trained or spec.name in _LIBVMAFS:
        return "vmaf"
    return {"ssim_ffmpeg": "ssim", "ssim": "ssim_gaussian"}.get(spec.name, spec.name)


def _psnr(log: FrameLog) -> Iterator[dict[str, float | int | None]]:
    """FFmpeg's ``psnr`` filter: errors, then decibels; those of all planes weigh each by its samples."""
    form = log.scores.format
    for index, values in log.frames:
        levels = {plane: values[f"psnr_{ours}"] for ours, plane in _PLANES if f"psnr_{ours}" in values}
        if not levels or form is None:
            continue
        errors = {plane: _squared_error(level, form) for plane, level in levels.items()}
        weights = dict(zip("yuv", (form.width * form.height, *[form.chroma_width * form.chroma_height] * 2), strict=True))
        average = None
        if None not in errors.values():
            total = sum(weights[plane] * error for plane, error in errors.items() if error is not None)
            average = total / sum(weights[plane] for plane in errors)
        decibels = None if average is None else 10.0 * math.log10(form.peak**2 / average)
        yield {
            "n": index + 1,
            "mse_avg": _rounded(average),
            **{f"mse_{plane}": _rounded(error) for plane, error in errors.items()},
            "psnr_avg": _rounded(decibels),
            **{f"psnr_{plane}": _rounded(levels[plane] if error is not None else None) for plane, error in errors.items()},
        }


def _squared_error(level: float, form: VideoFormat) -> float | None:
    """Mean squared error of a plane from its PSNR; ``None`` at the cap, where it may be anything below."""
    if level >= psnr(0, 1, form.bit_depth):
        return None
    return float(form.peak**2 / 10.0 ** (level / 10.0))


def _ssim(log: FrameLog) -> Iterator[dict[str, float | int | None]]:
    """FFmpeg's ``ssim`` filter."""
    names = {f"ssim_ffmpeg_{ours}": f"ssim_{plane}" for ours, plane in _PLANES} | {"ssim_ffmpeg": "ssim_avg"}
    for index, values in log.frames:
        found = {theirs: _rounded(values[ours]) for ours, theirs in names.items() if ours in values}
        if found:
            yield {"n": index + 1, **found}


def _rows(log: FrameLog, names: Sequence[str]) -> Iterator[dict[str, float | int | None]]:
    """Numbers under our own names, which are libvmaf's where libvmaf computes the same; ``n`` is the last, as there."""
    for index, values in log.frames:
        found = {name: _rounded(values[name], 6) for name in names if name in values}
        if found:
            yield {**found, "n": index + 1}


def _rounded(value: float | None, decimals: int = 3) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def _statistics(rows: Rows) -> Mapping[str, Mapping[str, float]]:
    """``global`` of one section; infinite values are left out of it, and 0 stands for none at all, as there."""
    names = dict.fromkeys(key for row in rows for key in row if key != "n")
    return {name: _summary([value for row in rows if (value := row.get(name)) is not None] or [0.0]) for name in names}


def _summary(values: Sequence[float]) -> Mapping[str, float]:
    return {
        "average": round(statistics.fmean(values), 3),
        "median": round(statistics.median(values), 3),
        "stdev": round(float(np.std(values)), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }
