from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.signal import convolve2d

from monitor.kernels.nlpd import nlpd
from tests.unit.kernels.planes import plane_of, planes

SIGMAS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
FILTERS = np.zeros((6, 3, 3))
FILTERS[:, 0, 1] = 0.1011, 0.0757, 0.0477, 0, 0, 0
FILTERS[:, 1, 0] = 0.1493, 0.1986, 0.2138, 0.2503, 0.2598, 0.2215
FILTERS[:, 1, 2] = 0.1460, 0.1846, 0.2243, 0.2616, 0.2552, 0.0717
FILTERS[:, 2, 1] = 0.1015, 0.0837, 0.0467, 0, 0, 0
LOW_PASS = np.outer([0.05, 0.25, 0.4, 0.25, 0.05], [0.05, 0.25, 0.4, 0.25, 0.05])


def pyramid(plane: NDArray[Any], depth: int) -> list[NDArray[Any]]:
    """The authors' published MATLAB steps (``NLP_pyr``, ``upsample``, ``downsample``) in double precision."""
    picture = plane / (255.0 * (1 << (depth - 8)))
    bands = []
    for _ in SIGMAS[:-1]:
        smaller = convolve2d(np.pad(picture, 2, "symmetric"), LOW_PASS, "valid")[::2, ::2]
        stuffed = np.zeros([2 * size + 4 for size in smaller.shape])
        stuffed[::2, ::2] = 4 * np.pad(smaller, 1, "edge")
        larger = convolve2d(stuffed, LOW_PASS, "same")[2:, 2:][: picture.shape[0], : picture.shape[1]]
        bands.append(picture - larger)
        picture = smaller
    return [
        band / (sigma + convolve2d(abs(band), weights, "same"))
        for band, sigma, weights in zip([*bands, picture], SIGMAS, FILTERS, strict=True)
    ]


def twin(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    both = zip(pyramid(distorted, depth), pyramid(reference, depth), strict=True)
    return float(np.mean([np.sqrt(np.mean((d - r) ** 2)) for d, r in both]))


@settings(max_examples=80, deadline=None)
@given(planes(count=2))
def test_nlpd_is_that_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    found = nlpd(distorted, reference, depth)
    assert found == pytest.approx(twin(distorted, reference, depth), rel=1e-5, abs=1e-5)  # 1e-7 over 0.02
    assert nlpd(reference, distorted, depth) == pytest.approx(found, rel=1e-6)
    assert nlpd(reference, reference, depth) == 0


@pytest.mark.parametrize(("height", "width"), [(270, 480), (271, 481)])
def test_whole_pictures_are_those_of_the_twin(height: int, width: int) -> None:
    distorted, reference = plane_of("noise", height, width, 8, 1), plane_of("photo", height, width, 8, 2)
    assert nlpd(distorted, reference, 8) == pytest.approx(twin(distorted, reference, 8), rel=1e-6)
