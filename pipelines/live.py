"""``vqmon watch``: stream -> segments -> scores -> store, alerts, dashboard. Read ``LiveMonitor.run`` from top to bottom."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.alerts import AlertEngine, HealthReport, Instant, check_features, default_rules, load_rules, threshold_rows
from monitor.errors import ConfigError, NotifyError, SinkError
from monitor.notifiers import AlertmanagerNotifier, Delivery, LogNotifier, WebhookNotifier
from monitor.protocols import Feature, Notifier
from monitor.scorers import specs
from monitor.sinks.ndjson import NdjsonSink
from monitor.sinks.prometheus import PrometheusCollector
from monitor.sinks.spool import Spool
from monitor.sinks.sql import SqlStore
from monitor.sources.clock import Clock, SystemClock
from monitor.telemetry import Telemetry
from monitor.types import Alert, EventKind, SegmentResult, SourceEvent
from pipelines.config import GrafanaConfig, WatchConfig, WebhookConfig, host_and_port
from pipelines.desk import AlertDesk
from pipelines.group import Expected, Gauges, Group, GroupMessage, Opened, StreamGroup, Unopened, chosen_metrics
from pipelines.isolation import GroupProcess

if TYPE_CHECKING:
    from monitor.web.server import DashboardServer

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""How often absence is looked for and the monitor's own health is reported."""
SNAPSHOT_SECONDS = 10.0
"""How often the alert engine's state is stored where nothing has fired or resolved."""
REFRESH_SECONDS = 5.0
"""How often notifiers are told what fires."""
PRUNE_SECONDS = 3600.0
BATCH = 256
"""Messages taken from the scheduler for one store transaction at most."""
ALERT_STATE = "alerts"
"""Key of the alert engine's state in the store."""
SHUTDOWN_SECONDS = 10.0
"""How long what has been fetched may take to be scored after a stop."""


@dataclass(slots=True)
class Summary:
    """What a watch did."""

    segments: int = 0
    frames: int = 0
    alerts: list[Alert] = field(default_factory=list)
    """Every transition, oldest first."""
    failures: list[str] = field(default_factory=list)
    """Inputs that could not be read at all."""
    lost: int = 0
    """Results that could not be stored."""


def build_notifiers(config: WatchConfig, *, log_alerts: bool) -> list[Notifier]:
    """The notifiers of a configuration, the log first where it is wanted.

    Raises:
        ConfigError: a secret is missing.
    """
    notifiers: list[Notifier] = [LogNotifier()] if log_alerts else []
    for wanted in config.notifiers:
        if isinstance(wanted, WebhookConfig):
            secret = wanted.secret.read() if wanted.secret else None
            notifiers.append(WebhookNotifier(wanted.url, secret=secret, timeout_seconds=wanted.timeout_seconds))
        elif isinstance(wanted, GrafanaConfig):
            from monitor.grafana import GrafanaAnnotator, GrafanaClient

            notifiers.append(GrafanaAnnotator(GrafanaClient(wanted.url, wanted.token.read())))
        else:
            notifiers.append(AlertmanagerNotifier(wanted.url, timeout_seconds=wanted.timeout_seconds))
    return notifiers


class LiveMonitor:
    """Watches every stream of a configuration until told to stop or until every input has ended.

    Args:
        config: Checked settings.
        on_result: Told every scored segment.
        on_alert: Told every transition.
        on_event: Told every source event.
        on_listen: Told the dashboard's URL.
        log_alerts: Whether alerts go to the log too; not where a terminal shows them.
        prepare_child: Run first in every child process: logging. A function that can be imported there.
        clock: Time.

    Raises:
        ConfigError: from the constructor: a metric, rule or secret is wrong.
    """

    def __init__(
        self,
        config: WatchConfig,
        *,
        on_result: Callable[[SegmentResult], None] = lambda _: None,
        on_alert: Callable[[Alert], None] = lambda _: None,
        on_event: Callable[[SourceEvent], None] = lambda _: None,
        on_listen: Callable[[str], None] = lambda _: None,
        log_alerts: bool = True,
        prepare_child: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        for stream in config.streams:
            chosen_metrics(stream)
        self._features: dict[str, Feature] = {feature.name: feature for spec in specs() for feature in spec.features}
        self._rules = load_rules(config.rules) if config.rules else default_rules()
        check_features(self._rules, self._features)
        self._alerts = AlertEngine(self._rules, self._features)
        self._notifiers = build_notifiers(config, log_alerts=log_alerts)
        self._store = SqlStore(config.store)
        self._clock = clock or SystemClock()
        self._prepare_child = prepare_child
        self._on_result, self._on_alert, self._on_event, self._on_listen = on_result, on_alert, on_event, on_listen
        self._telemetry = Telemetry(specs())
        self._outbox: queue.SimpleQueue[GroupMessage] = queue.SimpleQueue()
        self._lag: dict[tuple[str, str], float] = {}
        self._delivered: dict[str, tuple[int, int]] = {}
        """Transitions sent and attempts failed of each notifier when last counted."""
        self._summary = Summary()

    @property
    def store(self) -> SqlStore:
        """The store, for a report after the run."""
        return self._store

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every transition so far."""
        return tuple(self._summary.alerts)

    def run(self, stop: threading.Event) -> Summary:
        """Watch until ``stop`` is set or every input has ended.

        Raises:
            SinkError: the store or the output file can't be opened.
            ServerError: the dashboard's port is taken.
        """
        with ExitStack() as stack:
            stack.enter_context(self._store)
            self._store.set_thresholds(threshold_rows(self._rules))
            self._spool = Spool(self._store, self._spool_path())
            self._out = NdjsonSink(self._config.out) if self._config.out else None
            self._deliveries = [Delivery(notifier) for notifier in self._notifiers]
            self._telemetry.set_build_info(version=__version__)
            self._telemetry.count_sink(self._store.name)
            for notifier in self._notifiers:
                self._telemetry.count_notification(notifier.name)
            self._groups = self._grouped()
            self._desk = AlertDesk(self._store, self._collect_evidence, [self._tell])
            self._desk.start()
            server = self._serve()
            if server is not None:
                stack.callback(server.stop)
            stack.callback(self._close)
            self._restore()
            for group in set(self._groups.values()):
                group.start()
            self._collect(stop)
            for group in set(self._groups.values()):
                group.stop()
            for group in set(self._groups.values()):
                if not group.join(SHUTDOWN_SECONDS):
                    log.warning("some inputs did not stop within %g s", SHUTDOWN_SECONDS)
            self._take_all()
        return self._summary

    def _spool_path(self) -> Path | None:
        """Where results wait that an SQLite store can't take: beside it."""
        prefix = "sqlite:///"
        place = self._config.store.removeprefix(prefix)
        if self._config.store.startswith(prefix) or "://" not in self._config.store:
            return Path(f"{place}.spool.ndjson")
        return None

    # ---- inputs

    def _grouped(self) -> dict[str, Group]:
        """The group of each stream: as many groups as there are cores, each a process of its own."""
        streams, cores = self._config.streams, os.cpu_count() or 1
        workers = self._config.workers or cores
        if not self._config.isolate:
            one = StreamGroup(streams, self._outbox.put, evidence=self._config.evidence, workers=workers, clock=self._clock)
            return {stream.name: one for stream in streams}
        count = min(cores, len(streams))
        groups: dict[str, Group] = {}
        for number in range(count):
            mine = streams[number::count]
            group = GroupProcess(
                mine,
                self._outbox.put,
                evidence=self._config.evidence,
                workers=max(1, workers // count),
                prepare=self._prepare_child,
                clock=self._clock,
            )
            groups |= {stream.name: group for stream in mine}
        return groups

    def _collect_evidence(self, alert: Alert) -> tuple[str, ...]:
        return self._groups[alert.stream].collect(alert) if alert.stream in self._groups else ()

    # ---- outputs

    def _serve(self) -> DashboardServer | None:
        if self._config.listen is None:
            return None
        from monitor.web.server import DashboardServer

        host, port = host_and_port(self._config.listen)
        server = DashboardServer(
            self._store,
            specs=specs(),
            evidence_dir=self._config.evidence.dir if self._config.evidence else None,
            exposition=PrometheusCollector(self._telemetry, specs()).exposition,
            host=host,
            port=port,
        )
        self._on_listen(server.start())
        return server

    def _tell(self, alert: Alert) -> None:
        for delivery in self._deliveries:
            delivery.put([alert])
        if self._out is not None:
            try:
                self._out.write_alerts([alert])
            except SinkError as error:
                log.warning("%s", error)
        self._summary.alerts.append(alert)
        self._on_alert(alert)

    # ---- the loop

    def _collect(self, stop: threading.Event) -> None:
        """Take what the groups send until stopped or finished."""
        ticked = snapped = refreshed = pruned = self._clock.monotonic()
        while not stop.is_set() and not all(group.finished for group in self._groups.values()):
            self._take_batch(timeout_seconds=TICK_SECONDS / 2)
            now = self._clock.monotonic()
            if now - ticked >= TICK_SECONDS:
                ticked = now
                self._tick()
            if now - snapped >= SNAPSHOT_SECONDS:
                snapped = now
                self._save_state()
            if now - refreshed >= REFRESH_SECONDS:
                refreshed = now
                for delivery in self._deliveries:
                    delivery.refresh(self._alerts.firing(), self._clock.now())
            if self._config.retention_days is not None and now - pruned >= PRUNE_SECONDS:
                pruned = now
                self._prune(self._config.retention_days)

    def _take_all(self) -> None:
        while not self._outbox.empty():
            self._take_batch(timeout_seconds=0.0)

    def _take_batch(self, timeout_seconds: float) -> None:
        """Take the messages that are there, write them in one transaction, and raise what alerts follow."""
        results: list[SegmentResult] = []
        events: list[SourceEvent] = []
        transitions: list[Alert] = []
        try:
            message = self._outbox.get(timeout=timeout_seconds) if timeout_seconds else self._outbox.get_nowait()
            for _ in range(BATCH):
                if isinstance(message, SegmentResult):
                    results.append(message)
                    transitions += self._take_result(message)
                elif isinstance(message, Gauges):
                    self._take_gauges(message)
                elif isinstance(message, Expected):
                    self._telemetry.expect(message.stream, message.rendition)
                    self._alerts.expect(message.stream, message.rendition, self._now(), live=message.live)
                else:
                    event = message if isinstance(message, SourceEvent) else message.event
                    events.append(event)
                    transitions += self._take_event(message)
                message = self._outbox.get_nowait()
        except queue.Empty:
            pass
        if results or events:
            self._write(results, events)
        self._raise(transitions)

    def _take_result(self, result: SegmentResult) -> list[Alert]:
        self._telemetry.observe_result(result)
        for metric in result.failed:
            self._telemetry.count_scorer_failure(metric, "error")
        self._summary.segments += 1
        self._summary.frames += result.segment.frames_sampled
        self._on_result(result)
        return self._alerts.observe_result(result, self._now())

    def _take_event(self, message: SourceEvent | Unopened | Opened) -> list[Alert]:
        event = message if isinstance(message, SourceEvent) else message.event
        self._telemetry.observe_event(event)
        self._on_event(event)
        log.info("%s/%s %s %s", event.stream, event.rendition or "-", event.kind, event.detail)
        if isinstance(message, Unopened):
            if message.retried:
                self._alerts.expect(event.stream, "", self._now(), live=True)
            else:
                self._summary.failures.append(event.detail)
        transitions = self._alerts.observe_event(event, self._now())
        if isinstance(message, Opened):  # from here on its renditions speak for the stream
            transitions += self._alerts.forget(event.stream, "")
        return transitions

    def _take_gauges(self, gauges: Gauges) -> None:
        for lane in gauges.lanes:
            self._lag[(lane.stream, lane.rendition)] = lane.lag_seconds
            self._telemetry.set_queue(lane.stream, lane.rendition, depth=lane.depth, bytes_=lane.bytes)
        for stream in {lane.stream for lane in gauges.lanes}:
            self._telemetry.set_lag(stream, max(lane.lag_seconds for lane in gauges.lanes if lane.stream == stream))
        for metric, seconds in gauges.scorer_seconds:
            self._telemetry.observe_scorer(metric, "cpu", seconds)

    def _write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent]) -> None:
        events = [event for event in events if event.kind is not EventKind.MANIFEST_CHANGED]  # the alerts' pulse; no news
        if not results and not events:
            return
        try:
            self._spool.write(results, events)
        except SinkError as error:
            log.error("%d segments are not stored: %s", len(results), error)  # noqa: TRY400  # one line is what helps
        blocked = self._spool.blocked_since is not None
        self._telemetry.count_sink(self._store.name, writes=0 if blocked else 1, failures=1 if blocked else 0)
        if self._out is not None:
            try:
                self._out.write(results, events)
                self._out.flush()
            except SinkError as error:
                log.warning("%s", error)

    def _raise(self, transitions: Sequence[Alert]) -> None:
        if transitions:
            self._desk.hand(transitions)
            self._telemetry.set_alerts(self._alerts.active())
            self._save_state()

    def _tick(self) -> None:
        """Absence and the monitor's own health."""
        for group in set(self._groups.values()):
            group.report()
        self._spool.retry()
        for delivery in self._deliveries:
            sent, failed = self._delivered.get(delivery.name, (0, 0))
            self._delivered[delivery.name] = (delivery.sent, delivery.failures)
            self._telemetry.count_notification(delivery.name, sent=delivery.sent - sent, failed=delivery.failures - failed)
        report = HealthReport(
            at=self._clock.now(),
            lag_seconds=dict(self._lag),
            blocked_sinks=(self._store.name,) if self._spool.blocked_since is not None else (),
            failing_notifiers=tuple(delivery.name for delivery in self._deliveries if delivery.failing),
        )
        now = self._now()
        self._raise([*self._alerts.observe_health(report, now), *self._alerts.tick(now)])

    def _now(self) -> Instant:
        return Instant(self._clock.monotonic(), self._clock.now())

    # ---- state

    def _restore(self) -> None:
        """Go on where the last run stopped; nothing that was notified is notified again."""
        document = self._store.load_state(ALERT_STATE)
        if document is None:
            return
        try:
            gone = self._alerts.restore(json.loads(document), self._now())
        except (ConfigError, ValueError) as error:
            log.warning("the alert state of the last run is not used: %s", error)
            return
        watched = {stream.name for stream in self._config.streams}
        for stream, rendition in self._alerts.scopes:
            if stream and stream not in watched:
                gone += self._alerts.forget(stream, rendition)
        self._raise(gone)

    def _save_state(self) -> None:
        try:
            self._store.save_state(ALERT_STATE, json.dumps(self._alerts.snapshot()))
        except SinkError as error:
            log.warning("the alert state waits for the store: %s", error)

    def _prune(self, days: float) -> None:
        before = self._clock.now() - timedelta(days=days)
        try:
            pruned = self._store.prune(round(before.timestamp() * 1000))
        except SinkError as error:
            log.warning("old scores are kept for now: %s", error)
        else:
            log.info("deleted %d segments older than %g days", pruned.segments, days)

    def _close(self) -> None:
        """Everything that is scored is stored, everything that fired is told."""
        self._save_state()
        self._desk.close()
        for delivery in self._deliveries:
            try:
                delivery.close()
            except NotifyError as error:
                log.warning("%s", error)
        self._spool.close()
        self._summary.lost = self._spool.lost
        if self._out is not None:
            self._out.close()
