"""Metrics that look at the reference around a pair: cut, sampled or begun late, their scores are those of the whole clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from monitor import scorers
from monitor.protocols import Delayed, Reference, Spacing, Temporal
from monitor.types import FramePair

METRICS: list[tuple[str, dict[str, object]]] = [
    ("motion", {}),
    ("vmaf", {}),
    ("xpsnr", {}),
    ("motion3", {}),
    ("motion3", {"motion_moving_average": True}),
    ("motion3", {"motion_five_frame_window": True}),
    ("motion3", {"motion_five_frame_window": True, "motion_moving_average": True}),
    ("vmaf_v1", {}),
    ("vmaf_v1_hfr", {}),
]
COUNT = 14

Values = dict[tuple[str, int], float]


@pytest.fixture(scope="module")
def pairs(studio: Any, spoilers: Any) -> list[FramePair]:
    made: list[FramePair] = studio.pairs(COUNT, studio.format(216, 160), spoilers.noisy(6))
    return made


def prepared(name: str, options: dict[str, object], pairs: Sequence[FramePair]) -> Any:
    scorer = scorers.create(name, options)
    scorer.prepare(pairs[0].format)
    return scorer


def whole(name: str, options: dict[str, object], pairs: Sequence[FramePair]) -> Values:
    scorer = prepared(name, options, pairs)
    found = [*scorer.score(pairs), *(scorer.flush() if isinstance(scorer, Delayed) else ())]
    return {(score.feature, score.index): score.value for score in found}


def run(scorer: Any, pairs: Sequence[FramePair], indices: Iterable[int], *, lead: bool) -> Values:
    """Scores of one run of pairs, before what follows; ``lead`` also gives what came before."""
    indices = list(indices)
    if lead and (frames := [pair.reference for pair in pairs[max(indices[0] - scorer.before, 0) : indices[0]]]):
        scorer.lead_in(frames)
    found = [*scorer.score([pairs[index] for index in indices])]
    if isinstance(scorer, Delayed):
        after = indices[-1] + 1
        found += scorer.flush(pairs[after].reference if after < len(pairs) else None)
    return {(score.feature, score.index): score.value for score in found}


def test_every_metric_of_neighbouring_pairs_is_one() -> None:
    """All that spacing demands of full-reference metrics is demanded of the reference alone."""
    for spec in scorers.specs():
        if spec.reference is Reference.FULL and spec.spacing is Spacing.CONSECUTIVE:
            assert isinstance(scorers.create(spec.name), Temporal), spec.name


@pytest.mark.parametrize(("name", "options"), METRICS)
@pytest.mark.parametrize("length", [2, 3, 5, 13])
def test_segments_one_after_the_other(name: str, options: dict[str, object], length: int, pairs: list[FramePair]) -> None:
    scorer, found = prepared(name, options, pairs), {}
    for start in range(0, COUNT, length):
        found |= run(scorer, pairs, range(start, min(start + length, COUNT)), lead=False)
    assert found == whole(name, options, pairs)


@pytest.mark.parametrize(("name", "options"), METRICS)
@pytest.mark.parametrize("start", range(1, COUNT))
def test_a_late_start(name: str, options: dict[str, object], start: int, pairs: list[FramePair]) -> None:
    expected = {key: value for key, value in whole(name, options, pairs).items() if key[1] >= start}
    assert run(prepared(name, options, pairs), pairs, range(start, COUNT), lead=True) == expected


@pytest.mark.parametrize(("name", "options"), METRICS)
@pytest.mark.parametrize("runs", [[[0, 1, 2], [5, 6, 7]], [[0, 1, 2, 3], [5], [6, 7], [9], [11, 12]], [[0], [13]]])
def test_gaps(name: str, options: dict[str, object], runs: list[list[int]], pairs: list[FramePair]) -> None:
    scorer, found = prepared(name, options, pairs), {}
    for before, indices in zip([[-1], *runs], runs, strict=False):
        found |= run(scorer, pairs, indices, lead=indices[0] != before[-1] + 1)
    scored = {index for indices in runs for index in indices}
    if runs[0] == [0] and ("motion_five_frame_window" in options or name == "vmaf_v1_hfr"):
        scored.remove(0)  # as the first of all it takes after two that follow
        found = {key: value for key, value in found.items() if key[1] in scored}
    assert found == {key: value for key, value in whole(name, options, pairs).items() if key[1] in scored}


@pytest.mark.parametrize(("name", "options"), METRICS)
def test_every_frame_on_its_own(name: str, options: dict[str, object], pairs: list[FramePair]) -> None:
    scorer = prepared(name, options, pairs)
    for index in (12, 4, 9, 13):
        found = run(scorer, pairs, [index], lead=True)
        assert found == {key: value for key, value in whole(name, options, pairs).items() if key[1] == index}


@pytest.mark.parametrize(("name", "options"), [entry for entry in METRICS if entry[0] != "xpsnr"])
def test_what_follows_a_hole_of_the_reference_is_no_neighbour(
    name: str, options: dict[str, object], pairs: list[FramePair]
) -> None:
    scorer = prepared(name, options, pairs)
    with_hole = [*scorer.score(pairs[:5]), *scorer.score(pairs[9:])]
    again = prepared(name, options, pairs)
    cut = [*again.score(pairs[:5]), *again.flush(pairs[9].reference), *again.score(pairs[9:])]
    assert cut == with_hole
    assert 4 not in {score.index for score in cut}


@pytest.mark.parametrize(("name", "options"), METRICS)
def test_what_leads_in_replaces_what_was_remembered(name: str, options: dict[str, object], pairs: list[FramePair]) -> None:
    scorer = prepared(name, options, pairs)
    alike = replace(pairs[3], reference=replace(pairs[3].reference, planes=pairs[9].reference.planes))
    run(scorer, [*pairs[:3], alike], range(4), lead=False)
    expected = {key: value for key, value in whole(name, options, pairs).items() if key[1] >= 4}
    assert run(scorer, pairs, range(4, COUNT), lead=True) == expected
