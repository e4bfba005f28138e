"""Planes to try kernels on."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

CONTENTS = ("noise", "gradient", "flat", "black", "peak", "checkerboard", "photo")


def plane_of(content: str, height: int, width: int, depth: int, seed: int) -> NDArray[Any]:
    """A read-only plane of a depth: uint8 at 8 bits, else uint16."""
    peak = (1 << depth) - 1
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    made = {
        "noise": lambda: rng.integers(0, peak + 1, (height, width)),
        "gradient": lambda: (x * 5 + y * 3 + seed) % (peak + 1),
        "flat": lambda: np.full((height, width), rng.integers(0, peak + 1)),
        "black": lambda: np.zeros((height, width)),
        "peak": lambda: np.full((height, width), peak),
        "checkerboard": lambda: ((x + y) % 2) * peak,
        "photo": lambda: np.clip(
            peak / 2 + peak / 4 * np.sin(x / 9 + seed) + rng.normal(0, peak / 60, (height, width)), 0, peak
        ),
    }[content]()
    plane = np.ascontiguousarray(made).astype(np.uint8 if depth == 8 else np.uint16)
    plane.flags.writeable = False
    return plane


@st.composite
def planes(draw: st.DrawFn, *, count: int = 1, smallest: int = 1, largest: int = 70) -> tuple[int, list[NDArray[Any]]]:
    """A depth and planes of one shape at that depth."""
    height, width = draw(st.integers(smallest, largest)), draw(st.integers(smallest, largest))
    depth = draw(st.sampled_from([8, 10, 12, 16]))
    contents = [draw(st.sampled_from(CONTENTS)) for _ in range(count)]
    return depth, [plane_of(content, height, width, depth, draw(st.integers(0, 99))) for content in contents]
