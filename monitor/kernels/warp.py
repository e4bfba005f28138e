"""The cheapest monotone way through a band of pairings: which picture of one run shows which of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel


@kernel(reorder=True)
def _least_differences(
    pictures: NDArray[np.float32],
    others: NDArray[np.float32],
    centres: NDArray[np.int64],
    reach: int,
    least: NDArray[np.float32],
) -> None:
    count, samples = pictures.shape
    for index in range(count):
        for other in range(max(centres[index] - reach, 0), min(centres[index] + reach + 1, others.shape[0])):
            total = np.float32(0)
            for sample in range(samples):
                difference = pictures[index, sample] - others[other, sample]
                total += difference * difference
            least[index] = min(least[index], total / np.float32(samples))


def least_differences(
    pictures: NDArray[np.float32], others: NDArray[np.float32], centres: NDArray[np.int64], reach: int
) -> NDArray[np.float32]:
    """Mean squared difference of each picture to the most alike of the others around its centre, ``(n,)``.

    Args:
        pictures: ``(n, samples)``.
        others: ``(m, samples)``.
        centres: Index among ``others`` around which to look, for each picture, ``(n,)``.
        reach: Others on either side.

    Returns:
        ``inf`` for a picture around whose centre there is none.
    """
    least = np.full(len(pictures), np.inf, np.float32)
    _least_differences(pictures, others, centres, reach, least)
    return least


@kernel(reorder=True)
def _band_costs(
    pictures: NDArray[np.float32],
    others: NDArray[np.float32],
    centres: NDArray[np.int64],
    reach: int,
    noise: NDArray[np.float32],
    top: np.float32,
    back: int,
    others_back: int,
    costs: NDArray[np.float32],
) -> None:
    count, samples = pictures.shape
    for index in range(count):
        before = max(index - back, 0)
        per_noise = np.float32(1.0) / noise[index]
        for step in range(2 * reach + 1):
            other = centres[index] + step - reach
            if other < 0 or other >= others.shape[0]:
                continue
            earlier = max(other - others_back, 0)
            total = np.float32(0)
            for sample in range(samples):
                value, partner = pictures[index, sample], others[other, sample]
                moved = max(abs(value - pictures[before, sample]), abs(partner - others[earlier, sample])) * per_noise
                weight = min(max(moved - np.float32(1), np.float32(0)), np.float32(1))
                difference = (value - partner) * per_noise
                total += weight * min(difference * difference, top)
            costs[index, step] = total


def band_costs(
    pictures: NDArray[np.float32],
    others: NDArray[np.float32],
    centres: NDArray[np.int64],
    reach: int,
    noise: NDArray[np.float32],
    cap: float,
    back: int,
    others_back: int,
) -> NDArray[np.float32]:
    """How unlike each picture is to the ``2 * reach + 1`` others around its centre, over the samples where something moves.

    A sample counts as far as the larger of the two pictures' changes since an earlier one is between one and two times the
    noise; what changes less would only tell how an encoder repeats itself. Squared differences are in units of the noise's
    square, at most ``cap`` each.

    Args:
        pictures: ``(n, samples)``.
        others: ``(m, samples)``.
        centres: Index among ``others`` around which to look, for each picture, ``(n,)``.
        reach: Others on either side.
        noise: Root mean square difference of a true pair, for each picture, ``(n,)``.
        cap: Largest difference that counts.
        back: How many pictures ago the one is that a picture's change is measured from, and
        others_back: the same for the others: as many as make the same time, where they are of another rate.

    Returns:
        ``(n, 2 * reach + 1)``; a pairing with an other that does not exist costs ``inf``.
    """
    costs = np.full((len(pictures), 2 * reach + 1), np.inf, np.float32)
    _band_costs(pictures, others, centres, reach, noise, np.float32(cap), back, others_back, costs)
    return costs


@kernel()
def _cheapest_path(
    costs: NDArray[np.float32],
    centres: NDArray[np.int64],
    penalty: float,
    best: NDArray[np.float64],
    now: NDArray[np.float64],
    came: NDArray[np.int64],
) -> None:
    """Fill in from which step each one came; ``best`` holds what the first picture's steps cost, then the last one's."""
    count, width = costs.shape
    for index in range(1, count):
        advance = centres[index] - centres[index - 1]
        cheapest, at = np.inf, 0
        reached = 0
        for step in range(width):
            while reached < width and reached <= step + advance:  # what lies further would be going back
                if best[reached] < cheapest:
                    cheapest, at = best[reached], reached
                reached += 1
            stay = best[step] if advance >= 0 else np.inf
            if stay <= cheapest + penalty:
                now[step] = stay + costs[index, step]
                came[index, step] = step
            else:
                now[step] = cheapest + penalty + costs[index, step]
                came[index, step] = at
        for step in range(width):
            best[step] = now[step]


def cheapest_path(
    costs: NDArray[np.float32], centres: NDArray[np.int64], penalty: float, first: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Of each picture the step within its band on the cheapest path that never goes back, ``(n,)``.

    Leaving the distance to the centre that the picture before had costs ``penalty``, however far.

    Args:
        costs: From ``band_costs``, ``(n, width)``.
        centres: As there.
        penalty: Cost of a change of distance.
        first: What beginning at each step costs, ``(width,)``.
    """
    count, width = costs.shape
    best, came = (costs[0] + first).astype(np.float64), np.zeros((count, width), np.int64)
    _cheapest_path(costs, centres, penalty, best, np.empty(width), came)
    steps = np.zeros(count, np.int64)
    steps[-1] = np.argmin(best)
    for index in range(count - 1, 0, -1):
        steps[index - 1] = came[index, steps[index]]
    return steps


@kernel()
def _stills(
    pictures: NDArray[np.float32],
    others: NDArray[np.float32],
    partners: NDArray[np.int64],
    advances: NDArray[np.int64],
    noise: NDArray[np.float32],
    moved: float,
    few: int,
    share: float,
    many: int,
    sure_share: float,
    repeated: NDArray[np.bool_],
) -> None:
    last, partner = 0, partners[0]  # the last picture that was new, and what is due now
    sure = False
    for index in range(1, len(pictures)):
        partner += advances[index]
        before = partners[last]
        if before >= 0 and before < partner < len(others):
            least = moved * noise[index]
            count = 0
            own = theirs = 0.0
            for sample in range(pictures.shape[1]):
                change = others[partner, sample] - others[before, sample]
                if abs(change) > least:
                    count += 1
                    theirs += change * change
                    own += (pictures[index, sample] - pictures[last, sample]) ** 2
            repeated[index] = count >= few and own <= share * theirs
            sure |= count >= many and own <= sure_share * theirs
        if not repeated[index] or index == len(pictures) - 1:
            if not sure:
                for doubtful in range(last + 1, index + 1):
                    repeated[doubtful] = False
            last, partner, sure = index, partners[index], False


def stills(
    pictures: NDArray[np.float32],
    others: NDArray[np.float32],
    partners: NDArray[np.int64],
    advances: NDArray[np.int64],
    noise: NDArray[np.float32],
    moved: float,
    few: int,
    share: float,
    many: int,
    sure_share: float,
) -> NDArray[np.bool_]:
    """Which pictures repeat the last new one though the others have moved on, ``(n,)``; the first never does.

    Only samples count that change by more than ``moved`` times the noise, and there must be enough.

    Args:
        pictures: ``(n, samples)``.
        others: ``(m, samples)``.
        partners: Index among ``others``, for each picture, ``(n,)``.
        advances: By how many others each picture should go on from the one before, ``(n,)``.
        noise: As for ``band_costs``.
        moved: How much a sample must change.
        few: How many must.
        share: Of the others' squared change up to which the pictures' own may be that of a repeat.
        many: How many must change in one at least of the pictures that repeat the same, for them to count.
        sure_share: The largest share there.
    """
    repeated = np.zeros(len(pictures), np.bool_)
    _stills(pictures, others, partners, advances, noise, moved, few, share, many, sure_share, repeated)
    return repeated
