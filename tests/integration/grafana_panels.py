"""Whether dashboards show something: every query of every panel is put to a real Prometheus."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from pipelines import dashboards

WINDOWS = {"$__rate_interval": "1m", "$__range": "10m", "$__interval": "10s"}


@dataclass(frozen=True)
class PanelQuery:
    """One query as Grafana would send it."""

    dashboard: str
    panel: str
    expr: str


def panel_queries(variables: Mapping[str, str]) -> Iterator[PanelQuery]:
    """Every query of every shipped panel, with variables and windows filled in as Grafana does."""
    for name, dashboard in dashboards.build().items():
        for panel in _panels(dashboard):
            for target in panel["targets"]:
                expr = target["expr"]
                for window, duration in WINDOWS.items():
                    expr = expr.replace(window, duration)
                for variable, value in variables.items():
                    expr = re.sub(rf"\${variable}\b", value, expr)
                assert "$" not in expr, f"{name}: {panel['title']}: {expr}"
                yield PanelQuery(name, panel["title"], expr)


def _panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in dashboard["panels"]:
        yield from (panel["panels"] if panel["type"] == "row" else [panel])


def ask(prometheus_url: str, expr: str) -> list[dict[str, Any]]:
    """The result of an instant query; fails on anything that Prometheus refuses."""
    answer = httpx.post(f"{prometheus_url}/api/v1/query", data={"query": expr}, timeout=10)
    assert answer.status_code == 200, f"{expr}: {answer.json().get('error')}"
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def ask_until_answered(prometheus_url: str, expr: str, within_seconds: float = 60.0) -> list[dict[str, Any]]:
    """As ``ask``, again and again until there is a result."""
    deadline = time.monotonic() + within_seconds
    while not (result := ask(prometheus_url, expr)):
        assert time.monotonic() < deadline, f"no data within {within_seconds:g} s: {expr}"
        time.sleep(0.5)
    return result


def assert_panels_have_data(
    prometheus_url: str,
    *,
    stream: str,
    feature: str = "psnr_y",
    allow_empty: Collection[str] = (),
    within_seconds: float = 60.0,
) -> None:
    """Every query of every panel gives data.

    Args:
        prometheus_url: Where Prometheus answers.
        stream: Value of the dashboards' variable ``stream``.
        feature: Value of the variable ``feature``.
        allow_empty: Titles of panels that may have nothing to show.
        within_seconds: How long to go on asking: rates need two scrapes, alerts their ``for``.
    """
    variables = {"stream": stream, "rendition": ".*", "instance": ".*", "feature": feature}
    waiting = [query for query in panel_queries(variables) if query.panel not in allow_empty]
    assert waiting
    deadline = time.monotonic() + within_seconds
    while (waiting := [query for query in waiting if not ask(prometheus_url, query.expr)]) and time.monotonic() < deadline:
        time.sleep(1)
    assert not waiting, "\n".join(f"{query.dashboard}: {query.panel}: {query.expr}" for query in waiting)
