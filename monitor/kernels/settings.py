"""What libvmaf's extractors may be told, as the kernels take it: data, without a compiler behind it.

Each option has its name, type, default and range here alone: scorers that hold such settings take them as options.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple


class Within(NamedTuple):
    """The range of an option, both ends in it."""

    least: float
    most: float


Sensitivity = tuple[tuple[float, float], ...]
"""Contrast sensitivity by level, finest first: of the bands h and v, and of d."""

SENSITIVITY: Sensitivity = (
    (0.0173815377, 0.005890687),
    (0.0319848284, 0.0142990677),
    (0.0433726609, 0.0243969075),
    (0.0456734113, 0.0313127376),
)
"""Watson's, at three picture heights of 1080 lines (``adm_csf_mode`` 0)."""

BLENDED: dict[tuple[int, float], Sensitivity] = {
    (1080, 3.0): ((0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918), (0.058621, 0.035901)),
    (1080, 5.0): ((0.004212, 0.000984), (0.014809, 0.005852), (0.029642, 0.0146), (0.047464, 0.027574)),
    (2160, 3.0): ((0.00226, 0.000479), (0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918)),
    (2160, 1.5): ((0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918), (0.058621, 0.035901)),
}
"""libvmaf's blend of Barten and Watson (``adm_csf_mode`` 2), by lines of the display and distance in its heights."""


NOISE_WEIGHT = 1 / 32


class View(NamedTuple):
    """How a pair is looked at: libvmaf's defaults."""

    gain_limit: float = 100.0
    """How much contrast may be enhanced and still count; 1 in libvmaf's NEG models and in VMAF v1."""
    sensitivity: Sensitivity = SENSITIVITY
    noise_weight: float = NOISE_WEIGHT
    """Added to what is left of each band, per sample, before the cube root; AIM has none."""
    additive: bool = False
    """Whether AIM is wanted too."""


class CambiSettings(NamedTuple):
    """libvmaf's options of CAMBI, by its names."""

    enc_width: Annotated[int, Within(0, 65535)] = 0
    """Size of the encoded picture, where the frame was scaled up from it; 0 or more than the frame's: the frame's."""
    enc_height: Annotated[int, Within(0, 65535)] = 0
    enc_bitdepth: Annotated[int, Within(0, 16)] = 0
    """Bits of the encoded samples; 0: the frame's. Below ten, dither is removed first."""
    window_size: Annotated[int, Within(15, 127)] = 65
    """Side of the square at 2160p."""
    topk: Annotated[float, Within(0.0001, 1)] = 0.6
    """Share of the samples, those with most contrast, that a scale's mean is of."""
    tvi_threshold: Annotated[float, Within(0.0001, 1)] = 0.019
    """Smallest visible contrast, as a share of the luminance."""
    cambi_vis_lum_threshold: Annotated[float, Within(0, 300)] = 0.0
    """Luminance in cd/m2 below which nothing is seen."""
    max_log_contrast: Annotated[int, Within(0, 5)] = 2
    """Log2 of the number of contrast steps that count."""
    cambi_eotf: Literal["bt1886", "pq"] = "bt1886"
    cambi_high_res_speedup: Literal[0, 1080, 1440, 2160] = 0
    """Leave out the first scale of pictures of this many lines and more; never where 0."""
    cambi_max_val: Annotated[float, Within(0, 1000)] = 1000.0

    def encoded_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which a frame of a size is looked at."""
        smaller = 0 < self.enc_width <= width and 0 < self.enc_height <= height
        return (self.enc_width, self.enc_height) if smaller else (width, height)


class SpeedSettings(NamedTuple):
    """libvmaf's options of SpEED, by its names; ``speed_kernelscale`` is 1."""

    speed_prescale: Annotated[float, Within(0.1, 4)] = 1.0
    """The planes are resized by this first."""
    speed_prescale_method: Literal["nearest", "bilinear"] = "nearest"
    speed_sigma_nn: Annotated[float, Within(0.1, 2)] = 0.29
    """Noise of the eye."""
    speed_nn_floor: Annotated[float, Within(0, 1)] = 0.0
    """How far above the noise's entropy a block's must be, as a share of the noise."""
    speed_weight_var_mode: Annotated[int, Within(0, 6)] = 0
    """Which scales weigh the entropies."""
    speed_max_val: Annotated[float, Within(0, 1000)] = 1000.0

    def prescaled(self, size: int) -> int:
        """Samples of a line of ``size`` after the first resizing."""
        return size if abs(self.speed_prescale - 1) < 0.001 else math.trunc(size * self.speed_prescale + 0.5)
