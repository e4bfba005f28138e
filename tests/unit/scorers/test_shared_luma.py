"""What several metrics need of a frame is computed once, and forgotten with the frame."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from monitor import scorers
from monitor.scorers import _luma


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Identities of the planes that statistics were computed of."""
    planes: list[int] = []

    def counted(luma: Any, video_format: Any) -> Any:
        planes.append(id(luma))
        return original(luma, video_format)

    original = _luma.luma_statistics
    monkeypatch.setattr(_luma, "luma_statistics", counted)
    return planes


def test_metrics_made_together_compute_it_once_a_frame(studio: Any, computed: list[int]) -> None:
    video_format = studio.format(64, 64, "gray")
    frames = studio.frames(5, video_format)
    together = scorers.create_all([(name, {}) for name in ("exposure", "black", "noise", "freeze", "siti")])
    for scorer in together:
        scorer.prepare(video_format)
    for scorer in together:
        list(scorer.score(frames))
    assert computed == [id(frame.luma) for frame in frames]


def test_it_is_forgotten_with_the_frame(studio: Any) -> None:
    features = _luma.LumaFeatures()
    video_format = studio.format(64, 64, "gray")
    frames = studio.frames(5, video_format)
    for frame in frames:
        features.of(frame)
    assert len(features._kept) == 5
    del frames[1:], frame
    gc.collect()
    assert set(features._kept) == {id(frames[0].luma)}


def test_threads_compute_it_once(studio: Any, computed: list[int]) -> None:
    features = _luma.LumaFeatures()
    frame = studio.frames(1, studio.format(64, 64, "gray"))[0]
    gate = threading.Barrier(4)

    def ask() -> None:
        gate.wait(timeout=10)
        features.of(frame)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert computed == [id(frame.luma)]
