from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import pytest

from monitor.sources.cutting import PacketRun, SegmentCutter
from monitor.sources.decoding import EncodedPacket

TICK = Fraction(1, 100)
FRAME = 4


def packet(pts: int | None, *, key: bool = False, dts: int | None = None, size: int = 10) -> EncodedPacket:
    return EncodedPacket(bytes(size), pts, pts if dts is None else dts, FRAME, key)


def frames(count: int, gop: int, start: int = 0) -> list[EncodedPacket]:
    return [packet(start + n * FRAME, key=n % gop == 0) for n in range(count)]


def cut(cutter: SegmentCutter, packets: Iterable[EncodedPacket]) -> list[PacketRun]:
    runs = [run for item in packets if (run := cutter.push(item)) is not None]
    last = cutter.flush()
    return [*runs, last] if last is not None else runs


def test_cuts_at_the_first_key_frame_at_or_after_the_target():
    runs = cut(SegmentCutter(TICK, target_seconds=2), frames(250, gop=20))  # key frames every 0.8 s
    assert [run.start for run in runs] == [0, 240, 480, 720, 960]
    assert [run.end for run in runs] == [240, 480, 720, 960, 1000]
    assert all(run.packets[0].keyframe for run in runs)


def test_a_key_frame_exactly_at_the_target_cuts():
    runs = cut(SegmentCutter(TICK, target_seconds=2), frames(100, gop=50))
    assert [len(run.packets) for run in runs] == [50, 50]


def test_without_key_frames_the_time_limit_cuts():
    runs = cut(SegmentCutter(TICK, target_seconds=1, max_seconds=2), frames(125, gop=10_000))
    assert [len(run.packets) for run in runs] == [50, 50, 25]
    assert [run.start for run in runs] == [0, 200, 400]


def test_the_byte_limit_cuts_too():
    runs = cut(SegmentCutter(TICK, target_seconds=60, max_bytes=100), frames(35, gop=10_000))
    assert [len(run.packets) for run in runs] == [10, 10, 10, 5]


def test_a_packet_over_the_byte_limit_is_a_run_of_its_own():
    runs = cut(SegmentCutter(TICK, max_bytes=100), [packet(0, key=True), packet(4, size=1000), packet(8)])
    assert [len(run.packets) for run in runs] == [1, 1, 1]


def test_joining_between_key_frames_drops_what_cannot_be_decoded():
    cutter = SegmentCutter(TICK, target_seconds=1)
    runs = cut(cutter, frames(60, gop=25)[10:])
    assert runs[0].packets[0].keyframe
    assert runs[0].start == 100
    assert cutter.take_skipped() == 15
    assert cutter.take_skipped() == 0


def test_a_stream_that_never_has_a_key_frame_is_delivered_at_the_limit():
    packets = [packet(n * FRAME) for n in range(120)]
    cutter = SegmentCutter(TICK, target_seconds=1, max_seconds=2)
    runs = cut(cutter, packets)
    assert [len(run.packets) for run in runs] == [50, 50, 20]
    assert cutter.take_skipped() == 0


def test_an_end_before_any_key_frame_gives_nothing():
    cutter = SegmentCutter(TICK)
    assert cut(cutter, [packet(0), packet(4)]) == []
    assert cutter.take_skipped() == 2


def test_a_jump_closes_the_run_and_flags_the_next():
    cutter = SegmentCutter(TICK, target_seconds=10)
    for item in frames(10, gop=10):
        assert cutter.push(item) is None
    closed = cutter.push(packet(5000, key=True), jump=True)
    assert closed is not None
    assert (closed.start, closed.end, closed.discontinuity) == (0, 40, False)
    after = cutter.flush()
    assert after is not None
    assert (after.start, after.discontinuity) == (5000, True)


def test_after_a_jump_packets_without_a_key_frame_are_dropped():
    cutter = SegmentCutter(TICK, target_seconds=10)
    cutter.push(packet(0, key=True))
    cutter.push(packet(500), jump=True)
    cutter.push(packet(504))
    assert cutter.push(packet(508, key=True)) is None
    run = cutter.flush()
    assert run is not None
    assert (run.start, len(run.packets), run.discontinuity) == (508, 1, True)
    assert cutter.take_skipped() == 2


def test_another_coded_sequence_begins_a_run_early():
    cutter = SegmentCutter(TICK, target_seconds=10)
    cutter.push(packet(0, key=True))
    closed = cutter.push(packet(4, key=True), change=True)
    assert closed is not None
    assert len(closed.packets) == 1


def test_b_pictures_do_not_disturb_times():
    shown = [2, 8, 4, 6]  # I P B B, in ticks of half a frame
    packets = [
        packet(FRAME * (pts // 2 + 4 * gop), key=index == 0, dts=0) for gop in range(4) for index, pts in enumerate(shown)
    ]
    runs = cut(SegmentCutter(TICK, target_seconds=0.16), packets)
    assert [(run.start, run.end) for run in runs] == [(4, 20), (20, 36), (36, 52), (52, 68)]


def test_leading_pictures_of_an_open_gop_go_with_their_key_frame():
    packets = [
        packet(0, key=True),
        packet(12),
        packet(4),
        packet(8),
        packet(24, key=True),
        packet(16),
        packet(20),
        packet(28),
    ]
    runs = cut(SegmentCutter(TICK, target_seconds=0.2), packets)
    assert [[item.pts for item in run.packets] for run in runs] == [[0, 12, 4, 8], [24, 16, 20, 28]]
    assert [(run.start, run.end) for run in runs] == [(0, 24), (24, 32)]


def test_decoding_times_serve_where_there_are_no_presentation_times():
    packets = [EncodedPacket(b"x", 0 if n % 25 == 0 else None, n * FRAME, FRAME, n % 25 == 0) for n in range(25)]
    run = cut(SegmentCutter(TICK), packets)[0]
    assert (run.start, run.end) == (0, 100)


def test_a_packet_without_any_time_is_a_mistake():
    with pytest.raises(ValueError, match="pts or a dts"):
        SegmentCutter(TICK).push(EncodedPacket(b"x", None, None, 0, True))
