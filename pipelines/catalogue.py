"""What ``vqmon metrics`` and the README say about the metrics, all from their specs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.protocols import Reference
from monitor.scorers import specs

if TYPE_CHECKING:
    from rich.text import Text

    from monitor.protocols import Feature, MetricSpec

BEGIN, END = "<!-- metrics -->", "<!-- /metrics -->"
"""Where the README's table lies."""


def _number(value: float) -> str:
    return f"{value:g}".replace("inf", "∞")


def _range(feature: Feature) -> str:
    return f"{_number(feature.minimum)} to {_number(feature.maximum)}"


def _direction(feature: Feature) -> str:
    return {True: "higher is better", False: "lower is better", None: "a descriptor"}[feature.higher_is_better]


def as_list() -> Text:
    """The metrics for a terminal, wrapped by whoever prints it."""
    from rich.text import Text

    text = Text()
    for spec in specs():
        text.append(spec.name, "bold")
        text.append(f"  {spec.title} ({spec.reference.value}). {spec.summary}\n")
        for features in _alike(spec):
            text.append(f"    {', '.join(feature.name for feature in features)}", "cyan")
            first = features[0]
            text.append(f"  {first.unit + ', ' if first.unit else ''}{_range(first)}, {_direction(first)}\n")
            text.append(f"        0: {first.zero}\n        no data: {first.no_data}\n", "dim")
    text.append("\nMore in `vqmon metrics --json`: source, model, thresholds.", "dim")
    return text


def _alike(spec: MetricSpec) -> list[list[Feature]]:
    """A metric's features, those together that differ in nothing but their names."""
    groups: dict[tuple[object, ...], list[Feature]] = {}
    for feature in spec.features:
        key = (feature.unit, feature.minimum, feature.maximum, feature.higher_is_better, feature.zero, feature.no_data)
        groups.setdefault(key, []).append(feature)
    return list(groups.values())


def as_markdown() -> str:
    """The README's table."""
    rows = ["| metric | feature | unit | range | better | 0 means | no data means |", "|---|---|---|---|---|---|---|"]
    for spec in specs():
        for position, feature in enumerate(spec.features):
            kind = "with reference" if spec.reference is Reference.FULL else "no reference"
            name = f"**{spec.name}** ({kind})" if position == 0 else ""
            cells = (
                name,
                f"`{feature.name}`",
                feature.unit,
                _range(feature),
                _direction(feature),
                feature.zero,
                feature.no_data,
            )
            rows.append(f"| {' | '.join(cells)} |")
    definitions = [f"* **{spec.name}**: {spec.summary} Source: {spec.source}." for spec in specs()]
    return "\n".join([*rows, "", *definitions]) + "\n"


def renewed(readme: str) -> str:
    """``readme`` with its metric table as the specs have it."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{as_markdown()}{END}{tail}"


def as_json() -> str:
    """Everything the specs say."""
    return json.dumps([_document(spec) for spec in specs()], indent=2, allow_nan=False)


def _document(spec: MetricSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "title": spec.title,
        "summary": spec.summary,
        "source": spec.source,
        "reference": spec.reference.value,
        "model": spec.model,
        "spacing": spec.spacing.value,
        "min_size": spec.min_size,
        "min_longer_side": spec.min_longer_side,
        "device": spec.device,
        "default": spec.default,
        "features": [
            {
                "name": feature.name,
                "title": feature.title,
                "unit": feature.unit,
                "minimum": _finite(feature.minimum),
                "maximum": _finite(feature.maximum),
                "worst": _finite(feature.worst),
                "best": _finite(feature.best),
                "higher_is_better": feature.higher_is_better,
                "zero": feature.zero,
                "no_data": feature.no_data,
                "warning": feature.warning,
                "critical": feature.critical,
                "min_drop": feature.min_drop,
                "pool": feature.pool,
            }
            for feature in spec.features
        ],
    }


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


if __name__ == "__main__":  # ``python -m pipelines.catalogue`` renews the README
    path = Path("README.md")
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
