"""Offsets of scenes that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.alignment.locating import locate
from monitor.alignment.offset import Offset, OffsetSearch
from tests.unit.alignment.scenes import Film, encoded, run, scene


def found(
    distorted: np.ndarray,
    reference: np.ndarray,
    *,
    window: float = 10.0,
    rates: tuple[float, float] = (25, 25),
    gop: int | None = None,
) -> Offset | None:
    return locate(Film(distorted, rates[0], gop), Film(reference, rates[1], gop), window)


@pytest.mark.parametrize("frames", [0, 1, -1, 7, -7, 40, -40, 120, -120])
@pytest.mark.parametrize("noise", [0.5, 4.0])
@pytest.mark.parametrize("gop", [None, 12, 50, 240])
def test_a_known_offset_is_found_to_the_frame(frames: int, noise: float, gop: int | None) -> None:
    pictures = scene(400)
    lost, extra = max(frames, 0), max(-frames, 0)
    offset = found(encoded(pictures[lost : lost + 250], noise=noise), pictures[extra : extra + 250], gop=gop)
    assert offset is not None
    assert offset.seconds == pytest.approx(frames / 25)
    assert offset.sure
    assert offset.second_best < 0.1


def test_brightness_and_contrast_do_not_matter() -> None:
    pictures = scene(200)
    offset = found(pictures[20:] * np.float32(0.7) + 50, pictures)
    assert offset is not None
    assert (offset.seconds, offset.decisive) == (pytest.approx(20 / 25), True)


def test_an_encoder_that_lags_does_not_shift_the_offset() -> None:
    pictures = scene(200, speed=0.05)
    lagging = pictures.copy()
    for index in range(1, len(lagging)):  # a block is renewed only when it has changed enough
        old = np.abs(pictures[index] - lagging[index - 1]) < 4
        lagging[index][old] = lagging[index - 1][old]
    offset = found(lagging[10:150], pictures)
    assert offset is not None
    assert offset.seconds == pytest.approx(10 / 25)


@pytest.mark.parametrize("noise", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("gop", [None, 25])
def test_a_still_cannot_tell(noise: float, gop: int | None) -> None:
    still = np.repeat(scene(1), 150, axis=0)
    offset = found(encoded(still, noise=noise, seed=3), encoded(still, noise=noise, seed=4), gop=gop)
    assert offset is None or not offset.sure


@pytest.mark.parametrize("gop", [None, 12, 50])
def test_what_repeats_cannot_tell(gop: int | None) -> None:
    loop = np.tile(scene(20), (12, 1, 1))
    offset = found(encoded(loop[:100]), encoded(loop, seed=9), window=5.0, gop=gop)
    assert offset is not None
    assert offset.seconds * 25 % 20 == pytest.approx(0, abs=1e-6)
    assert offset.second_best == pytest.approx(offset.confidence, rel=0.3)


@pytest.mark.parametrize("gop", [None, 25])
def test_other_pictures_are_no_match(gop: int | None) -> None:
    offset = found(scene(200, seed=1), scene(200, seed=5), gop=gop)
    assert offset is not None
    assert not offset.sure
    assert offset.likeness < 0.8


def test_an_offset_beyond_the_window_is_not_found() -> None:
    pictures = scene(300)
    offset = found(encoded(pictures[100:250]), pictures[:200], window=1.0)
    assert offset is None or not offset.sure


@pytest.mark.parametrize(
    ("distorted_rate", "reference_rate"), [(25, 50), (50, 25), (24, 30), (30, 24), (30000 / 1001, 30), (30, 30000 / 1001)]
)
@pytest.mark.parametrize(("lost", "extra"), [(0, 0), (30, 0), (0, 24)])
def test_frame_rates_may_differ(distorted_rate: float, reference_rate: float, lost: int, extra: int) -> None:
    slower = min(distorted_rate, reference_rate)
    filmed = scene(110)

    def converted(rate: float) -> np.ndarray:
        """At another rate by repeating pictures, each shown from the nearest possible moment."""
        begins = np.floor(np.arange(len(filmed)) * rate / slower + 0.5)
        return filmed[np.searchsorted(begins, np.arange(int(begins[-1])), side="right") - 1]

    distorted, reference = converted(distorted_rate)[lost:], converted(reference_rate)[extra:]
    offset = found(encoded(distorted), reference, rates=(distorted_rate, reference_rate))
    assert offset is not None
    assert offset.seconds == pytest.approx(lost / distorted_rate - extra / reference_rate, abs=0.75 / slower)
    assert offset.sure


@pytest.mark.parametrize(("gop", "probed", "read"), [(None, 50, 129), (50, 75, 28)])
def test_little_is_read_where_little_decides(gop: int | None, probed: int, read: int) -> None:
    pictures = scene(1000)
    distorted, reference = Film(encoded(pictures[10:910]), gop=gop), Film(pictures, gop=gop)
    offset = locate(distorted, reference, 10.0)
    assert offset is not None
    assert offset.decisive
    assert (distorted.read, reference.read) == (pytest.approx(probed, abs=4), pytest.approx(read, abs=4))


def test_a_cut_where_reading_begins_does_not_shift_the_offset() -> None:
    """A frame with so large a change that covering it seems worth a mismatch of all the others."""
    pictures = scene(200).copy()
    pictures[:80] = scene(200, seed=3)[:80]
    for key in range(70, 90):
        offset = found(encoded(pictures[: key + 60]), pictures[44:], gop=18)
        assert offset is not None
        assert offset.seconds == pytest.approx(-44 / 25)


def test_files_that_hardly_overlap() -> None:
    pictures = scene(200)
    offset = found(encoded(pictures[70:120]), pictures[:100])
    assert offset is not None
    assert (offset.seconds, offset.sure) == (pytest.approx(70 / 25), True)


def test_too_short_to_tell() -> None:
    pictures = scene(10)
    assert found(pictures[:1], pictures) is None
    assert found(pictures, pictures[:1]) is None
    assert found(pictures[:0], pictures[:0]) is None


def test_probes_add_up() -> None:
    pictures = scene(400, speed=0.02)
    distorted = run(encoded(pictures[30:], noise=3))
    search = OffsetSearch(4.0)
    confidences = []
    for start in (0, 100, 200):
        part = slice(start, start + 25)
        probe = type(distorted)(distorted.times[part], distorted.means[part])
        assert search.add(probe, run(pictures))
        offset = search.result()
        assert offset is not None
        confidences.append(offset.confidence)
    assert confidences[-1] > confidences[0]
    assert offset.seconds == pytest.approx(30 / 25)
