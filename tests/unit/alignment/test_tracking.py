"""Files followed frame by frame whose drops, repeats and freezes are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from monitor.alignment.signature import COARSE, Signatures
from monitor.alignment.tracking import OUTLOOK, PIECE, Track, Tracker
from monitor.kernels.warp import band_costs, cheapest_path, least_differences, stills
from monitor.types import Frame, VideoFormat
from tests.unit.alignment.scenes import encoded, run, scene

LENGTH = 150
FORM = VideoFormat(COARSE[1], COARSE[0], "gray16le", bit_depth=16)


def frames(of: Signatures) -> list[Frame]:
    """Pictures of one sample a block, deep enough to be exact."""
    return [
        Frame(
            index,
            Fraction(time).limit_denominator(90_000),
            Fraction(0),
            FORM,
            ((means.clip(0, 255) * 256).astype(np.uint16),),
        )
        for index, (time, means) in enumerate(zip(of.times, of.means, strict=True))
    ]


def track(distorted: Signatures, reference: Signatures, offset: float) -> Track:
    """Follow two runs as a decoder of both would give them: in order of time, the reference a little ahead."""
    tracker = Tracker(offset)
    mixed = [(float(frame.pts) + offset, 1, frame) for frame in frames(distorted)]
    mixed += [(float(frame.pts) - 0.1, 0, frame) for frame in frames(reference)]
    for _, side, frame in sorted(mixed, key=lambda item: item[:2]):
        (tracker.distorted if side else tracker.reference)(frame)
    return tracker.result()


def pictures(frames: int = LENGTH, speed: float = 0.7) -> np.ndarray:
    return scene(frames, speed=speed, grid=COARSE)


def counts(found: Track) -> tuple[int, int, int, int]:
    return found.dropped, found.duplicated, found.frozen, found.unlike


def without(run: Signatures, index: int) -> Signatures:
    return Signatures(np.delete(run.times, index), np.delete(run.means, index, axis=0))


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("offset", [0, 12, -12])
def test_nothing_happens_in_a_whole_file(noise: float, offset: int) -> None:
    source = pictures()
    lost, extra = max(offset, 0), max(-offset, 0)
    found = track(run(encoded(source[lost:], noise=noise)), run(source[extra:]), offset / 25)
    assert counts(found) == (0, 0, 0, 0)
    assert found.shifted == 0
    inside = found.partners >= 0
    np.testing.assert_array_equal(found.partners[inside], (np.arange(len(inside)) + offset)[inside])
    assert found.matched == LENGTH - 12 * (offset != 0)


def test_a_drop_that_leaves_a_gap_shifts_nothing() -> None:
    source = pictures()
    found = track(without(run(encoded(source)), 60), run(source), 0.0)
    assert (counts(found), found.shifted, found.matched) == ((1, 0, 0, 0), 0, LENGTH - 1)


def test_a_drop_that_is_hidden_by_new_times_is_followed() -> None:
    source = pictures()
    found = track(run(np.delete(encoded(source), 60, axis=0)), run(source), 0.0)
    assert (counts(found), found.shifted, found.matched) == ((1, 0, 0, 0), LENGTH - 61, LENGTH - 1)
    away = found.partners - np.delete(np.arange(LENGTH), 60)
    assert np.flatnonzero(away).tolist() == []


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, (1, 1, 0, 0)), (4, (4, 4, 0, 0)), (5, (5, 0, 5, 0)), (20, (20, 0, 20, 0)), (60, (60, 0, 60, 0))],
)
def test_repeats_are_duplicates_and_longer_ones_freezes(length: int, expected: tuple[int, int, int, int]) -> None:
    source = pictures()
    distorted = encoded(source)
    distorted[60 : 60 + length] = distorted[59]
    found = track(run(distorted), run(source), 0.0)
    assert counts(found) == expected
    assert np.flatnonzero(found.repeats).tolist() == list(range(60, 60 + length))
    assert found.matched == LENGTH - length
    np.testing.assert_array_equal(found.partners, np.arange(LENGTH))  # scored against what should have been shown


def test_an_inserted_frame_shifts_the_rest() -> None:
    source = pictures()
    distorted = encoded(source)
    found = track(run(np.insert(distorted, 60, distorted[59], axis=0)), run(source), 0.0)
    assert (found.dropped, found.duplicated, found.shifted) == (0, 1, LENGTH - 60)
    np.testing.assert_array_equal(found.partners[61:], np.arange(60, LENGTH))


def test_brightness_does_not_matter() -> None:
    source = pictures()
    found = track(run(np.delete(source * np.float32(0.8) + 40, 60, axis=0)), run(source), 0.0)
    assert counts(found) == (1, 0, 0, 0)


def test_a_still_has_no_drops() -> None:
    still = np.repeat(pictures(1), LENGTH, axis=0)
    found = track(run(encoded(still, noise=1.0)), run(encoded(still, noise=0.5, seed=8)), 0.0)
    assert (counts(found), found.shifted) == ((0, 0, 0, 0), 0)


@pytest.mark.parametrize(("share", "noise"), [(0.55, 1.0), (0.55, 2.0), (0.65, 4.0)])
def test_an_encoder_that_is_late_is_not_misaligned(share: float, noise: float) -> None:
    source = pictures(speed=0.4)
    late = source.copy()
    late[1:] = share * source[:-1] + (1 - share) * source[1:]
    found = track(run(encoded(late, noise=noise)), run(source), 0.0)
    assert (counts(found), found.shifted) == ((0, 0, 0, 0), 0)
    assert found.late > LENGTH / 2
    moved = track(run(encoded(source[:-1], noise=noise)), run(source[1:]), 0.0)  # one frame late in truth
    assert (moved.shifted, moved.late) == (LENGTH - 2, 0)
    ahead = track(run(encoded(source[1:], noise=noise)), run(source[:-1]), 0.0)
    assert (ahead.shifted >= LENGTH - 2, ahead.late) == (True, 0)


def test_an_encoder_that_lags_is_on_time() -> None:
    source = pictures(speed=0.03)
    lagging = source.copy()
    for index in range(1, len(lagging)):  # a block is renewed only when it has changed enough
        old = np.abs(source[index] - lagging[index - 1]) < 4
        lagging[index][old] = lagging[index - 1][old]
    found = track(run(lagging), run(source), 0.0)
    assert (counts(found), found.shifted) == ((0, 0, 0, 0), 0)


@pytest.mark.parametrize(
    ("distorted_rate", "reference_rate"),
    [(25.0, 50.0), (50.0, 25.0), (24.0, 30.0), (30.0, 24.0), (30000 / 1001, 30.0), (30.0, 30000 / 1001)],
)
def test_a_conversion_of_the_frame_rate_drops_and_repeats_as_it_must(distorted_rate: float, reference_rate: float) -> None:
    slower = min(distorted_rate, reference_rate)
    source = pictures(100)

    def converted(rate: float) -> Signatures:
        begins = np.floor(np.arange(100) * rate / slower + 0.5)
        return run(source[np.searchsorted(begins, np.arange(int(begins[-1])), side="right") - 1], rate)

    distorted = converted(distorted_rate)
    found = track(Signatures(distorted.times, encoded(distorted.means, noise=0.5)), converted(reference_rate), 0.0)
    assert (counts(found), found.shifted) == ((0, 0, 0, 0), 0)


@pytest.mark.parametrize("place", [PIECE - 3, PIECE, PIECE + OUTLOOK + 1, 2 * PIECE - 1])
def test_a_long_file_is_followed_in_pieces(place: int) -> None:
    source = pictures(3 * PIECE)
    distorted = np.delete(encoded(source), place, axis=0)
    distorted[place + 80] = distorted[place + 79]
    found = track(run(distorted), run(source), 0.0)
    assert counts(found) == (2, 1, 0, 0)
    assert np.flatnonzero(found.repeats).tolist() == [place + 80]
    np.testing.assert_array_equal(found.partners, np.delete(np.arange(3 * PIECE), place))


def test_memory_does_not_grow() -> None:
    source = frames(run(pictures(3 * PIECE)))
    tracker = Tracker(0.0)
    kept = []
    for frame in source * 4:
        frame = Frame(frame.index, Fraction(len(kept), 25), frame.duration, frame.format, frame.planes)
        tracker.reference(frame)
        tracker.distorted(frame)
        kept.append(len(tracker._reference.means) + len(tracker._distorted.means))
    assert max(kept) < 3 * (PIECE + OUTLOOK)
    assert tracker.result().matched == len(kept)


def test_speed_that_drifts_is_followed() -> None:
    """The same frames shown 0.1 % faster: after 40 s they are a frame early."""
    source = pictures(1300)
    found = track(run(encoded(source), 30.0), run(source, 30000 / 1001), 0.0)
    assert (found.duplicated, found.frozen, found.unlike) == (0, 0, 0)
    assert found.dropped <= 1
    assert found.partners[-100] == 1200
    assert found.shifted > 100


def test_a_stumble_is_not_followed() -> None:
    """Half a second of frames that are one late, then on time again: faults to be scored as such."""
    source = pictures()
    distorted = encoded(source)
    distorted[60:72] = distorted[59:71].copy()
    found = track(run(distorted), run(source), 0.0)
    assert found.shifted == 0
    assert found.duplicated == 1


def test_other_pictures_are_unlike() -> None:
    found = track(run(scene(LENGTH, seed=6, grid=COARSE)), run(pictures()), 0.0)
    assert found.unlike > LENGTH * 0.8


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_pairs_are_doubted_where_the_true_ones_are_out_of_reach(noise: float) -> None:
    source = pictures(3 * LENGTH)
    reference = run(source[: 2 * LENGTH])
    for away, least, most in ((0, 0.0, 0.2), (12, 0.0, 0.2), (60, 0.5, np.inf), (120, 0.5, np.inf)):
        found = track(run(encoded(source[away : away + LENGTH], noise=noise)), reference, 0.0)
        assert least <= found.doubt <= most, away
    still = np.repeat(source[:1], LENGTH, axis=0)
    assert track(run(encoded(still, noise=noise)), run(still), 0.0).doubt == 0.0


def test_nothing_to_follow() -> None:
    source = run(pictures())
    nothing = Signatures(np.empty(0), np.empty((0, *COARSE), np.float32))
    assert counts(track(nothing, source, 0.0)) == (0, 0, 0, 0)
    assert (track(source, nothing, 0.0).partners == -1).all()
    assert track(source, source, 100.0).matched == 0
    assert track(source, source, -100.0).matched == 0


def test_compiled_and_plain_agree() -> None:
    source = pictures(12).reshape(12, -1)
    distorted = encoded(source)
    centres = np.arange(12)
    within = distorted, source, centres, 3
    least = least_differences(*within)
    np.testing.assert_allclose(least, getattr(least_differences, "py_func", least_differences)(*within), rtol=1e-4)
    costs = band_costs(*within, np.sqrt(least), 25.0, 1, 1)
    np.testing.assert_allclose(
        costs, getattr(band_costs, "py_func", band_costs)(*within, np.sqrt(least), 25.0, 1, 1), rtol=1e-3, atol=1e-3
    )
    repeated = distorted.copy()
    repeated[5:8] = repeated[4]
    given = repeated, source, centres, np.diff(centres, prepend=0), np.full(12, 1.5, np.float32), 2.0, 3, 0.1, 20, 0.05
    assert np.flatnonzero(stills(*given)).tolist() == [5, 6, 7]
    np.testing.assert_array_equal(stills(*given), getattr(stills, "py_func", stills)(*given))
    first = np.zeros(7, np.float32)
    path = cheapest_path(costs, centres, 10.0, first)
    np.testing.assert_array_equal(path, getattr(cheapest_path, "py_func", cheapest_path)(costs, centres, 10.0, first))
    assert (np.diff(path + centres) >= 0).all()
