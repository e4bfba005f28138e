"""Sums of samples times taps, compiled and as NumPy, against sums of Python's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numba import njit

from monitor.kernels import fir
from monitor.kernels.compiler import kernel
from monitor.kernels.instructions import BLOCK, Number, Room, each, written_by

PAIRS = [1, 2, 3, 5, 9]


def _emit(
    builder: ir.IRBuilder, out: Room, source: Room, places: Room, taps: Room, count: Number, start: Number, narrow: Number
) -> None:
    sums = fir.Sums(builder, [taps.row(0), taps.row(1)], places)
    rows = [out.row(0), out.row(1)]
    with each(builder, count, BLOCK) as at:
        sums.begin(start)
        sums.add(source, at, places.sizes[0])
        with builder.if_else(narrow.at_least(1)) as (upper_halves, whole):
            with upper_halves:
                halves = [row.of_kind(ir.IntType(16)) for row in rows]
                sums.stored_in_16_bits(halves, at, sums.upper_bits, range(16), 0x8000)
            with whole:
                sums.stored(rows, at)


@written_by(_emit)
def written(out: Any, source: Any, places: Any, taps: Any, count: int, start: int, narrow: int) -> None:
    """Two sets of taps over the same lanes."""


def compiled(out: Any, source: Any, places: Any, taps: Any, count: int, start: int, narrow: int) -> None:
    written(out, source, places, taps, count, start, narrow)


def naive(source: Any, places: list[int], taps: list[tuple[int, int]], count: int, start: int) -> list[int]:
    samples = source.view(np.int16).tolist()
    sums = []
    for i in range(count):
        total = start
        for place, (first, second) in zip(places, taps, strict=True):
            total += samples[2 * (place + i)] * first + samples[2 * (place + i) + 1] * second
        sums.append(total % (1 << 32))
    return sums


def check(run: Any, seed: int, pairs: int, count: int, start: int) -> None:
    rng = np.random.default_rng(seed)
    room = -(-count // BLOCK) * BLOCK
    source = rng.integers(-(2**31), 2**31, 8 * room).astype(np.int32)
    places = rng.integers(0, 7 * room, pairs)
    samples = rng.integers(-32768, 32768, (2, pairs, 2)).astype(np.int16)
    expected = [naive(source, places.tolist(), each_set.tolist(), count, start) for each_set in samples]
    out = np.zeros((2, room), np.int32)
    taps = np.ascontiguousarray(samples).view(np.int32).reshape(2, pairs)
    run(out, source, places, taps, count, start, 0)
    assert out[:, :count].view(np.uint32).tolist() == expected
    run(out, source, places, taps, count, start, 1)
    halves = [(total >> 16) ^ 0x8000 for total in expected[0]]
    assert out[0].view(np.uint16)[:count].tolist() == halves
    for each_set, sums in zip(taps, expected, strict=True):
        plain = fir.pair_sums(source.view(np.int16), places, each_set, count, start)
        assert plain.astype(np.uint32).tolist() == sums


CASES = given(st.integers(0, 2**32), st.sampled_from(PAIRS), st.integers(1, 60), st.integers(-(2**31), 2**31 - 1))
HERE = kernel()(compiled)


@settings(max_examples=25, deadline=None)
@CASES
def test_compiled_and_plain_sums_are_what_they_say(seed: int, pairs: int, count: int, start: int) -> None:
    check(HERE, seed, pairs, count, start)


@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize("features", [set(), {"avx2"}])
def test_other_processors_get_the_same(lanes: int, features: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if not all(map(fir.supports, features)):
        pytest.skip("this processor has no AVX2")
    monkeypatch.setattr(fir, "vector_lanes", lambda: lanes)
    monkeypatch.setattr(fir, "supports", features.__contains__)
    fresh = njit(compiled)
    for seed, pairs in enumerate(PAIRS):
        check(fresh, seed, pairs, 37 + seed, seed - 2)


def test_taps_are_packed_in_pairs_from_either_sample() -> None:
    assert fir.tap_pairs([1, -2, 3]).view(np.int16).tolist() == [1, -2, 3, 0]
    assert fir.tap_pairs([1, -2, 3], 1).view(np.int16).tolist() == [0, 1, -2, 3]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_places_are_mirrored_as_often_as_it_takes(size: int) -> None:
    places = np.arange(-20, 20)
    expected = []
    for place in places.tolist():
        inside = place
        while not 0 <= inside < size:
            inside = 0 if size == 1 else -inside if inside < 0 else 2 * (size - 1) - inside
        expected.append(inside)
    assert fir.mirrored(places, size).tolist() == expected
