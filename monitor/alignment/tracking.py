"""Frame by frame, which reference frame a distorted file shows: what was dropped, repeated, frozen or is not there at all.

Both files are followed as they are decoded, a few seconds behind. Frames that repeat the one before though the reference had
moved on are told by that and say nothing more. The path of the others through the possible pairings explains the pictures
best: it may leave the common timeline, at a price, and never goes back. Only what moves counts, so that a static scene
stays on the timeline, and so does an encoder that is late with small changes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.alignment.signature import COARSE, FLAT, Area, signature
from monitor.kernels.warp import band_costs, cheapest_path, least_differences, stills

if TYPE_CHECKING:
    from monitor.types import Frame

REACH_SECONDS = 1.0
"""How far off the timeline, as it was followed up to there, pictures are looked for."""

PIECE = 200
"""Distorted frames that are decided at a time."""

OUTLOOK = 50
"""Frames after those that take part in the decision."""

CAP = 25.0
"""Squared difference of a block, in units of the noise, beyond which it is no more unlike."""

PENALTY = 400.0
"""What leaving the timeline costs: as much as sixteen moving blocks that are not alike at all, or many a bit off."""

QUIET = 0.25
"""Least noise assumed, 8-bit code values: block means of different encodes agree no better."""

MOVED = 2.0
"""Change of a block in units of the noise from which it shows that the reference moved on."""

REPEATED = (3, 0.1)
"""Blocks, of 576, that must have moved on, and the largest share of their squared change, for a frame to be a repeat."""

SURELY_REPEATED = (20, 0.035)
"""The same for one at least of the frames that repeat a picture: frugal encoders skip some blocks, or most of a change."""

FREEZE_SECONDS = 0.2
"""From how long on a repeated picture is a freeze."""

LASTING_SECONDS = 1.0
"""From how long on another distance to the timeline is a hidden drop or insertion, and not a stumble."""

LATE = 0.5
"""Cost beside that of the timeline up to which frames are said to show what the reference showed before their time. Encoders
that save bits are up to four frames late with slow changes, all the way, as if that were so: 0.53 and more in 17 of 444 true
pairs of 320x180 (x264, x265 and MPEG-4, from crf 30 to 51); less than 0.5 in 95 % of those that were late in truth."""

NEIGHBOURS = 12
"""Frames on either side over which the noise is measured."""

SAME_RATE = 1.01
"""Ratio of two frame rates up to which they are one: 29.97 beside 30 slips by a frame now and then."""

PHASES = 8
"""Parts of the shorter frame period in which the phase between two rates is looked for."""

CLEARLY = 0.9
"""How much less unlike frames must be in another phase than in the one that was given."""

LIKE = 0.5
"""Correlation from which a pair shows the same picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What following two files found. Indices count the frames that were given, from 0."""

    partners: NDArray[np.int64]
    """For each distorted frame the index of the reference frame to score it against: by the timeline, moved by what was
    dropped or inserted under rewritten timestamps; -1 where the reference has ended or not begun."""
    expected: NDArray[np.int64]
    """The same by the timeline alone."""
    repeats: NDArray[np.bool_]
    """Whether a distorted frame repeats its predecessor though the reference had moved on."""
    dropped: int
    """Reference frames amid those shown that no distorted frame shows, beyond what the frame rates ask."""
    duplicated: int
    """Frames that repeat the picture before them for less than ``FREEZE_SECONDS``."""
    frozen: int
    """Frames that repeat the picture before them for longer."""
    unlike: int
    """Frames that do not resemble their partner."""
    doubt: float = 0.0
    """How far frames are from their partners beside how far those are from the reference ``REACH_SECONDS`` before:
    the median of the ratio of squared differences over what moves. Near 0 where pairs are true, however poor the encode,
    and about 1 where they are not; then the true ones are further away than was looked. 0 where nothing moves."""
    late: int = 0
    """Frames that resemble what the reference showed before their time, but not so much more than what it shows then that an
    encoder could not have done that; their partner is the latter."""

    @property
    def matched(self) -> int:
        """Distorted frames that show their partner and are new."""
        return int(((self.partners >= 0) & ~self.repeats).sum()) - self.unlike

    @property
    def shifted(self) -> int:
        """Frames whose partner is another than the timeline says."""
        return int((self.partners != self.expected).sum())


@dataclass(slots=True)
class _Side:
    """The frames of one file: times of all, signatures of the latest."""

    times: array[float] = field(default_factory=lambda: array("d"))
    means: list[NDArray[np.float32]] = field(default_factory=list)
    forgotten: int = 0
    """Signatures that are no longer kept."""

    def add(self, frame: Frame, area: Area | None) -> None:
        self.times.append(float(frame.pts))
        self.means.append(signature(frame, COARSE, area).ravel())

    def forget_before(self, index: int) -> None:
        del self.means[: max(0, index - self.forgotten)]
        self.forgotten = max(self.forgotten, index)

    @property
    def period(self) -> float:
        latest = self.times[-PIECE:]
        return float(np.median(np.diff(latest))) if len(latest) > 1 else 0.0


class Tracker:
    """Follows two files while they are decoded: give it every frame of both, each side in order.

    It keeps signatures of a few seconds (2.3 KB a frame) and 28 bytes of every frame: 5 MB an hour at 25 frames per second.
    A side that is more than that ahead of the other waits in memory.

    Args:
        offset: Reference time minus distorted time of the same picture, seconds.
        areas: What to look at of the distorted and the reference picture (without letterbox); ``None`` for all of it.
    """

    def __init__(self, offset: float, areas: tuple[Area | None, Area | None] = (None, None)) -> None:
        self._offset = offset
        self._areas = areas
        self._distorted = _Side()
        self._reference = _Side()
        self._lag = 0
        self._decided = 0
        self._lags: list[NDArray[np.int64]] = []
        self._repeats: list[NDArray[np.bool_]] = []
        self._unlike: list[NDArray[np.bool_]] = []
        self._doubts: list[NDArray[np.float32]] = []
        self._evidence: list[NDArray[np.float32]] = []

    def distorted(self, frame: Frame) -> None:
        """The next frame of the distorted."""
        self._distorted.add(frame, self._areas[0])
        self._advance()

    def reference(self, frame: Frame) -> None:
        """The next frame of the reference."""
        self._reference.add(frame, self._areas[1])
        self._advance()

    def result(self) -> Track:
        """What was found, once both files have ended; call it once."""
        while self._decided < len(self._distorted.times):
            self._decide(min(self._decided + PIECE, len(self._distorted.times)), len(self._distorted.times))
        expected = self._on_display(0, len(self._distorted.times))
        nothing = np.zeros(0, np.int64)
        lags = _lasting(np.concatenate([*self._lags, nothing]), self._distorted.period)
        late = _late(lags, np.concatenate([*self._evidence, np.zeros((0, 2), np.float32)]))
        lags[late] = 0
        repeats = np.concatenate([*self._repeats, nothing > 0])
        unlike = np.concatenate([*self._unlike, nothing > 0])
        length = len(self._reference.times)
        partners = np.where(expected >= 0, expected + lags, -1)
        partners = np.where(partners < length, partners, -1)
        expected = np.where(expected < length, expected, -1)
        usual = max(1, -(-round(1000 * self._distorted.period) // max(1, round(1000 * self._reference.period))))
        shown = partners[(partners >= 0) & ~repeats]
        dropped = int(np.maximum(np.diff(shown) - usual, 0).sum())
        runs = _runs(repeats)
        frozen = sum(length for length in runs if length * self._distorted.period >= FREEZE_SECONDS)
        unlike &= (partners >= 0) & ~repeats
        doubts = np.concatenate([*self._doubts, np.zeros(0, np.float32)])
        doubt = float(np.median(doubts)) if len(doubts) else 0.0
        return Track(
            partners, expected, repeats, dropped, sum(runs) - frozen, frozen, int(unlike.sum()), doubt, int(late.sum())
        )

    def _advance(self) -> None:
        end = self._decided + PIECE + OUTLOOK
        times = self._distorted.times
        if len(times) < end or not self._reference.times:
            return
        lag_seconds = self._lag * self._reference.period
        if (
            self._reference.times[-1]
            > times[end - 1] + self._offset + lag_seconds + REACH_SECONDS + 2 * self._reference.period
        ):
            self._decide(self._decided + PIECE, end)

    def _on_display(self, start: int, end: int) -> NDArray[np.int64]:
        """Index of the reference frame on display at each distorted frame; -1 before the first, their count after all."""
        times = np.array(self._reference.times)
        if not len(times):
            return np.full(end - start, -1)
        periods = [period for period in (self._distorted.period, self._reference.period) if period > 0]
        moments = np.array(self._distorted.times[start:end]) + self._offset + min(periods, default=0.0) / 4
        shown = np.searchsorted(times, moments, side="right").astype(np.int64) - 1
        return np.where(moments < times[-1] + (self._reference.period or np.inf), shown, len(times))

    def _decide(self, until: int, end: int) -> None:
        """Settle the frames up to ``until``, looking at those up to ``end``; one decided before goes with them."""
        start = max(0, self._decided - 1)
        if self._decided == 0:
            self._offset = self._in_phase(end)
        expected = self._on_display(start, end)
        lags = np.full(end - start, self._lag)
        repeats, unlike = np.zeros((2, end - start), np.bool_)
        evidence = np.zeros((end - start, 2), np.float32)
        centres = expected + self._lag
        inside = np.flatnonzero((expected >= 0) & (centres >= 0) & (centres < len(self._reference.times)))
        if len(inside) > 1:
            part = slice(inside[0], inside[-1] + 1)
            found = self._followed(start + inside[0], start + inside[-1] + 1, centres[part])
            lags[part] += found[0]
            repeats[part], unlike[part], evidence[part] = found[1:]
            lags[part.stop :] = lags[part.stop - 1]
        decided = slice(self._decided - start, until - start)
        self._lags.append(lags[decided])
        self._repeats.append(repeats[decided])
        self._unlike.append(unlike[decided])
        self._evidence.append(evidence[decided])
        self._lag = int(lags[until - start - 1])
        self._decided = until
        self._distorted.forget_before(until - 1)
        self._reference.forget_before(int(expected[until - start - 1] + self._lag) - self._reach - 2)

    def _in_phase(self, end: int) -> float:
        """The offset at which frames converted from one rate to another are most alike; equal rates have but one phase."""
        periods = sorted((self._distorted.period, self._reference.period))
        if periods[0] <= 0 or periods[1] < periods[0] * SAME_RATE:
            return self._offset
        pictures, others = np.stack(self._distorted.means[:end]), np.stack(self._reference.means)
        given, best = self._offset, (np.inf, self._offset)
        for quarters in sorted(range(-PHASES, PHASES + 1), key=abs):
            self._offset = given + quarters * periods[0] / PHASES
            shown = self._on_display(0, end)
            inside = (shown >= 0) & (shown < len(others))
            if not inside.any():
                continue
            unlike = float(np.square(_levelled(pictures[inside], others[shown[inside]]) - others[shown[inside]]).mean())
            if unlike < best[0] * CLEARLY:
                best = unlike, self._offset
        return best[1]

    @property
    def _reach(self) -> int:
        return max(2, round(REACH_SECONDS / (self._reference.period or 0.04)))

    def _followed(
        self, start: int, end: int, centres: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float32]]:
        """How much each frame leaves the path so far, whether it repeats, and whether it is unlike its partner.

        And what it costs there and on the timeline.
        """
        reach = self._reach
        base = max(self._reference.forgotten, int(centres[0]) - reach - 1)
        last = min(int(centres[-1]) + reach + 1, len(self._reference.times))
        others = np.stack(self._reference.means[base - self._reference.forgotten : last - self._reference.forgotten])
        pictures = np.stack(self._distorted.means[start - self._distorted.forgotten : end - self._distorted.forgotten])
        centres = (centres - base).clip(0, len(others) - 1)
        pictures = _levelled(pictures, others[centres])
        live = _changes(pictures) > REPEATED[1] * _changes(others[centres])
        noise = _noise(least_differences(pictures, others, centres, reach), live)
        advances = np.diff(centres, prepend=centres[:1])
        still = stills(pictures, others, centres, advances, noise, MOVED, *REPEATED, *SURELY_REPEATED)
        ratio = self._distorted.period / (self._reference.period or 1.0) or 1.0
        costs = band_costs(pictures, others, centres, reach, noise, CAP, max(1, round(1 / ratio)), max(1, round(ratio)))
        costs[still] = 0
        first = np.full(2 * reach + 1, PENALTY, np.float32)
        first[reach] = 0
        steps = cheapest_path(costs, centres, PENALTY, first)
        evidence = np.full((len(costs), 2), np.inf, np.float32)
        evidence[:, 0] = costs[np.arange(len(costs)), steps]
        if abs(self._lag) <= reach:
            evidence[:, 1] = costs[:, reach - self._lag]
        away = steps - reach
        shown = (centres + away).clip(0, len(others) - 1)
        repeats = stills(pictures, others, shown, advances, noise, MOVED, *REPEATED, *SURELY_REPEATED)
        for index in np.flatnonzero(repeats):
            away[index] = away[index - 1]  # a repeat is to be scored against what should have been shown
        self._doubts.append(_doubts(pictures[~repeats], others, shown[~repeats], reach))
        return away, repeats, _likeness(pictures, others[shown]) < LIKE, evidence


def _levelled(pictures: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pictures in the brightness and contrast that the others have, over all frames."""
    own, other = pictures.astype(np.float64), others.astype(np.float64)
    spread = own.std()
    gain = other.std() / spread if spread > 0 else 1.0
    return np.asarray((own - own.mean()) * gain + other.mean(), dtype=np.float32)


def _changes(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean squared change of each picture since the one before; the first one's is that of the second."""
    changes = np.square(np.diff(pictures, axis=0)).mean(axis=1)
    return np.concatenate([changes[:1], changes])


def _doubts(
    pictures: NDArray[np.float32], others: NDArray[np.float32], shown: NDArray[np.int64], reach: int
) -> NDArray[np.float32]:
    """What ``Track.doubt`` is the median of, where the reference moved within ``reach`` frames."""
    partners, before = others[shown], others[np.maximum(shown - reach, 0)]
    far = np.square(partners - before).mean(axis=1)
    moved = far > MOVED**2 * QUIET**2
    return np.asarray(np.square(pictures - partners).mean(axis=1)[moved] / far[moved], dtype=np.float32)


def _noise(differences: NDArray[np.float32], live: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Root mean square difference of a true pair around each frame: the median over its live neighbours, else over all."""
    spread = np.where(live, np.sqrt(differences), np.nan)
    overall = np.median(np.sqrt(differences[live])) if live.any() else QUIET
    padded = np.pad(spread, NEIGHBOURS, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1)
    known = np.isfinite(windows).any(axis=1)
    noise = np.full(len(spread), overall)
    noise[known] = np.nanmedian(windows[known], axis=1)
    return np.asarray(np.maximum(noise, QUIET), dtype=np.float32)


def _likeness(pictures: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of each pair over the picture; 1 where both are flat."""
    first, second = (run - run.mean(axis=1, keepdims=True) for run in (pictures, others))
    flat = np.float32(FLAT**2)
    spread = np.sqrt(((first * first).mean(axis=1) + flat) * ((second * second).mean(axis=1) + flat))
    return np.asarray(((first * second).mean(axis=1) + flat) / spread, dtype=np.float32)


def _lasting(lags: NDArray[np.int64], period: float) -> NDArray[np.int64]:
    """Distances to the timeline without stumbles: what does not last keeps the distance before it."""
    if not len(lags):
        return lags
    least = LASTING_SECONDS / period if period else 1
    smooth = lags.copy()
    lag = 0
    for start, end in _stretches(lags):
        if end - start >= least:
            lag = int(lags[start])
        smooth[start:end] = lag
    return smooth


def _late(lags: NDArray[np.int64], evidence: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames are said to show an earlier reference frame without enough evidence.

    Args:
        lags: Distances to the timeline, ``(n,)``.
        evidence: Cost there and on the timeline, ``inf`` where that is not known, ``(n, 2)``.
    """
    late = np.zeros(len(lags), np.bool_)
    for start, end in _stretches(lags):
        if lags[start] < 0:
            costs = evidence[start:end][np.isfinite(evidence[start:end]).all(axis=1)]
            there, on_time = costs.sum(axis=0, dtype=np.float64)
            late[start:end] = there > LATE * on_time
    return late


def _stretches(lags: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where the distance to the timeline stays the same, from and until."""
    if len(lags):
        yield from pairwise([0, *(np.flatnonzero(np.diff(lags)) + 1).tolist(), len(lags)])


def _runs(flags: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [int(length) for length in edges[1::2] - edges[::2]]
