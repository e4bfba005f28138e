"""CIEDE2000 colour difference of two YCbCr pictures, a tile of a row at a time, in single precision without branches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

TILE = 512
"""Samples of a row that are worked on together: what is kept of them takes 28 KB, the first-level cache."""

Triple = tuple[np.float32, np.float32, np.float32]


def _singles(*values: float) -> Triple:
    one, two, three = (np.float32(value) for value in values)
    return one, two, three


TO_X = _singles(0.4124564390896921 / 0.95047, 0.357576077643909 / 0.95047, 0.18043748326639894 / 0.95047)
TO_Y = _singles(0.21267285140562248, 0.715152155287818, 0.07217499330655958)
TO_Z = _singles(0.019333895582329317 / 1.08883, 0.119192025881303 / 1.08883, 0.9503040785363677 / 1.08883)
"""Linear BT.709 red, green, blue to CIE XYZ over the D65 white."""

RED_OF_V = np.float32(1.28033)
GREEN_OF_U, GREEN_OF_V = np.float32(-0.21482), np.float32(-0.38059)
BLUE_OF_U = np.float32(2.12798)
"""libvmaf's conversion to red, green and blue; near BT.709's."""

THIRD, FIFTH = np.float32(1 / 3), np.float32(1 / 5)
MAGIC_THIRD = np.float32(4 / 3 * (127 - 0.0450466) * 2**23)
MAGIC_FIFTH = np.float32(6 / 5 * (127 - 0.0450466) * 2**23)
"""Where halving a float's bits begins: see ``_inverse_cube_root``."""

KNEE = np.float32(10 / 255)
EPSILON = np.float32(216 / 24389)
KAPPA = np.float32(24389 / 27)
OF_25 = np.float32(25.0**7)

WEIGHT_L, WEIGHT_H = np.float32(0.65), np.float32(4.0)
"""kL and kH as libvmaf sets them; kC is 1."""

COS_30, SIN_30 = np.float32(math.cos(math.radians(30))), np.float32(math.sin(math.radians(30)))
COS_6, SIN_6 = np.float32(math.cos(math.radians(6))), np.float32(math.sin(math.radians(6)))
COS_63, SIN_63 = np.float32(math.cos(math.radians(63))), np.float32(math.sin(math.radians(63)))
COS_275, SIN_275 = np.float32(math.cos(math.radians(275))), np.float32(math.sin(math.radians(275)))

TINY = np.float32(1e-12)
"""Keeps a quotient of two zeros from being asked for."""


@kernel(reorder=True, inner=True)
def _inverse_cube_root(x: np.float32) -> np.float32:
    """``x ** (-1 / 3)`` of a positive number: a guess from its exponent, three steps of Newton's."""
    z = np.int32(MAGIC_THIRD - np.float32(np.float32(x).view(np.int32)) * THIRD).view(np.float32)
    for _ in range(3):
        z += z * (np.float32(1) - x * z * z * z) * THIRD
    return z


@kernel(reorder=True, inner=True)
def _inverse_fifth_root(x: np.float32) -> np.float32:
    z = np.int32(MAGIC_FIFTH - np.float32(np.float32(x).view(np.int32)) * FIFTH).view(np.float32)
    for _ in range(3):
        square = z * z
        z += z * (np.float32(1) - x * square * square * z) * FIFTH
    return z


@kernel(reorder=True, inner=True)
def _linear(c: np.float32) -> np.float32:
    """sRGB's transfer function undone."""
    t = (max(c, np.float32(0)) + np.float32(0.055)) * np.float32(1 / 1.055)
    root = t * _inverse_fifth_root(t)
    power, line = root * root * root, c * np.float32(1 / 12.92)
    return power if c > KNEE else line


@kernel(reorder=True, inner=True)
def _lightness(c: np.float32) -> np.float32:
    """CIELAB's compression."""
    x = max(c, np.float32(1e-6))
    root = _inverse_cube_root(x)
    power, line = x * root * root, (KAPPA * c + np.float32(16)) * np.float32(1 / 116)
    return power if c > EPSILON else line


@kernel(reorder=True, inner=True)
def _exponential(x: np.float32) -> np.float32:
    """``exp(x)`` for ``x`` from -80 to 0, within 1e-6."""
    scaled = x * np.float32(1 / math.log(2))
    whole = np.int32(scaled - np.float32(0.5))
    rest = (scaled - np.float32(whole)) * np.float32(math.log(2))
    power = np.float32(1 / 720) * rest + np.float32(1 / 120)
    power = power * rest + np.float32(1 / 24)
    power = power * rest + np.float32(1 / 6)
    power = power * rest + np.float32(0.5)
    power = power * rest + np.float32(1)
    power = power * rest + np.float32(1)
    return power * np.int32(np.int32(whole + 127) << 23).view(np.float32)


@kernel(reorder=True, inner=True)
def _to_lab(
    luma: NDArray[np.integer],
    red: NDArray[np.float32],
    green: NDArray[np.float32],
    blue: NDArray[np.float32],
    black: np.float32,
    scale: np.float32,
    lightness: NDArray[np.float32],
    a: NDArray[np.float32],
    b: NDArray[np.float32],
) -> None:
    """CIELAB of a stretch of a row, from its luma and what chroma adds to each primary."""
    for x in range(luma.size):
        y = (np.float32(luma[x]) - black) * scale
        r, g, bl = _linear(y + red[x]), _linear(y + green[x]), _linear(y + blue[x])
        fx = _lightness(TO_X[0] * r + TO_X[1] * g + TO_X[2] * bl)
        fy = _lightness(TO_Y[0] * r + TO_Y[1] * g + TO_Y[2] * bl)
        fz = _lightness(TO_Z[0] * r + TO_Z[1] * g + TO_Z[2] * bl)
        lightness[x] = np.float32(116) * fy - np.float32(16)
        a[x] = np.float32(500) * (fx - fy)
        b[x] = np.float32(200) * (fy - fz)


@kernel(reorder=True, inner=True)
def _saturation(chroma: np.float32) -> np.float32:
    """``sqrt(C^7 / (C^7 + 25^7))``."""
    cube = chroma * chroma * chroma
    seventh = cube * cube * chroma
    share: np.float32 = np.sqrt(seventh / (seventh + OF_25))
    return share


@kernel(reorder=True)
def _differences(
    l_one: NDArray[np.float32],
    a_one: NDArray[np.float32],
    b_one: NDArray[np.float32],
    l_two: NDArray[np.float32],
    a_two: NDArray[np.float32],
    b_two: NDArray[np.float32],
    size: np.uintp,
) -> float:
    """Sum of CIEDE2000 over two stretches of a row. Hues are directions; the one angle taken is that from 275 degrees."""
    zero, half, one, two = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
    total = zero
    for x in range(size):
        l1, a1, b1, l2, a2, b2 = l_one[x], a_one[x], b_one[x], l_two[x], a_two[x], b_two[x]
        mean_chroma = (np.sqrt(a1 * a1 + b1 * b1) + np.sqrt(a2 * a2 + b2 * b2)) * half
        stretch = one + half * (one - _saturation(mean_chroma))
        delta_a, delta_b = (a2 - a1) * stretch, b2 - b1
        a1, a2 = a1 * stretch, a2 * stretch
        chroma_one, chroma_two = np.sqrt(a1 * a1 + b1 * b1), np.sqrt(a2 * a2 + b2 * b2)
        mean_chroma = (chroma_one + chroma_two) * half
        delta_chroma = (delta_a * (a1 + a2) + delta_b * (b1 + b2)) / (chroma_one + chroma_two + TINY)

        # 2 sqrt(C1 C2) sin(dh / 2), from the vectors' products in the form that loses no places
        cross = a1 * delta_b - b1 * delta_a
        dot, product = a1 * a2 + b1 * b2, chroma_one * chroma_two
        near, far = two * cross * cross / (product + max(dot, zero) + TINY), two * (product - dot)
        squared = near if dot > zero else far
        delta_hue = np.sqrt(max(squared, zero))
        delta_hue = delta_hue if cross >= zero else -delta_hue
        delta_hue = delta_hue if product > zero else zero

        # direction half way between the two hues; where they are opposite, a right angle from the first
        scale_one, scale_two = one / (chroma_one + TINY), one / (chroma_two + TINY)
        cosine, sine = a1 * scale_one + a2 * scale_two, b1 * scale_one + b2 * scale_two
        length = np.sqrt(cosine * cosine + sine * sine)
        scale = one / (length + TINY)
        cosine, sine = cosine * scale, sine * scale
        right_cosine, right_sine = -b1 * scale_one, a1 * scale_one
        cosine = cosine if length > np.float32(1e-6) else right_cosine
        sine = sine if length > np.float32(1e-6) else right_sine

        cosine_2, sine_2 = cosine * cosine - sine * sine, two * cosine * sine
        cosine_3, sine_3 = cosine * cosine_2 - sine * sine_2, sine * cosine_2 + cosine * sine_2
        cosine_4, sine_4 = cosine_2 * cosine_2 - sine_2 * sine_2, two * cosine_2 * sine_2
        t = one - np.float32(0.17) * (cosine * COS_30 + sine * SIN_30) + np.float32(0.24) * cosine_2
        t += np.float32(0.32) * (cosine_3 * COS_6 - sine_3 * SIN_6) - np.float32(0.20) * (
            cosine_4 * COS_63 + sine_4 * SIN_63
        )

        # angle from 275 degrees by the tangent of its half; beyond a right angle the rotation below is 3e-6 of its peak
        from_cosine, from_sine = cosine * COS_275 + sine * SIN_275, sine * COS_275 - cosine * SIN_275
        tangent = from_sine / (one + max(from_cosine, zero))
        square = tangent * tangent
        arc = np.float32(0.0028662257) * square - np.float32(0.0161657367)
        arc = arc * square + np.float32(0.0429096138)
        arc = arc * square - np.float32(0.0752896400)
        arc = arc * square + np.float32(0.1065626393)
        arc = arc * square - np.float32(0.1420889944)
        arc = arc * square + np.float32(0.1999355085)
        arc = arc * square - np.float32(0.3333314528)
        arc = (arc * square + one) * tangent * np.float32(2 * 180 / math.pi / 25)
        peak = np.float32(math.radians(60)) * _exponential(-arc * arc)
        angle = peak if from_cosine > zero else zero
        square = angle * angle
        rotation = np.float32(-1 / 5040) * square + np.float32(1 / 120)
        rotation = rotation * square - np.float32(1 / 6)
        rotation = -(rotation * square + one) * angle * two * _saturation(mean_chroma)

        bright = (l1 + l2) * half - np.float32(50)
        bright *= bright
        of_lightness = (l2 - l1) / (WEIGHT_L * (one + np.float32(0.015) * bright / np.sqrt(np.float32(20) + bright)))
        of_chroma = delta_chroma / (one + np.float32(0.045) * mean_chroma)
        of_hue = delta_hue / (WEIGHT_H * (one + np.float32(0.015) * mean_chroma * t))
        squares = of_lightness * of_lightness + of_chroma * of_chroma + of_hue * of_hue + rotation * of_chroma * of_hue
        total += np.sqrt(max(squares, zero))
    return np.float64(total)


@kernel(reorder=True, inner=True)
def _chroma_of_row(
    u: NDArray[np.integer],
    v: NDArray[np.integer],
    across: int,
    middle: np.float32,
    scale: np.float32,
    red: NDArray[np.float32],
    green: NDArray[np.float32],
    blue: NDArray[np.float32],
) -> None:
    """What a row of chroma adds to each primary, every sample as often as luma has samples for it."""
    width = red.size
    if across == 1:
        for x in range(width):
            cb, cr = (np.float32(u[x]) - middle) * scale, (np.float32(v[x]) - middle) * scale
            red[x], green[x], blue[x] = RED_OF_V * cr, GREEN_OF_U * cb + GREEN_OF_V * cr, BLUE_OF_U * cb
        return
    for x in range(width // 2):
        cb, cr = (np.float32(u[x]) - middle) * scale, (np.float32(v[x]) - middle) * scale
        r, g, b = RED_OF_V * cr, GREEN_OF_U * cb + GREEN_OF_V * cr, BLUE_OF_U * cb
        red[2 * x], green[2 * x], blue[2 * x] = r, g, b
        red[2 * x + 1], green[2 * x + 1], blue[2 * x + 1] = r, g, b
    if width % 2:
        cb, cr = (np.float32(u[width // 2]) - middle) * scale, (np.float32(v[width // 2]) - middle) * scale
        red[width - 1], green[width - 1], blue[width - 1] = RED_OF_V * cr, GREEN_OF_U * cb + GREEN_OF_V * cr, BLUE_OF_U * cb


@kernel(reorder=True)
def _difference_sum(
    distorted: tuple[Plane, Plane, Plane],
    reference: tuple[Plane, Plane, Plane],
    step: np.float32,
    chroma: NDArray[np.float32],
    lab: NDArray[np.float32],
) -> float:
    height, width = reference[0].shape
    across = 2 if reference[1].shape[1] < width else 1
    down = 2 if reference[1].shape[0] < height else 1
    black, middle = np.float32(16) * step, np.float32(128) * step
    of_luma, of_chroma = np.float32(1) / (np.float32(219) * step), np.float32(1) / (np.float32(224) * step)
    total = 0.0
    for y in range(height):
        if y % down == 0:
            row = y // down
            _chroma_of_row(distorted[1][row], distorted[2][row], across, middle, of_chroma, chroma[0], chroma[1], chroma[2])
            _chroma_of_row(reference[1][row], reference[2][row], across, middle, of_chroma, chroma[3], chroma[4], chroma[5])
        for left in range(0, width, TILE):
            right = min(left + TILE, width)
            for side in range(2):
                luma = reference[0][y, left:right] if side else distorted[0][y, left:right]
                _to_lab(
                    luma,
                    chroma[3 * side, left:right],
                    chroma[3 * side + 1, left:right],
                    chroma[3 * side + 2, left:right],
                    black,
                    of_luma,
                    lab[3 * side],
                    lab[3 * side + 1],
                    lab[3 * side + 2],
                )
            total += _differences(lab[3], lab[4], lab[5], lab[0], lab[1], lab[2], np.uintp(right - left))
    return total


def mean_difference(distorted: Sequence[Plane], reference: Sequence[Plane], bit_depth: int) -> float:
    """Mean CIEDE2000 over all luma samples, kL = 0.65, kC = 1, kH = 4; chroma is repeated, codes are limited range.

    Single precision: within 5e-6 of the same in double precision, relative to the larger of the mean and 0.1.

    Args:
        distorted: Luma, Cb and Cr; chroma of half the width, half the height, both or neither.
        reference: Of the same shapes and type.
        bit_depth: Bits per sample.
    """
    dist, ref = (distorted[0], distorted[1], distorted[2]), (reference[0], reference[1], reference[2])
    chroma, lab = np.empty((6, ref[0].shape[1]), np.float32), np.empty((6, TILE), np.float32)
    total = _difference_sum(dist, ref, np.float32(1 << (bit_depth - 8)), chroma, lab)
    return float(total) / ref[0].size
