"""Slow and obvious twins of the kernels, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def squared_error(distorted: NDArray[Any], reference: NDArray[Any]) -> int:
    return int(((distorted.astype(np.int64) - reference.astype(np.int64)) ** 2).sum())


def levels(luma: NDArray[Any], *, dark: int, black: int, white: int) -> tuple[NDArray[np.int64], int, int, int]:
    values = luma.astype(np.int64)
    blocks = [
        [int(values[y : y + 16, x : x + 16].sum()) for x in range(0, values.shape[1], 16)]
        for y in range(0, values.shape[0], 16)
    ]
    clipped = np.count_nonzero(values <= black) + np.count_nonzero(values >= white)
    return np.array(blocks), int((values**2).sum()), int(np.count_nonzero(values <= dark)), int(clipped)
