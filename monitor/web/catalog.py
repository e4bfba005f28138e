"""What the pages know about features: titles, units, directions, which ones lead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from monitor.protocols import Feature, Reference
from monitor.types import json_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.protocols import MetricSpec

HEADLINES = 3
"""Features shown as large numbers per rendition."""


class Catalog:
    """The features of all metrics, in display order.

    A feature that is stored but described by no spec (its metric is not installed here) still gets a chart: under its bare
    name, without unit, direction or fixed range.

    Args:
        specs: The metrics whose features may occur, in the order in which people should meet them.
    """

    def __init__(self, specs: Sequence[MetricSpec]) -> None:
        self._specs = {feature.name: spec for spec in specs for feature in spec.features}
        self._features = {feature.name: feature for spec in specs for feature in spec.features}
        directed = [[each.name for each in spec.features if each.higher_is_better is not None] for spec in specs]
        self._leading = {names[0] for names in directed if names}
        self._order = {name: position for position, name in enumerate(self._features)}

    def feature(self, name: str) -> Feature:
        """The feature called ``name``, or a bare description of an unknown one."""
        known = self._features.get(name)
        if known is not None:
            return known
        return Feature(
            name=name, title=name, unit="", minimum=-math.inf, maximum=math.inf, worst=0.0, best=0.0, zero="", no_data=""
        )

    def ordered(self, names: Iterable[str]) -> list[str]:
        """``names`` as charts are laid out: leading scores first, then by spec order, unknown ones last."""
        return sorted(names, key=lambda name: (self._rank(name), self._order.get(name, len(self._order)), name))

    def headline(self, names: Iterable[str], limit: int = HEADLINES) -> list[str]:
        """The features whose values are shown large: full-reference scores where there are any, else no-reference ones."""
        directed = [name for name in self.ordered(names) if self.feature(name).higher_is_better is not None]
        leading = [name for name in directed if name in self._leading] or directed
        full = [name for name in leading if self._full_reference(name)]
        return (full or leading)[:limit]

    def goodness(self, name: str, value: float) -> float | None:
        """Where ``value`` lies in the feature's display range: 0 worst, 1 best; ``None`` for a descriptor."""
        feature = self.feature(name)
        low, high = feature.display
        if feature.higher_is_better is None or high <= low:
            return None
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return share if feature.higher_is_better else 1.0 - share

    def described(self, names: Iterable[str] | None = None) -> list[dict[str, object]]:
        """Features as the page wants them, all known ones by default."""
        return [self._described(name) for name in self.ordered(self._features if names is None else names)]

    def _described(self, name: str) -> dict[str, object]:
        feature, spec = self.feature(name), self._specs.get(name)
        return {
            "name": name,
            "title": feature.title,
            "unit": feature.unit,
            "metric": spec.title if spec else "",
            "summary": spec.summary if spec else "",
            "reference": str(spec.reference) if spec else "",
            "display": list(feature.display) if spec else None,
            "minimum": json_number(feature.minimum),
            "maximum": json_number(feature.maximum),
            "higher_is_better": feature.higher_is_better,
            "pool": feature.pool,
            "zero": feature.zero,
            "no_data": feature.no_data,
            "leading": name in self._leading,
        }

    def _full_reference(self, name: str) -> bool:
        spec = self._specs.get(name)
        return spec is not None and spec.reference is Reference.FULL

    def _rank(self, name: str) -> int:
        # A leading score is the first feature with a direction of its metric. Scores that rise with quality read best as
        # large numbers, so they come first in each group, 0-100 scales before others; descriptors (no direction) come last.
        feature, spec = self.feature(name), self._specs.get(name)
        if spec is None:
            return 9
        if feature.higher_is_better is None:
            return 8
        group = 0 if self._full_reference(name) else 3
        if name not in self._leading:
            return 7
        if not feature.higher_is_better:
            return group + 2
        return group if feature.display == (0.0, 100.0) else group + 1
