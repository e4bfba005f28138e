"""Laws of telemetry: counters never fall, pages always parse, and forgetting leaves nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitor.sinks.prometheus import PrometheusCollector
from monitor.telemetry import Telemetry
from monitor.types import EventKind, SegmentResult, SourceEvent
from tests.unit.sinks import samples

names = st.sampled_from(["news", 'od"d\\', "ü\n"])
renditions = st.sampled_from(["720p", "1080p", ""])
results = st.builds(
    lambda stream, rendition, number, mean: samples.result(
        stream,
        rendition or "main",
        number,
        means={"black_ratio": mean, "frozen": mean},
        frame_values={"black_ratio": [mean]},
    ),
    names,
    renditions,
    st.integers(0, 20),
    st.floats(0, 1),
)
events = st.builds(
    lambda kind, stream, rendition, reason, value: samples.event(kind, stream, rendition, reason=reason, value=value),
    st.sampled_from(list(EventKind)),
    names,
    renditions,
    st.sampled_from(["", "eof", "lag", "flagged", "never heard of"]),
    st.floats(0, 1e6),
)


def counters(collector: PrometheusCollector) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(
        collector.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
    )
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        if family.type in ("counter", "histogram") and family.name.startswith("vqmon_")
        for sample in family.samples
    }


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(results, events), max_size=12))
def test_counters_never_fall_and_pages_always_parse(told: list[SegmentResult | SourceEvent]) -> None:
    telemetry = Telemetry()
    collector = PrometheusCollector(telemetry, [])
    before = counters(collector)
    for item in told:
        if isinstance(item, SourceEvent):
            telemetry.observe_event(item)
        else:
            telemetry.observe_result(item)
        now = counters(collector)
        assert all(now[key] >= value for key, value in before.items() if ("rendition", "") not in key[1])
        before = now
    for stream in list(telemetry.snapshot().streams):
        telemetry.forget(stream)
    assert counters(collector) == {}
