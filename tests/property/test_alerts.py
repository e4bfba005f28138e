"""Laws of the alert engine over any history of segments, events, silence and restarts."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from monitor.alerts import AlertEngine, HealthReport, default_rules, load_rules
from monitor.protocols import Feature
from monitor.types import Alert, AlertState, EventKind
from tests.unit.alerts.simulation import Play, event, instant, result

FEATURES = {"psnr_y": Feature("psnr_y", "PSNR Y", "dB", 0, 60, 0, 60, "", "", (20.0, 60.0), min_drop=2.0)}
RULES = load_rules(
    "rules: [{name: LadderInversion, window_seconds: 8}, {name: ScoreDrop, warmup_segments: 2, adapt_seconds: 16}]"
)
RENDITIONS = ("1080p", "720p", "")
KINDS = (
    EventKind.UP,
    EventKind.DOWN,
    EventKind.MANIFEST_CHANGED,
    EventKind.SEGMENT_MISSING,
    EventKind.DROPPED,
    EventKind.REFERENCE_LOST,
    EventKind.REFERENCE_BACK,
    EventKind.ENDED,
)
Step = Callable[[AlertEngine], list[Alert]]


class Histories(RuleBasedStateMachine):
    """One engine that runs through, one that restarts now and then, and one that gets the whole log at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = AlertEngine(RULES, FEATURES)
        self.twin = AlertEngine(RULES, FEATURES)
        self.seconds = 0.0
        self.positions = dict.fromkeys(RENDITIONS, 0.0)
        self.log: list[Step] = []
        self.told: list[Alert] = []
        self.firing: dict[str, Alert] = {}

    def step(self, action: Step) -> None:
        self.log.append(action)
        alerts = action(self.engine)
        assert action(self.twin) == alerts, "a restart changed what is told"
        for alert in alerts:
            assert alert.suppressed_by == ""
            if alert.state is AlertState.FIRING:
                assert alert.fingerprint not in self.firing, "fired twice"
                assert alert.ends_at is None
                self.firing[alert.fingerprint] = alert
            else:
                assert alert.state is AlertState.RESOLVED
                fired = self.firing.pop(alert.fingerprint, None)
                assert fired is not None, "resolved without having fired"
                assert alert.starts_at == fired.starts_at
                assert alert.ends_at is not None
                assert alert.ends_at >= alert.starts_at
        self.told += alerts

    @initialize(live=st.booleans())
    def watch(self, live: bool) -> None:
        self.live = live
        self.expect()

    def expect(self) -> None:
        now = instant(self.seconds)

        def expect(engine: AlertEngine) -> list[Alert]:
            for rendition in RENDITIONS[:2]:
                engine.expect("news", rendition, now, live=self.live)
            return []

        self.step(expect)

    @rule(
        rendition=st.sampled_from(RENDITIONS[:2]),
        psnr=st.sampled_from([None, 14.0, 24.0, 28.0, 31.0, 33.0, 38.0, 39.0, 60.0]),
        black=st.sampled_from([None, 0.0, 0.0, 0.0, 0.4, 0.95, 1.0]),
        frozen=st.sampled_from([None, 0.0, 0.0, 0.0, 0.4, 0.7, 1.0]),
        repeat=st.integers(1, 4),
        failed=st.sampled_from([(), (), ("ssim",)]),
        errors=st.sampled_from([0, 0, 0, 5]),
    )
    def segments(
        self,
        rendition: str,
        psnr: float | None,
        black: float | None,
        frozen: float | None,
        repeat: int,
        failed: tuple[str, ...],
        errors: int,
    ) -> None:
        values = {"psnr_y": psnr, "black_ratio": black, "frozen": frozen}
        scores = {name: value for name, value in values.items() if value is not None}
        rate = 6e6 if rendition == "1080p" else 3e6
        for _ in range(repeat):
            start = self.positions[rendition]
            self.positions[rendition] += 2.0
            self.seconds += 1.0
            now = instant(self.seconds)
            one = result(scores, start=start, rendition=rendition, bitrate_bps=rate, failed=failed, decode_errors=errors)
            self.step(lambda engine, one=one, now=now: engine.observe_result(one, now))  # type: ignore[misc]

    @rule(kind=st.sampled_from(KINDS), rendition=st.sampled_from(RENDITIONS))
    def event(self, kind: EventKind, rendition: str) -> None:
        now = instant(self.seconds)
        one = event(kind, self.seconds, rendition=rendition, value=2.0)
        self.step(lambda engine: engine.observe_event(one, now))

    @rule(ticks=st.integers(1, 20))
    def wait(self, ticks: int) -> None:
        for _ in range(ticks):
            self.seconds += 1.0
            now = instant(self.seconds)
            self.step(lambda engine, now=now: engine.tick(now))  # type: ignore[misc]

    @rule(lag=st.sampled_from([0.0, 4.0, 7.0]), sinks=st.sampled_from([(), ("sql",)]))
    def health(self, lag: float, sinks: tuple[str, ...]) -> None:
        now = instant(self.seconds)
        report = HealthReport(now.utc, {("news", "720p"): lag}, sinks)
        self.step(lambda engine: engine.observe_health(report, now))

    @rule(rendition=st.sampled_from(RENDITIONS[:2]))
    def forget(self, rendition: str) -> None:
        self.step(lambda engine: engine.forget("news", rendition))

    @rule()
    def restart(self) -> None:
        document = json.loads(json.dumps(self.twin.snapshot(), allow_nan=False))
        self.twin = AlertEngine(RULES, FEATURES)
        assert self.twin.restore(document, instant(self.seconds)) == []
        assert self.twin.active() == self.engine.active()
        self.expect()

    @invariant()
    def what_fires_is_what_was_told(self) -> None:
        assert {alert.fingerprint for alert in self.engine.firing()} == set(self.firing)
        for alert in self.engine.active():
            assert alert.state in (AlertState.PENDING, AlertState.FIRING)
            assert alert.state is AlertState.PENDING or not alert.suppressed_by

    def teardown(self) -> None:
        fresh = AlertEngine(RULES, FEATURES)
        assert [alert for action in self.log for alert in action(fresh)] == self.told, "a replay told something else"


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase


@given(st.lists(st.floats(30.001, 31.999), min_size=1, max_size=60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_between_set_and_clear_nothing_is_told(values: list[float], fires: bool) -> None:
    low = [one for one in default_rules() if one.name == "LowScore"]
    stream = Play(AlertEngine([one.model_copy(update={"inhibited_by": (), "outranked_by": ()}) for one in low]))
    stream.segments(*[{"psnr_y": 29.0}] * (3 if fires else 2))
    assert len(stream.told) == fires
    assert stream.segments(*[{"psnr_y": value} for value in values]) == []


@given(st.lists(st.floats(0, 60), min_size=1, max_size=40), st.integers(0, 40), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_gaps_in_the_data_change_nothing(values: list[float], place: int, gap: int) -> None:
    def told(gaps: int) -> list[tuple[str, str, float | None]]:
        stream = Play(AlertEngine(default_rules(), FEATURES))
        for number, value in enumerate(values):
            if number == place:
                stream.segments(*[{}] * gaps)
            stream.segments({"psnr_y": value})
        return [(alert.name, alert.state, alert.value) for alert in stream.told]

    assert told(0) == told(gap)
