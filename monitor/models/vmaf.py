"""VMAF's fusion: features of a frame to a score of 0 to 100, as libvmaf's JSON model files describe it.

Source: libvmaf src/predict.c, src/read_json_model.c and src/model.c.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.errors import ConfigError
from monitor.models.svr import SupportVectors

GAIN_LIMITS = ("adm_enhn_gain_limit", "vif_enhn_gain_limit")
"""Options of the extractors that the NEG models set to 1: enhanced contrast does not count."""

IDENTITY = (0.0, 1.0, 0.0)
"""Coefficients of the polynomial that changes nothing."""

KINDS = ("LIBSVMNUSVR", "BOOTSTRAP_LIBSVMNUSVR", "RESIDUEBOOTSTRAP_LIBSVMNUSVR")
"""What libvmaf calls a model, and a collection of resampled ones."""

SLOPE_STEP = 0.01
"""Either way from the mean, where the standard deviation's scale under the transform is taken."""


CHROMA, DETAIL = "speed_chroma_uv", "adm3"
"""What the chroma correction corrects, and what by."""

Option = float | str
"""Value of an extractor's option: a number, a word, or yes or no."""


class ModelFeature(NamedTuple):
    """One input of a model."""

    name: str
    """libvmaf's short name: ``adm2``, ``motion2``, ``vif_scale0`` ..."""
    options: tuple[tuple[str, Option], ...] = ()
    """Options of the extractor that the model sets, by name."""


@dataclass(frozen=True, slots=True)
class Transform:
    """The curve that some models put their scores through."""

    coefficients: tuple[float, ...] = IDENTITY
    """Of a second-order polynomial, constant first."""
    knots: tuple[tuple[float, float], ...] = ()
    """Of a piecewise linear curve applied after it; its end pieces go on for ever."""
    at_most_input: bool = False
    at_least_input: bool = False

    def apply(self, score: float) -> float:
        """The transformed score."""
        constant, linear, square = self.coefficients
        value = constant + linear * score + square * score * score
        if self.knots:
            value = _interpolated(self.knots, value)
        if self.at_most_input:
            value = min(value, score)
        return max(value, score) if self.at_least_input else value


class Interval(NamedTuple):
    """What resampled models say about one frame."""

    bagging: float
    """Mean of their scores."""
    stdev: float
    low: float
    """2.5th percentile."""
    high: float
    """97.5th percentile."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """One trained model."""

    name: str
    """Part of every score's identity, for example ``vmaf_v0.6.1``."""
    features: tuple[ModelFeature, ...]
    slopes: tuple[float, ...]
    """Of the score, then of each feature; with ``intercepts`` the line to the range the model was trained in."""
    intercepts: tuple[float, ...]
    regression: SupportVectors
    transform: Transform | None = None
    """``None`` where it is not to be applied."""
    clip: tuple[float, float] | None = None
    chroma_correction: float | None = None
    """Times what ADM3 lacks to 1, this stands in for a SpEED-chroma of exactly 0, which is no measurement."""
    resampled: tuple[Model, ...] = ()
    """Models like it, trained on resampled viewers: how much they disagree tells how sure the score is."""

    def raw(self, values: Sequence[float]) -> float:
        """The score before transform and clip.

        Args:
            values: One for each of ``features``, in their order.
        """
        scaled = np.array(self.slopes[1:]) * self._corrected(values) + self.intercepts[1:]
        return (self.regression.predict(scaled) - self.intercepts[0]) / self.slopes[0]

    def _corrected(self, values: Sequence[float]) -> Sequence[float]:
        if self.chroma_correction is None:
            return values
        known = {feature.name: value for feature, value in zip(self.features, values, strict=True)}
        if known.get(CHROMA) != 0:
            return values
        known[CHROMA] = self.chroma_correction * (1 - known[DETAIL])
        return list(known.values())

    def finish(self, raw: float) -> float:
        """Transform and clip."""
        score = raw if self.transform is None else self.transform.apply(raw)
        return score if self.clip is None else min(max(score, self.clip[0]), self.clip[1])

    def predict(self, values: Sequence[float]) -> float:
        """The score of one frame."""
        return self.finish(self.raw(values))

    def interval(self, values: Sequence[float]) -> Interval:
        """Mean, population standard deviation and 95 % interval of the resampled models' scores of one frame."""
        scores = np.array([model.raw(values) for model in self.resampled])
        mean, stdev = float(scores.mean()), float(scores.std())
        low, high = (float(each) for each in np.percentile(scores, (2.5, 97.5)))
        slope = (self.finish(mean + SLOPE_STEP) - self.finish(mean - SLOPE_STEP)) / (2 * SLOPE_STEP)
        return Interval(self.finish(mean), stdev * slope, self.finish(low), self.finish(high))


def parse(text: str, name: str, *, transform: bool = False, no_enhancement: bool = False) -> Model:
    """Read a model file.

    Args:
        text: The JSON.
        name: What to call the model.
        transform: Apply the stored transform even where the file does not ask for it (the phone model).
        no_enhancement: Limit enhancement gain to 1 whatever the file says (the NEG models).

    Raises:
        ConfigError: not a model file, or of a kind that is not known.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or not document:
            raise ValueError("it holds nothing")
        if "model_dict" in document:
            return _model(document["model_dict"], name, transform, no_enhancement)
        members = [_model(document[str(key)]["model_dict"], name, transform, no_enhancement) for key in range(len(document))]
        main, *resampled = members
        return replace(main, resampled=tuple(resampled))
    except (ValueError, KeyError, TypeError) as error:
        detail = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{name} is no VMAF model in JSON: {detail}") from error


def load(path: Path, name: str = "", *, transform: bool = False) -> Model:
    """Read a model file, as ``parse``; it is called by its file name where ``name`` is empty.

    Raises:
        ConfigError: it can't be read, or is no model file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"VMAF model {path} can't be read: {error}") from error
    try:
        return parse(text, name or path.stem, transform=transform)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _model(entry: Mapping[str, Any], name: str, transform: bool, no_enhancement: bool) -> Model:
    if (kind := entry.get("model_type", KINDS[0])) not in KINDS:
        raise ConfigError(f"model {name} is a {kind!r}; known: {', '.join(KINDS)}")
    if entry.get("norm_type") not in ("linear_rescale", "none"):
        raise ConfigError(f"model {name} scales its features by {entry.get('norm_type')!r}; known: linear_rescale, none")
    names = [_short(feature) for feature in entry["feature_names"]]
    options = entry.get("feature_opts_dicts") or [{} for _ in names]
    features = tuple(
        ModelFeature(feature, tuple(sorted((key, _option(value)) for key, value in chosen.items())))
        for feature, chosen in zip(names, options, strict=True)
    )
    if no_enhancement:
        features = tuple(_limited(feature) for feature in features)
    rescaled = entry["norm_type"] == "linear_rescale"
    stored = entry.get("score_transform")
    curve = None
    if stored is not None and (transform or stored.get("enabled", False) is True):
        stated = any(name in stored for name in ("p0", "p1", "p2"))
        curve = Transform(
            tuple(float(stored.get(name, 0.0)) for name in ("p0", "p1", "p2")) if stated else IDENTITY,
            tuple((float(x), float(y)) for x, y in stored.get("knots", ())),
            stored.get("out_lte_in") == "true",
            stored.get("out_gte_in") == "true",
        )
    clip, correction = entry.get("score_clip"), entry.get("chroma_correction_parameter")
    if correction is not None and not {CHROMA, DETAIL} <= {feature.name for feature in features}:
        raise ConfigError(f"model {name} corrects {CHROMA} by {DETAIL} without having both")
    return Model(
        name,
        features,
        tuple(entry["slopes"]) if rescaled else (1.0,) * (len(names) + 1),
        tuple(entry["intercepts"]) if rescaled else (0.0,) * (len(names) + 1),
        SupportVectors.parse(entry["model"], len(names)),
        curve,
        (float(clip[0]), float(clip[1])) if clip else None,
        None if correction is None else float(correction),
    )


def _option(value: Any) -> Option:
    if not isinstance(value, int | float | str):
        raise TypeError(f"{value!r} is no value of an option")
    return value


def _short(name: str) -> str:
    """A feature's name in libvmaf's logs from that in model files: ``VMAF_integer_feature_adm2_score`` is ``adm2``."""
    found = re.fullmatch(r"(?:VMAF_integer|Cambi|Speed_chroma)_feature_(\w+)_score", name)
    if found is None:
        raise ConfigError(f"the model needs the feature {name}, which is not known here")
    return found[1]


def _limited(feature: ModelFeature) -> ModelFeature:
    """The feature with its gain limited to 1, where it has one."""
    limit = next((option for option in GAIN_LIMITS if option.startswith(feature.name[:3])), None)
    if limit is None:
        return feature
    return ModelFeature(feature.name, tuple(sorted({**dict(feature.options), limit: 1.0}.items())))


def _interpolated(knots: Sequence[tuple[float, float]], value: float) -> float:
    for (x0, y0), (x1, y1) in pairwise(knots):
        if value <= x1 or (x1, y1) == knots[-1]:
            return y0 + (value - x0) * (y1 - y0) / (x1 - x0)
    return value
