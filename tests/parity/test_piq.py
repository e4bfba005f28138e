"""FSIM, VIFp and GMSD against piq, NLPD against pyiqa: their scores of made-up pictures, kept by ``make_piq_scores``."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from monitor import scorers
from monitor.types import VideoFormat
from tests.parity import filters
from tests.parity.pictures import CASES, Case, planes_of

TOLERANCES = {
    # single precision here, double there, as in all of these; seen: 2e-8
    "gmsd": 1e-6,
    # seen: 3e-7
    "nlpd": 1e-6,
    # seen: 2e-8
    "fsim": 1e-6,
    # seen: 6e-7, and 5e-6 where black bars meet the picture; piq's own single precision misses by 4e-4
    "vifp": 1e-5,
}


@lru_cache(maxsize=1)
def witness() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(Path(__file__).with_name("piq_scores.json").read_text())
    return kept["scores"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("metric", TOLERANCES)
def test_scores_are_the_witness_s(metric: str, case: Case) -> None:
    kept = witness()[case.name]
    planes = planes_of(case)
    grey = VideoFormat(case.width, case.height, "gray" if case.depth == 8 else f"gray{case.depth}le", case.depth)
    (pair,) = filters.paired([planes[:1]], [planes[1:]], grey)
    assert case.digest() == kept["sha256"], "the pictures are others than those that were scored"
    scorer = scorers.create(metric)
    scorer.prepare(pair.format)
    (score,) = scorer.score([pair])
    assert score.value == pytest.approx(kept[metric], abs=TOLERANCES[metric])
