from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import fir
from monitor.kernels.compiler import kernel


@kernel()
def compiled_one(out: fir.Lanes, source: fir.Lanes, offsets: fir.Lanes, taps: fir.Pairs, count: int, start: int) -> None:
    fir.pair_sums(out, source, offsets, taps, count, start)


@kernel()
def compiled_two(
    out: fir.Lanes,
    other: fir.Lanes,
    source: fir.Lanes,
    offsets: fir.Lanes,
    taps: fir.Pairs,
    more: fir.Pairs,
    count: int,
    start: int,
) -> None:
    fir.two_pair_sums(out, other, source, offsets, taps, more, count, start)


def naive(source: fir.Lanes, offsets: list[int], taps: list[tuple[int, int]], count: int, start: int) -> list[int]:
    samples = source.view(np.int16).tolist()
    sums = []
    for i in range(count):
        total = start
        for offset, (first, second) in zip(offsets, taps, strict=True):
            total += samples[2 * (offset + i)] * first + samples[2 * (offset + i) + 1] * second
        sums.append((total + (1 << 31)) % (1 << 32) - (1 << 31))
    return sums


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 5, 9]), st.integers(1, 60), st.integers(-(2**31), 2**31 - 1))
def test_compiled_and_plain_sums_are_what_they_say(seed: int, pairs: int, count: int, start: int) -> None:
    rng = np.random.default_rng(seed)
    room = fir.row_lanes(count)
    source = rng.integers(-(2**31), 2**31, 8 * room).astype(np.int32)
    offsets = rng.integers(0, 7 * room, pairs)
    samples = rng.integers(-32768, 32768, (2, pairs, 2)).astype(np.int16)
    taps, more = (tuple(np.frombuffer(each.tobytes(), np.int32)) for each in samples)
    expected, others = (naive(source, offsets.tolist(), each.tolist(), count, start) for each in samples)
    for one, two in ((compiled_one, compiled_two), (fir.pair_sums, fir.two_pair_sums)):
        out, other = np.zeros(room, np.int32), np.zeros(room, np.int32)
        one(out, source, offsets, taps, count, start)
        assert out[:count].tolist() == expected
        two(out, other, source, offsets, more, taps, count, start)
        assert out[:count].tolist() == others
        assert other[:count].tolist() == expected


@pytest.mark.parametrize("samples", [1, 15, 16, 17, 1920])
def test_rows_are_whole_groups_of_lanes(samples: int) -> None:
    assert fir.row_lanes(samples) % fir.LANES == 0
    assert samples <= fir.row_lanes(samples) < samples + fir.LANES


def test_taps_are_packed_in_pairs_from_either_sample() -> None:
    assert np.array(fir.tap_pairs([1, -2, 3]), np.int32).view(np.int16).tolist() == [1, -2, 3, 0]
    assert np.array(fir.tap_pairs([1, -2, 3], 1), np.int32).view(np.int16).tolist() == [0, 1, -2, 3]
