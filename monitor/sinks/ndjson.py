"""Results as lines of JSON: ``--out scores.ndjson``.

One object a line, UTF-8, keys always in the order given here. Times are UTC, ISO 8601 with ``Z`` and microseconds. Numbers
carry nine significant digits; one that is not finite is ``null``.

``{"type": "segment", ...}``: one scored segment.
    ``stream``, ``rendition``, ``sequence``, ``start`` (time), ``duration_seconds``, ``discontinuity``, ``bytes``,
    ``bitrate_bps``, ``codec``, ``width``, ``height``, ``frame_rate``, ``frames_expected``, ``frames_decoded``,
    ``frames_sampled``, ``frames_paired``, ``decode_errors``, ``download_seconds``, ``score_seconds``, ``failed`` (metrics
    that raised), ``scores``: an object by feature of ``model``, ``frames``, ``coverage`` (0-1) and every pool of
    ``monitor.types.POOLS``.
``{"type": "event", ...}``: something a source noticed.
    ``kind`` (``monitor.types.EventKind``), ``stream``, ``rendition`` (empty: the whole stream), ``at`` (time), ``reason``,
    ``detail``, ``value``.
``{"type": "alert", ...}``: one alert's transition.
    ``alertname``, ``state``, ``severity``, ``stream``, ``rendition``, ``feature``, ``fingerprint``, ``starts_at`` (time),
    ``ends_at`` (time or null), ``value``, ``threshold``, ``summary``, ``description``, ``segment_start`` (time or null),
    ``evidence`` (relative paths).
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from monitor.errors import SinkError, SinkUnavailable
from monitor.types import POOLS, Alert, SegmentResult, SourceEvent, json_number

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOR_NOW = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EAGAIN, errno.EINTR)


class NdjsonSink:
    """Appends lines to a file or a binary stream; each write is one system call, so a reader sees whole lines.

    An append-only file can't take a line back: a result that is written twice is two equal lines. Safe for several threads.

    Args:
        target: path of a file, made with its folder on the first write and appended to where it exists; or an open binary
            stream (``sys.stdout.buffer``), which stays open on ``close``.
    """

    name = "ndjson"

    def __init__(self, target: Path | str | BinaryIO) -> None:
        self._path = Path(target) if isinstance(target, (str, Path)) else None
        self._stream = None if isinstance(target, (str, Path)) else target
        self._place = f"file {self._path}" if self._path else f"stream {getattr(self._stream, 'name', '')}".rstrip()
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        with self._writing:
            self._open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        """Append a line for each result and each event.

        Raises:
            SinkUnavailable: the disk is full; the file is as it was.
            SinkError: the file can't be opened, or the reader of the stream has gone.
        """
        self._append([*map(segment_line, results), *map(event_line, events)])

    def write_alerts(self, alerts: Sequence[Alert]) -> None:
        """Append a line for each alert; raises as ``write`` does."""
        self._append([alert_line(alert) for alert in alerts])

    def flush(self) -> None:
        """Return only when every line is on the disk; a pipe or a terminal has none to wait for."""
        with self._writing:
            if self._stream is None:
                return
            try:
                self._stream.flush()
                os.fsync(self._stream.fileno())
            except (io.UnsupportedOperation, AttributeError):
                return  # a stream in memory
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
                    raise self._problem("synced", error) from error

    def close(self) -> None:
        """Flush, and close what was opened here."""
        try:
            self.flush()
        finally:
            with self._writing:
                if self._path is not None and self._stream is not None:
                    self._stream.close()
                    self._stream = None

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        if not lines:
            return
        text = "".join(f"{json.dumps(line, ensure_ascii=False, separators=(',', ':'))}\n" for line in lines)
        payload = text.encode("utf-8", "backslashreplace")
        with self._writing:
            stream = self._open()
            end = self._end(stream)
            try:
                written = 0
                while written < len(payload):
                    written += stream.write(payload[written:]) or 0
                stream.flush()
            except OSError as error:
                if end is not None:
                    with contextlib.suppress(OSError):
                        os.ftruncate(stream.fileno(), end)
                raise self._problem("written", error) from error

    def _open(self) -> BinaryIO:
        if self._stream is None:
            assert self._path is not None
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                torn = self._torn()
                self._stream = self._path.open("ab", buffering=0)
                if torn:
                    self._stream.write(b"\n")
            except OSError as error:
                raise self._problem("opened", error) from error
        return self._stream

    def _torn(self) -> bool:
        """Whether the file ends within a line, as a power cut leaves it."""
        assert self._path is not None
        if not self._path.is_file() or self._path.stat().st_size == 0:
            return False
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def _end(self, stream: BinaryIO) -> int | None:
        """Size of the file opened here; ``None`` where there is nothing to cut back to."""
        if self._path is None:
            return None
        status = os.fstat(stream.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _problem(self, done: str, error: OSError) -> SinkError:
        kind = SinkUnavailable if error.errno in _FOR_NOW else SinkError
        return kind(f"{self._place} can't be {done}: {error.strerror or error}")


def segment_line(result: SegmentResult) -> dict[str, Any]:
    """A result as the object described above."""
    segment = result.segment
    picture = segment.format
    return {
        "type": "segment",
        "stream": segment.stream,
        "rendition": segment.rendition,
        "sequence": segment.sequence,
        "start": _time(segment.started_at),
        "duration_seconds": _number(float(segment.duration)),
        "discontinuity": segment.discontinuity,
        "bytes": segment.bytes,
        "bitrate_bps": _number(segment.bitrate_bps),
        "codec": segment.codec,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "frame_rate": _number(segment.frame_rate),
        "frames_expected": segment.frames_expected,
        "frames_decoded": segment.frames_decoded,
        "frames_sampled": segment.frames_sampled,
        "frames_paired": segment.frames_paired,
        "decode_errors": segment.decode_errors,
        "download_seconds": _number(segment.download_seconds),
        "score_seconds": _number(result.score_seconds),
        "failed": list(result.failed),
        "scores": {
            score.feature: {
                "model": score.model,
                "frames": score.frames,
                "coverage": _number(score.coverage),
                **{pool: _number(score.pool(pool)) for pool in POOLS},
            }
            for score in result.scores
        },
    }


def event_line(event: SourceEvent) -> dict[str, Any]:
    """An event as the object described above."""
    return {
        "type": "event",
        "kind": str(event.kind),
        "stream": event.stream,
        "rendition": event.rendition,
        "at": _time(event.at),
        "reason": event.reason,
        "detail": event.detail,
        "value": _number(event.value),
    }


def alert_line(alert: Alert) -> dict[str, Any]:
    """An alert as the object described above."""
    segment_start = alert.segment_start_ms
    return {
        "type": "alert",
        "alertname": alert.name,
        "state": str(alert.state),
        "severity": str(alert.severity),
        "stream": alert.stream,
        "rendition": alert.rendition,
        "feature": alert.feature,
        "fingerprint": alert.fingerprint,
        "starts_at": _time(alert.starts_at),
        "ends_at": None if alert.ends_at is None else _time(alert.ends_at),
        "value": None if alert.value is None else _number(alert.value),
        "threshold": None if alert.threshold is None else _number(alert.threshold),
        "summary": alert.summary,
        "description": alert.description,
        "segment_start": None if segment_start is None else _time(_EPOCH + timedelta(milliseconds=segment_start)),
        "evidence": list(alert.evidence),
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(value: float) -> float | None:
    return json_number(float(f"{value:.9g}"))
