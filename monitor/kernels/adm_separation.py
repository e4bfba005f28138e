"""What of a distorted picture's wavelet coefficients is the reference's, and what was added, for ADM.

Source: libvmaf feature/integer_adm.c. Where libvmaf multiplies and shifts 64-bit integers and no bit above the 53rd can be
set, the same is done in doubles.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel

ALIGNED = float(np.float32(math.cos(math.pi / 180) ** 2))
"""Squared cosine of the one degree within which a change of contrast counts as no change of direction."""

FAR = 1e18
"""Beyond every coefficient."""


@kernel()
def _reach(oh: np.float64, ov: np.float64, th: np.float64, tv: np.float64, limit: float) -> tuple[np.float64, np.float64]:
    """How far restored coefficients may go: a gain, and a bound that the distorted coefficient replaces where it is above.

    Where the direction of (h, v) is that of the reference within a degree, they may follow the distorted coefficient up to
    the limit; elsewhere they stay what they are.
    """
    dot = np.float64(np.float32(oh * th + ov * tv)) / 4096
    of_o = np.float64(np.float32(oh * oh + ov * ov)) / 4096
    of_t = np.float64(np.float32(th * th + tv * tv)) / 4096
    aligned = (dot >= 0) & (dot * dot >= ALIGNED * of_o * of_t)
    return np.float64(limit if aligned else 1.0), np.float64(0.0 if aligned else FAR)


@kernel()
def _kept(o: np.float64, t: np.float64, gain: np.float64, bound: np.float64, wide: bool) -> np.float64:
    """The restored part of one coefficient.

    With the sign of ``o`` taken off both, libvmaf's roundings by shifts are: half up where it was positive, half down where
    it was negative. Shares are whole 32768ths, so a bias of a 65536th less tells the two apart.
    """
    sign = np.copysign(1.0, o)
    size, towards = abs(o), t * sign
    scale, divisor = 1 / 32768, max(size, 1.0)
    if wide:
        exponent = max((np.float64(divisor).view(np.int64) >> 52) - np.int64(1023 + 14), np.int64(0))
        unit = np.int64((np.int64(1023) - exponent) << 52).view(np.float64)
        scale, divisor = scale * unit, np.floor(divisor * unit + 0.5)
    share = np.floor(np.floor(1073741824.0 / divisor) * (towards * scale) + 0.5)
    share = min(max(share, 0.0), 32768.0)
    plain = np.floor(share * (size / 32768) + (0.5 - 2.0**-17 + np.copysign(2.0**-17, o)))
    return np.float64(max(min(plain * gain, max(towards, bound)), 0.0) * sign)


@kernel()
def separate(
    o: NDArray[np.int32],
    t: NDArray[np.int32],
    limit: float,
    begin: int,
    end: int,
    wide: bool,
    restored: NDArray[np.int32],
    additive: NDArray[np.int32],
) -> None:
    """Split distorted coefficients, columns ``begin`` to ``end`` of (3, width), into what is left and what was added.

    ``wide`` says whether they may have more than 16 bits.
    """
    oh_row, ov_row, od_row = o[0, begin:end], o[1, begin:end], o[2, begin:end]
    th_row, tv_row, td_row = t[0, begin:end], t[1, begin:end], t[2, begin:end]
    rh, rv, rd = restored[0, begin:end], restored[1, begin:end], restored[2, begin:end]
    ah, av, ad = additive[0, begin:end], additive[1, begin:end], additive[2, begin:end]
    for i in range(np.uint64(oh_row.size)):
        oh, ov, od = np.float64(oh_row[i]), np.float64(ov_row[i]), np.float64(od_row[i])
        th, tv, td = np.float64(th_row[i]), np.float64(tv_row[i]), np.float64(td_row[i])
        gain, bound = _reach(oh, ov, th, tv, limit)
        if wide:
            kept_h, kept_v = _kept(oh, th, gain, bound, True), _kept(ov, tv, gain, bound, True)
            kept_d = _kept(od, td, gain, bound, True)
        else:
            kept_h, kept_v = _kept(oh, th, gain, bound, False), _kept(ov, tv, gain, bound, False)
            kept_d = _kept(od, td, gain, bound, False)
        rh[i], rv[i], rd[i] = np.int32(kept_h), np.int32(kept_v), np.int32(kept_d)
        ah[i], av[i], ad[i] = np.int32(th - kept_h), np.int32(tv - kept_v), np.int32(td - kept_d)
