"""The worst frames of a comparison, decoded once more: reference, distorted, and where they differ."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from monitor.errors import VqmonError
from monitor.sources.file import FileSegment
from monitor.sources.scaling import Converter, to_rgb
from pipelines.pooling import Pooled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.sources.seeking import SeekingReader
    from monitor.types import Frame, Score
    from pipelines.files import FileScores

log = logging.getLogger(__name__)

APART_SECONDS = Fraction(1)
"""Least time between two frames that are shown: neighbours look alike."""

MAX_WIDTH = 960
"""Widest picture, in samples."""

JPEG_QUALITY = 88

LOUDEST = 32
"""Largest factor for differences: beyond it the noise of a good encode would look like damage."""

SHARE = 98.0
"""Percentile of the differences that the map has to have a colour for: a few larger ones may not darken all the rest."""

MAP_COLOURS = cv2.COLORMAP_INFERNO


@dataclass(frozen=True, slots=True, eq=False)
class WorstFrame:
    """One frame beside its reference, as JPEG."""

    score: Score
    reference: bytes
    distorted: bytes
    difference: bytes
    """Differences of luma as colours (``map_colours``)."""
    full_scale: float
    """Difference in 8-bit code values that the last colour stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class WorstFrames:
    """Of one file."""

    frames: tuple[WorstFrame, ...] = ()
    missing: str = ""
    """Why there are fewer than asked for; empty where there are not."""


def choose(frames: Sequence[Score], *, higher_is_better: bool, count: int) -> list[Score]:
    """The ``count`` worst frames that are at least ``APART_SECONDS`` apart, worst first; the earlier one of equal ones."""
    sign = 1.0 if higher_is_better else -1.0
    chosen: list[Score] = []
    for score in sorted(frames, key=lambda each: (sign * each.value, each.pts)):
        if len(chosen) == count:
            break
        if all(abs(score.pts - other.pts) >= APART_SECONDS for other in chosen):
            chosen.append(score)
    return chosen


def decode_worst(
    files: Sequence[FileScores],
    feature: str,
    *,
    higher_is_better: bool,
    count: int = 4,
) -> list[WorstFrames]:
    """Decode the worst frames of files again; only what lies between the key frame before and each of them is read.

    Args:
        files: Each with its reference.
        feature: What to judge frames by.
        higher_is_better: Its direction.
        count: Frames of each file.

    Returns:
        One for each file. The difference maps of all of them have the same scale.
    """
    found: list[tuple[list[tuple[Score, Frame, Frame]], str]] = []
    for scores in files:
        chosen = choose(Pooled(scores.result).frames(feature), higher_is_better=higher_is_better, count=count)
        found.append(decode_pairs(scores, chosen))
    differences = [[difference(distorted, reference) for _, distorted, reference in pairs] for pairs, _ in found]
    full_scale = _full_scale([each for several in differences for each in several])
    return [
        WorstFrames(
            tuple(
                WorstFrame(score, _jpeg(reference), _jpeg(distorted), _map(steps, full_scale), full_scale)
                for (score, distorted, reference), steps in zip(pairs, several, strict=True)
            ),
            missing,
        )
        for (pairs, missing), several in zip(found, differences, strict=True)
    ]


def decode_pairs(scores: FileScores, chosen: Sequence[Score]) -> tuple[list[tuple[Score, Frame, Frame]], str]:
    """Frames of a file beside their reference frames, both as they were scored, to the sample; and why some are missing.

    Args:
        scores: Of the file.
        chosen: One score of each frame.

    Returns:
        Each score with its distorted and its reference frame, as far as they can be decoded again; and why not all could.
    """
    if scores.reference is None:
        return [], "there is no reference"
    how = scores.pairs
    converters = Converter(how.scaling), Converter()
    pairs: list[tuple[Score, Frame, Frame]] = []
    try:
        with _reader(scores.path) as distorted, _reader(scores.reference) as reference:
            for score in chosen:
                partner = how.partners.get(score.index)
                if partner is None:
                    continue  # a metric without a reference looked at it
                frame, beside = frame_at(distorted, score.pts, how.early), frame_at(reference, partner, how.early)
                target = how.formats.get((frame.format, beside.format)) if frame is not None and beside is not None else None
                if frame is None or beside is None or target is None:
                    return pairs, f"frame {score.index} could not be decoded again"
                one, other = (made.convert(each, target) for made, each in zip(converters, (frame, beside), strict=True))
                pairs.append((score, one, other))
    except VqmonError as error:
        log.warning("no picture of the worst frames: %s", error)
        return pairs, str(error)
    return pairs, ""


def _reader(path: str) -> SeekingReader:
    return FileSegment(path, datetime.now(UTC), path).seeking(threads=0, exact=True)


def frame_at(reader: SeekingReader, moment: Fraction, early: Fraction = Fraction(0)) -> Frame | None:
    """The frame that begins at ``moment``; ``None`` where there is none.

    Args:
        reader: Of the file.
        moment: Seconds.
        early: Above 0 where the moment is a tick of another clock: the frame that is shown then, which begins at most so
            many seconds later.
    """
    found: Frame | None = None
    for frame in reader.frames(moment):
        if frame.pts > moment + early:
            return found if early or (found is not None and found.pts == moment) else None
        found = frame
    if found is None or found.pts == moment:
        return found
    return found if early and moment < found.pts + found.duration else None


def difference(distorted: Frame, reference: Frame) -> NDArray[np.float32]:
    """Absolute difference of luma in 8-bit code values, ``(height, width)``, averaged to at most ``MAX_WIDTH`` wide."""
    scale = 1.0 / (1 << (reference.format.bit_depth - 8))
    steps = np.abs(distorted.luma.astype(np.float32) - reference.luma.astype(np.float32)) * np.float32(scale)
    height, width = steps.shape
    if width > MAX_WIDTH:
        shrunk = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        return np.asarray(cv2.resize(steps, shrunk, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return steps


def _full_scale(differences: Sequence[NDArray[np.float32]]) -> float:
    """What the last colour stands for, the same for all: the loudest of them fills the scale."""
    loudest = max((float(np.percentile(steps, SHARE)) for steps in differences), default=0.0)
    factor = next((factor for factor in _factors() if factor * loudest <= 256.0), 1)
    return 256.0 / factor


def _factors() -> Iterator[int]:
    factor = LOUDEST
    while factor > 1:
        yield factor
        factor //= 2


def _map(steps: NDArray[np.float32], full_scale: float) -> bytes:
    levels = np.clip(np.rint(steps * (255.0 / full_scale)), 0, 255).astype(np.uint8)
    return _encoded(cv2.applyColorMap(levels, MAP_COLOURS))


def _jpeg(frame: Frame) -> bytes:
    return _encoded(cv2.cvtColor(to_rgb(frame, max_width=MAX_WIDTH), cv2.COLOR_RGB2BGR))


def _encoded(bgr: NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


def map_colours(count: int = 9) -> list[str]:
    """Colours of the difference map from equal to ``full_scale``, as CSS writes them."""
    levels = np.rint(np.linspace(0, 255, count)).astype(np.uint8).reshape(1, -1)
    row = cv2.applyColorMap(levels, MAP_COLOURS)[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for blue, green, red in row.tolist()]
