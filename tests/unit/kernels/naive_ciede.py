"""A slow twin of the CIEDE2000 kernel: hues as angles, double precision, formulas as published."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Lab = tuple[Any, Any, Any]


def to_lab(planes: list[NDArray[Any]], depth: int) -> Lab:
    height, width = planes[0].shape
    step = 1 << (depth - 8)
    rows = np.arange(height) * planes[1].shape[0] // height if planes[1].shape[0] == height else np.arange(height) // 2
    columns = np.arange(width) if planes[1].shape[1] == width else np.arange(width) // 2
    y = (planes[0] / step - 16) / 219
    u, v = ((plane[np.ix_(rows, columns)] / step - 128) / 224 for plane in planes[1:])
    rgb = [y + 1.28033 * v, y - 0.21482 * u - 0.38059 * v, y + 2.12798 * u]
    linear = [np.where(c > 10 / 255, (np.maximum(c + 0.055, 0) / 1.055) ** 2.4, c / 12.92) for c in rgb]
    matrix = (
        (0.4124564390896921, 0.357576077643909, 0.18043748326639894, 0.95047),
        (0.21267285140562248, 0.715152155287818, 0.07217499330655958, 1.0),
        (0.019333895582329317, 0.119192025881303, 0.9503040785363677, 1.08883),
    )
    xyz = [(a * linear[0] + b * linear[1] + c * linear[2]) / white for a, b, c, white in matrix]
    fx, fy, fz = (np.where(c > 216 / 24389, np.cbrt(c), ((24389 / 27) * c + 16) / 116) for c in xyz)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def difference(one: Lab, two: Lab, weights: tuple[float, float, float] = (0.65, 1.0, 4.0)) -> Any:
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.arctan2(b, a) % (2 * np.pi) for a, b in ((a1, b1), (a2, b2)))
    apart = h2 - h1
    turned = np.where(np.abs(apart) <= np.pi, apart, apart - np.sign(apart) * 2 * np.pi)
    turned = np.where(c1 * c2 == 0, 0, turned)
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(turned / 2)
    hue = np.degrees((h1 + h2) / 2 + np.where(np.abs(apart) > np.pi, np.pi, 0)) % 360
    light, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    t = 1 - 0.17 * np.cos(np.radians(hue - 30)) + 0.24 * np.cos(np.radians(2 * hue))
    t += 0.32 * np.cos(np.radians(3 * hue + 6)) - 0.20 * np.cos(np.radians(4 * hue - 63))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    of_l = (l2 - l1) / (weights[0] * (1 + 0.015 * light**2 / np.sqrt(20 + light**2)))
    of_c = (c2 - c1) / (weights[1] * (1 + 0.045 * chroma))
    of_h = delta_h / (weights[2] * (1 + 0.015 * chroma * t))
    return np.sqrt(np.maximum(of_l**2 + of_c**2 + of_h**2 + rotation * of_c * of_h, 0))


def mean_difference(distorted: list[NDArray[Any]], reference: list[NDArray[Any]], depth: int) -> float:
    return float(difference(to_lab(reference, depth), to_lab(distorted, depth)).mean())
