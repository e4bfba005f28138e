"""Which metrics are computed when none are named: not those that wait to be asked for."""

from __future__ import annotations

from monitor.protocols import Reference
from monitor.scorers import specs
from pipelines.config import check_config
from pipelines.files import choose_metrics
from pipelines.group import chosen_metrics

ASKED_FOR = {spec.name for spec in specs() if not spec.default}


def test_files_are_scored_with_the_usual_metrics_unless_others_are_named() -> None:
    usual = {spec.name for spec in choose_metrics([], Reference.FULL)}
    assert {"psnr", "ssim"} <= usual
    assert "float_ms_ssim" in ASKED_FOR
    assert not usual & ASKED_FOR
    assert [spec.name for spec in choose_metrics(["float_ms_ssim"], Reference.FULL)] == ["float_ms_ssim"]


def test_streams_are_watched_with_the_usual_metrics_unless_others_are_named() -> None:
    inputs = {"name": "news", "url": "http://localhost/a.m3u8", "reference": "http://localhost/b.m3u8"}
    usual, named = (
        chosen_metrics(check_config({"streams": [inputs | more]}, where="test").streams[0])
        for more in ({}, {"metrics": ["float_ms_ssim"]})
    )
    assert {"psnr", "ssim", "black"} <= {spec.name for spec in usual}
    assert not {spec.name for spec in usual} & ASKED_FOR
    assert [spec.name for spec in named] == ["float_ms_ssim"]
