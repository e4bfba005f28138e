"""Formats of any two videos: what can be compared is converted to what was promised, and the rest is refused by name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as some

from monitor.errors import UnsupportedFormat
from monitor.sources.mismatch import check_samples, differences
from monitor.sources.scaling import SCALINGS, Converter, common_format
from monitor.types import Frame, Plane, VideoFormat

SAMPLINGS = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1), "yuv440p": (1, 2), "gray": (0, 0)}
DEPTHS = {"yuv440p": (8, 10, 12)}


@some.composite
def formats(draw: some.DrawFn, *, any_shape: bool = False) -> VideoFormat:
    width, height = draw(some.integers(1, 70)), draw(some.integers(1, 70))
    sampling = draw(some.sampled_from(sorted(SAMPLINGS)))
    across, down = SAMPLINGS[sampling]
    depth = draw(some.sampled_from(DEPTHS.get(sampling, (8, 9, 10, 12, 14, 16))))
    return VideoFormat(
        width,
        height,
        sampling if depth == 8 else f"{sampling}{depth}le",
        depth,
        full_range=draw(some.booleans()),
        matrix=draw(some.sampled_from(["unknown", "bt709", "smpte170m", "bt2020nc", "ycgco"])),
        chroma_width=-(-width // across) if across else 0,
        chroma_height=-(-height // down) if down else 0,
        transfer=draw(some.sampled_from(["unknown", "bt709", "smpte2084"])),
        sample_aspect=draw(some.sampled_from([Fraction(height, width), Fraction(0)][: 1 + any_shape])),
    )


def frame(kind: VideoFormat, seed: int) -> Frame:
    random = np.random.default_rng(seed)
    shapes = [(kind.height, kind.width)]
    if kind.chroma_width:
        shapes += [(kind.chroma_height, kind.chroma_width)] * 2
    planes: list[Plane] = []
    for shape in shapes:
        plane: Plane = random.integers(0, kind.peak + 1, shape).astype(np.uint8 if kind.bit_depth == 8 else np.uint16)
        plane.flags.writeable = False
        planes.append(plane)
    return Frame(0, Fraction(0), Fraction(1, 25), kind, tuple(planes))


@given(formats(), formats(), some.sampled_from([0, 8, 10, 12]), some.sampled_from(sorted(SCALINGS)), some.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_what_is_not_refused_becomes_what_was_promised(
    distorted: VideoFormat, reference: VideoFormat, depth: int, scaling: str, seed: int
) -> None:
    try:
        common = common_format(distorted, reference, depth)
    except UnsupportedFormat:
        reject()
    assert (common.width, common.height) == (reference.width, reference.height)
    assert common.bit_depth == (depth or max(distorted.bit_depth, reference.bit_depth))
    for side in (distorted, reference):
        given_frame = frame(side, seed)
        made = Converter(scaling).convert(given_frame, common)
        luma, *chroma = made.planes
        assert luma.shape == (common.height, common.width)
        assert [plane.shape for plane in chroma] == [(common.chroma_height, common.chroma_width)] * (
            2 if common.chroma_width else 0
        )
        for plane in made.planes:
            assert plane.dtype == (np.uint8 if common.bit_depth == 8 else np.uint16)
            assert int(plane.max()) <= common.peak
            assert not plane.flags.writeable
    told = {difference.name for difference in differences(distorted, reference, common)}
    untouched = Converter(scaling).convert(given_frame := frame(distorted, seed), common).planes is given_frame.planes
    assert untouched or told & {"scaled", "chroma", "depth", "range", "matrix"}


def refused(distorted: VideoFormat, reference: VideoFormat) -> bool:
    try:
        check_samples(distorted, reference)
    except UnsupportedFormat:
        return True
    return False


@given(formats(any_shape=True), formats(any_shape=True))
def test_what_is_refused_one_way_is_refused_the_other(one: VideoFormat, other: VideoFormat) -> None:
    assert refused(one, other) == refused(other, one)


@given(formats(), some.integers(0, 99))
def test_a_video_is_like_itself(kind: VideoFormat, seed: int) -> None:
    check_samples(kind, kind)
    assert {difference.name for difference in differences(kind, kind)} <= {"hdr"}
    given_frame = frame(kind, seed)
    assert Converter().matched(given_frame, kind) is given_frame
