"""``--fail-under vmaf:p5=80``: what a file must reach for ``vqmon compare`` to succeed.

A gate is ``NAME[:POOL]=NUMBER``. NAME is a feature, or a metric, which stands for its feature of that name or else its
first; POOL is one of ``pipelines.pooling``, or the feature's own (mostly the mean) where none is named. The gate is missed
where the pooled value is *worse* than the number: lower where more is better (VMAF, PSNR, SSIM), higher where less is
(GMSD, CAMBI, and standard deviations). Of what is neither (motion) the side is to be said: ``>=`` or ``<=``, which may
stand in any gate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from monitor.scorers import resolve
from pipelines.pooling import Pooled, parse_pool

if TYPE_CHECKING:
    from monitor.protocols import Feature, MetricSpec
    from pipelines.files import FileScores

_GATE = re.compile(r"\s*(?P<name>\w+)\s*(?::\s*(?P<pool>[^\s:=<>]+)\s*)?(?P<sign>>=|<=|=)\s*(?P<number>\S+)\s*")

EXAMPLE = "write for example vmaf=93, vmaf:p5=80 or gmsd:p95=0.1"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition."""

    metric: str
    """The metric that has to be computed for it."""
    feature: str
    pool: str
    threshold: float
    is_floor: bool
    """Whether the value has to be at least the threshold, else at most."""

    def holds(self, value: float) -> bool:
        """Whether a value is good enough; NaN never is."""
        return value >= self.threshold if self.is_floor else value <= self.threshold

    def __str__(self) -> str:
        return f"{self.feature}:{self.pool}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one file fared at one gate."""

    gate: Gate
    path: str
    value: float | None
    """``None`` where the feature has no value."""
    flags: tuple[str, ...] = ()
    """Why the value does not hold; empty where it does."""

    @property
    def passed(self) -> bool:
        """Whether the gate is passed, by a value that holds."""
        return self.value is not None and self.gate.holds(self.value) and not self.flags

    def __str__(self) -> str:
        gate = self.gate
        if self.value is None or math.isnan(self.value):
            return f"{self.path}: {gate} has no value, and {_bound(gate)} was asked for"
        value, threshold = _apart(self.value, gate.threshold)
        if not gate.holds(self.value):
            return f"{self.path}: {gate} is {value}, {'below' if gate.is_floor else 'above'} {threshold}"
        if self.flags:
            return f"{self.path}: {gate} is {value}, but that does not hold: {', '.join(self.flags)}"
        return f"{self.path}: {gate} is {value}, {'at least' if gate.is_floor else 'at most'} {threshold}"


def parse_gate(text: str) -> Gate:
    """The gate that a user wrote.

    Raises:
        UnknownName: there is no such metric, feature or pool; the message lists near matches.
        ConfigError: it is no gate, or says nothing about a side that it has to say.
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r} is no gate, which is NAME[:POOL]=NUMBER; {EXAMPLE}")
    spec = resolve([found["name"]])[0]
    feature = _feature(spec, found["name"])
    pool = parse_pool(found["pool"] or feature.pool)
    try:
        threshold = float(found["number"])
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise ConfigError(f"gate {text!r} needs a number after {found['sign']!r}, not {found['number']!r}; {EXAMPLE}")
    return Gate(spec.name, feature.name, pool, threshold, _is_floor(text, feature, pool, found["sign"]))


def _feature(spec: MetricSpec, name: str) -> Feature:
    """The feature called ``name``; of a metric called so the one that has its name, else its first."""
    return next((feature for feature in spec.features if feature.name == name), spec.features[0])


def _is_floor(text: str, feature: Feature, pool: str, sign: str) -> bool:
    better = False if pool == "stdev" else feature.higher_is_better
    if sign == "=":
        if better is None:
            raise ConfigError(f"gate {text!r}: {feature.name} is neither better high nor low; write >= or <= for =")
        return better
    if better is not None and better is not (sign == ">="):
        raise ConfigError(
            f"gate {text!r} would fail what is good: {feature.name}{':stdev' if pool == 'stdev' else ''} is better "
            f"{'high' if better else 'low'}; write {'>=' if better else '<='} or ="
        )
    return sign == ">="


def judge(gates: Sequence[Gate], files: Sequence[FileScores]) -> list[Verdict]:
    """Every file at every gate. What spoils a file's numbers fails its gates too."""
    verdicts = []
    for scores in files:
        pooled = Pooled(scores.result)
        spoilers = tuple(dict.fromkeys(flag.name for flag in scores.flags if flag.spoils))
        verdicts += [Verdict(gate, scores.path, pooled.value(gate.feature, gate.pool), spoilers) for gate in gates]
    return verdicts


def _bound(gate: Gate) -> str:
    return f"{'at least' if gate.is_floor else 'at most'} {gate.threshold:g}"


def _apart(value: float, threshold: float) -> tuple[str, str]:
    """Both numbers, with as many digits as it takes to tell them apart, and four at least."""
    if value != threshold:
        for significant in range(4, 17):
            if f"{value:.{significant}g}" != f"{threshold:.{significant}g}":
                return f"{value:.{significant}g}", f"{threshold:g}"
    return f"{value:.4g}", f"{threshold:g}"
