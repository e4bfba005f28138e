"""``vqmon compare --report out.html``: how encodes fare beside their reference, and where they are worst, in one file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor import __version__
from monitor.scorers import specs
from monitor.types import json_number
from monitor.web.assets import Assets
from monitor.web.catalog import Catalog
from monitor.web.decimation import decimate
from monitor.web.page import comparison_page
from monitor.web.report import write_html
from pipelines.pooling import Pooled, heading
from pipelines.wording import aligned, how, labels, moment, pairing, printable
from pipelines.worst_frames import WorstFrames, decode_worst, map_colours

if TYPE_CHECKING:
    from monitor.protocols import Feature
    from monitor.types import Score
    from pipelines.files import FileScores

POINTS = 3000
"""Points of one line; the extremes survive."""

WORST = 4
"""Frames of each file that are shown."""

BINS = 40
"""Bars of a histogram."""

TABLE_POOLS = ("mean", "harmonic_mean", "min", "p1", "p5", "p50", "p95", "max", "stdev")
"""Pools in the table, before those that were asked for."""


def write_comparison_report(
    files: Sequence[FileScores], path: Path, *, pools: Sequence[str] = (), pictures: Sequence[WorstFrames] | None = None
) -> None:
    """Write one self-contained HTML file: verdict, series, histograms, pooled values and the worst frames.

    Args:
        files: What each file scored, all beside the same reference.
        path: The file to write; replaced where it exists, and there whole or not at all.
        pools: Pools to show besides the usual ones, as ``pipelines.pooling.parse_pool`` gives them.
        pictures: The worst frames of each file, from ``pipelines.worst_frames.decode_worst``; where ``None`` the
            ``WORST`` worst by ``main_feature`` are decoded, which takes a second or two for each file.

    Raises:
        SinkError: the file can't be written.
    """
    if pictures is None:
        pictures = _decoded(files)
    contents = _Contents(files, pictures, tuple(dict.fromkeys((*TABLE_POOLS, *pools))))
    write_html(path, comparison_page(Assets(), contents.title, contents.shown(), contents.drawn()))


def _decoded(files: Sequence[FileScores]) -> Sequence[WorstFrames]:
    judge = main_feature(files)
    if judge is None or judge.higher_is_better is None:
        return ()
    return decode_worst(files, judge.name, higher_is_better=judge.higher_is_better, count=WORST)


def main_feature(files: Sequence[FileScores]) -> Feature | None:
    """What the report judges frames by: VMAF where there is one, else the first feature with a direction."""
    names = list(dict.fromkeys(score.feature for scores in files for score in scores.result.scores))
    catalog = Catalog(specs())
    features = [catalog.feature(name) for name in catalog.ordered(names)]
    return next((feature for feature in features if feature.higher_is_better is not None), None)


@dataclass(slots=True)
class _Contents:
    """What stands in the report."""

    files: Sequence[FileScores]
    pictures: Sequence[WorstFrames]
    pools: Sequence[str]
    title: str = field(init=False)
    _features: list[Feature] = field(init=False)
    _main: Feature | None = field(init=False)
    _leading: set[object] = field(init=False)
    """Features whose charts are not folded away: the first of each metric."""
    _pooled: list[Pooled] = field(init=False)
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        catalog = Catalog(specs())
        names = dict.fromkeys(score.feature for scores in self.files for score in scores.result.scores)
        self._features = [catalog.feature(name) for name in catalog.ordered(names)]
        self._leading = {each["name"] for each in catalog.described(names) if each["leading"]}
        self._main = main_feature(self.files)
        self._pooled = [Pooled(scores.result) for scores in self.files]
        self._names = labels([scores.path for scores in self.files])
        first = Path(printable(self.files[0].path)).name if len(self.files) == 1 else f"{len(self.files)} encodes"
        reference = self.files[0].reference
        self.title = f"{first} beside {Path(printable(reference)).name}" if reference is not None else first

    def shown(self) -> Mapping[str, object]:
        """What the template spells out."""
        return {
            "version": __version__,
            "reference": printable(self.files[0].reference or ""),
            "files": [self._file(number) for number in range(len(self.files))],
            "main": self._main,
            "pools": [heading(pool) for pool in self.pools],
            "rows": [row for feature in self._features for row in self._rows(feature)],
            "models": {score.feature: score.model for scores in self.files for score in scores.result.scores},
            "has_pictures": any(shots.frames for shots in self.pictures),
            "map_colours": map_colours(),
        }

    def drawn(self) -> Mapping[str, object]:
        """What the charts are made of."""
        return {
            "files": self._names,
            "features": [self._chart(feature) for feature in self._features],
            "main": self._main.name if self._main is not None else None,
        }

    def _file(self, number: int) -> Mapping[str, object]:
        scores, shots = self.files[number], self.pictures[number] if number < len(self.pictures) else WorstFrames()
        return {
            "number": number % 8,
            "label": self._names[number],
            "path": printable(scores.path),
            "how": how(scores),
            "pairing": pairing(scores.sync) if scores.sync is not None else "",
            "sync": scores.sync,
            "valid": scores.valid,
            "flags": [{"name": flag.name, "detail": printable(flag.detail), "spoils": flag.spoils} for flag in scores.flags],
            "headline": self._headline(number),
            "missing": printable(shots.missing),
            "frames": [
                {
                    "id": f"frame-{number}-{shot.score.index}",
                    "index": shot.score.index,
                    "moment": moment(shot.score.pts),
                    "value": aligned([shot.score.value])[0],
                    "full_scale": f"{shot.full_scale:g}",
                    "reference": _data_url(shot.reference),
                    "distorted": _data_url(shot.distorted),
                    "difference": _data_url(shot.difference),
                }
                for shot in shots.frames
            ],
        }

    def _headline(self, number: int) -> Mapping[str, str] | None:
        """The main feature's pools in large type."""
        if self._main is None:
            return None
        low = "p5" if self._main.higher_is_better else "p95"
        worst = "min" if self._main.higher_is_better else "max"
        values = aligned([self._pooled[number].value(self._main.name, pool) for pool in ("mean", low, worst)])
        return {"mean": values[0], "low": values[1], "low_name": low, "worst": values[2], "worst_name": worst}

    def _rows(self, feature: Feature) -> list[Mapping[str, object]]:
        values = [[pooled.value(feature.name, pool) for pool in self.pools] for pooled in self._pooled]
        numbers = aligned([value for each in values for value in each])
        rows: list[Mapping[str, object]] = []
        for number, pooled in enumerate(self._pooled):
            worst = pooled.worst(feature.name, feature.higher_is_better)
            rows.append(
                {
                    "feature": feature if number == 0 else None,
                    "number": number % 8,
                    "label": self._names[number],
                    "values": numbers[number * len(self.pools) : (number + 1) * len(self.pools)],
                    "frames": len(pooled.frames(feature.name)),
                    "worst": f"{worst.index} at {moment(worst.pts)}" if worst is not None else "",
                }
            )
        return rows

    def _chart(self, feature: Feature) -> Mapping[str, object]:
        finite = [values[np.isfinite(values)] for values in (pooled.values(feature.name) for pooled in self._pooled)]
        everything = np.concatenate(finite)
        edges = np.histogram_bin_edges(everything, BINS) if everything.size else np.array([0.0, 1.0])
        return {
            "name": feature.name,
            "title": feature.title,
            "unit": feature.unit,
            "leading": feature.name in self._leading,
            "display": [json_number(end) for end in feature.display],
            "minimum": json_number(feature.minimum),
            "maximum": json_number(feature.maximum),
            "lines": [
                _line(pooled.frames(feature.name), scores) for pooled, scores in zip(self._pooled, self.files, strict=True)
            ],
            "edges": [float(f"{edge:.6g}") for edge in edges],
            "shares": [
                [round(float(count) / values.size, 5) if values.size else 0.0 for count in np.histogram(values, edges)[0]]
                for values in finite
            ],
            "marks": [
                {
                    "file": number,
                    "index": shot.score.index,
                    "ms": _ms(shot.score, self.files[number]),
                    "value": shot.score.value,
                }
                for number, shots in enumerate(self.pictures)
                for shot in shots.frames
                if shot.score.feature == feature.name
            ],
        }


def _line(frames: Sequence[Score], scores: FileScores) -> Mapping[str, Sequence[float | None]]:
    """A feature over time as far as a chart can show it; ``null`` where a value is infinite."""
    times = np.array([_ms(score, scores) for score in frames], dtype=np.int64)
    values = np.array([score.value for score in frames], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    kept = decimate(times, values, POINTS) if len(frames) else np.array([], dtype=np.intp)
    return {
        "ms": [int(times[at]) for at in kept],
        "index": [frames[at].index for at in kept],
        "value": [None if np.isnan(values[at]) else float(f"{values[at]:.6g}") for at in kept],
    }


def _ms(score: Score, scores: FileScores) -> int:
    """When the reference shows a frame, in milliseconds, so that files with different offsets share an axis."""
    offset = scores.sync.offset if scores.sync is not None else 0.0
    return round(1000 * float(scores.pairs.moments.get(score.index, score.pts + Fraction(offset))))


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
