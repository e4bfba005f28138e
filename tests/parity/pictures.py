"""Still pictures that any NumPy makes alike, bit for bit: whole numbers only, no transcendental function."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A picture and what was done to it."""

    height: int
    width: int
    spoilt: str
    """A name of ``SPOILERS`` and an amount."""
    depth: int = 8
    bars: int = 0
    """Black rows above and below, and columns left and right."""

    @property
    def name(self) -> str:
        bars = f"-bars{self.bars}" if self.bars else ""
        return f"{self.width}x{self.height}-{self.depth}bit-{self.spoilt.replace(' ', '')}{bars}"

    def digest(self) -> str:
        """SHA-256 of both planes' bytes."""
        return hashlib.sha256(b"".join(plane.tobytes() for plane in planes_of(self))).hexdigest()


@cache
def planes_of(case: Case) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], ...]:
    """Distorted and reference, read-only; kept, as making them takes longer than scoring them."""
    reference = scene(case.height, case.width, case.depth, case.bars)
    how, amount = case.spoilt.split(" ")
    distorted = np.clip(SPOILERS[how](reference, int(amount)), 0, 235 << (case.depth - 8))
    kind = np.uint8 if case.depth == 8 else np.uint16
    planes = tuple(np.ascontiguousarray(samples).astype(kind) for samples in (distorted, reference))
    for plane in planes:
        plane.flags.writeable = False
    return planes


def box(samples: Samples, side: int) -> Samples:
    """Means over ``side`` by ``side`` samples, rounded down; the picture goes on as its outermost samples."""
    before = side // 2
    padded = np.pad(samples, (before, side - 1 - before), mode="edge")
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) // side**2


def scene(height: int, width: int, depth: int, bars: int) -> Samples:
    """Patches of many sizes, some soft and some hard, over a ramp, with grain; limited range."""
    rng = np.random.default_rng(height * 10007 + width)
    y, x = np.mgrid[0:height, 0:width]
    total = (x * 60) // width + (y * 40) // height
    for side, strength, soft in ((96, 70, 9), (40, 60, 1), (17, 40, 3), (5, 24, 3), (2, 10, 1)):
        coarse = rng.integers(0, strength + 1, (-(-height // side), -(-width // side)))
        fine = np.repeat(np.repeat(coarse, side, 0), side, 1)[:height, :width]
        total = total + (box(fine, soft) if soft > 1 else fine)
    total = (total - 100) * (1 << (depth - 8)) + rng.integers(0, 5 << (depth - 8), (height, width)) + (90 << (depth - 8))
    if bars:
        inside = np.zeros((height, width), bool)
        inside[bars:-bars, bars:-bars] = True
        total = np.where(inside, total, 0)
    return np.clip(total, 16 << (depth - 8), 235 << (depth - 8))


def noise(samples: Samples, amount: int) -> Samples:
    return samples + np.random.default_rng(7).integers(-amount, amount + 1, samples.shape)


def contrast(samples: Samples, amount: int) -> Samples:
    """In percent, about the middle of the reference's range."""
    middle = (int(samples.min()) + int(samples.max())) // 2
    return middle + (samples - middle) * amount // 100


def blocks(samples: Samples, amount: int) -> Samples:
    """Half way to the means of blocks."""
    height, width = samples.shape
    padded = np.pad(samples, ((0, -height % amount), (0, -width % amount)), mode="edge")
    tiled = padded.reshape(padded.shape[0] // amount, amount, padded.shape[1] // amount, amount)
    means = tiled.sum((1, 3)) // amount**2
    return (samples + np.repeat(np.repeat(means, amount, 0), amount, 1)[:height, :width]) // 2


SPOILERS = {"noise": noise, "blur": box, "contrast": contrast, "blocks": blocks}

CASES = (
    Case(41, 57, "noise 6"),
    Case(64, 96, "blur 3"),
    Case(97, 131, "contrast 70"),
    Case(180, 320, "blocks 8"),
    Case(271, 479, "noise 12"),
    Case(360, 640, "blur 5"),
    Case(360, 640, "noise 10", depth=10),
    Case(361, 641, "blocks 8", depth=12),
    Case(480, 854, "contrast 115"),
    Case(540, 960, "noise 25"),
    Case(576, 1024, "blocks 8", bars=70),
    Case(719, 1283, "blur 4"),
    Case(720, 1280, "noise 3"),
    Case(720, 1280, "contrast 90"),
    Case(1080, 1920, "blur 3"),
    Case(1080, 1920, "noise 8", bars=138),
    Case(1080, 1920, "blocks 16"),
)
