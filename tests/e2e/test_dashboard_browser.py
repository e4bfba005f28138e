"""The dashboard and the report in a real browser: drawn, live, on a phone, without errors, without any other server."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from monitor.web import DashboardServer, write_report
from tests.e2e.browsing import PHONE, Visit


@pytest.fixture(scope="module")
def recording() -> ModuleType:
    place = Path(__file__).parents[1] / "unit" / "web" / "recording.py"
    spec = importlib.util.spec_from_file_location("vqmon_e2e_recording", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture
def history(recording: ModuleType, evidence: Path) -> Any:
    return recording.hour(evidence, now_ms=round(time.time() * 1000))


@pytest.fixture
def server(recording: ModuleType, history: Any, evidence: Path) -> Iterator[DashboardServer]:
    with DashboardServer(history, specs=recording.SPECS, evidence_dir=evidence, port=0, title="Wall") as running:
        yield running


def drawn(page: Page, title: str) -> int:
    """Lines that the chart of that title shows."""
    chart = page.locator("article.chart", has=page.get_by_role("heading", name=title, exact=True))
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".scatterlayer .js-line").first).to_be_attached()
    return chart.locator(".scatterlayer .trace", has=page.locator(".js-line")).count()


def test_the_page_draws_everything_and_asks_nobody_else(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    expect(at.page.get_by_role("heading", name="channel-one")).to_be_visible()
    assert drawn(at.page, "Fusion score") == 3
    assert drawn(at.page, "PSNR Y") == 3
    expect(at.page.locator(".count.alerting b")).to_have_text("1")
    expect(at.page.locator("#connection")).to_have_text("Live")
    assert at.page.locator("article.rendition h3").all_text_contents() == ["1080p", "720p", "480p"]
    expect(at.page.get_by_role("button", name="FrozenPicture on 720p")).to_be_visible()
    ladder = at.page.get_by_role("region", name="Ladder")
    ladder.scroll_into_view_if_needed()
    expect(ladder.locator("tbody tr")).to_have_count(3)
    expect(at.page.get_by_role("region", name="Scores of the period").get_by_role("row")).to_have_count(1 + 3 * 7)
    assert at.problems == []
    assert [url for url in at.requests if not url.startswith((server.url, "data:"))] == []


def test_thresholds_and_alert_periods_are_marked(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    chart = at.page.locator("article.chart").first
    expect(chart.locator(".shapelayer path")).not_to_have_count(0)
    dashes = chart.locator(".shapelayer path").evaluate_all("paths => paths.filter(p => p.style.strokeDasharray).length")
    assert dashes == 2
    expect(chart.locator(".annotation-text", has_text="LowScore")).to_be_visible()


def test_hovering_tells_the_values_with_their_unit(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    drawn(at.page, "PSNR Y")
    plot = at.page.locator("article.chart", has=at.page.get_by_role("heading", name="PSNR Y")).locator(".nsewdrag")
    plot.hover()
    expect(at.page.locator(".tooltip .tip-row")).to_have_count(3)
    expect(at.page.locator(".tooltip .tip-row").first).to_contain_text("dB")
    expect(at.page.locator(".tooltip")).to_contain_text("UTC")


def test_new_segments_appear_without_a_reload(
    server: DashboardServer, history: Any, recording: ModuleType, visit: Callable[..., Visit]
) -> None:
    at = visit()
    at.page.goto(server.url)
    card = at.page.locator("article.rendition", has=at.page.get_by_role("heading", name="720p"))
    expect(card.locator(".hero-value")).to_have_text("85.2")
    at.page.evaluate("window.same = true")
    now = round(time.time() * 1000)
    history.add_segment("channel-one", "720p", now, {"fusion": 12.3, "psnr_y": 22.0})
    history.alerts.append(recording.alert("LowScore", "720p", now, None, "Fusion score 12.3 on 720p", feature="fusion"))
    history.writes += 1
    expect(card.locator(".hero-value")).to_have_text("12.3")
    expect(at.page.get_by_role("list", name="Active alerts").get_by_text("Fusion score 12.3 on 720p")).to_be_visible()
    assert at.page.evaluate("window.same") is True
    assert at.problems == []


def test_a_lost_server_is_shown_and_found_again(
    recording: ModuleType, history: Any, evidence: Path, visit: Callable[..., Visit]
) -> None:
    first = DashboardServer(history, specs=recording.SPECS, evidence_dir=evidence, port=0)
    first.start()
    port = int(first.url.rsplit(":", 1)[1].strip("/"))
    at = visit()
    try:
        at.page.goto(first.url)
        expect(at.page.locator("#connection")).to_have_text("Live")
    finally:
        first.stop()
    expect(at.page.locator("#connection")).to_have_text("Reconnecting")
    expect(at.page.get_by_role("alert").first).to_contain_text("connection to the monitor is lost")
    with DashboardServer(history, specs=recording.SPECS, evidence_dir=evidence, port=port):
        expect(at.page.locator("#connection")).to_have_text("Live")
        expect(at.page.locator("#outage")).to_be_hidden()


def test_evidence_opens_enlarges_and_closes_by_keyboard(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    link = at.page.get_by_role("list", name="Active alerts").get_by_role("link", name="ScoreDrop")
    link.press("Enter")
    dialog = at.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="ScoreDrop")).to_be_visible()
    for caption in ("Worst frame", "Reference"):
        picture = dialog.get_by_role("img", name=caption)
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    expect(dialog.locator(".scatterlayer .js-line")).to_have_count(1)
    narrow = dialog.get_by_role("img", name="Worst frame").evaluate("image => image.clientWidth")
    dialog.get_by_role("button", name="Enlarge worst frame").click()
    assert dialog.get_by_role("img", name="Worst frame").evaluate("image => image.clientWidth") > 1.5 * narrow
    assert "alert=" in at.page.url
    at.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(at.page).not_to_have_url(re.compile("alert="))
    expect(link).to_be_focused()
    assert at.problems == []


def test_an_alert_can_be_linked_to(server: DashboardServer, history: Any, visit: Callable[..., Visit]) -> None:
    incident = next(each for each in history.alerts if each.name == "FrozenPicture")
    address = f"{incident.fingerprint}-{round(incident.starts_at.timestamp() * 1000)}"
    at = visit()
    at.page.goto(f"{server.url}#stream=channel-one&range=6h&alert={address}")
    expect(at.page.get_by_role("dialog").get_by_role("heading", name="FrozenPicture")).to_be_visible()
    expect(at.page.get_by_role("link", name="6 h", include_hidden=True)).to_have_attribute("aria-current", "true")


def test_the_period_and_the_statistic_are_kept_in_the_address(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    at.page.get_by_role("link", name="15 min").click()
    with at.page.expect_request(lambda request: "api/series" in request.url and "pool=p5" in request.url):
        at.page.get_by_label("Statistic").select_option("p5")
    assert "range=15m" in at.page.url
    assert "pool=p5" in at.page.url
    at.page.reload()
    expect(at.page.get_by_label("Statistic")).to_have_value("p5")
    expect(at.page.get_by_role("link", name="15 min")).to_have_attribute("aria-current", "true")


def test_dragging_zooms_all_charts(server: DashboardServer, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(server.url)
    drawn(at.page, "Fusion score")
    box = at.page.locator("article.chart .nsewdrag").first.bounding_box()
    assert box is not None
    at.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    at.page.mouse.down()
    at.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 55, steps=5)
    with at.page.expect_request(lambda request: "feature=psnr_y" in request.url):
        at.page.mouse.up()
    reset = at.page.locator("#zoom-reset")
    expect(reset).to_be_visible()
    reset.click()
    expect(reset).to_be_hidden()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_phone_needs_no_sideways_scrolling(server: DashboardServer, visit: Callable[..., Visit], scheme: str) -> None:
    at = visit(PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    at.page.goto(server.url)
    drawn(at.page, "Fusion score")
    at.page.get_by_role("region", name="Events").first.scroll_into_view_if_needed()
    expect(at.page.get_by_role("region", name="Ladder").locator("tbody tr")).to_have_count(3)
    assert at.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert at.problems == []


def test_a_fleet_is_shown_worst_first_and_leads_to_each_stream(recording: ModuleType, visit: Callable[..., Visit]) -> None:
    fleet = recording.fleet(50, now_ms=round(time.time() * 1000))
    with DashboardServer(fleet, specs=recording.SPECS, port=0) as server:
        at = visit()
        at.page.goto(server.url)
        expect(at.page.locator("a.stream-card")).to_have_count(50)
        expect(at.page.locator(".count.down b")).to_have_text("2")
        states = at.page.locator("a.stream-card .state").all_text_contents()
        assert states == ["down"] * 2 + ["alerting"] * 5 + ["ok"] * 43
        at.page.get_by_role("link", name="channel-13").first.click()
        expect(at.page.get_by_role("heading", name="channel-13", level=1)).to_be_visible()
        expect(at.page.locator("article.rendition")).to_have_count(5)
        at.page.get_by_role("link", name="All streams").click()
        expect(at.page.locator("a.stream-card")).to_have_count(50)
        assert at.problems == []


def test_an_empty_store_says_what_to_do_and_fills_by_itself(recording: ModuleType, visit: Callable[..., Visit]) -> None:
    history = recording.Recording()
    with DashboardServer(history, specs=recording.SPECS, port=0) as server:
        at = visit()
        at.page.goto(server.url)
        expect(at.page.get_by_text("Nothing to show yet")).to_be_visible()
        expect(at.page.get_by_text("vqmon watch")).to_be_visible()
        history.add_segment("channel-one", "720p", round(time.time() * 1000), {"fusion": 77.7})
        expect(at.page.locator(".hero-value")).to_have_text("77.7")
        assert at.problems == []


def test_names_from_a_stream_never_become_markup(recording: ModuleType, visit: Callable[..., Visit]) -> None:
    history, now = recording.Recording(), round(time.time() * 1000)
    name = "<img src=x onerror=window.hit=1>"
    for index in range(5):
        history.add_segment(name, name, now - 20_000 + 4000 * index, {"fusion": 70.0 + index})
    history.alerts.append(recording.alert(name, name, now - 9000, None, name, stream=name, feature="fusion"))
    with DashboardServer(history, specs=recording.SPECS, port=0) as server:
        at = visit()
        at.page.goto(server.url)
        drawn(at.page, "Fusion score")
        area = at.page.locator("article.chart .nsewdrag").first
        box = area.bounding_box()
        assert box is not None
        area.hover(position={"x": box["width"] - 3, "y": 60})
        expect(at.page.locator(".tooltip .tip-row")).to_have_count(1)
        assert at.page.evaluate("window.hit") is None
        assert at.page.locator("img[src=x]").count() == 0
        assert at.problems == []


def test_the_report_opens_from_disk_and_asks_no_network(
    recording: ModuleType, history: Any, evidence: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    path, now = tmp_path / "report.html", round(time.time() * 1000)
    write_report(
        history,
        path,
        specs=recording.SPECS,
        evidence_dir=evidence,
        title="Night shift",
        since_ms=now - 3_600_000,
        until_ms=now,
    )
    at = visit()
    at.context.set_offline(True)
    at.page.goto(path.as_uri())
    expect(at.page.get_by_role("heading", name="channel-one")).to_be_visible()
    assert drawn(at.page, "Fusion score") == 3
    expect(at.page.get_by_role("region", name="Scores of the period").get_by_role("row")).to_have_count(1 + 3 * 7)
    expect(at.page.get_by_role("region", name="Events").get_by_text("404 for seg-00768.ts").first).to_be_attached()
    at.page.get_by_role("list", name="Active alerts").get_by_role("link", name="ScoreDrop").click()
    picture = at.page.get_by_role("dialog").get_by_role("img", name="Worst frame")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 640
    expect(at.page.get_by_role("dialog").locator(".scatterlayer .js-line")).to_have_count(1)
    assert at.problems == []
    assert [url for url in at.requests if not url.startswith(("data:", path.as_uri()))] == []
