"""Laws of the store: order, repetition and batching leave no trace, and what is written is what is read."""

from __future__ import annotations

import math
import tempfile
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.sinks.sql import SqlStore
from monitor.types import POOLS, EventKind, SegmentResult, SourceEvent
from tests.unit.sinks import samples
from tests.unit.sinks.store_contract import ALWAYS, dump

Key = tuple[str, str, int]

keys = st.tuples(st.sampled_from(["news", "film", "ü 'x'"]), st.sampled_from(["720p", "1080p"]), st.integers(0, 5))
reports = st.tuples(
    st.sampled_from([EventKind.UP, EventKind.DOWN, EventKind.ENDED, EventKind.RECONNECT]),
    st.sampled_from(["news", "film"]),
    st.sampled_from(["", "720p"]),
)


def _result(key: Key) -> SegmentResult:
    """Always the same for the same identity."""
    stream, rendition, number = key
    return samples.result(
        stream, rendition, number, means={"psnr_y": 30.0 + number, "ssim": number / 7}, bytes=1000 * number
    )


def _events(kinds: list[tuple[EventKind, str, str]]) -> list[SourceEvent]:
    return [samples.event(kind, stream, rendition, at=at) for at, (kind, stream, rendition) in enumerate(kinds)]


@settings(deadline=None, max_examples=25)
@given(st.data(), st.lists(keys, min_size=1, max_size=8, unique=True), st.lists(reports, max_size=6))
def test_any_order_any_repetition_any_batching_converge(
    data: st.DataObject, chosen: list[Key], kinds: list[tuple[EventKind, str, str]]
) -> None:
    results, events = [_result(key) for key in chosen], _events(kinds)
    replay = data.draw(st.permutations(results + data.draw(st.lists(st.sampled_from(results), max_size=4))))
    size = data.draw(st.integers(1, len(replay)))
    told = data.draw(st.permutations(events + events[:2]))
    with (
        tempfile.TemporaryDirectory() as folder,
        SqlStore(str(Path(folder) / "once.db")) as once,
        SqlStore(str(Path(folder) / "often.db")) as often,
    ):
        once.write(results, events)
        for start in range(0, len(replay), size):
            often.write(replay[start : start + size])
        for event in told:
            often.write([], [event])
        assert dump(often) == dump(once)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from(POOLS), numbers),
    st.fractions(0, 60, max_denominator=90_000),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_what_is_written_is_read(pools: dict[str, float], duration: Fraction, stream: str) -> None:
    of = samples.segment(stream, duration=duration)
    value = samples.score(of, **pools)
    with tempfile.TemporaryDirectory() as folder, SqlStore(str(Path(folder) / "vqmon.db")) as store:
        store.write([SegmentResult(of, (value,))])
        (point,) = store.series(stream, "720p", "psnr_y", **ALWAYS)
        assert dict(point.pools) == {name: value.pool(name) for name in POOLS if math.isfinite(value.pool(name))}
        assert point.duration_ms == round(1000 * duration)
        assert [row.stream for row in store.renditions()] == [stream]
