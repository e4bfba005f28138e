"""Grafana's classic dashboard JSON, as small functions that give plain dictionaries (Grafana 9 to 13 read them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from monitor.protocols import Feature

Json = dict[str, Any]

SCHEMA_VERSION = 36
"""Grafana 9.0's; newer ones migrate it when they load a dashboard."""

COLUMNS = 24
UNITS = {"dB": "dB", "ratio": "percentunit", "seconds": "s", "code value": "none", "": "none"}
"""Units of features to units of Grafana."""

SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED, GREY = "green", "yellow", "red", "text"
RATE = "[$__rate_interval]"
"""The window of every ``rate``: Grafana makes it four scrapes at least."""


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query of a panel."""

    expr: str
    legend: str = ""
    instant: bool = False
    heatmap: bool = False


@dataclass(slots=True)
class Panel:
    """One panel before it has a place: Grafana's ``type`` and how large it wants to be, in a grid 24 wide."""

    kind: str
    title: str
    queries: Sequence[Query]
    description: str = ""
    unit: str = "none"
    width: int = 8
    height: int = 8
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Json = field(default_factory=dict)
    transformations: Sequence[Json] = ()
    no_value: str = "no data"
    links: Sequence[Json] = ()

    def to_json(self, panel_id: int, x: int, y: int) -> Json:
        """The panel at its place."""
        panel: Json = {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [_target(number, query, self.kind) for number, query in enumerate(self.queries)],
            "fieldConfig": {
                "defaults": {"unit": self.unit, "noValue": self.no_value, **self.defaults},
                "overrides": list(self.overrides),
            },
            "options": self.options,
        }
        if self.transformations:
            panel["transformations"] = list(self.transformations)
        if self.links:
            panel["links"] = list(self.links)
        return panel


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels; a folded one loads nothing until it is opened."""

    title: str
    panels: Sequence[Panel]
    folded: bool = False


def _target(number: int, query: Query, kind: str) -> Json:
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": "heatmap" if query.heatmap else "table" if kind == "table" else "time_series",
        "editorMode": "code",
    }


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Colours by value: the first step, at ``None``, is where values begin."""
    return {
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]},
    }


def feature_steps(feature: Feature) -> tuple[tuple[float | None, str], ...]:
    """Threshold steps of a feature in ascending order, coloured by its direction; one grey step for a descriptor."""
    bounds = [(feature.warning, YELLOW), (feature.critical, RED)]
    known = [(value, color) for value, color in bounds if value is not None]
    if feature.higher_is_better is None or not known:
        return ((None, GREY),)
    if feature.higher_is_better:  # worst colour first; each bound ends its colour
        colors = [color for _, color in reversed(known)]
        return ((None, colors[0]), *zip([value for value, _ in reversed(known)], [*colors[1:], GREEN], strict=True))
    return ((None, GREEN), *known)


def time_series(
    title: str,
    queries: Sequence[Query],
    *,
    unit: str = "none",
    description: str = "",
    steps: Sequence[tuple[float | None, str]] = (),
    soft: tuple[float, float] | None = None,
    bars: bool = False,
    stacked: bool = False,
    width: int = 8,
    height: int = 8,
    no_value: str = "no data",
) -> Panel:
    """Lines (or bars) over time, with dashed lines at thresholds."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1 if bars else 2,
        "fillOpacity": 60 if bars else 6,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(steps) > 1 else "off"},
    }
    if soft is not None:
        custom |= {"axisSoftMin": soft[0], "axisSoftMax": soft[1]}
    colors = thresholds(*(steps or ((None, GREEN),)))
    return Panel(
        "timeseries",
        title,
        queries,
        description,
        unit,
        width,
        height,
        {**colors, "color": {"mode": "palette-classic"}, "custom": custom},
        options={
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "min", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        no_value=no_value,
    )


def stat(
    title: str,
    query: Query,
    *,
    unit: str = "none",
    description: str = "",
    steps: Sequence[tuple[float | None, str]] = ((None, GREEN),),
    mappings: Sequence[Json] = (),
    width: int = 4,
    height: int = 4,
    no_value: str = "no data",
) -> Panel:
    """One big number, or one per series."""
    return Panel(
        "stat",
        title,
        [query],
        description,
        unit,
        width,
        height,
        {**thresholds(*steps), "mappings": list(mappings)},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "textMode": "auto",
            "orientation": "auto",
        },
        no_value=no_value,
    )


def bar_gauge(
    title: str,
    query: Query,
    *,
    unit: str,
    description: str,
    steps: Sequence[tuple[float | None, str]],
    bounds: tuple[float, float] | None = None,
    width: int = 8,
    height: int = 8,
    no_value: str = "no data",
) -> Panel:
    """Horizontal bars, one per series."""
    limits = {"min": bounds[0], "max": bounds[1]} if bounds else {"min": 0}
    return Panel(
        "bargauge",
        title,
        [query],
        description,
        unit,
        width,
        height,
        {**thresholds(*steps), **limits},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "orientation": "horizontal",
            "displayMode": "basic",
            "showUnfilled": True,
        },
        no_value=no_value,
    )


def heatmap(title: str, query: Query, *, description: str, no_value: str) -> Panel:
    """Counts over time and size, from the buckets of a histogram (one series for each upper edge)."""
    return Panel(
        "heatmap",
        title,
        [replace(query, heatmap=True)],
        description,
        width=COLUMNS // 2,
        height=9,
        defaults={"custom": {"hideFrom": {"legend": False, "tooltip": False, "viz": False}}},
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"show": True, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False},
        },
        no_value=no_value,
    )


def state_timeline(
    title: str,
    queries: Sequence[Query],
    *,
    description: str,
    mappings: Sequence[Json],
    steps: Sequence[tuple[float | None, str]],
) -> Panel:
    """Coloured states over time, one lane per series."""
    return Panel(
        "state-timeline",
        title,
        queries,
        description,
        width=COLUMNS,
        height=9,
        defaults={**thresholds(*steps), "mappings": list(mappings), "custom": {"fillOpacity": 80, "lineWidth": 0}},
        options={
            "mergeValues": True,
            "showValue": "never",
            "rowHeight": 0.85,
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def table(
    title: str,
    queries: Sequence[Query],
    *,
    description: str,
    shown: Mapping[str, str],
    overrides: Sequence[Json] = (),
    sort_by: str = "",
    width: int = COLUMNS,
    height: int = 9,
    no_value: str = "no data",
) -> Panel:
    """A table: the queries' series joined on their labels.

    Args:
        title: Title.
        queries: Instant queries; the value of query B is the field ``Value #B`` (``Value`` where there is one query).
        description: For the (i).
        shown: Field to column heading, in the order of the columns; all others are left out.
        overrides: From ``override``, by column heading.
        sort_by: Column heading to sort by, worst (largest) first.
        width: Of 24.
        height: In grid units.
        no_value: Text for an empty cell.
    """
    keep = {"id": "filterFieldsByName", "options": {"include": {"names": list(shown)}}}
    order = {
        "indexByName": {name: number for number, name in enumerate(shown)},
        "renameByName": dict(shown),
        "excludeByName": {},
    }
    return Panel(
        "table",
        title,
        queries,
        description,
        width=width,
        height=height,
        defaults={"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}},
        overrides=overrides,
        options={"showHeader": True, "sortBy": [{"displayName": sort_by, "desc": True}] if sort_by else []},
        transformations=[{"id": "merge", "options": {}}, keep, {"id": "organize", "options": order}],
        no_value=no_value,
    )


def override(column: str, **properties: Any) -> Json:
    """Properties of one column (or series) by its name; ``_`` in a property's name stands for ``.``."""
    named = [{"id": name.replace("_", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byName", "options": column}, "properties": named}


def values(texts: Mapping[str, tuple[str, str]]) -> Json:
    """Mapping of values to (text, colour)."""
    options = {value: {"text": text, "color": color, "index": n} for n, (value, (text, color)) in enumerate(texts.items())}
    return {"type": "value", "options": options}


def lay_out(rows: Iterable[Row]) -> list[Json]:
    """Give panels ids and places: left to right, a new line where the next does not fit."""
    placed: list[Json] = []
    y, panel_id = 0, 0
    for row in rows:
        panel_id += 1
        header: Json = {
            "id": panel_id,
            "type": "row",
            "title": row.title,
            "collapsed": row.folded,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        placed.append(header)
        y += 1
        x, line_height = 0, 0
        inside: list[Json] = header["panels"] if row.folded else placed
        top = y
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, line_height = 0, y + line_height, 0
            panel_id += 1
            inside.append(panel.to_json(panel_id, x, y))
            x += panel.width
            line_height = max(line_height, panel.height)
        y = top if row.folded else y + line_height
    return placed


UP = values({"0": ("down", RED), "1": ("up", GREEN)})
"""How ``vqmon_stream_up`` reads."""
