"""Phase congruency: where the waves that a picture is made of are in phase, which is where the eye sees a feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel

SCALES, ORIENTATIONS = 4, 4

SHORTEST = 6.0
"""Wavelength of the finest filters in samples; each scale doubles it."""

BANDWIDTH = math.log(0.55)
"""Standard deviation of a filter along the logarithm of frequency."""

SPREAD = math.pi / (ORIENTATIONS * 1.2)
"""Standard deviation of a filter around its orientation, in radians."""

CUTOFF, ORDER = 0.45, 15
"""Butterworth low-pass that takes the corners off the spectrum."""

DEVIATIONS, OVERRATED = 2.0, 1.7
"""Noise is what lies less than so many deviations above its mean, all divided by what that estimate is too large by."""

TINY = np.float32(2.0**-52)
"""What keeps quotients finite; so that a picture without any structure is in phase everywhere."""

Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """Log-Gabor filters for pictures of one size: a radial part by scale times an angular part by orientation."""

    radial: NDArray[np.float32]
    """``(SCALES, height * width)``, zero frequency first; divided by the number of samples for the inverse transform."""
    angular: NDArray[np.float32]
    """``(ORIENTATIONS, height * width)``."""
    thresholds: tuple[float, ...]
    """By orientation: noise level over the square root of the median squared amplitude at the finest scale."""


def _frequencies(size: int) -> NDArray[np.float64]:
    """Cycles a sample, zero first; where the number of samples is odd they reach half a cycle too."""
    return np.fft.ifftshift((np.arange(size) - size // 2) / (size - size % 2))


def filters_for(height: int, width: int) -> Filters:
    """The filters, and what they make of noise.

    Args:
        height: Of the pictures, at least 2.
        width: Of the pictures, at least 2.
    """
    down, across = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = np.hypot(down, across), np.arctan2(-across, down)
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0], low_pass[0, 0] = 1, 0
    wavelengths = [SHORTEST * 2**scale for scale in range(SCALES)]
    radial = np.stack([np.exp(-(np.log(radius * each) ** 2) / (2 * BANDWIDTH**2)) * low_pass for each in wavelengths])
    turns = [angle - number * math.pi / ORIENTATIONS for number in range(ORIENTATIONS)]
    apart = np.stack([np.arctan2(np.sin(turn), np.cos(turn)) for turn in turns])
    angular = np.exp(-(apart**2) / (2 * SPREAD**2))
    thresholds = []
    for of_orientation in angular:
        filters = radial * of_orientation
        kernels = np.fft.ifft2(filters).real.reshape(SCALES, -1) * math.sqrt(height * width)
        products = kernels @ kernels.T
        squares, pairs = np.trace(products), np.triu(products, 1).sum()
        power = 1 / math.log(2) / (filters[0] ** 2).sum()  # of the noise, where the median squared amplitude is 1
        rayleigh = math.sqrt(power * (squares + 2 * pairs))
        level = math.sqrt(math.pi / 2) + DEVIATIONS * math.sqrt(2 - math.pi / 2)
        thresholds.append(rayleigh * level / OVERRATED)
    flat = radial.reshape(SCALES, -1) / (height * width), angular.reshape(ORIENTATIONS, -1)
    return Filters(flat[0].astype(np.float32), flat[1].astype(np.float32), tuple(thresholds))


@kernel()
def _filter(spectrum: Picture, radial: Picture, angular: Picture, filtered: Picture) -> None:
    """Multiply a complex spectrum, real and imaginary parts in turn, by a real filter."""
    for x in range(np.uintp(radial.size)):
        weight = radial[x] * angular[x]
        real = x + x
        filtered[real] = spectrum[real] * weight
        filtered[real + np.uintp(1)] = spectrum[real + np.uintp(1)] * weight


@kernel(reorder=True)
def _add_amplitudes(waves: NDArray[np.float32], finest: Picture, energy: Picture, amplitudes: Picture) -> None:
    """What one orientation's waves add to the amplitudes, their energy in phase, and the finest one's squared amplitude.

    In phase is the length of their sum less how far each lies from its direction.
    """
    first, second, third, fourth = waves[0], waves[1], waves[2], waves[3]
    for x in range(np.uintp(energy.size)):
        real = x + x
        imaginary = real + np.uintp(1)
        even = first[real] + second[real] + third[real] + fourth[real]
        odd = first[imaginary] + second[imaginary] + third[imaginary] + fourth[imaginary]
        square = first[real] * first[real] + first[imaginary] * first[imaginary]
        finest[x] = square
        amplitudes[x] += (
            np.sqrt(square)
            + np.sqrt(second[real] * second[real] + second[imaginary] * second[imaginary])
            + np.sqrt(third[real] * third[real] + third[imaginary] * third[imaginary])
            + np.sqrt(fourth[real] * fourth[real] + fourth[imaginary] * fourth[imaginary])
        )
        across = (
            abs(first[real] * odd - first[imaginary] * even)
            + abs(second[real] * odd - second[imaginary] * even)
            + abs(third[real] * odd - third[imaginary] * even)
            + abs(fourth[real] * odd - fourth[imaginary] * even)
        )
        squares = even * even + odd * odd
        energy[x] = (squares - across) / (np.sqrt(squares) + TINY)


@kernel()
def _add_above(energy: Picture, threshold: np.float32, total: Picture) -> None:
    for x in range(energy.size):
        total[x] += max(energy[x] - threshold, np.float32(0))


@dataclass(slots=True, eq=False)
class PhaseDetector:
    """Finds phase congruency in pictures of one size, for one thread: it holds filters and a workspace."""

    filters: Filters
    filtered: Picture
    """Room for one filtered spectrum, real and imaginary parts in turn."""
    waves: NDArray[np.float32]
    """Room for what one orientation's filters pass on, by scale."""
    finest: Picture
    """Room for squared amplitudes at the finest scale."""
    energy: Picture
    """Room for one orientation's energy."""

    @classmethod
    def of_size(cls, height: int, width: int) -> Self:
        """A detector for pictures of a size, at least 2x2."""
        samples = height * width
        filtered, waves = np.empty(2 * samples, np.float32), np.empty((SCALES, 2 * samples), np.float32)
        finest, energy = np.empty(samples, np.float32), np.empty(samples, np.float32)
        return cls(filters_for(height, width), filtered, waves, finest, energy)

    def congruency(self, picture: Picture) -> Picture:
        """Energy in phase above the noise, over all amplitudes (Kovesi's PC2 as ``FeatureSIM.m`` has it).

        Args:
            picture: Of the size, in 8-bit code values.

        Returns:
            From 0 to 1 for each sample; 1 everywhere in a flat picture.
        """
        level = (picture.min() + picture.max()) / 2  # no filter passes it on, but single precision would feel it
        spectrum = cv2.dft(picture - level, flags=cv2.DFT_COMPLEX_OUTPUT).reshape(-1)
        in_phase, amplitudes = np.full(picture.size, TINY), np.full(picture.size, TINY)
        of_parts = (*picture.shape, 2)
        for angular, threshold in zip(self.filters.angular, self.filters.thresholds, strict=True):
            for radial, waves in zip(self.filters.radial, self.waves, strict=True):
                _filter(spectrum, radial, angular, self.filtered)
                cv2.dft(self.filtered.reshape(of_parts), waves.reshape(of_parts), cv2.DFT_INVERSE)
            _add_amplitudes(self.waves, self.finest, self.energy, amplitudes)
            middle = (picture.size - 1) // 2
            median = float(np.partition(self.finest, middle)[middle])
            _add_above(self.energy, np.float32(threshold * math.sqrt(median)), in_phase)
        return (in_phase / amplitudes).reshape(picture.shape)
