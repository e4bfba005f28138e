"""Outages of a sink: nothing lost, order kept, bounds held, and the numbers that say so."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.spool import Spool, decode, encode
from monitor.sinks.sql import SqlStore
from monitor.types import SegmentResult, SourceEvent
from tests.unit.sinks import samples
from tests.unit.sinks.samples import event, result
from tests.unit.sinks.store_contract import ALWAYS


class FaultySink:
    """Keeps what it is given while it is up."""

    name = "faulty"

    def __init__(self) -> None:
        self.up = True
        self.taken: list[SegmentResult | SourceEvent] = []
        self.attempts = 0
        self.refused: set[int] = set()
        self.events: list[str] = []

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        self.attempts += 1
        if not self.up:
            raise SinkUnavailable("the disk is full")
        if any(one.segment.sequence in self.refused for one in results):
            raise SinkError("not with this setting")
        self.taken += [*results, *events]

    def flush(self) -> None:
        self.events.append("flush")

    def close(self) -> None:
        self.events.append("close")

    @property
    def numbers(self) -> list[int]:
        return [one.segment.sequence - 100 for one in self.taken if isinstance(one, SegmentResult)]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sink() -> FaultySink:
    return FaultySink()


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeSpool = Callable[..., Spool]


@pytest.fixture
def make_spool(sink: FaultySink, clock: Clock) -> Iterator[MakeSpool]:
    """Makes spools on the test's clock and closes them at the end."""
    made: list[Spool] = []

    def make(path: Path | None = None, *, around: FaultySink | SqlStore = sink, **bounds: float) -> Spool:
        made.append(Spool(around, path, clock=clock, **bounds))  # type: ignore[arg-type]
        return made[-1]

    yield make
    sink.up = True
    for spool in made:
        spool.close()


def write(spool: Spool, numbers: Sequence[int]) -> None:
    for number in numbers:
        spool.write([result(number=number)])


def test_a_healthy_sink_gets_everything_as_it_is(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool()
    given = result(frame_values={"psnr_y": [1.0, 2.0]})
    spool.write([given], [event()])
    assert sink.taken == [given, event()]
    assert (spool.name, spool.pending, spool.lost, spool.blocked_since) == ("faulty", 0, 0, None)


def test_an_outage_is_bridged_in_order(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool()
    write(spool, [0])
    sink.up = False
    write(spool, [1])
    clock.now += 0.5
    write(spool, [2, 3])
    assert (spool.pending, spool.blocked_since) == (3, 1000.0)
    sink.up = True
    clock.now += 60
    write(spool, [4])
    assert sink.numbers == [0, 1, 2, 3, 4]
    assert (spool.pending, spool.lost, spool.blocked_since) == (0, 0, None)


def test_attempts_are_spaced_by_a_doubling_pause(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool(longest_pause_seconds=8)
    sink.up = False
    tried: list[float] = []
    for _ in range(1000):
        before = sink.attempts
        write(spool, [0])
        if sink.attempts > before:
            tried.append(clock.now - 1000)
        clock.now += 0.125
    assert [second - first for first, second in itertools.pairwise(tried)][:6] == [1, 2, 4, 8, 8, 8]


def test_a_quiet_stream_recovers_by_retry(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool()
    sink.up = False
    write(spool, [0])
    sink.up = True
    assert spool.retry() is False, "the pause is not over"
    clock.now += 1
    assert spool.retry() is True
    assert sink.numbers == [0]


def test_a_sink_that_fails_again_while_catching_up_keeps_the_rest(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock
) -> None:
    spool = make_spool()
    sink.up = False
    write(spool, range(450))
    written = sink.write

    def second_batch_fails(results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        if sink.taken:
            raise SinkUnavailable("again")
        written(results, events)

    sink.up = True
    sink.write = second_batch_fails  # type: ignore[method-assign]
    clock.now += 1
    assert spool.retry() is False
    assert sink.numbers == list(range(200))
    assert (spool.pending, spool.blocked_since) == (250, 1000.0)
    sink.write = written  # type: ignore[method-assign]
    clock.now += 60
    assert spool.retry() is True
    assert sink.numbers == list(range(450))


def test_beyond_the_memory_a_file_takes_over(make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "spool.ndjson", memory_items=3)
    sink.up = False
    write(spool, range(3))
    assert list(tmp_path.iterdir()) == []
    write(spool, range(3, 11))
    assert len((tmp_path / "spool.ndjson").read_bytes().splitlines()) == 9
    assert spool.pending == 11
    sink.up = True
    clock.now += 60
    write(spool, [11])
    assert sink.numbers == list(range(12))
    assert spool.lost == 0
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_the_memory_is_bounded_in_bytes_too(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    size = len(encode(result()))
    spool = make_spool(memory_bytes=3 * size + size // 2)
    sink.up = False
    write(spool, range(5))
    assert (spool.pending, spool.lost) == (3, 2)


def test_what_fits_nowhere_is_counted_and_the_newest_are_kept(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    spool = make_spool(tmp_path / "file" / "spool.ndjson", memory_items=2)
    sink.up = False
    write(spool, range(5))
    assert (spool.pending, spool.lost) == (2, 3)
    sink.up = True
    clock.now += 60
    assert spool.retry()
    assert sink.numbers == [3, 4]
    assert spool.lost == 3


def test_the_file_is_bounded(make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "spool.ndjson", memory_items=1, file_bytes=2 * len(encode(result())) + 9)
    sink.up = False
    write(spool, range(5))
    assert (spool.pending, spool.lost) == (3, 2)
    sink.up = True
    clock.now += 60
    assert spool.retry()
    assert sink.numbers == [0, 1, 4]


def test_flush_tries_at_once_and_then_saves_to_the_file(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path
) -> None:
    spool = make_spool(tmp_path / "spool.ndjson")
    sink.up = False
    write(spool, [0])
    spool.flush()
    assert len((tmp_path / "spool.ndjson").read_bytes().splitlines()) == 1
    assert sink.events == []
    sink.up = True
    spool.flush()
    assert sink.numbers == [0]
    assert sink.events == ["flush"]


def test_flush_says_when_nothing_is_safe(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool()
    sink.up = False
    write(spool, [0])
    with pytest.raises(SinkUnavailable, match=r"^faulty is unavailable and 1 results and events wait in memory$"):
        spool.flush()
    assert (spool.pending, spool.lost) == (1, 0)


def test_a_restart_delivers_what_was_left(make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "spool.ndjson"
    spool = make_spool(path, memory_items=2)
    sink.up = False
    write(spool, range(5))
    spool.close()
    assert sink.events == ["close"]
    sink.up = True
    again = make_spool(path)
    assert again.pending == 5
    write(again, [5])
    assert sink.numbers == list(range(6))
    again.close()
    assert not path.exists()


def test_closing_without_a_file_counts_what_is_lost(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()
    sink.up = False
    write(spool, range(3))
    spool.close()
    assert (spool.lost, spool.pending) == (3, 0)
    assert "3 results and events wait in memory, lost on closing" in caplog.text


def test_a_torn_and_a_damaged_line_do_not_stop_the_others(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "spool.ndjson"
    lines = [
        encode(result(number=0)),
        b'{"SegmentResult": {}}\n',
        b"\xff\n",
        b"[]\n",
        encode(event()),
        encode(result())[:50],
    ]
    path.write_bytes(b"".join(lines))
    spool = make_spool(path)
    assert spool.retry()
    assert (sink.numbers, spool.lost) == ([0], 3)
    assert event() in sink.taken
    assert caplog.text.count("damaged") == 3
    spool.close()


def test_a_refusal_is_the_callers(make_spool: MakeSpool, sink: FaultySink, clock: Clock) -> None:
    spool = make_spool()
    sink.refused = {101}
    with pytest.raises(SinkError, match="not with this setting"):
        write(spool, [1])
    assert (spool.pending, spool.lost) == (0, 0)


def test_a_delayed_result_that_is_refused_holds_up_nothing(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    spool = make_spool()
    sink.up = False
    write(spool, range(4))
    sink.up, sink.refused = True, {102}
    clock.now += 60
    assert spool.retry()
    assert (sink.numbers, spool.lost) == ([0, 1, 3], 1)
    assert "refused a delayed result" in caplog.text


def test_only_one_spool_owns_a_file(make_spool: MakeSpool, sink: FaultySink, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "spool.ndjson"
    sink.up = False
    first, second = (make_spool(path, memory_items=1) for _ in range(2))
    write(first, range(3))
    write(second, range(3))
    assert (first.pending, first.lost) == (3, 0)
    assert (second.pending, second.lost) == (1, 2)
    first.close()
    sink.up = True
    assert len(path.read_bytes().splitlines()) == 3
    clock.now += 60
    assert second.retry()
    second.close()
    assert path.exists(), "what the first owner left is not the second one's to remove"


def test_outages_are_logged_once(
    make_spool: MakeSpool, sink: FaultySink, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="monitor")
    spool = make_spool()
    sink.up = False
    for _ in range(20):
        write(spool, [0])
        clock.now += 60
    sink.up = True
    write(spool, [0])
    assert [record.getMessage() for record in caplog.records] == [
        "faulty is unavailable, results wait: the disk is full",
        "faulty takes results again after 1200 s",
    ]


def test_lines_turn_back_into_equal_values() -> None:
    given = result(number=3, duration=Fraction(1001, 500), frame_values={"psnr_y": [1.0]}, published_at=None, format=None)
    bare = dataclasses.replace(given, scores=(samples.score(given.segment, max=math.inf),), frame_scores=())
    assert decode(encode(bare)) == bare
    assert decode(encode(dataclasses.replace(bare, frame_scores=given.frame_scores))) == bare
    whole = result(number=1)
    assert decode(encode(whole)) == whole
    assert decode(encode(event(detail='odd "quote"\n\udcff', reason="http_4xx", value=7.0))) == event(
        detail='odd "quote"\n\udcff', reason="http_4xx", value=7.0
    )


def test_a_full_disk_costs_a_store_nothing(make_spool: MakeSpool, tiny_disk: Path, tmp_path: Path, clock: Clock) -> None:
    filler = tiny_disk / "filler"
    store = SqlStore(str(tiny_disk / "vqmon.db"))
    spool = make_spool(tmp_path / "spool.ndjson", memory_items=10, around=store)
    write(spool, [0])
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(2**20))
    for number in range(1, 60):
        spool.write([result(number=number)], [event(at=number)])
        clock.now += 2
    assert spool.blocked_since is not None
    assert spool.pending > 0
    filler.unlink()
    clock.now += 60
    spool.flush()
    assert (spool.pending, spool.lost, spool.blocked_since) == (0, 0, None)
    assert [row.sequence - 100 for row in store.segments("news", "720p", **ALWAYS)] == list(range(60))
    assert len(store.events()) == 59
    spool.close()


def test_a_full_disk_under_the_spool_too_loses_only_what_memory_can_not_hold(
    make_spool: MakeSpool, tiny_disk: Path, sink: FaultySink, clock: Clock
) -> None:
    path = tiny_disk / "spool.ndjson"
    spool = make_spool(path, memory_items=5)
    sink.up = False
    write(spool, range(7))
    kept = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        (tiny_disk / "filler").write_bytes(bytes(2**20))
    write(spool, range(7, 30))
    assert path.read_bytes().startswith(kept)
    assert path.read_bytes().endswith(b"\n"), "no half line stays behind"
    assert spool.pending + spool.lost == 30
    assert spool.lost > 0
    (tiny_disk / "filler").unlink()
    sink.up = True
    clock.now += 60
    assert spool.retry()
    assert sink.numbers == sorted(sink.numbers)
    assert len(sink.numbers) == 30 - spool.lost
    spool.close()
