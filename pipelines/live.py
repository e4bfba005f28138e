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
from types import TracebackType
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.alerts import AlertEngine, HealthReport, Instant, check_features, default_rules, load_rules, threshold_rows
from monitor.errors import ConfigError, NotifyError
from monitor.notifiers import Delivery
from monitor.protocols import Feature
from monitor.scheduling import Failed
from monitor.scorers import specs
from monitor.sinks.prometheus import PrometheusCollector
from monitor.sinks.sql import SqlStore
from monitor.sources.clock import Clock, SystemClock
from monitor.telemetry import Telemetry
from monitor.types import Alert, EventKind, SegmentResult, SourceEvent
from pipelines.config import WatchConfig, host_and_port
from pipelines.desk import AlertDesk
from pipelines.group import REFERENCE, Expected, Gauges, Group, GroupMessage, StreamGroup, Unopened, chosen_metrics
from pipelines.isolation import GroupProcess
from pipelines.notifying import build_notifiers
from pipelines.outputs import Outputs

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
CLOSE_SECONDS = 10.0
"""How long each notifier may take for the last alerts, and the desk for their evidence."""
HURRIED_SECONDS = 0.5
"""The same after a second Ctrl-C."""


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
    """Results and events that could not be stored."""


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
        self._unopened: set[str] = set()
        """Streams whose renditions are not known yet."""
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
            self._outputs = stack.enter_context(
                Outputs(self._store, self._config.store, self._config.out, count=self._telemetry.count_sink)
            )
            self._deliveries = [Delivery(notifier) for notifier in self._notifiers]
            self._telemetry.set_build_info(version=__version__)
            for notifier in self._notifiers:
                self._telemetry.count_notification(notifier.name)
            self._groups = self._grouped()
            for group in self._distinct_groups():
                stack.callback(group.close)
            self._desk = AlertDesk(self._collect_evidence, [self._tell])
            self._desk.start()
            stack.push(self._close)
            server = self._serve()
            if server is not None:
                stack.callback(server.stop)
            self._restore()
            for group in self._distinct_groups():
                group.start()
            self._collect(stop)
            for group in self._distinct_groups():
                group.stop()
            deadline = self._clock.monotonic() + SHUTDOWN_SECONDS
            for group in self._distinct_groups():
                if not group.join(max(0.0, deadline - self._clock.monotonic())):
                    log.warning("some inputs did not stop within %g s", SHUTDOWN_SECONDS)
            self._take_all()
        self._summary.lost = self._outputs.lost
        return self._summary

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

    def _distinct_groups(self) -> tuple[Group, ...]:
        return tuple(dict.fromkeys(self._groups.values()))

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
        self._outputs.tell(alert)
        self._summary.alerts.append(alert)
        self._on_alert(alert)

    # ---- the loop

    def _collect(self, stop: threading.Event) -> None:
        """Take what the groups send until stopped or finished."""
        ticked = snapped = refreshed = pruned = self._clock.monotonic()
        while not stop.is_set() and not all(group.finished for group in self._distinct_groups()):
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
                before = self._clock.now() - timedelta(days=self._config.retention_days)
                self._outputs.prune(round(before.timestamp() * 1000))

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
                    transitions += self._take_expected(message, events)
                else:
                    events.append(message if isinstance(message, SourceEvent) else message.event)
                    transitions += self._take_event(message)
                message = self._outbox.get_nowait()
        except queue.Empty:
            pass
        news = [event for event in events if event.kind is not EventKind.MANIFEST_CHANGED]  # the alerts' pulse is no news
        if results or news:
            self._outputs.write(results, news)
        self._raise(transitions)

    def _take_result(self, result: SegmentResult) -> list[Alert]:
        self._telemetry.observe_result(result)
        for metric in result.failed:
            self._telemetry.count_scorer_failure(metric, "error")
        self._summary.segments += 1
        self._summary.frames += result.segment.frames_sampled
        self._on_result(result)
        return self._alerts.observe_result(result, self._now())

    def _take_event(self, message: SourceEvent | Unopened | Failed) -> list[Alert]:
        event = message if isinstance(message, SourceEvent) else message.event
        self._telemetry.observe_event(event)
        self._on_event(event)
        log.info("%s/%s %s %s", event.stream, event.rendition or "-", event.kind, event.detail)
        if isinstance(message, Unopened) and event.stream not in self._unopened:
            self._unopened.add(event.stream)
            self._alerts.expect(event.stream, "", self._now(), live=True)
        elif isinstance(message, Failed):
            self._summary.failures.append(event.detail)
        return self._alerts.observe_event(event, self._now())

    def _take_expected(self, message: Expected, events: list[SourceEvent]) -> list[Alert]:
        """From here on a stream's renditions speak for it, where it could not be opened before or in an earlier run."""
        transitions: list[Alert] = []
        self._unopened.discard(message.stream)
        if (message.stream, "") in self._alerts.scopes:
            events.append(SourceEvent(EventKind.UP, message.stream, "", self._clock.now()))
            transitions += self._take_event(events[-1]) + self._alerts.forget(message.stream, "")
            self._telemetry.forget(message.stream, "")
        for stream, rendition in self._alerts.scopes:
            if stream == message.stream and rendition not in ("", REFERENCE, *message.ladder):
                transitions += self._alerts.forget(stream, rendition)
                self._telemetry.forget(stream, rendition)
        self._telemetry.expect(message.stream, message.rendition)
        self._alerts.expect(message.stream, message.rendition, self._now(), live=message.live)
        return transitions

    def _take_gauges(self, gauges: Gauges) -> None:
        lags: dict[str, float] = {}
        for lane in gauges.lanes:
            self._lag[(lane.stream, lane.rendition)] = lane.lag_seconds
            self._telemetry.set_queue(lane.stream, lane.rendition, depth=lane.depth, bytes_=lane.bytes)
            lags[lane.stream] = max(lags.get(lane.stream, 0.0), lane.lag_seconds)
        for stream, seconds in lags.items():
            self._telemetry.set_lag(stream, seconds)
        for metric, seconds in gauges.scorer_seconds:
            self._telemetry.observe_scorer(metric, "cpu", seconds)

    def _raise(self, transitions: Sequence[Alert]) -> None:
        if transitions:
            self._desk.hand(transitions)
            self._telemetry.set_alerts(self._alerts.active())
            self._save_state()

    def _tick(self) -> None:
        """Absence and the monitor's own health."""
        for group in self._distinct_groups():
            group.report()
        for delivery in self._deliveries:
            sent, failed = self._delivered.get(delivery.name, (0, 0))
            self._delivered[delivery.name] = (delivery.sent, delivery.failures)
            self._telemetry.count_notification(delivery.name, sent=delivery.sent - sent, failed=delivery.failures - failed)
        report = HealthReport(
            at=self._clock.now(),
            lag_seconds=dict(self._lag),
            blocked_sinks=self._outputs.blocked,
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
            state = json.loads(document)
            if not isinstance(state, dict):
                raise ConfigError(f"it is a {type(state).__name__}, expected an object")
            gone = self._alerts.restore(state, self._now())
        except (ConfigError, ValueError) as error:
            log.warning("the alert state of the last run is not used: %s", error)
            return
        watched = {stream.name for stream in self._config.streams}
        for stream, rendition in self._alerts.scopes:
            if stream and stream not in watched:
                gone += self._alerts.forget(stream, rendition)
        self._telemetry.set_alerts(self._alerts.active())
        self._raise(gone)

    def _save_state(self) -> None:
        self._outputs.keep(ALERT_STATE, json.dumps(self._alerts.snapshot()))

    def _close(self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Everything that is scored is stored, everything that fired is told; in a hurry after an interrupt."""
        patience = CLOSE_SECONDS if kind is None else HURRIED_SECONDS
        self._save_state()
        self._desk.close(patience)
        for delivery in self._deliveries:
            try:
                delivery.close(patience)
            except NotifyError as error:
                log.warning("%s", error)
