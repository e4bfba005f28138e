"""FSIM, VIFp and GMSD against piq, NLPD against pyiqa: their scores of made-up pictures, kept by ``make_piq_scores``."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from monitor import scorers
from monitor.types import VideoFormat
from tests.parity import agreements, filters
from tests.parity.pictures import CASES, Case, planes_of


@lru_cache(maxsize=1)
def witness() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(Path(__file__).with_name("piq_scores.json").read_text())
    return kept["scores"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("metric", agreements.STILLS)
def test_scores_are_the_witness_s(metric: str, case: Case) -> None:
    kept = witness()[case.name]
    planes = planes_of(case)
    grey = VideoFormat(case.width, case.height, "gray" if case.depth == 8 else f"gray{case.depth}le", case.depth)
    (pair,) = filters.paired([planes[:1]], [planes[1:]], grey)
    assert case.digest() == kept["sha256"], "the pictures are others than those that were scored"
    scorer = scorers.create(metric)
    scorer.prepare(pair.format)
    (score,) = scorer.score([pair])
    agreements.STILLS[metric].check(score.value, kept[metric])
