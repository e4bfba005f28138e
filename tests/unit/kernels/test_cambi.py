from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import cambi as kernels
from monitor.kernels.contrasts import sum_of_largest
from monitor.kernels.settings import CambiSettings
from tests.unit.kernels import naive_cambi as naive
from tests.unit.kernels.planes import plane_of

ROUNDING = 1e-6
"""Relative; kernels round contrasts to single precision, as libvmaf does."""

BANDED = ("bands", "steps", "dark", "speckled")
"""Pictures with false contours; the contents of ``planes`` have hardly any."""


def banded(content: str, height: int, width: int, depth: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    step = 1 << max(depth - 10, 0)
    start, slope = rng.integers(66, 500) if content != "dark" else 64, rng.integers(4, 30)
    picture = start + (x + rng.integers(1, 4) * y) // slope
    if content == "steps":
        picture = start + rng.integers(0, 5, (height // 9 + 1, width // 11 + 1)).repeat(9, 0).repeat(11, 1)[:height, :width]
    if content == "speckled":
        picture = picture + (rng.random((height, width)) < 0.02) * rng.integers(-6, 7, (height, width))
    samples = picture >> 2 if depth == 8 else np.minimum(picture, 1023) * step
    plane = np.ascontiguousarray(np.maximum(samples, 0)).astype(np.uint8 if depth == 8 else np.uint16)
    plane.flags.writeable = False
    return plane


@st.composite
def drawn_plane(draw: st.DrawFn) -> tuple[int, Any]:
    depth = draw(st.sampled_from([8, 9, 10, 12, 16]))
    size = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    content = draw(
        st.sampled_from([*BANDED, *BANDED, "noise", "gradient", "flat", "black", "peak", "checkerboard", "photo"])
    )
    make = banded if content in BANDED else plane_of
    return depth, make(content, *size, depth, draw(st.integers(0, 99)))


@st.composite
def drawn_settings(draw: st.DrawFn) -> CambiSettings:
    return CambiSettings(
        enc_width=draw(st.sampled_from([0, 0, 30, 97])),
        enc_height=draw(st.sampled_from([0, 0, 20, 80])),
        enc_bitdepth=draw(st.sampled_from([0, 0, 8, 10])),
        window_size=draw(st.sampled_from([65, 65, 127, 250])),
        topk=draw(st.sampled_from([0.6, 0.05, 0.0001, 1.0])),
        tvi_threshold=draw(st.sampled_from([0.019, 0.019, 0.0001, 0.05, 1.0])),
        cambi_vis_lum_threshold=draw(st.sampled_from([0.0, 0.06, 2.0, 300.0])),
        max_log_contrast=draw(st.integers(0, 5)),
        cambi_eotf=draw(st.sampled_from(["bt1886", "pq"])),
        cambi_max_val=draw(st.sampled_from([1000.0, 17.0, 0.5])),
    )


@settings(max_examples=60, deadline=None)
@given(drawn_plane(), drawn_settings())
def test_cambi_is_that_of_the_twin(drawn: tuple[int, Any], options: CambiSettings) -> None:
    depth, plane = drawn
    assert kernels.cambi(plane, depth, options) == pytest.approx(naive.cambi(plane, depth, options), rel=ROUNDING)


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("content", BANDED)
def test_banded_pictures_score(content: str, depth: int) -> None:
    plane = banded(content, 230, 301, depth, 5)
    found = kernels.cambi(plane, depth)
    assert found > 0.1
    assert found == pytest.approx(naive.cambi(plane, depth, kernels.DEFAULTS), rel=ROUNDING)


def test_one_detector_forgets_the_picture_before() -> None:
    one, other = banded("bands", 200, 230, 10, 1), banded("steps", 200, 230, 10, 2)
    detector = kernels.Detector(230, 200, 10)
    first = detector.measure(one)
    assert detector.measure(other) == kernels.cambi(other, 10)
    assert detector.measure(one) == first != kernels.cambi(other, 10)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1921, 1081)])
def test_large_pictures_may_leave_out_the_first_scale(width: int, height: int) -> None:
    options = CambiSettings(cambi_high_res_speedup=1080, cambi_vis_lum_threshold=0.06, cambi_max_val=17.0)
    plane = np.full((height, width), 100, np.uint16)
    plane[300:420, 200:500] = banded("steps", 120, 300, 10, 3)
    plane[-90:, -150:] = banded("bands", 90, 150, 10, 3)
    found = kernels.cambi(plane, 10, options)
    assert found == pytest.approx(naive.cambi(plane, 10, options), rel=ROUNDING)
    assert found != pytest.approx(kernels.cambi(plane, 10, options._replace(cambi_high_res_speedup=1440)), rel=1e-4)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 0.75, 2.0, 2.0001, 2.0002, 300.0, 5e5]), min_size=1, max_size=60), st.data())
def test_the_largest_are_added(contrasts: list[float], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, len(contrasts)))
    values = np.array(contrasts, np.float32)
    assert sum_of_largest(values, wanted) == pytest.approx(np.sort(values)[::-1][:wanted].sum(dtype=float), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "brightest"),
    [(CambiSettings(), [178, 305, 432, 559]), (CambiSettings(cambi_eotf="pq"), [233, 1023, 1023, 1023])],
)
def test_visible_contrasts_are_libvmafs(options: CambiSettings, brightest: list[int]) -> None:
    found, darkest = kernels.visible(options)
    assert found.tolist() == brightest
    assert darkest == 0
    assert kernels.visible(options._replace(cambi_vis_lum_threshold=0.06))[1] == naive.darkest(0.06, options.cambi_eotf)


def test_the_threshold_of_vmaf_v1_is_sample_78() -> None:
    assert kernels.visible(CambiSettings(cambi_vis_lum_threshold=0.06))[1] == 78


@settings(deadline=None)
@given(st.integers(2, 4000), st.data())
def test_resizing_takes_the_samples_of_the_twin(of_input: int, data: st.DataObject) -> None:
    of_output = data.draw(st.integers(1, of_input))
    line = np.arange(of_input)[None]
    assert kernels.nearest(of_input, of_output).tolist() == naive.resized(line, of_output, 1)[0].tolist()
