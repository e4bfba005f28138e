"""The scene is deterministic, moves, and looks like a picture to the detectors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipelines.demo.scene import Scene

RATE = Fraction(25)


@pytest.fixture(scope="module")
def scene():
    return Scene(320, 180, RATE, seed=3)


def test_same_seed_same_pictures_in_any_order(scene):
    again = Scene(320, 180, RATE, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(scene.frame(40), again.frame(40), strict=True))
    later = again.frame(99)
    assert all(np.array_equal(a, b) for a, b in zip(scene.frame(99), later, strict=True))
    other = Scene(320, 180, RATE, seed=4)
    assert not np.array_equal(other.frame(40)[0], scene.frame(40)[0])


def test_planes_are_yuv420p_in_limited_range(scene):
    for index in range(0, 3000, 250):
        luma, cb, cr = scene.frame(index)
        assert (luma.shape, cb.shape, cr.shape) == ((180, 320), (90, 160), (90, 160))
        assert {plane.dtype for plane in (luma, cb, cr)} == {np.dtype(np.uint8)}
        assert not any(plane.flags.writeable for plane in (luma, cb, cr))
        assert 16 <= luma.min() <= luma.max() <= 235
        assert 16 <= min(cb.min(), cr.min()) <= max(cb.max(), cr.max()) <= 240


def test_no_picture_is_black_or_flat_and_there_is_colour(scene):
    for index in range(0, 3000, 250):
        luma, cb, cr = scene.frame(index)
        assert (luma <= 38).mean() < 0.1
        assert luma.std() > 20
        assert min(cb.std(), cr.std()) > 5


def test_everything_changes_from_picture_to_picture(scene):
    pictures = [scene.frame(index)[0].astype(int) for index in range(0, 100, 10)]
    followers = [scene.frame(index + 1)[0].astype(int) for index in range(0, 100, 10)]
    for before, after in zip(pictures, followers, strict=True):
        assert (before != after).mean() > 0.5
        blocks = np.abs(after - before)[:176].reshape(11, 16, 20, 16).mean(axis=(1, 3))
        assert blocks.max() > 8


def test_the_time_stamp_tells_pictures_apart(scene):
    corner = (slice(0, 20), slice(0, 60))
    frames = [scene.frame(index)[0][corner] for index in (0, 25 * 61 + 7)]
    assert all((frame > 200).sum() > 20 for frame in frames)
    assert not np.array_equal(*[frame > 200 for frame in frames])


def test_black_is_video_black(scene):
    luma, cb, cr = scene.black()
    assert luma.shape == (180, 320)
    assert (set(np.unique(luma)), set(np.unique(cb)), set(np.unique(cr))) == ({16}, {128}, {128})
