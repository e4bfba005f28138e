"""The terminal of ``vqmon watch``: alerts as they come, and on a real terminal a live table below them."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.style import Style
from rich.table import Table
from rich.text import Text

from monitor.scorers import feature
from monitor.types import Alert, AlertState, EventKind, SegmentResult, Severity, SourceEvent

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADLINES = {
    "vmaf": ("VMAF", "{:.1f}"),
    "psnr_y": ("PSNR", "{:.1f}"),
    "ssim": ("SSIM", "{:.3f}"),
    "black_ratio": ("black", "{:.0%}"),
    "frozen": ("frozen", "{:.0%}"),
    "blockiness": ("block", "{:.2f}"),
    "blur": ("blur", "{:.0f}"),
    "noise": ("noise", "{:.1f}"),
}
"""Features worth a column, if they have scores: heading and format, the ones to keep on a narrow terminal first."""

NARROW = 65
"""Characters that the table needs without any of them."""

_COLOURS = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_ONE_SHOT = {
    EventKind.SEGMENT_MISSING,
    EventKind.SEGMENT_BAD,
    EventKind.DISCONTINUITY,
    EventKind.FORMAT_CHANGED,
    EventKind.DOWN,
    EventKind.REFERENCE_LOST,
    EventKind.DROPPED,
    EventKind.ENDED,
}
"""Events that a person at the terminal wants to see."""


@dataclass(slots=True)
class _Row:
    result: SegmentResult | None = None
    up: bool | None = None
    seen: float = 0.0
    alerts: dict[str, str] = field(default_factory=dict)
    """Names of the alerts that fire, by fingerprint."""


class WatchScreen:
    """Shows a watch; a context manager. Methods may be called from any thread.

    Args:
        console: Where to print.
        quiet: Alerts only: no events, no table.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._quiet = quiet
        self._rows: dict[tuple[str, str], _Row] = {}
        self._lock = threading.Lock()
        table = self._console.is_terminal and not quiet
        self._live = (
            Live(console=self._console, get_renderable=self._render, refresh_per_second=2, transient=True) if table else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def listening(self, url: str) -> None:
        """Say where the dashboard is."""
        self._say(Text.assemble("dashboard: ", (url, Style(link=url)), f"  metrics: {url.rstrip('/')}/metrics"))

    def result(self, result: SegmentResult) -> None:
        """A segment was scored."""
        with self._lock:
            row = self._rows.setdefault((result.segment.stream, result.segment.rendition), _Row())
            row.result, row.seen = result, time.monotonic()

    def event(self, event: SourceEvent) -> None:
        """A source noticed something."""
        with self._lock:
            row = self._rows.setdefault((event.stream, event.rendition or "-"), _Row()) if event.rendition else None
            if row is not None and event.kind in (EventKind.UP, EventKind.DOWN):
                row.up = event.kind is EventKind.UP
        if event.kind in _ONE_SHOT and not self._quiet:
            where = f"{event.stream}/{event.rendition}" if event.rendition else event.stream
            what = event.kind.replace("_", " ")
            self._say(f"[dim]{event.at:%H:%M:%S}[/] {escape(where)}: {what} {escape(event.detail)}")

    def alert(self, alert: Alert) -> None:
        """An alert fired or resolved."""
        with self._lock:
            for key, row in self._rows.items():
                if key[0] == alert.stream and alert.rendition in ("", key[1]):
                    if alert.state is AlertState.FIRING:
                        row.alerts[alert.fingerprint] = alert.name
                    else:
                        row.alerts.pop(alert.fingerprint, None)
        where = "/".join(part for part in (alert.stream, alert.rendition) if part) or "monitor"
        moment = alert.ends_at if alert.state is AlertState.RESOLVED and alert.ends_at else alert.starts_at
        firing = alert.state is AlertState.FIRING
        label = f"[{_COLOURS[alert.severity]}]{'FIRING':9}[/]" if firing else f"[green]{'resolved':9}[/]"
        who = f"{alert.severity:8} [bold]{alert.name}[/] {escape(where)}"
        self._say(f"[dim]{moment:%H:%M:%S}[/] {label} {who}: {escape(alert.summary)}")
        for name in alert.evidence if firing else ():
            if name.endswith(".jpg"):
                self._say(f"         [dim]evidence: {escape(name)}[/]")

    def _say(self, line: str | Text) -> None:
        """One line, however long: who pipes it into a file can search it."""
        self._console.print(line, soft_wrap=True)

    def _render(self) -> RenderableType:
        with self._lock:
            rows = {key: _Row(row.result, row.up, row.seen, dict(row.alerts)) for key, row in sorted(self._rows.items())}
        if not rows:
            return Text("starting; on its first run on a machine vqmon compiles its kernels ...", style="dim")
        scored = {score.feature for row in rows.values() if row.result for score in row.result.scores}
        room = max(1, (self._console.width - NARROW) // 7)
        present = [name for name in HEADLINES if name in scored][:room]
        if any(row.result for row in rows.values()):  # a reference that works is never scored, and has nothing to show
            rows = {key: row for key, row in rows.items() if row.result or row.alerts or row.up is False}
        table = Table(box=None, pad_edge=False, title_justify="left")
        table.add_column("stream", no_wrap=True, max_width=16)
        table.add_column("rendition", no_wrap=True, max_width=12)
        table.add_column("picture", no_wrap=True, min_width=9)
        for heading in ("kbit/s", "age s", *(HEADLINES[name][0] for name in present)):
            table.add_column(heading, no_wrap=True, justify="right")
        table.add_column("alerts", overflow="fold")
        for (stream, rendition), row in rows.items():
            table.add_row(
                escape(stream), escape(rendition), *_facts(row), *(_value(row, name) for name in present), _state(row)
            )
        return table


def _facts(row: _Row) -> tuple[str, str, str]:
    if row.result is None:
        return "waiting", "", ""
    facts = row.result.segment
    picture = f"{facts.format.width}x{facts.format.height}" if facts.format else "undecodable"
    return picture, f"{facts.bitrate_bps / 1000:.0f}", f"{time.monotonic() - row.seen:.0f}"


def _value(row: _Row, name: str) -> str:
    if row.result is None:
        return ""
    pool = feature(name)[1].pool
    _, pattern = HEADLINES[name]
    return next((pattern.format(score.pool(pool)) for score in row.result.scores if score.feature == name), "")


def _state(row: _Row) -> str:
    if row.alerts:
        return f"[bold red]{', '.join(sorted(set(row.alerts.values())))}[/]"
    return "[red]down[/]" if row.up is False else "[green]ok[/]" if row.result else ""
