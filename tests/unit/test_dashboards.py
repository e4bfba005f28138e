from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitor import scorers
from monitor.protocols import Feature
from pipelines import dashboards
from pipelines.dashboards.panels import GREEN, GREY, RED, UNITS, YELLOW, feature_steps
from tests.unit.grafana_stand_in import TOKEN, GrafanaStandIn

BUILT = dashboards.build()
NAMES = list(BUILT)

LOST_BY_THE_SDK = {
    "/id": "null on purpose: Grafana numbers dashboards itself",
    "/annotations/list/N/builtIn": "a number in Grafana, a float with the default 0 in the SDK",
    "/annotations/list/N/step": "of the Prometheus data source, which the SDK's annotation query does not model",
    "/annotations/list/N/titleFormat": "as above",
    "/annotations/list/N/textFormat": "as above",
    "/annotations/list/N/tagKeys": "as above",
    "/templating/list/N/definition": "what the variable editor shows; not modelled",
}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def charts(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (panel for panel in panels(dashboard) if panel["type"] != "row")


def feature(**changes: Any) -> Feature:
    arguments = {"name": "x", "title": "X", "unit": "", "minimum": 0.0, "maximum": 100.0, "worst": 0.0, "best": 100.0}
    return Feature(**{**arguments, "zero": "nothing", "no_data": "nothing", **changes})


@pytest.mark.parametrize("name", NAMES)
def test_committed_dashboard_is_what_the_specs_give(name: str) -> None:
    committed = (dashboards.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert committed == dashboards.to_text(BUILT[name]), "run: python -m pipelines.dashboards"


def test_folder_holds_these_dashboards_only() -> None:
    assert {path.stem for path in dashboards.FOLDER.glob("*.json")} == set(NAMES)


def test_write_gives_one_file_for_each(tmp_path: Path) -> None:
    assert [path.name for path in dashboards.write(tmp_path)] == [f"{name}.json" for name in NAMES]
    assert json.loads((tmp_path / f"{NAMES[0]}.json").read_text())["uid"] == NAMES[0]


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_types_read_it_and_lose_nothing(name: str) -> None:
    plugins.register_default_plugins()
    kept = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(json.loads(dashboards.to_text(BUILT[name])))))
    lost = {re.sub(r"/\d+(?=/|$)", "/N", path) for path in _differences(BUILT[name], kept, "")}
    assert lost <= set(LOST_BY_THE_SDK)


def _differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from _differences(value, theirs[key], f"{path}/{key}") if key in theirs else [f"{path}/{key}"]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(left, right, f"{path}/{number}")
    elif ours != theirs:
        yield path


@pytest.mark.parametrize("name", NAMES)
def test_conventions(name: str) -> None:
    dashboard = BUILT[name]
    assert dashboard["uid"] == name
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", dashboard["uid"])
    assert (dashboard["timezone"], dashboard["graphTooltip"], dashboard["id"]) == ("browser", 1, None)
    ids = [panel["id"] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in panels(dashboard)]
    assert all(titles)
    for panel in charts(dashboard):
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            for window in re.findall(r"(?:rate)\([^[]*\[([^]]+)\]", target["expr"]):
                assert window == "$__rate_interval", target["expr"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_do_not_overlap_or_leave_the_grid(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BUILT[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_the_other_dashboards(name: str) -> None:
    targets = {re.match(r"/d/([^?]+)", link["url"]).group(1) for link in BUILT[name]["links"]}  # type: ignore[union-attr]
    assert targets == set(NAMES) - {name}


@pytest.mark.parametrize("name", NAMES)
def test_variables_that_queries_use_are_defined(name: str) -> None:
    text = json.dumps(BUILT[name])
    used = set(re.findall(r"\$\{?([a-z]+)\b", text))
    assert used <= {variable["name"] for variable in BUILT[name]["templating"]["list"]}


def test_every_feature_on_by_default_has_a_panel_with_its_unit_pool_and_thresholds() -> None:
    shown = {}
    for panel in charts(BUILT["vqmon-stream-quality"]):
        for target in panel["targets"]:
            if panel["type"] == "timeseries" and (match := re.search(r'metric="([a-z0-9_]+)",stat="(\w+)"', target["expr"])):
                shown[match[1]] = (panel, match[2])
    for spec in (spec for spec in scorers.specs() if spec.default):
        for each in spec.features:
            panel, pool = shown.pop(each.name)
            defaults = panel["fieldConfig"]["defaults"]
            steps = [step["value"] for step in defaults["thresholds"]["steps"]]
            assert (pool, defaults["unit"]) == (each.pool, UNITS[each.unit])
            for bound in (each.warning, each.critical):
                assert bound is None or bound in steps
            assert each.zero in panel["description"]
            assert each.no_data in panel["description"]
    assert not shown


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"warning": 70.0, "critical": 50.0}, ((None, RED), (50.0, YELLOW), (70.0, GREEN))),
        ({"critical": 50.0}, ((None, RED), (50.0, GREEN))),
        ({"warning": 70.0}, ((None, YELLOW), (70.0, GREEN))),
        ({"worst": 100.0, "best": 0.0, "warning": 5.0, "critical": 9.0}, ((None, GREEN), (5.0, YELLOW), (9.0, RED))),
        ({"worst": 100.0, "best": 0.0, "critical": 9.0}, ((None, GREEN), (9.0, RED))),
        ({}, ((None, GREY),)),
        ({"worst": 0.0, "best": 0.0}, ((None, GREY),)),
    ],
)
def test_thresholds_follow_the_direction(changes: dict[str, float], steps: object) -> None:
    assert feature_steps(feature(**changes)) == steps


def test_push_puts_all_into_one_folder() -> None:
    with GrafanaStandIn() as grafana:
        addresses = dashboards.push(grafana.url, TOKEN, "Video")
        again = dashboards.push(grafana.url, TOKEN, "Video")
    assert addresses == again
    assert [address.split("/d/")[1].split("/")[0] for address in addresses] == NAMES
    assert {grafana.folders[uid] for uid in grafana.folder_of.values()} == {"Video"}
    assert {dashboard["version"] for dashboard in grafana.dashboards.values()} == {2}


def test_push_without_a_folder_goes_to_the_root() -> None:
    with GrafanaStandIn() as grafana:
        dashboards.push(grafana.url, TOKEN, "")
    assert set(grafana.folder_of.values()) == {""}


def test_command_writes_the_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.dashboards", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(tmp_path / f"{name}.json") for name in NAMES]
    assert (tmp_path / f"{NAMES[0]}.json").read_text(encoding="utf-8") == dashboards.to_text(BUILT[NAMES[0]])
