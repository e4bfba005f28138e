"""What people and machines are told about the metrics."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from monitor.scorers import specs
from pipelines.catalogue import as_json, as_list


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_list_says_all_about_every_feature(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(as_list())
    lines = console.file.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    text = " ".join(" ".join(lines).split())
    for spec in specs():
        assert f"{spec.name} {spec.title} ({spec.reference})." in text
        assert " ".join(spec.summary.split()) in text
        for feature in spec.features:
            assert feature.name in text
            assert f"0: {feature.zero}" in text
            assert f"no data: {feature.no_data}" in text
            if feature.unit:
                assert f"{feature.unit}, " in text


def test_features_that_differ_in_their_name_only_are_told_together() -> None:
    assert "psnr_y, psnr_cb, psnr_cr  dB, 0 to 108, higher is better" in as_list().plain


def test_json_says_all_that_the_specs_say() -> None:
    document = json.loads(as_json(), parse_constant=lambda name: pytest.fail(name))
    assert [metric["name"] for metric in document] == [spec.name for spec in specs()]
    for metric, spec in zip(document, specs(), strict=True):
        assert (metric["model"], metric["source"], metric["reference"]) == (spec.model, spec.source, spec.reference.value)
        assert metric["spacing"] in {"none", "any", "consecutive"}
        for described, feature in zip(metric["features"], spec.features, strict=True):
            assert described["name"] == feature.name
            assert described["higher_is_better"] is feature.higher_is_better
            assert float(described["minimum"]) == feature.minimum
            assert float(described["maximum"]) == feature.maximum
            assert (described["warning"], described["critical"]) == (feature.warning, feature.critical)
