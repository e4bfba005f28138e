"""By how much two files are apart, to the exact frame.

A short run of the distorted (a *probe*) is laid over the reference at every candidate offset. What counts are the blocks
that *change* in the distorted, weighted by the square of the change: an encoder that saves bits repeats what was there, so
that still parts of its picture agree best with a reference frame of some time ago, and an unweighted comparison is biased
towards the past by one to ten frames (measured on ten clips in four encodes: 28 wrong of 232 unweighted, 9 weighted, and
those nine with a confidence below 0.25).

The cost of a candidate is the weighted squared difference in units of the probe's own change from frame to frame: clearly
below 1 where pictures match to the frame, whatever the content. How sure the best is against another comes from their
difference group by group (5 frames of 6 x 8 blocks): the logarithm of the ratio of their costs times the number of groups
that take part in the difference, as a likelihood ratio would have it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.alignment.signature import Signatures
from monitor.kernels.thumbnail import group_costs, pair_costs

SURE = 0.5
"""Confidence from which an offset is to be believed."""

DECISIVE = 0.95
"""Confidence from which there is no need to look further, given a match."""

NOISE = 1e-4
"""Cost below which differences mean nothing."""

TEMPER = 4.0
"""What the logarithm of the likelihood ratio is divided by, because groups are less independent than they are counted."""

ALIVE = 1e-4
"""Share, relative to the best's, below which a candidate is not looked at again in the next probe."""

MATCH = 0.5
"""Cost below which pictures match to the frame; confidence falls from there to nothing at a cost of 1."""

SEEN = 1.5
"""Cost up to which a single picture may be the one it is compared with."""

LARGEST = 0.05
"""Share of a probe's change beyond which a frame counts no more: a cut would drown all else, and pins down one side only."""

TINY = 1e-30
"""Keeps a division by no change finite."""

NO_CHANGE = 1e-6
"""Mean squared change of a normalised probe from frame to frame below which it is a still."""

COVERED = 0.5
"""Share of a probe's frames, and of its change, that the reference must have at a candidate offset."""

GROUP = (5, 6, 8)
"""Frames, rows and columns of blocks whose costs are added up: an encoder's errors and motion are alike within a region."""

KEPT = 48
"""Candidates that are compared group by group; the others are worse than all of them."""

PHASES = 8
"""Largest number of phases that two frame rates are tried in: 24 in 30 has four, 25 in 50 two."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What a search found."""

    seconds: float
    """Reference time minus distorted time of the same picture; positive where the distorted lost its start."""
    confidence: float
    """Share of the evidence, 0-1; near 0 where the pictures cannot tell (a static scene)."""
    second_best: float
    """Share of the best candidate that is at least one frame away, 0-1."""
    cost: float
    """Weighted squared difference in units of the change from frame to frame; below 0.5 is a match to the frame."""
    likeness: float
    """Correlation of the pictures there, moving or not; near 1 where both show the same, were it at another time."""
    motion: float
    """Root mean square change of blocks from frame to frame in the liveliest probe, 8-bit code values."""

    @property
    def sure(self) -> bool:
        """Whether to believe it."""
        return self.confidence >= SURE

    @property
    def decisive(self) -> bool:
        """Whether it is so good that there is no need to look any further."""
        return self.confidence >= DECISIVE and self.cost < MATCH


@dataclass(slots=True)
class _Candidate:
    """An offset and what speaks against it."""

    costs: list[NDArray[np.float32]] = field(default_factory=list)
    """Of each probe, by group; what the reference does not have counts as unlike."""
    covered: float = 0.0
    """Sum over the probes of the share of their change that the reference has."""
    likeness: list[float] = field(default_factory=list)
    """Correlation of each probe's pictures with those of the reference."""

    @property
    def cost(self) -> float:
        """Cost of the covered part."""
        uncovered = len(self.costs) - self.covered
        return max(0.0, sum(float(part.sum(dtype=np.float64)) for part in self.costs) - uncovered) / self.covered


@dataclass(slots=True)
class OffsetSearch:
    """Collects evidence on a constant offset, probe by probe.

    Args:
        window: Largest offset of either sign, seconds.
    """

    window: float
    _candidates: dict[int, _Candidate] = field(default_factory=dict, init=False)
    """By number of steps from the origin."""
    _origin: float = field(default=0.0, init=False)
    _step: float = field(default=0.0, init=False)
    _motion: float = field(default=0.0, init=False)
    _spacing: int = field(default=1, init=False)
    """Steps that make one frame."""

    def add(self, probe: Signatures, reference: Signatures) -> bool:
        """Lay a probe over the reference at every offset that is still possible; whether it could tell anything.

        Args:
            probe: Consecutive frames of the distorted.
            reference: Consecutive frames of the reference; offsets that lead mostly beyond them are left alone.
        """
        if len(probe) < 2 or len(reference) < 2:
            return False
        pictures = probe.normalised()
        weights = _changes(pictures)
        if float(weights.mean()) < NO_CHANGE:
            return False
        first = not self._candidates
        if first:
            self._settle_grid(probe, reference)
        self._motion = max(self._motion, _motion(probe))
        layout = _Layout.of(probe, reference)
        places = {step: layout.partners(self._origin + step * self._step) for step in self._steps(probe, reference)}
        energy = (weights * weights).sum(axis=(1, 2), dtype=np.float64)
        scales = np.minimum(1.0, LARGEST * energy.sum() / np.maximum(energy, TINY))
        energy *= scales
        places = {step: shown for step, shown in places.items() if _covered(shown, energy) >= COVERED}
        if not places or not self._candidates.keys() <= places.keys():
            return False  # a candidate that can't be asked must not lose for that
        others = reference.normalised()
        if first:
            places = _best(pictures, weights, scales, energy, others, places)
        kept = {}
        for step, shown in places.items():
            candidate = self._candidates.get(step, _Candidate())
            costs = group_costs(pictures, weights, others, shown, scales.astype(np.float32), *GROUP)
            candidate.costs.append(costs / np.float32(energy.sum()))
            candidate.covered += float(energy[shown >= 0].sum() / energy.sum())
            candidate.likeness.append(_likeness(pictures, others, shown))
            kept[step] = candidate
        self._candidates = kept
        return True

    def result(self) -> Offset | None:
        """The best offset so far; ``None`` where no probe could tell anything."""
        if not self._candidates:
            return None
        shares = self._shares()
        best = max(shares, key=lambda step: shares[step])
        rivals = {step: share for step, share in shares.items() if abs(step - best) >= self._spacing}
        total = shares[best] + sum(_peaks(rivals, self._spacing))
        cost = self._candidates[best].cost
        believable = min(1.0, max(0.0, (1.0 - cost) / (1.0 - MATCH))) ** 2
        return Offset(
            seconds=self._origin + best * self._step,
            confidence=believable * shares[best] / total,
            second_best=max(rivals.values(), default=0.0) / total,
            cost=cost,
            likeness=sum(self._candidates[best].likeness) / len(self._candidates[best].likeness),
            motion=self._motion,
        )

    def cost_beyond(self, seconds: float) -> float:
        """Least cost of the candidates that are at least so far from no offset; ``inf`` where there are none."""
        offsets = {step: self._origin + step * self._step for step in self._candidates}
        return min((self._candidates[step].cost for step, off in offsets.items() if abs(off) >= seconds), default=math.inf)

    def narrow(self) -> tuple[float, float]:
        """Leave only the candidates that still have a chance; the least and the largest of them in seconds."""
        shares = self._shares()
        self._candidates = {step: one for step, one in self._candidates.items() if shares[step] >= ALIVE}
        return self._origin + min(self._candidates) * self._step, self._origin + max(self._candidates) * self._step

    def _settle_grid(self, probe: Signatures, reference: Signatures) -> None:
        """Decide, once, which offsets are candidates: those that put a frame on a frame, in every phase of two rates."""
        shorter, longer = sorted((probe.period, reference.period))
        ratio = longer / shorter
        phases = next((n for n in range(1, PHASES + 1) if abs(ratio * n - round(ratio * n)) < 0.01), 2)
        self._step = longer if round(ratio * phases) == phases == 1 else shorter / phases
        self._spacing = max(1, round(longer / self._step))
        at = int(np.searchsorted(reference.times, probe.times[0]).clip(0, len(reference) - 1))
        self._origin = float(reference.times[at] - probe.times[0])

    def _steps(self, probe: Signatures, reference: Signatures) -> list[int]:
        if self._candidates:
            return sorted(self._candidates)
        least = max(reference.times[0] - probe.times[-1], -self.window - self._step / 4)
        largest = min(reference.times[-1] - probe.times[0], self.window + self._step / 4)
        begin, end = math.ceil((least - self._origin) / self._step), math.floor((largest - self._origin) / self._step)
        return list(range(begin, end + 1))

    def _shares(self) -> dict[int, float]:
        """How likely each candidate is beside the best: 1 for the best itself."""
        costs = np.array([np.concatenate(one.costs) for one in self._candidates.values()], dtype=np.float64)
        totals = costs.sum(axis=1)
        best = int(totals.argmin())
        excess = costs - costs[best]
        squares = (excess * excess).sum(axis=1)
        deciding = np.divide(excess.sum(axis=1) ** 2, squares, out=np.zeros(len(costs)), where=squares > 0)
        ratios = np.log((totals + NOISE) / (totals[best] + NOISE))
        return dict(zip(self._candidates, np.exp(-deciding * ratios / TEMPER).tolist(), strict=True))


def sightings(run: Signatures, pictures: Signatures, *, apart: float) -> list[tuple[float, float]]:
    """Where single pictures of the reference are seen in a run of the distorted, best first.

    Args:
        run: Consecutive frames of the distorted.
        pictures: Any frames of the reference.
        apart: Seconds between two offsets that are told apart.

    Returns:
        Offset in seconds and the picture's time, for each offset at which one looks like a match.
    """
    if len(run) < 2 or not len(pictures):
        return []
    shown = run.normalised()
    weights = _changes(shown)
    energy = (weights * weights).sum(axis=(1, 2), dtype=np.float64)
    moving = energy > NO_CHANGE**2 * weights[0].size
    if not moving.any():
        return []
    costs = np.full((len(run), len(pictures)), np.inf)
    unlike = pair_costs(_flat(shown[moving]), _flat(weights[moving]), _flat(pictures.normalised()))
    costs[moving] = unlike / energy[moving, None]
    worst = min(SEEN, 2 * float(costs.min()) + MATCH)
    found: list[tuple[float, float]] = []
    for place in np.argsort(costs, axis=None, kind="stable"):
        frame, picture = divmod(int(place), len(pictures))
        if costs[frame, picture] > worst:
            break
        offset = float(pictures.times[picture] - run.times[frame])
        if all(abs(offset - other) >= apart for other, _ in found):
            found.append((offset, float(pictures.times[picture])))
    return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the frames of a probe and of the reference are."""

    moments: NDArray[np.float64]
    times: NDArray[np.float64]
    tolerance: float
    last: float
    """Seconds for which the reference's last frame is shown."""

    @classmethod
    def of(cls, probe: Signatures, reference: Signatures) -> _Layout:
        return cls(probe.times, reference.times, min(probe.period, reference.period) / 4, reference.period)

    def partners(self, offset: float) -> NDArray[np.intp]:
        """Index of the reference frame on display at each frame of the probe, -1 where there is none."""
        moments = self.moments + (offset + self.tolerance)
        shown = np.searchsorted(self.times, moments, side="right") - 1
        return np.where(moments < self.times[-1] + self.last, shown, -1)


def _covered(shown: NDArray[np.intp], energy: NDArray[np.float64]) -> float:
    """Share of a probe that the reference has: of its frames or of its change, whichever is less."""
    there = shown >= 0
    return min(float(there.mean()), float(energy[there].sum() / energy.sum()))


def _likeness(pictures: NDArray[np.float32], others: NDArray[np.float32], shown: NDArray[np.intp]) -> float:
    """Correlation over all pictures that have a partner; 0 where both are flat."""
    own, other = pictures[shown >= 0], others[shown[shown >= 0]]
    spread = math.sqrt(float((own * own).sum(dtype=np.float64)) * float((other * other).sum(dtype=np.float64)))
    return float((own * other).sum(dtype=np.float64)) / spread if spread > 0 else 0.0


def _motion(probe: Signatures) -> float:
    """Root mean square change of blocks, code values, in the tenth of the frames that change most."""
    changes = np.sqrt(np.square(np.diff(probe.means, axis=0)).mean(axis=(1, 2)))
    return float(np.percentile(changes, 90))


def _changes(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared change of each block since the frame before; the first frame's is that of the second."""
    change = np.diff(pictures, axis=0) ** 2
    return np.concatenate([change[:1], change])


def _best(
    pictures: NDArray[np.float32],
    weights: NDArray[np.float32],
    scales: NDArray[np.float64],
    energy: NDArray[np.float64],
    others: NDArray[np.float32],
    places: dict[int, NDArray[np.intp]],
) -> dict[int, NDArray[np.intp]]:
    """The ``KEPT`` candidates of lowest cost."""
    costs = pair_costs(_flat(pictures), _flat(weights), _flat(others)) * scales[:, None]
    frames = np.arange(len(costs))
    totals = [np.where(shown >= 0, costs[frames, shown], energy).sum() for shown in places.values()]
    kept = set(np.argsort(totals, kind="stable")[:KEPT].tolist())
    return {step: shown for index, (step, shown) in enumerate(places.items()) if index in kept}


def _flat(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    return pictures.reshape(len(pictures), -1)


def _peaks(shares: dict[int, float], spacing: int) -> list[float]:
    """Shares of the candidates that are better than those less than a frame around them, so that a hill counts once."""
    return [
        share
        for step, share in shares.items()
        if all(
            share > shares.get(other, 0.0) or (share == shares.get(other, 0.0) and step < other)
            for other in (*range(step - spacing, step), *range(step + 1, step + spacing + 1))
        )
    ]
