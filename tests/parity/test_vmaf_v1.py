"""VMAF v1 against libvmaf: over clips that are known, and over made-up pictures and test patterns by FFmpeg's binary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor import scorers
from monitor.protocols import Delayed
from monitor.types import FramePair
from tests.parity import agreements, filters, patterns
from tests.parity.clips import NAMES, clip, known

METRICS = agreements.V1_NAMES


def scored(pairs: list[FramePair], requests: dict[str, dict[str, object]]) -> dict[str, list[float]]:
    """Scores of every frame, all metrics in one pass."""
    together = scorers.create_all(requests.items())
    found: dict[str, dict[int, float]] = {}
    for scorer in together:
        scorer.prepare(pairs[0].format)
    for pair in [*pairs, None]:
        for scorer in together:
            given = scorer.score([pair]) if pair else scorer.flush() if isinstance(scorer, Delayed) else ()
            for score in given:
                found.setdefault(score.feature, {})[score.index] = score.value
    return {name: [of_frames[index] for index in sorted(of_frames)] for name, of_frames in found.items()}


def printed(pairs: list[FramePair], folder: Path, *models: str) -> list[list[float]]:
    """libvmaf's scores of every frame under several models, with options as libvmaf spells them."""
    spelled = "|".join(f"version={model}:name=m{at}".replace(":", r"\:") for at, model in enumerate(models))
    filters.run(pairs, folder, f"libvmaf=log_fmt=json:log_path=log.json:n_threads=1:model='{spelled}'")
    frames = json.loads((folder / "log.json").read_text())["frames"]
    return [[frame["metrics"][f"m{at}"] for frame in frames] for at in range(len(models))]


def deepened(pairs: list[FramePair]) -> list[FramePair]:
    """The same pictures of eight bits held in ten."""
    form = replace(pairs[0].format, pixel_format=f"{pairs[0].format.pixel_format}10le", bit_depth=10)

    def frame(of: Any) -> Any:
        planes = tuple(plane.astype(np.uint16) << 2 for plane in of.planes)
        for plane in planes:
            plane.flags.writeable = False
        return replace(of, format=form, planes=planes)

    return [FramePair(frame(pair.distorted), frame(pair.reference), pair.format) for pair in pairs]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "t160"])
def test_known_clips(shared: Path, name: str) -> None:
    frames = known(shared)[name]["frames"]
    wanted = {trained: metric for trained, metric in METRICS.items() if trained in frames[0]}
    assert len(wanted) >= 4
    found = scored(filters.pairs_of(clip(shared, name)), {metric: {} for metric in wanted.values()})
    for trained, metric in wanted.items():
        agreements.V1[metric].check(found[metric], [frame[trained] for frame in frames])


@pytest.mark.parametrize(
    ("content", "pixel_format", "size", "amount"),
    [
        ("texture", "yuv420p10le", (672, 636), 9.0),
        ("gradient", "yuv420p", (818, 626), 12.0),
        ("noise", "yuv422p10le", (648, 641), 30.0),
        ("texture", "yuv444p12le", (540, 562), 20.0),
        ("flat", "yuv420p", (640, 660), 5.0),
        ("black", "yuv420p10le", (630, 780), 15.0),
        ("gradient", "yuv420p10le", (1920, 1081), 4.0),
    ],
)
def test_every_model_over_made_pictures(
    content: str, pixel_format: str, size: tuple[int, int], amount: float, tmp_path: Path
) -> None:
    pairs = filters.made(content, filters.video_format(*size, pixel_format), 7, amount, count=6, rate=50)
    pairs = filters.textured(pairs, 11, amount / 2)
    found = scored(pairs, {metric: {} for metric in METRICS.values()})
    expected = printed(pairs, tmp_path, *METRICS)
    for metric, theirs in zip(METRICS.values(), expected, strict=True):
        agreements.V1_BINARY[metric].check(found[metric], theirs)
    assert content in ("flat", "black") or min(map(min, expected)) < 99


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_clips(count: int, tmp_path: Path) -> None:
    pairs = filters.made("texture", filters.video_format(652, 688, "yuv420p10le"), 3, 14.0, count=count)
    pairs = filters.textured(pairs, 11, 10.0)
    models = {"vmaf_v1.0.16_3d0h": "vmaf_v1", "vmaf_v1.0.16_hfr_3d0h": "vmaf_v1_hfr"}
    found = scored(pairs, {metric: {} for metric in models.values()})
    for metric, theirs in zip(models.values(), printed(pairs, tmp_path, *models), strict=True):
        agreements.V1_BINARY[metric].check(found[metric], theirs)
        assert max(theirs) < 99


def banded(form: Any, count: int) -> list[FramePair]:
    """Pairs of a slope and its false contours, of eight bits whatever the format; every other contour is dithered."""
    pairs = filters.textured(filters.made("flat", form, 5, 0.0, count=count), 11, 10.0)
    y, x = np.mgrid[0 : form.height, 0 : form.width]
    slope = (x + 2 * y) / 48 % 24 + 22
    contours = (x + 2 * y) // 48 % 24 + 22
    contours += (contours % 4 == 0) & (x % 2 == 1) & (y % 2 == 1)
    kind = pairs[0].distorted.luma.dtype
    lumas = [(np.rint(picture).astype(kind)) << (form.bit_depth - 8) for picture in (contours, slope)]
    for luma in lumas:
        luma.flags.writeable = False
    return [
        FramePair(*(replace(of, planes=(luma, *of.planes[1:])) for of, luma in zip(both, lumas, strict=True)))
        for both in ((pair.distorted, pair.reference) for pair in pairs)
    ]


def test_eight_bits_in_ten(tmp_path: Path) -> None:
    """CAMBI takes the dither of eight bits off, unless it is told that the encode had ten."""
    pairs = banded(filters.video_format(680, 420, "yuv420p"), 3)
    deep, model = deepened(pairs), "vmaf_v1.0.16_3d0h"
    as_it_is, undone = scored(pairs, {"vmaf_v1": {}})["vmaf_v1"], scored(pairs, {"vmaf_v1": {"enc_bitdepth": 10}})["vmaf_v1"]
    assert scored(deep, {"vmaf_v1": {}})["vmaf_v1"] == as_it_is
    assert scored(deep, {"vmaf_v1": {"enc_bitdepth": 10}})["vmaf_v1"] == undone
    assert min(abs(one - other) for one, other in zip(as_it_is, undone, strict=True)) > 0.1
    told, untold = printed(deep, tmp_path, f"{model}:cambi.enc_bitdepth=8", model)
    agreements.V1_BINARY["vmaf_v1"].check(as_it_is, told)
    agreements.V1_BINARY["vmaf_v1"].check(undone, untold)
    agreements.V1_BINARY["vmaf_v1"].check(as_it_is, printed(pairs, tmp_path, model)[0])


@pytest.mark.parametrize(("width", "height"), [(640, 360), (426, 240), (256, 144), (96, 160)])
def test_a_smaller_encode(width: int, height: int, tmp_path: Path) -> None:
    """CAMBI looks at the picture in the size that it was encoded in, or in the smallest that libvmaf takes."""
    form = filters.video_format(854, 480, "yuv420p10le")
    pairs = banded(form, 2)
    small = replace(form, width=width, height=height, bit_depth=8)
    told = [replace(pair, encoded=small) for pair in pairs]
    larger = max(1, 180 / width, 150 / height)
    taken = f"cambi.enc_width={round(width * larger)}:cambi.enc_height={round(height * larger)}:cambi.enc_bitdepth=8"
    theirs = printed(pairs, tmp_path, f"vmaf_v1.0.16_3d0h:{taken}", "vmaf_v1.0.16_3d0h")
    for of, expected in zip((told, pairs), theirs, strict=True):
        agreements.V1_BINARY["vmaf_v1"].check(scored(of, {"vmaf_v1": {}})["vmaf_v1"], expected)
    assert abs(theirs[0][0] - theirs[1][0]) > 0.05


@pytest.mark.parametrize("pattern", patterns.NAMES)
def test_patterns(pattern: str, tmp_path: Path) -> None:
    """Where SpEED has no score, or rounding makes it, VMAF v1 is the same."""
    pairs = patterns.pairs(pattern, (1280, 720), "yuv420p")
    models = {
        "vmaf_v1.0.16_3d0h": "vmaf_v1",
        "vmaf_v1.0.16_5d0h": "vmaf_v1_phone",
        "vmaf_v1.0.16_3d0h_2160": "vmaf_v1_4k_3h",
    }
    found = scored(pairs, {metric: {} for metric in models.values()})
    for metric, theirs in zip(models.values(), printed(pairs, tmp_path, *models), strict=True):
        agreements.V1_PATTERNS[metric].check(found[metric], theirs)
