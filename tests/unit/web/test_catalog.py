from __future__ import annotations

import math
from types import ModuleType

import pytest

from monitor.protocols import Reference
from monitor.web.catalog import Catalog


def test_leading_scores_come_first_and_descriptors_last(recording: ModuleType) -> None:
    names = [each["name"] for each in Catalog(recording.SPECS).described()]
    assert names == ["fusion", "psnr_y", "float_ssim", "sharpness", "black_ratio", "psnr_cb", "motion"]


def test_headlines_are_full_reference_where_there_is_a_reference(recording: ModuleType) -> None:
    catalog = Catalog(recording.SPECS)
    assert catalog.headline(["black_ratio", "motion", "sharpness", "psnr_y"]) == ["psnr_y"]
    assert catalog.headline(["black_ratio", "motion", "sharpness"]) == ["sharpness", "black_ratio"]
    assert catalog.headline(["motion"]) == []


def test_a_metric_leads_with_its_first_directed_feature(recording: ModuleType) -> None:
    still = recording.feature("still", "Change", "code value", (0, 50), 0, 0)
    frozen = recording.feature("frozen", "Frozen", "ratio", (0, 1), 1, 0)
    catalog = Catalog([recording.metric("freeze", "Freeze", Reference.NONE, still, frozen)])
    assert {each["name"]: each["leading"] for each in catalog.described()} == {"frozen": True, "still": False}


@pytest.mark.parametrize(
    ("name", "value", "share"),
    [
        ("fusion", 100.0, 1.0),
        ("fusion", 25.0, 0.25),
        ("psnr_y", 99.0, 1.0),
        ("black_ratio", 1.0, 0.0),
        ("motion", 3.0, None),
    ],
)
def test_goodness_follows_the_direction(recording: ModuleType, name: str, value: float, share: float | None) -> None:
    assert Catalog(recording.SPECS).goodness(name, value) == share


def test_an_unknown_feature_is_described_barely(recording: ModuleType) -> None:
    (found,) = Catalog(recording.SPECS).described(["from_elsewhere"])
    assert (found["title"], found["display"], found["higher_is_better"]) == ("from_elsewhere", None, None)
    assert Catalog([]).feature("x").maximum == math.inf
