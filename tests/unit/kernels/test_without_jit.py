"""Full-reference kernels compiled and as plain Python: the same numbers, and no overflow that NumPy would warn of."""

from __future__ import annotations

from tests.unit.kernels.test_compiler import run

CODE = """
import numba
import numpy as np
from monitor.kernels import boxes, ciede, fsim, gmsd, hvs, nlpd, structure, vifp, xpsnr

print(numba.config.DISABLE_JIT)
for depth in (8, 12):
    rng = np.random.default_rng(3)
    peak, kind = (1 << depth) - 1, np.uint8 if depth == 8 else np.uint16
    luma = [rng.integers(0, peak + 1, (17, 16)).astype(kind) for _ in range(4)]
    chroma = [rng.integers(0, peak + 1, (9, 8)).astype(kind) for _ in range(4)]
    luma[1][:, ::3], luma[1][:, 1::3] = 0, peak
    for plane in (*luma, *chroma):
        plane.flags.writeable = False
    distorted, reference = (luma[0], *chroma[:2]), (luma[1], *chroma[2:])
    values = [
        *structure.structure(luma[0], luma[1], depth),
        *structure.structure(luma[0], luma[1], depth, as_libvmaf=False),
        *structure.halved(luma[0], depth).ravel()[:9],
        *structure.box_means(luma[0], 3, depth).ravel()[:9],
        hvs.visible_error(luma[0], luma[1], 0, depth),
        ciede.mean_difference(distorted, reference, depth),
        boxes.box_ssim(luma[0], luma[1], depth),
        gmsd.gmsd(luma[0], luma[1], depth),
        nlpd.nlpd(luma[0], luma[1], depth),
        vifp.vifp(*(np.tile(plane, (3, 4)) for plane in luma[:2]), depth),
        fsim.fsim(*(fsim.features(plane, depth, fsim.detector(17, 16)) for plane in luma[:2])),
        *xpsnr.weighted_errors(distorted, reference, luma[2], luma[3], depth),
        *xpsnr.weighted_errors(distorted, reference, luma[2], None, depth),
    ]
    print(*(f"{value:.4g}" for value in values))
"""


def test_compiled_and_plain_python_agree() -> None:
    compiled, plain = run(CODE, NUMBA_DISABLE_JIT="0"), run(CODE, NUMBA_DISABLE_JIT="1")
    assert (compiled[0], plain[0]) == ("0", "1")
    assert compiled[1:] == plain[1:]
