"""A stream cut into segments scores as the whole clip does, also with metrics that look at the frames around one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.protocols import Delayed
from monitor.sampling import Every
from monitor.scorers import create_all
from monitor.sources.decoding import ByteSegment
from monitor.types import Frame, FramePair
from tests.e2e.channel import RATE, Channel, segment
from tests.e2e.watch_command import FOREVER_MS, Command, assert_no_traceback, configuration, eventually, watch
from tests.unit.sources.origin import Origin

METRICS = ("vmaf", "motion", "xpsnr")
FEATURES = ("vmaf", "integer_motion2", "xpsnr_y")
EXACTLY = {"metrics": list(METRICS), "sampling": {"mode": "every"}}


def worse(number: int) -> bytes:
    return segment(number, crf=44)


def frames(make: Callable[[int], bytes], count: int) -> list[Frame]:
    found: list[Frame] = []
    for number in range(count):
        one = ByteSegment("clip", "main", number, datetime.now(UTC), False, Fraction(1), make(number))
        with one.decode() as decoded:
            found += decoded.frames(Every())
    return found


def whole(count: int) -> dict[str, list[float]]:
    """Every frame's scores in one clip of so many segments, by feature."""
    pairs = [FramePair(*both) for both in zip(frames(worse, count), frames(segment, count), strict=True)]
    values: dict[str, list[float]] = {}
    for scorer in create_all([(name, {}) for name in METRICS]):
        scorer.prepare(pairs[0].format)
        for score in [*scorer.score(pairs), *(scorer.flush() if isinstance(scorer, Delayed) else ())]:
            values.setdefault(score.feature, []).append(score.value)
    return {feature: values[feature] for feature in FEATURES}


def assert_whole(command: Command, stream: str, numbers: Sequence[int], count: int) -> None:
    """These segments have the mean, the least and the largest of their frames' scores in a clip of so many."""
    with command.store.open() as store:
        kept = {row.start_ms: row.sequence for row in store.segments(stream, "main", since_ms=0, until_ms=FOREVER_MS)}
        for feature, values in whole(count).items():
            rows = store.series(stream, "main", feature, since_ms=0, until_ms=FOREVER_MS)
            found = {kept[row.start_ms]: row for row in rows}
            for number in numbers:
                of_segment, row = values[number * RATE : (number + 1) * RATE], found[number]
                assert row.frames == RATE
                assert row.pools["mean"] == pytest.approx(sum(of_segment) / RATE, abs=1e-9), (feature, number)
                assert row.pools["min"] == min(of_segment), (feature, number)
                assert row.pools["max"] == max(of_segment), (feature, number)


def test_a_recording(tmp_path: Path) -> None:
    with (
        Origin() as origin,
        Channel(origin, "dist", worse, count=5, at_once=5) as channel,
        Channel(origin, "source", count=6, at_once=6, started_at=channel.started_at) as source,
    ):
        streams = [{"name": "film", "url": channel.url, "reference": source.url, **EXACTLY}]
        with watch(tmp_path, configuration(tmp_path, streams)) as command:
            assert command.wait() == 0, command.stderr
    assert_no_traceback(command)
    assert command.store.sequences("film") == [0, 1, 2, 3, 4]
    assert_whole(command, "film", range(5), 6)


def test_a_live_stream_beside_its_source_with_a_segment_missing(tmp_path: Path) -> None:
    lost: list[int] = []
    with (
        Origin() as origin,
        Channel(origin, "live", lambda number: None if number in lost else worse(number)) as channel,
        Channel(origin, "source", started_at=channel.started_at) as source,
    ):
        streams = [{"name": "news", "url": channel.url, "reference": source.url, **EXACTLY}]
        with watch(tmp_path, configuration(tmp_path, streams)) as command:
            eventually("segments", lambda: len(command.store.sequences("news")) >= 2)
            lost.append(channel.published + 2)
            eventually("segments after the missing one", lambda: max(command.store.sequences("news")) >= lost[0] + 2)
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
        sequences = command.store.sequences("news")
    assert_no_traceback(command)
    assert lost[0] not in sequences
    scored = [number for number in sequences[1:] if number <= lost[0] + 2]  # nothing was before the first
    assert set(range(lost[0] - 2, lost[0] + 3)) - {lost[0]} <= set(scored)
    assert_whole(command, "news", scored, sequences[-1] + 2)
