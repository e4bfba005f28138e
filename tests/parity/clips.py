"""The small clips whose libvmaf scores are known to 17 digits, as planes."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.parity.agreement import VERSIONS

DERIVED = {
    "src01_8b": ("src01_10b", -2),
    "src01_12b": ("src01_10b", 2),
    "src01_16b": ("src01_10b", 6),
    "src01_self": ("src01_10b", 0),
}
"""Clips made of another one by shifting its samples."""

NAMES = ("src01_10b", *DERIVED, "sparks", "t160", "hall", "akiyo", "odd444", "dark")


@dataclass(frozen=True)
class Clip:
    """Frames of planes, and what libvmaf scored them."""

    width: int
    height: int
    bit_depth: int
    pixel_format: str
    distorted: Sequence[tuple[NDArray[Any], ...]]
    reference: Sequence[tuple[NDArray[Any], ...]]
    scores: Sequence[Mapping[str, float]]
    """By frame, from a scalar build that prints 17 digits."""


@cache
def known(shared: Path) -> dict[str, Any]:
    """The reference scores by clip."""
    loaded = json.loads((shared / "specs" / "reference-scores.json").read_text())
    VERSIONS["libvmaf in FFmpeg, kept"] = f"{loaded['tool']['ffmpeg']}, six decimals"
    VERSIONS["libvmaf without SIMD, kept"] = loaded["tool"]["scalar_build"].removeprefix("full_precision values: ")
    return {pair["id"]: pair for pair in loaded["pairs"]}


@cache
def clip(shared: Path, name: str) -> Clip:
    """The clip called ``name``."""
    facts = known(shared)[name]
    original, shift = DERIVED.get(name, (name, 0))
    stored = known(shared)[original]
    size = facts["width"], facts["height"]
    shrunk = 1 if "444" in facts["pix_fmt"] else 2
    planes = [size] + [(size[0] // shrunk, size[1] // shrunk)] * 2
    both = []
    for side in ("dis", "ref"):
        path = stored["copied_as"]["ref" if name == "src01_self" else side]
        raw = lzma.decompress((shared / path).read_bytes())
        samples = np.frombuffer(raw, np.uint8 if stored["bit_depth"] == 8 else "<u2").astype(np.uint16)
        samples = samples << shift if shift >= 0 else samples >> -shift
        if facts["bit_depth"] == 8:
            samples = samples.astype(np.uint8)
        frames, at = [], 0
        while at < samples.size:
            frame = []
            for width, height in planes:
                plane = samples[at : at + width * height].reshape(height, width).copy()
                plane.flags.writeable = False
                frame.append(plane)
                at += width * height
            frames.append(tuple(frame))
        both.append(tuple(frames))
    return Clip(*size, facts["bit_depth"], facts["pix_fmt"], both[0], both[1], tuple(facts["frames_full_precision"]))
