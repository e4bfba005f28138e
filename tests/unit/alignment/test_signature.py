"""Pictures as block means."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from monitor.alignment.signature import COARSE, FINE, Area, Signatures, gather, signature
from monitor.kernels.thumbnail import block_means, group_costs, pair_costs
from monitor.types import Frame, VideoFormat


def frame(luma: np.ndarray, depth: int = 8) -> Frame:
    height, width = luma.shape
    kind = VideoFormat(width, height, "gray" if depth == 8 else f"gray{depth}le", depth)
    return Frame(0, Fraction(0), Fraction(1, 25), kind, (luma,))


@pytest.mark.parametrize("size", [(36, 64), (288, 512), (271, 481), (20, 30), (5, 7), (1, 1)])
@pytest.mark.parametrize("grid", [FINE, COARSE])
def test_each_block_is_its_mean(size: tuple[int, int], grid: tuple[int, int]) -> None:
    luma = np.random.default_rng(4).integers(0, 256, size, dtype=np.uint8)
    height, width = size
    expected = np.empty(grid)
    for row, column in np.ndindex(grid):
        top, left = row * height // grid[0], column * width // grid[1]
        bottom = max(top + 1, (row + 1) * height // grid[0])
        right = max(left + 1, (column + 1) * width // grid[1])
        expected[row, column] = luma[top : bottom : max(1, (bottom - top) // 8), left:right].mean()
    np.testing.assert_allclose(signature(frame(luma), grid), expected, rtol=1e-6)


def test_tall_blocks_are_sampled_across_their_whole_height() -> None:
    luma = np.repeat(np.arange(1080, dtype=np.float64) / 1080 * 200, 1920).reshape(1080, 1920).astype(np.uint8)
    rows = signature(frame(luma), COARSE)[:, 0]
    np.testing.assert_allclose(rows, (np.arange(18) + 0.5) / 18 * 200, atol=1.5)


def test_depth_does_not_matter() -> None:
    luma = np.random.default_rng(5).integers(16, 236, (72, 128), dtype=np.uint8)
    np.testing.assert_allclose(signature(frame(luma.astype(np.uint16) * 4, 10), FINE), signature(frame(luma), FINE))


def test_an_area_leaves_the_rest_out() -> None:
    luma = np.full((100, 200), 16, np.uint8)
    luma[20:80, 10:190] = 120
    assert (signature(frame(luma), COARSE, Area(20, 80, 10, 190)) == 120).all()


def test_compiled_and_plain_agree() -> None:
    luma = np.random.default_rng(6).integers(0, 1024, (135, 241), dtype=np.uint16)
    plain = getattr(block_means, "py_func", block_means)
    np.testing.assert_array_equal(block_means(luma, 3, 130, 5, 240, 18, 32), plain(luma, 3, 130, 5, 240, 18, 32))


def test_runs_are_joined_in_order_of_time() -> None:
    pictures = np.random.default_rng(7).normal(size=(6, 2, 3)).astype(np.float32)
    late, early = Signatures(np.arange(2.0, 6.0), pictures[2:]), Signatures(np.arange(0.0, 4.0), pictures[:4])
    joined = late + early
    assert joined.times.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(joined.means, pictures)


def test_gathering_sorts_and_takes_nothing_too() -> None:
    run = gather([(Fraction(2, 25), np.ones((2, 3), np.float32)), (Fraction(1, 25), np.zeros((2, 3), np.float32))], (2, 3))
    assert run.times.tolist() == [0.04, 0.08]
    assert run.means[:, 0, 0].tolist() == [0, 1]
    assert run.period == pytest.approx(0.04)
    assert len(gather([], FINE)) == 0
    assert gather([], FINE).period == 0


def test_brightness_and_contrast_are_normalised_away() -> None:
    pictures = np.random.default_rng(8).normal(120, 40, (3, 36, 64)).astype(np.float32)
    brighter = Signatures(np.arange(3.0), pictures * np.float32(0.8) + 30)
    np.testing.assert_allclose(brighter.normalised(), Signatures(np.arange(3.0), pictures).normalised(), atol=0.05)


@pytest.mark.parametrize("count", [1, 5, 12])
def test_costs_are_added_up_by_group(count: int) -> None:
    random = np.random.default_rng(9)
    pictures, weights = random.random((2, count, 36, 64), dtype=np.float32)
    others = random.random((20, 36, 64), dtype=np.float32)
    partners = random.integers(-1, 20, count)
    scales = random.random(count, dtype=np.float32)
    squares = np.where(partners[:, None, None] < 0, weights, (others[partners] - pictures) ** 2) * weights
    squares *= scales[:, None, None]
    expected = [
        squares[first : first + 5, row : row + 6, column : column + 8].sum()
        for first in range(0, count, 5)
        for row in range(0, 36, 6)
        for column in range(0, 64, 8)
    ]
    np.testing.assert_allclose(group_costs(pictures, weights, others, partners, scales, 5, 6, 8), expected, rtol=1e-5)


def test_costs_of_all_pairs() -> None:
    random = np.random.default_rng(10)
    pictures, weights = random.random((2, 4, 60), dtype=np.float32)
    others = random.random((7, 60), dtype=np.float32)
    expected = (weights[:, None] * (others[None] - pictures[:, None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(pair_costs(pictures, weights, others), expected, rtol=1e-5)
