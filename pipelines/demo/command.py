"""``vqmon demo``: the main job on a live channel of its own making, and a verdict on every fault that was put into it."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.scorers import specs
from monitor.types import Alert, AlertState
from monitor.web.report import write_report
from pipelines.config import check_config
from pipelines.demo.channel import Channel
from pipelines.demo.faults import FaultPlan, Finding, Verdict, standard_plan, verdict
from pipelines.demo.origin import LiveOrigin
from pipelines.live import LiveMonitor
from pipelines.logs import configure_logging
from pipelines.screen import WatchScreen
from pipelines.warmup import warm_up
from pipelines.watching import stopped_by_signals

STREAM = "demo"
SETTLE_SECONDS = 3.0
"""After the plan's end: until the last segment is scored."""


def run_demo(
    output: Path, *, listen: str | None = None, keep: bool = False, quiet: bool = False, verbose: bool = False
) -> int:
    """Run the demo; 0 only if every fault was alerted on and resolved and nothing else was alerted.

    Args:
        output: Folder for the store, the evidence and the report; those of an earlier demo are replaced.
        listen: ``HOST:PORT`` of the dashboard; by default port 8080 of loopback, or a free one where that is taken.
        keep: Leave the channel and the dashboard up afterwards, until Ctrl-C.
        quiet: Only alerts and the verdict.
        verbose: Log what happens in the decoding processes too.
    """
    console = Console(highlight=False)
    channel = Channel()
    rungs = [rung.name for rung in channel.rungs]
    plan = standard_plan(rungs)
    _clear(output)
    with console.status("compiling kernels (once a machine) ..."):
        warm_up([spec for spec in specs() if spec.default])
    stop = threading.Event()
    with (
        console.status("encoding the first segments ..."),
        LiveOrigin(channel, plan, forever=keep) as origin,
    ):
        config = check_config(
            {
                "streams": [{"name": STREAM, "url": origin.master_url, "reference": origin.source_url}],
                "store": f"sqlite:///{output / 'vqmon.db'}",
                "out": str(output / "scores.ndjson"),
                "listen": listen or _free_address(),
                "evidence": {"dir": str(output / "evidence")},
            },
            where="demo",
        )
        with WatchScreen(console, quiet=quiet) as screen, stopped_by_signals(stop) as received:
            monitor = LiveMonitor(
                config,
                on_result=screen.result,
                on_alert=screen.alert,
                on_event=screen.event,
                on_listen=screen.listening,
                log_alerts=False,
                prepare_child=partial(configure_logging, verbose=verbose),
            )
            _introduce(console, plan, origin)
            alerts: list[Alert] = []
            judge = threading.Thread(
                target=_judge_while_running, args=(plan, origin, monitor, output, rungs, console, stop), daemon=True
            )
            if keep:
                judge.start()
            summary = monitor.run(stop)
            alerts = summary.alerts
    if received and not keep:
        return 130
    outcome = _judged(plan, alerts, origin.started_at, rungs)
    if not keep:
        _conclude(console, outcome, plan, origin, monitor, output)
        console.print(f"{summary.segments} segments, {summary.frames} frames scored")
    return 0 if outcome.passed and not summary.lost else 1


def _clear(output: Path) -> None:
    """Remove what an earlier demo left in the folder, and nothing else."""
    shutil.rmtree(output / "evidence", ignore_errors=True)
    for name in ("vqmon.db", "vqmon.db-wal", "vqmon.db-shm", "scores.ndjson", "report.html"):
        (output / name).unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)


def _free_address() -> str:
    """Port 8080 of loopback, or a free one."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8080))
        except OSError:
            return "127.0.0.1:0"
    return "127.0.0.1:8080"


def _introduce(console: Console, plan: FaultPlan, origin: LiveOrigin) -> None:
    console.print(f"a live channel is on air at {origin.master_url}, its source at {origin.source_url}")
    for fault in plan.faults:
        at = origin.started_at + timedelta(seconds=fault.start_seconds)
        where = "every rung" if fault.rendition == "*" else fault.rendition
        console.print(
            f"[dim]{at:%H:%M:%S}[/] planned: {fault.kind.replace('_', ' ')} on {where} for {fault.duration_seconds:g} s"
        )


def _judged(plan: FaultPlan, alerts: Sequence[Alert], started_at: datetime, rungs: Sequence[str]) -> Verdict:
    """The verdict on what was alerted while the channel was on air: alerts that only its end resolved count as firing."""
    end = started_at + timedelta(seconds=plan.duration_seconds)
    on_air = [
        replace(alert, state=AlertState.FIRING, ends_at=None)
        if alert.state is AlertState.RESOLVED and alert.ends_at is not None and alert.ends_at >= end
        else alert
        for alert in alerts
        if alert.starts_at < end
    ]
    return verdict(plan, on_air, started_at, rungs)


def _judge_while_running(
    plan: FaultPlan,
    origin: LiveOrigin,
    monitor: LiveMonitor,
    output: Path,
    rungs: Sequence[str],
    console: Console,
    stop: threading.Event,
) -> None:
    """With ``keep``: the verdict and the report when the plan is over, while the channel goes on."""
    end = origin.started_at + timedelta(seconds=plan.duration_seconds + SETTLE_SECONDS)
    if stop.wait(max(0.0, (end - datetime.now(UTC)).total_seconds())):
        return
    outcome = _judged(plan, monitor.alerts, origin.started_at, rungs)
    _conclude(console, outcome, plan, origin, monitor, output)
    console.print("the channel goes on without faults; Ctrl-C ends it")


def _conclude(
    console: Console, outcome: Verdict, plan: FaultPlan, origin: LiveOrigin, monitor: LiveMonitor, output: Path
) -> None:
    report = output / "report.html"
    started_ms = round(origin.started_at.timestamp() * 1000)
    write_report(
        monitor.store,
        report,
        specs=specs(),
        evidence_dir=output / "evidence",
        title="vqmon demo",
        since_ms=started_ms - 10_000,
        until_ms=started_ms + round(plan.duration_seconds * 1000) + 10_000,
    )
    console.print(_table(outcome, origin.started_at))
    for alert in outcome.unexpected:
        console.print(f"[bold red]not planned:[/] {alert.name} {alert.rendition}: {escape(alert.summary)}")
    if origin.late_segments:
        console.print(f"[yellow]{origin.late_segments} segments were encoded late: this machine is busy[/]")
    console.print(
        "[bold green]every fault was alerted on and resolved, and nothing else was[/]"
        if outcome.passed
        else "[bold red]the monitor failed[/]"
    )
    console.print(f"report: {report}")


def _table(outcome: Verdict, started_at: datetime) -> Table:
    """Each fault and rung: what was raised, how long after the fault, and when it was over."""
    table = Table(title="faults and alerts", title_justify="left", box=None, pad_edge=False)
    for heading in ("fault", "rung", "at", "alerts", "raised for", "verdict"):
        table.add_column(heading, no_wrap=heading != "alerts")
    verdicts = (
        (outcome.matched, "[green]resolved[/]"),
        (outcome.unresolved, "[red]still firing[/]"),
        (outcome.missed, "[red]missed[/]"),
    )
    rows: list[tuple[Finding, str]] = [(finding, text) for findings, text in verdicts for finding in findings]
    for finding, text in sorted(rows, key=lambda row: (row[0].fault.start_seconds, row[0].rendition)):
        names = ", ".join(sorted({alert.name for alert in finding.raised}))
        lasting = [alert.ends_at - alert.starts_at for alert in finding.raised if alert.ends_at]
        table.add_row(
            finding.fault.kind.replace("_", " "),
            finding.rendition,
            f"{started_at + timedelta(seconds=finding.fault.start_seconds):%H:%M:%S}",
            names,
            f"{max(lasting).total_seconds():.0f} s" if lasting else "",
            text,
        )
    return table
