from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import correlate

from monitor.kernels.fsim import detector, features, fsim
from monitor.kernels.phase import PhaseDetector
from tests.unit.kernels.planes import plane_of, planes

EPSILON = np.finfo(float).eps


def found(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    phases = detector(*reference.shape)
    return fsim(features(distorted, depth, phases), features(reference, depth, phases))


def reduced(plane: NDArray[Any], depth: int) -> NDArray[Any]:
    factor = max(1, round(min(plane.shape) / 256))
    height, width = (size // factor for size in plane.shape)
    boxes = plane[: height * factor, : width * factor].reshape(height, factor, width, factor)
    means: NDArray[Any] = boxes.mean((1, 3)) / (1 << (depth - 8))
    return means


def congruency(picture: NDArray[Any]) -> NDArray[Any]:
    """The published steps of ``phasecong2`` in double precision, filters summed one by one."""

    def frequencies(size: int) -> NDArray[Any]:
        if size % 2:
            return np.arange(-(size - 1) / 2, size / 2) / (size - 1)
        return np.arange(-size / 2, size / 2) / size

    rows, columns = np.meshgrid(*map(frequencies, picture.shape), indexing="ij")
    radius, theta = np.fft.ifftshift(np.hypot(rows, columns)), np.fft.ifftshift(np.arctan2(-columns, rows))
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    spectrum, samples = np.fft.fft2(picture), picture.size
    energies, amplitudes = EPSILON, EPSILON
    for orientation in range(4):
        angle = orientation * np.pi / 4
        sine = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        cosine = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.arctan2(sine, cosine) ** 2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters, waves = [], []
        for scale in range(4):
            gabor = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            gabor[0, 0] = 0
            filters.append(gabor * spread)
            waves.append(np.fft.ifft2(spectrum * gabor * spread))
        total = sum(waves)
        direction = total / (abs(total) + EPSILON)
        turned = [wave * direction.conj() for wave in waves]
        energy = sum(wave.real - abs(wave.imag) for wave in turned)
        amplitudes = amplitudes + sum(map(abs, waves))
        median = np.sort(abs(waves[0]).ravel() ** 2)[(samples - 1) // 2]
        power = median / np.log(2) / (filters[0] ** 2).sum()
        shapes = [np.fft.ifft2(one).real * np.sqrt(samples) for one in filters]
        squares = sum((one**2).sum() for one in shapes)
        pairs = sum((shapes[i] * shapes[j]).sum() for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt((2 * power * squares + 4 * power * pairs) / 2)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energies = energies + np.maximum(energy - threshold, 0)
    congruent: NDArray[Any] = energies / amplitudes
    return congruent


def twin(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    scharr = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    phases, gradients = [], []
    for plane in (distorted, reference):
        picture = reduced(plane, depth)
        phases.append(congruency(picture))
        sides = [correlate(picture, weights, mode="constant") for weights in (scharr, scharr.T)]
        gradients.append(np.hypot(*sides))
    weights = np.maximum(*phases)
    of_phase = (2 * phases[0] * phases[1] + 0.85) / (phases[0] ** 2 + phases[1] ** 2 + 0.85)
    of_gradient = (2 * gradients[0] * gradients[1] + 160) / (gradients[0] ** 2 + gradients[1] ** 2 + 160)
    return float((of_phase * of_gradient * weights).sum() / weights.sum())


@settings(max_examples=40, deadline=None)
@given(
    content=st.sampled_from(["noise", "photo"]),
    size=st.tuples(st.integers(16, 90), st.integers(16, 90)),
    depth=st.sampled_from([8, 10, 12, 16]),
    seed=st.integers(0, 99),
)
def test_fsim_is_that_of_the_twin(content: str, size: tuple[int, int], depth: int, seed: int) -> None:
    distorted, reference = plane_of(content, *size, depth, seed), plane_of("photo", *size, depth, seed + 1)
    assert found(distorted, reference, depth) == pytest.approx(twin(distorted, reference, depth), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(planes(count=2, smallest=16))
def test_any_content_stays_in_range(drawn: tuple[int, list[Any]]) -> None:
    """Of a checkerboard the filters pass on a millionth, which drowns in single precision: its FSIM has no other law."""
    depth, (distorted, reference) = drawn
    assert 0 <= found(distorted, reference, depth) <= 1
    assert found(distorted, reference, depth) == pytest.approx(found(reference, distorted, depth), abs=1e-6)
    assert found(reference, reference, depth) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(640, 901), (641, 900), (1100, 1200)])
def test_large_pictures_are_reduced_as_the_twin_does(height: int, width: int) -> None:
    distorted, reference = plane_of("noise", height, width, 8, 1), plane_of("photo", height, width, 8, 2)
    assert found(distorted, reference, 8) == pytest.approx(twin(distorted, reference, 8), abs=1e-6)


@pytest.mark.parametrize("level", [0, 1, 200.5, 255])
def test_flat_pictures_are_in_phase_everywhere(level: float) -> None:
    assert (PhaseDetector.of_size(20, 31).congruency(np.full((20, 31), level, np.float32)) == 1).all()
