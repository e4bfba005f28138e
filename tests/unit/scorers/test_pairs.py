"""What metrics that score pairs one by one have in common."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from monitor.protocols import Feature, MetricSpec, Parallel, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.types import Frame, FramePair, VideoFormat

FORM = VideoFormat(16, 16, "gray")
CALLS: list[int] = []
MEASURES: list[int] = []


@dataclass(slots=True)
class Brightest(PairScorer):
    spec: ClassVar[MetricSpec] = MetricSpec(
        name="brightest",
        title="",
        summary="",
        source="",
        reference=Reference.FULL,
        features=(Feature("brightest", "", "", 0, 255, 0, 255, "", ""),),
    )

    def measure(self, video_format: VideoFormat) -> Measure:
        MEASURES.append(threading.get_ident())

        def measured(pair: FramePair) -> tuple[float]:
            CALLS.append(threading.get_ident())
            return (float(pair.distorted.luma.max()),)

        return measured


def pair(value: int) -> FramePair:
    planes = (np.full((16, 16), value, np.uint8),)
    other = (np.zeros((16, 16), np.uint8),)
    return FramePair(*(Frame(value, Fraction(0), Fraction(1), FORM, of) for of in (planes, other)))


def test_what_was_done_ahead_is_not_done_again_and_each_thread_has_its_own_arithmetic() -> None:
    scorer = Brightest()
    scorer.prepare(FORM)
    CALLS.clear()
    MEASURES.clear()
    assert isinstance(scorer, Parallel)
    item = pair(7)
    (task,) = scorer.tasks(item)
    assert not scorer.tasks(item)  # handed out once
    thread = threading.Thread(target=task)
    thread.start()
    thread.join()
    assert [score.value for score in scorer.score([item])] == [7.0]
    assert CALLS == MEASURES == [thread.ident]


def test_what_was_promised_and_never_done_is_done_when_it_is_scored() -> None:
    scorer = Brightest()
    scorer.prepare(FORM)
    item = pair(9)
    scorer.tasks(item)
    assert [score.value for score in scorer.score([item])] == [9.0]
