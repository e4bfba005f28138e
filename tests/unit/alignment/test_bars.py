"""Black bars that are known exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from monitor.alignment.bars import BarFinder, Bars
from monitor.types import Frame, VideoFormat


def frame(top: int = 0, bottom: int = 0, left: int = 0, right: int = 0, *, depth: int = 8, full: bool = False) -> Frame:
    form = VideoFormat(128, 100, "yuv420p" if depth == 8 else "yuv420p10le", bit_depth=depth, full_range=full)
    dtype = np.uint8 if depth == 8 else np.uint16
    luma = np.full((100, 128), form.black_level, dtype)
    area = luma[top : 100 - bottom, left : 128 - right]
    area[:] = np.random.default_rng(1).integers(form.black_level + (30 << (depth - 8)), form.white_level, area.shape)
    return Frame(0, Fraction(0), Fraction(1, 25), form, (luma,))


def found(*frames: Frame) -> Bars:
    finder = BarFinder()
    for one in frames:
        finder.look(one)
    return finder.bars()


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("sides", [(12, 12, 0, 0), (0, 0, 16, 20), (8, 10, 4, 4), (0, 0, 0, 0)])
def test_bars_are_measured(sides: tuple[int, int, int, int], depth: int, full: bool) -> None:
    bars = found(frame(*sides, depth=depth, full=full))
    assert (bars.top, bars.bottom, bars.left, bars.right) == sides
    assert (bars.area.bottom, bars.area.right) == (100 - sides[1], 128 - sides[3])


def test_what_is_black_once_is_no_bar() -> None:
    assert found(frame(20, 20), frame(12, 12)) == Bars(100, 128, 12, 12)
    assert found(frame(20, 20), frame()) == Bars(100, 128)


def test_a_dark_ceiling_is_no_bar() -> None:
    assert found(frame(top=30)) == Bars(100, 128)


def test_a_black_picture_has_no_bars() -> None:
    assert found(frame(50, 50)) == Bars(100, 128)


def test_another_size_starts_anew() -> None:
    small = frame(20, 20)
    other = Frame(1, Fraction(0), Fraction(1, 25), VideoFormat(64, 50, "gray"), (np.full((50, 64), 200, np.uint8),))
    assert found(small, other) == Bars(50, 64)


def test_the_same_share_at_another_size_is_the_same() -> None:
    assert Bars(1080, 1920, 140, 140).same(Bars(540, 960, 70, 71))
    assert not Bars(1080, 1920, 140, 140).same(Bars(1080, 1920))
    assert found() == Bars(0, 0)
    assert str(Bars(1080, 1920, 140, 139)) == "140 top, 139 bottom"
    assert str(Bars(1080, 1920)) == "none"
