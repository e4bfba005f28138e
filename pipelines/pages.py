"""``vqmon serve`` and ``vqmon report``: pages from a store, without watching anything."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.errors import ConfigError
from monitor.scorers import specs
from monitor.sinks.sql import SqlStore
from pipelines.config import host_and_port
from pipelines.watching import stopped_by_signals

_AGE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def moment(text: str, now: datetime) -> datetime:
    """A UTC moment written as ISO 8601 or as an age before ``now`` (``90m``, ``6h``, ``2d``).

    Raises:
        ConfigError: it is neither.
    """
    if (age := _AGE.fullmatch(text.strip())) is not None:
        return now - timedelta(seconds=float(age["number"]) * _UNITS[age["unit"]])
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time; expected UTC such as 2026-11-21T10:00, or an age such as 6h") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def run_server(store: str, listen: str, evidence_dir: Path) -> None:
    """Serve the dashboard until a signal comes.

    Raises:
        SinkError: there is no such store.
        ServerError: the port is taken.
    """
    from monitor.web.server import DashboardServer

    try:
        host, port = host_and_port(listen)
    except ValueError as error:
        raise ConfigError(f"--listen: {error}") from error
    stop = threading.Event()
    with SqlStore(store, readonly=True) as history:
        server = DashboardServer(history, specs=specs(), evidence_dir=evidence_dir, host=host, port=port)
        with stopped_by_signals(stop):
            url = server.start()
            print(f"dashboard: {url}  (Ctrl-C stops it)")  # noqa: T201
            stop.wait()
            server.stop()


def write(
    store: str,
    output: Path,
    evidence_dir: Path,
    *,
    stream: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> None:
    """Write the report and say where it is.

    Raises:
        SinkError: there is no such store, or the file can't be written.
        ConfigError: a time is wrong.
    """
    from monitor.web.report import write_report

    now = datetime.now(UTC)
    since_ms = round(moment(since, now).timestamp() * 1000) if since else 0
    until_ms = round(moment(until, now).timestamp() * 1000) if until else round(now.timestamp() * 1000) + 60_000
    with SqlStore(store, readonly=True) as history:
        write_report(
            history,
            output,
            specs=specs(),
            evidence_dir=evidence_dir,
            title=f"Video quality{f' of {stream}' if stream else ''}",
            since_ms=since_ms,
            until_ms=until_ms,
            stream=stream,
        )
    print(output)  # noqa: T201
