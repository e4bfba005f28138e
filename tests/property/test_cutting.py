"""Laws of cutting and of the timeline, over generated streams."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.cutting import SegmentCutter
from monitor.sources.decoding import EncodedPacket
from monitor.sources.timeline import MPEG_WRAP_BITS, Timeline

TS = Fraction(1, 90_000)
FRAME = 3600
PERIOD = 1 << MPEG_WRAP_BITS

streams = st.lists(
    st.tuples(st.booleans(), st.integers(1, 5000), st.sampled_from(["", "", "", "", "jump", "change"])), max_size=200
)


@given(streams, st.floats(0.1, 3), st.integers(1000, 100_000))
def test_every_packet_is_in_one_run_in_order_or_counted_as_skipped(
    stream: list[tuple[bool, int, str]], target: float, limit: int
):
    cutter = SegmentCutter(TS, target_seconds=target, max_bytes=limit)
    given_packets, runs = [], []
    for n, (keyframe, size, what) in enumerate(stream):
        packet = EncodedPacket(bytes(size), n * FRAME, n * FRAME, FRAME, keyframe)
        given_packets.append(packet)
        runs.append(cutter.push(packet, jump=what == "jump", change=what == "change"))
    runs.append(cutter.flush())
    kept = [packet for run in runs if run is not None for packet in run.packets]
    assert len(kept) + cutter.take_skipped() == len(given_packets)
    assert [packet.pts for packet in kept] == sorted(packet.pts for packet in kept if packet.pts is not None)
    for run in runs:
        if run is not None:
            assert run.start == run.packets[0].pts
            assert run.end >= run.packets[-1].pts
            assert len(run.packets) == 1 or sum(len(packet.data) for packet in run.packets) <= limit
            assert (run.end - run.start) * TS <= 3 * target + 1


@given(st.integers(0, PERIOD - 1), st.lists(st.integers(1, 90_000), min_size=1, max_size=300), st.integers(1, 8))
def test_unwrapping_gives_back_what_was_wrapped(start: int, steps: list[int], reorder: int):
    timeline = Timeline(TS, wrap_bits=MPEG_WRAP_BITS, frame_rate=25)
    true = start
    first = None
    for step in [0, *steps]:
        true += step
        times = timeline.place((true + reorder * FRAME) % PERIOD, true % PERIOD, step, keyframe=False)
        first = true - times.dts if first is None else first
        assert times.dts + first == true
        assert times.pts is not None
        assert times.pts - times.dts == reorder * FRAME
        assert times.jump in ("", "wrap")


@given(st.lists(st.tuples(st.integers(0, PERIOD - 1) | st.none(), st.integers(0, PERIOD - 1) | st.none()), max_size=100))
def test_no_sequence_of_timestamps_is_too_odd_to_place(stamps: list[tuple[int | None, int | None]]):
    timeline = Timeline(TS, wrap_bits=MPEG_WRAP_BITS, frame_rate=25)
    for pts, dts in stamps:
        times = timeline.place(pts, dts, None, keyframe=True)
        assert times.pts is not None
        assert times.duration > 0
        if pts is not None:
            assert (times.pts - pts) % PERIOD == 0
        if dts is not None:
            assert (times.dts - dts) % PERIOD == 0
