"""What ADM's sums of cubes mean: detail that was there, that is left, and that was added.

Source: libvmaf feature/integer_adm.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.adm_plan import Stage
from monitor.kernels.settings import View


class Level(NamedTuple):
    """What one level adds up to."""

    restored: float
    additive: float
    """0 where AIM was not wanted."""
    reference: float

    @property
    def ratio(self) -> float:
        """The level's ADM, 1 where nothing was lost."""
        return self.restored / self.reference if self.reference else 1.0


class Adm(NamedTuple):
    """Levels, finest first."""

    levels: tuple[Level, ...]

    @property
    def total(self) -> Level:
        """The sums over all levels."""
        restored = additive = reference = 0.0
        for level in self.levels:
            restored, additive, reference = restored + level.restored, additive + level.additive, reference + level.reference
        return Level(restored, additive, reference)

    @property
    def adm2(self) -> float:
        """Share of the detail that is left, 1 where nothing was lost and about 0 where everything was."""
        return self.total.ratio

    @property
    def aim(self) -> float:
        """Impairment that was added, as a share of the detail; 0 where nothing was added."""
        total = self.total
        return total.additive / total.reference if total.reference else 0.0

    def adm3(self, weight: float = 0.5, minimum: float = 0.0) -> float:
        """ADM2 and AIM together, 1 for an untouched picture.

        Args:
            weight: Of ADM2 (``adm_dlm_weight``).
            minimum: The result is at least this (``adm_min_val``).
        """
        return max(weight * self.adm2 + (1 - weight) * (1 - self.aim), minimum)


Look = tuple[View, int]
"""A view of what was restored, 0, or of what was added, 1."""


def looks_of(views: Sequence[View]) -> list[Look]:
    """What is looked at: of each view what was restored and, where that is wanted, what was added."""
    return [(view, part) for view in views for part in range(1 + view.additive)]


def _cube_root(values: Any) -> Any:
    return np.power(np.asarray(values, np.float32), np.float32(1) / np.float32(3))


class _Units(NamedTuple):
    """What turns sums of cubes into amounts. Levels are the first axis, looks or views the last but one."""

    of_bands: NDArray[np.float64]
    """Of the sums of h, v and d, the last axis."""
    noise: NDArray[np.float32]
    """Root of what is added to each."""
    smallest: NDArray[np.float64]
    """Smaller amounts are nothing."""

    @classmethod
    def of(cls, stages: Sequence[Stage], units: Sequence[Any], weights: Sequence[float]) -> _Units:
        noise = np.array([stage.area for stage in stages], np.float32)[:, None] * np.array(weights, np.float32)
        return cls(np.array(units), _cube_root(noise), np.array([[stage.smallest] for stage in stages]))

    def pooled(self, sums: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cube roots of the bands' sums and of the noise, added up in float32."""
        roots = _cube_root(sums * self.of_bands) + self.noise[..., None]
        total = roots[..., 0] + roots[..., 1] + roots[..., 2]
        return np.where(total >= self.smallest, total, np.float32(0))


class Pooling(NamedTuple):
    """Turns sums over pictures of a size into what views show."""

    views: Sequence[View]
    of_looks: _Units
    of_reference: _Units

    @classmethod
    def of(cls, stages: Sequence[Stage], views: Sequence[View]) -> Pooling:
        """Of the levels' stages, finest first."""
        looks = looks_of(views)
        return cls(
            views,
            _Units.of(
                stages,
                [[stage.units] * len(looks) for stage in stages],
                [0.0 if part else view.noise_weight for view, part in looks],
            ),
            _Units.of(
                stages,
                [
                    [
                        [stage.reference_unit * float(np.float32(view.sensitivity[level][band])) ** 3 for band in (0, 0, 1)]
                        for view in views
                    ]
                    for level, stage in enumerate(stages)
                ],
                [view.noise_weight for view in views],
            ),
        )

    def pooled(self, sums: NDArray[np.int64]) -> list[list[Adm]]:
        """What each distorted picture shows, by view.

        Args:
            sums: By level; the reference's, then each look's of each picture; by wavelet band.
        """
        reference = self.of_reference.pooled(sums[:, :1]).tolist()
        looks = looks_of(self.views)
        pictures = []
        for first in range(1, sums.shape[1], len(looks)):
            levels = [
                dict(zip(looks, of_level, strict=True))
                for of_level in self.of_looks.pooled(sums[:, first : first + len(looks)]).tolist()
            ]
            pictures.append(
                [
                    Adm(
                        tuple(
                            Level(of_looks[view, 0], of_looks.get((view, 1), 0.0), of_views[number])
                            for of_looks, of_views in zip(levels, reference, strict=True)
                        )
                    )
                    for number, view in enumerate(self.views)
                ]
            )
        return pictures
