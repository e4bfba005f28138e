"""A freeze of twelve seconds in live encodes, and pictures that must not be taken for one; delays with ``--log-level=INFO``.

FFmpeg's ``freezedetect`` at its defaults finds none of these freezes, which the last test shows.
"""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Iterable

import av
import numpy as np
import pytest

from monitor import scorers
from monitor.types import Frame
from tests.parity.scenes import RATE, Encode, background, decoded, encoded, scene

ENCODES = [Encode("200k", 25), Encode("200k", 100), Encode("800k", 50), Encode("4000k", 50)]
SPAN = (3, 15)
"""Seconds between which the source is frozen."""

logger = logging.getLogger(__name__)

SAMPLINGS = {"every frame": 1, "5 a second": 5, "2 a second": 13, "key frames": 0}


def sampled(frames: Iterable[Frame], sampling: str) -> list[Frame]:
    step = SAMPLINGS[sampling]
    return [frame for frame in frames if (frame.index % step == 0 if step else frame.keyframe)]


def frozen(frames: list[Frame]) -> dict[int, float]:
    scorer = scorers.create("freeze")
    scorer.prepare(frames[0].format)
    return {score.index: score.value for score in scorer.score(frames) if score.feature == "frozen"}


@pytest.fixture(scope="module", params=ENCODES, ids=lambda each: f"{each.bitrate}-gop{each.gop}")
def freeze(request: pytest.FixtureRequest) -> list[Frame]:
    return list(decoded(encoded(scene("moving", 17, SPAN), request.param)))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_freeze_is_found_and_nothing_beside_it(freeze: list[Frame], sampling: str) -> None:
    frames = sampled(freeze, sampling)
    found = frozen(frames)
    step = max((later.index - earlier.index for earlier, later in itertools.pairwise(frames)), default=1)
    first, last = SPAN[0] * RATE, SPAN[1] * RATE
    inside = [value for index, value in found.items() if first + RATE + step <= index < last]
    outside = [value for index, value in found.items() if index < first or index > last]
    detected = min((index for index, value in found.items() if value), default=-1)
    logger.info("%s: found after %.2f s, %d false", sampling, detected / RATE - SPAN[0], sum(outside))
    assert inside
    assert all(inside)
    assert outside
    assert not any(outside)


@pytest.mark.parametrize("settings", [ENCODES[0], ENCODES[-1]], ids=lambda each: f"{each.bitrate}-gop{each.gop}")
@pytest.mark.parametrize("kind", ["moving", "box", "ticker", "fade", "repeats"])
def test_what_moves_little_is_not_frozen(kind: str, settings: Encode) -> None:
    frames = list(decoded(encoded(scene(kind, 8), settings)))
    for sampling in SAMPLINGS:
        found = frozen(sampled(frames, sampling))
        logger.info("%s, %s: %.0f %% frozen", kind, sampling, 100 * np.mean(list(found.values())))
        assert np.mean(list(found.values())) < 0.1


@pytest.mark.parametrize("bitrate", ["800k", "4000k"])
def test_a_camera_that_looks_at_nothing_is_alive_where_every_frame_is_scored(bitrate: str) -> None:
    frames = list(decoded(encoded(scene("static", 8), Encode(bitrate, 50))))
    assert np.mean(list(frozen(frames).values())) < 0.1


def freezes_by_ffmpeg(data: bytes) -> set[str]:
    graph = av.filter.Graph()
    with av.open(io.BytesIO(data)) as container:
        source = graph.add_buffer(template=container.streams.video[0])
        detector, sink = graph.add("freezedetect"), graph.add("buffersink")
        source.link_to(detector)
        detector.link_to(sink)
        graph.configure()
        keys: set[str] = set()
        for frame in container.decode(video=0):
            graph.push(frame)
            keys |= {key for key in graph.pull().metadata if "freeze" in key}
    return keys


def test_ffmpegs_detector_misses_such_a_freeze() -> None:
    """Why there is one of our own: should this fail one day, FFmpeg's may do. It finds one that coding didn't touch."""
    assert freezes_by_ffmpeg(encoded(scene("moving", 17, SPAN), Encode("200k", 50))) == set()
    assert "lavfi.freezedetect.freeze_start" in freezes_by_ffmpeg(encoded(iter([background(0)] * 100), Encode("9000k", 200)))
