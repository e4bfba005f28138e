"""The report of a comparison in a real browser: drawn, without errors, without any server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from monitor.protocols import Reference
from pipelines.comparing import Settings, compare_files
from pipelines.comparison_report import write_comparison_report
from pipelines.files import FileScores, Flag, choose_metrics
from tests.e2e.browsing import PHONE, Visit
from tests.unit.pipelines.forms import make_clips


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[FileScores]:
    clips = make_clips(tmp_path_factory.mktemp("clips"))
    metrics = choose_metrics(["psnr", "ssim"], Reference.FULL)
    paths = [str(clips / name) for name in ("b-frames.mp4", "small.mkv")]
    found = [one.scores for one in compare_files(paths, str(clips / "reference.mp4"), metrics, Settings())]
    return [scores for scores in found if scores is not None]


@pytest.fixture(scope="module")
def report(compared: list[FileScores], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    spoilt = replace(compared[1], flags=(*compared[1].flags, Flag("misaligned", "two frames late", spoils=True)))
    files = [compared[0], spoilt]
    write_comparison_report(files, path)
    return path


def test_the_report_draws_everything_and_asks_nobody(report: Path, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(report.as_uri())
    charts = at.page.locator("article.comparison-chart")
    expect(charts).to_have_count(4)
    expect(charts.locator(".js-line")).to_have_count(4)  # chroma is folded away
    at.page.get_by_text("More features").click()
    expect(charts.locator(".js-line")).to_have_count(8)
    expect(charts.first.locator(".scatterlayer .js-line")).to_have_count(2)
    expect(charts.first.locator(".barlayer .point path").first).to_be_attached()
    marks = charts.first.locator(".scatterlayer .points path")
    expect(marks.first).to_be_attached()
    expect(at.page.get_by_role("alert")).to_contain_text("two frames late")
    pictures = at.page.locator(".trio img")
    assert pictures.evaluate_all("all => all.every(each => each.complete && each.naturalWidth > 0)")
    assert pictures.count() == 3 * marks.count() >= 6
    assert at.problems == []
    assert [url for url in at.requests if not url.startswith(("file:", "data:"))] == []


def test_a_file_can_be_taken_out_of_the_charts(report: Path, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(report.as_uri())
    lines = at.page.locator("article.comparison-chart").first.locator(".scatterlayer .js-line")
    expect(lines).to_have_count(2)
    at.page.get_by_role("button", name="small.mkv").click()
    expect(lines).to_have_count(1)
    expect(at.page.get_by_role("button", name="small.mkv")).to_have_attribute("aria-pressed", "false")
    at.page.get_by_role("button", name="small.mkv").click()
    expect(lines).to_have_count(2)


def test_hovering_tells_frame_and_values(report: Path, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(report.as_uri())
    plot = at.page.get_by_role("img", name="SSIM of each frame")
    expect(plot.locator(".js-line").first).to_be_attached()
    plot.locator(".nsewdrag").first.hover()
    expect(at.page.locator(".tooltip")).to_contain_text(re.compile(r"b-frames\.mp4, frame \d+\s*0\.\d{4}"))


def test_dragging_zooms_all_charts(report: Path, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(report.as_uri())
    plots = at.page.locator("article.comparison-chart .plot[aria-label$='of each frame']")
    expect(plots.locator(".js-line").first).to_be_attached()
    area = plots.first.locator(".nsewdrag").first
    box = area.bounding_box()
    assert box is not None
    read = "plots => plots.filter(plot => plot.layout).map(plot => String(plot.layout.xaxis.range))"
    before = plots.evaluate_all(read)
    at.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    at.page.mouse.down()
    at.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=5)
    at.page.mouse.up()
    at.page.wait_for_function(
        "before => [...document.querySelectorAll('.plot[aria-label$=\"of each frame\"]')].filter(plot => plot.layout)"
        ".every(plot => String(plot.layout.xaxis.range) !== before)",
        arg=before[0],
    )
    assert len(set(plots.evaluate_all(read))) == 1


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_phone_needs_no_sideways_scrolling(report: Path, visit: Callable[..., Visit], scheme: str) -> None:
    at = visit(PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    at.page.goto(report.as_uri())
    expect(at.page.locator("article.comparison-chart .js-line").first).to_be_attached()
    assert at.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_picture_can_be_enlarged(report: Path, visit: Callable[..., Visit]) -> None:
    at = visit()
    at.page.goto(report.as_uri())
    picture = at.page.locator(".trio .zoom").first
    small = picture.bounding_box()
    picture.click()
    large = picture.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 2 * small["width"]
