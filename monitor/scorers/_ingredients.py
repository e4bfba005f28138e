"""What VMAF's models are made of: the features that their files name, each with how it is measured here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from monitor.errors import ConfigError
from monitor.kernels.settings import View
from monitor.models.vmaf import ModelFeature
from monitor.scorers._motion import Neighbourhood
from monitor.scorers._registry import create
from monitor.scorers._vmaf import NO_LIMIT

TOLD = ""
"""Kind of what no pair has by itself: motion, told by a track that follows the reference."""

KNOWN = ("vif_scale0-3", "adm2", "adm_scale0-3", "adm3", "motion", "motion2", "motion3", "cambi", "speed_chroma_uv")


class Ingredient(NamedTuple):
    """One input of a model."""

    kind: str
    """Of ``VmafFeatures``, or ``TOLD``."""
    setting: Any
    """Of the kind; of what is told, a function that makes the track from ``VmafFeatures``."""
    pick: Callable[[Any], float]
    """The input from what was measured or told."""


def ingredient(feature: ModelFeature, encoding: Mapping[str, int]) -> Ingredient:
    """How to measure an input of a model.

    Args:
        feature: As the model names it.
        encoding: What CAMBI is told of the encode, by its options.

    Raises:
        ConfigError: there is no such feature, or an option of it is unknown or of no use.
    """
    name, options = feature.name, dict(feature.options)
    metric: Any
    if name == "motion3":
        metric = create("motion3", options)
        return Ingredient(TOLD, metric.track, operator.attrgetter(name))
    if name == "adm3":
        metric = create("adm3", options)
        return Ingredient("adm", metric.view, metric.combined)
    if name == "cambi":
        metric = create("cambi", options | dict(encoding))
        return Ingredient("cambi", metric.settings, float)
    if name == "speed_chroma_uv":
        if options.pop("speed_kernelscale", 1) != 1:
            raise ConfigError("its option 'speed_kernelscale' can only be 1")
        metric = create("speed_chroma", options)
        return Ingredient("speed", metric.settings, operator.attrgetter("uv"))
    return _of_v0(name, options)


def _of_v0(name: str, options: dict[str, Any]) -> Ingredient:
    limit = float(options.pop(f"{name[:3]}_enhn_gain_limit", NO_LIMIT))
    if options:
        raise ConfigError(f"its options {', '.join(options)} are not known")
    kind, _, scale = name.partition("_scale")
    level = int(scale) if scale in ("0", "1", "2", "3") else None
    if name in ("motion", "motion2"):
        return Ingredient(TOLD, Neighbourhood, operator.attrgetter(name))
    if kind == "vif" and level is not None:
        return Ingredient("vif", limit, operator.itemgetter(level))
    if name != "adm2" and (kind != "adm" or level is None):
        raise ConfigError(f"there is none; known: {', '.join(KNOWN)}")
    if level is None:
        return Ingredient("adm", View(limit), operator.attrgetter("adm2"))
    return Ingredient("adm", View(limit), lambda found: found.levels[level].ratio)
