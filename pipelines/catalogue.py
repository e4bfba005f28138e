"""What ``vqmon metrics`` and the README say about the metrics, all from their specs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from monitor.scorers import specs

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.protocols import Feature, MetricSpec


def _number(value: float) -> str:
    return f"{value:g}".replace("inf", "∞")


def _range(feature: Feature) -> str:
    return f"{_number(feature.minimum)} to {_number(feature.maximum)}"


def _direction(feature: Feature) -> str:
    return {True: "higher", False: "lower", None: "descriptor"}[feature.higher_is_better]


def as_table() -> Table:
    """The metrics for a terminal."""
    from rich.table import Table

    table = Table(
        title="Metrics", caption="More in `vqmon metrics --json`: definition, source, thresholds.", box=None, pad_edge=False
    )
    for heading in ("metric", "feature", "unit", "range", "better", "zero means", "no data means"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"metric", "feature"})
    for spec in specs():
        for position, feature in enumerate(spec.features):
            table.add_row(
                f"[bold]{spec.name}[/]" if position == 0 else "",
                feature.name,
                feature.unit,
                _range(feature),
                _direction(feature),
                feature.zero,
                feature.no_data,
            )
    return table


def as_markdown() -> str:
    """The README's table."""
    rows = ["| metric | feature | unit | range | better | needs reference | definition |", "|---|---|---|---|---|---|---|"]
    for spec in specs():
        for feature in spec.features:
            needs = "yes" if spec.reference.value == "full-reference" else "no"
            rows.append(
                f"| `{spec.name}` | `{feature.name}` | {feature.unit} | {_range(feature)} | {_direction(feature)} | {needs} "
                f"| {spec.summary} |"
            )
    return "\n".join(rows) + "\n"


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
        "device": spec.device,
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
