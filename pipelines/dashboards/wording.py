"""How a feature is told of on a dashboard: whether it is one to watch, its bounds and its pool in words."""

from __future__ import annotations

from monitor.protocols import Feature

NOT_MEASURED = "not measured"
"""What a panel says that has no score to show."""


def is_watched(feature: Feature) -> bool:
    """Whether the feature is one to look at first: a level or a fall of it can be told from good."""
    return feature.warning is not None or feature.critical is not None or feature.min_drop is not None


def bounds_in_words(feature: Feature) -> str:
    """Direction and thresholds."""
    direction = {True: "Higher is better.", False: "Lower is better.", None: "Descriptive: neither end is bad."}
    levels = [
        f"{word} at {value:g}"
        for word, value in (("warning", feature.warning), ("critical", feature.critical))
        if value is not None
    ]
    return " ".join([direction[feature.higher_is_better], *([f"{' and '.join(levels).capitalize()}."] if levels else [])])


def pool_in_words(feature: Feature) -> str:
    """The feature's default pool, for a title."""
    return feature.pool.replace("_", " ")
