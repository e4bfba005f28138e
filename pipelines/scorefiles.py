"""Scores of files for other programs: libvmaf's JSON, XML and CSV, ffmpeg-quality-metrics' JSON, and NDJSON of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from monitor.sources.addresses import without_secrets
from monitor.types import json_number
from pipelines.fqm_layout import as_fqm_json
from pipelines.frame_log import FrameLog
from pipelines.libvmaf_layout import as_csv, as_json, as_xml

if TYPE_CHECKING:
    from pipelines.files import FileScores


def as_ndjson(logs: Sequence[FrameLog]) -> str:
    """One object a line: ``type`` is ``frame`` or, after a file's frames, ``pooled``. Numbers keep all their digits."""
    return "".join(json.dumps(line, allow_nan=False) + "\n" for log in logs for line in _ndjson_lines(log))


def _ndjson_lines(log: FrameLog) -> Iterator[dict[str, object]]:
    times = {score.index: float(score.pts) for score in log.scores.result.frame_scores}
    for index, values in log.frames:
        metrics = {name: json_number(value) for name, value in values.items()}
        yield {
            "type": "frame",
            "file": without_secrets(log.scores.path),
            "frameNum": index,
            "pts": round(times[index], 6),
            "metrics": metrics,
        }
    rate = log.frames_per_second
    yield {
        "type": "pooled",
        "file": without_secrets(log.scores.path),
        "pooled_metrics": {
            name: {**{pool: json_number(value) for pool, value in log.pooled(name).items()}, **log.coverage(name)}
            for name in log.features
        },
        "fps": None if rate is None else round(rate, 2),
        **log.facts(),
    }


class Writer(Protocol):
    """Scores of one or several files as text."""

    def __call__(self, files: Sequence[FileScores], pools: Sequence[str] = ()) -> str:
        """The text.

        Args:
            files: At least one.
            pools: Pools to add to those that are always there, as ``pipelines.pooling.parse_pool`` gives them.
        """


def _writer(layout: Callable[[Sequence[FrameLog]], str]) -> Writer:
    return lambda files, pools=(): layout([FrameLog(scores, pools) for scores in files])


WRITERS: Mapping[str, Writer] = {
    "json": _writer(as_json),
    "csv": _writer(as_csv),
    "ndjson": _writer(as_ndjson),
    "xml": _writer(as_xml),
    "fqm-json": _writer(as_fqm_json),
}
"""Each format's writer."""

FORMATS = tuple(WRITERS)
"""Names of the formats, as users type them."""

LIBVMAF_FORMATS = ("json", "csv", "xml", "fqm-json")
"""Those whose readers expect what libvmaf measures for a model beside its score."""
