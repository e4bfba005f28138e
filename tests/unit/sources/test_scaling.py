"""Frames in another size, depth, range or matrix."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from monitor.errors import UnknownName, UnsupportedFormat
from monitor.sources.scaling import Converter, common_format, to_rgb
from monitor.types import Frame, VideoFormat


def video(width: int, height: int, pixel_format: str = "yuv420p", *, depth: int = 8, **more: object) -> VideoFormat:
    grey = pixel_format.startswith("gray")
    halved = (pixel_format.startswith(("yuv420p", "yuv422p")), pixel_format.startswith("yuv420p"))
    return VideoFormat(
        width,
        height,
        pixel_format,
        depth,
        chroma_width=0 if grey else -(-width // (1 + halved[0])),
        chroma_height=0 if grey else -(-height // (1 + halved[1])),
        **more,
    )


def flat(description: VideoFormat, *values: int) -> Frame:
    dtype = np.uint8 if description.bit_depth == 8 else np.uint16
    shapes = [(description.height, description.width)]
    if description.chroma_width:
        shapes += [(description.chroma_height, description.chroma_width)] * 2
    planes = tuple(np.full(shape, value, dtype) for shape, value in zip(shapes, values, strict=True))
    for plane in planes:
        plane.flags.writeable = False
    return Frame(4, Fraction(7, 25), Fraction(1, 25), description, planes, keyframe=True)


def centre(frame: Frame) -> list[int]:
    return [int(plane[plane.shape[0] // 2, plane.shape[1] // 2]) for plane in frame.planes]


def test_nothing_is_touched_where_nothing_differs() -> None:
    frame = flat(video(64, 48), 100, 90, 200)
    assert Converter().convert(frame, video(64, 48)) is frame


def test_identity_of_the_frame_is_kept() -> None:
    frame = Converter().convert(flat(video(64, 48), 100, 90, 200), video(128, 96))
    assert (frame.index, frame.pts, frame.duration, frame.keyframe) == (4, Fraction(7, 25), Fraction(1, 25), True)
    assert frame.format == video(128, 96)


@pytest.mark.parametrize("source", [(64, 48), (33, 17), (130, 74), (1, 1)])
@pytest.mark.parametrize("target", [(64, 48), (35, 19), (128, 72), (2, 2)])
def test_sizes_may_be_odd(source: tuple[int, int], target: tuple[int, int]) -> None:
    frame = Converter().convert(flat(video(*source), 100, 90, 200), video(*target))
    width, height = target
    assert [plane.shape for plane in frame.planes] == [(height, width)] + [(-(-height // 2), -(-width // 2))] * 2
    for plane, value in zip(frame.planes, (100, 90, 200), strict=True):
        assert plane.dtype == np.uint8
        assert plane.flags.c_contiguous
        assert not plane.flags.writeable
        assert np.abs(plane.astype(int) - value).max() <= 1


def test_a_ramp_stays_a_ramp() -> None:
    description = video(64, 16)
    ramp = np.tile(np.linspace(40, 200, 64).round().astype(np.uint8), (16, 1))
    neutral = np.full((8, 32), 128, np.uint8)
    frame = Frame(0, Fraction(0), Fraction(0), description, (ramp, neutral, neutral))
    luma = Converter().convert(frame, video(128, 32)).luma.astype(int)
    expected = np.interp(np.arange(128) / 2 - 0.25, np.arange(64), ramp[0].astype(float))
    assert np.abs(luma[:, 4:-4] - expected[4:-4]).max() <= 2


@pytest.mark.parametrize(("depth", "name"), [(10, "yuv420p10le"), (12, "yuv420p12le"), (16, "yuv420p16le")])
def test_depths_are_shifted(depth: int, name: str) -> None:
    shallow, deep = video(32, 32), video(32, 32, name, depth=depth)
    frame = Converter().convert(flat(shallow, 100, 90, 200), deep)
    assert frame.luma.dtype == np.uint16
    step = 1 << (depth - 8)
    assert centre(frame) == pytest.approx([100 * step, 90 * step, 200 * step], abs=step)
    assert centre(Converter().convert(frame, shallow)) == pytest.approx([100, 90, 200], abs=1)


@pytest.mark.parametrize(("limited", "full"), [(16, 0), (235, 255), (126, 128)])
def test_ranges_are_stretched(limited: int, full: int) -> None:
    narrow, wide = video(32, 32), video(32, 32, full_range=True)
    assert centre(Converter().convert(flat(narrow, limited, 128, 128), wide)) == pytest.approx([full, 128, 128], abs=1)
    assert centre(Converter().convert(flat(wide, full, 128, 128), narrow)) == pytest.approx([limited, 128, 128], abs=1)


def test_chroma_sampling_is_changed() -> None:
    frame = Converter().convert(flat(video(32, 32), 100, 90, 200), video(32, 32, "yuv444p"))
    assert [plane.shape for plane in frame.planes] == [(32, 32)] * 3
    assert centre(frame) == [100, 90, 200]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("grey", "depth"), [("gray", 8), ("gray10le", 10), ("gray16le", 16)])
def test_grey_keeps_the_range_it_has(grey: str, depth: int, full: bool) -> None:
    colour, plain = video(32, 32, full_range=full), video(32, 32, grey, depth=depth, full_range=full)
    step = 1 << (depth - 8)
    there = Converter().convert(flat(colour, 235, 90, 200), plain)
    assert [plane.shape for plane in there.planes] == [(32, 32)]
    assert centre(there) == pytest.approx([235 * step], abs=step)
    assert centre(Converter().convert(there, colour)) == pytest.approx([235, 128, 128], abs=1)


def test_grey_is_stretched_between_ranges() -> None:
    limited, full = video(32, 32), video(32, 32, "gray", full_range=True)
    assert centre(Converter().convert(flat(limited, 235, 90, 200), full)) == pytest.approx([255], abs=1)
    assert centre(Converter().convert(flat(full, 255), limited)) == pytest.approx([235, 128, 128], abs=1)


def bt709(red: float, green: float, blue: float) -> list[int]:
    """Limited-range codes by ITU-R BT.709."""
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return [round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.8556), round(128 + 224 * (red - luma) / 1.5748)]


def bt601(red: float, green: float, blue: float) -> list[int]:
    """Limited-range codes by ITU-R BT.601."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return [round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.772), round(128 + 224 * (red - luma) / 1.402)]


@pytest.mark.parametrize("colour", [(0.8, 0.2, 0.1), (0.2, 0.7, 0.3), (0.5, 0.5, 0.5), (0.1, 0.3, 0.9)])
def test_matrices_are_converted(colour: tuple[float, float, float]) -> None:
    old, new = video(32, 32, "yuv444p", matrix="smpte170m"), video(32, 32, "yuv444p", matrix="bt709")
    assert centre(Converter().convert(flat(old, *bt601(*colour)), new)) == pytest.approx(bt709(*colour), abs=2)
    assert centre(Converter().convert(flat(new, *bt709(*colour)), old)) == pytest.approx(bt601(*colour), abs=2)


@pytest.mark.parametrize(("old", "new"), [("unknown", "bt709"), ("bt709", "unknown"), ("bt470bg", "smpte170m")])
def test_an_unknown_or_equal_matrix_changes_nothing(old: str, new: str) -> None:
    frame = flat(video(32, 32, matrix=old), 100, 90, 200)
    converted = Converter().convert(frame, video(32, 32, matrix=new))
    assert converted.format.matrix == new
    assert all(one is other for one, other in zip(converted.planes, frame.planes, strict=True))


def test_a_matrix_without_a_table_is_refused() -> None:
    frame = flat(video(32, 32, matrix="ycgco"), 100, 90, 200)
    with pytest.raises(UnsupportedFormat, match="ycgco is not supported; give both sides the same matrix"):
        Converter().convert(frame, video(32, 32, matrix="bt709"))
    assert Converter().convert(frame, video(64, 64, matrix="ycgco")).format.width == 64


@pytest.mark.parametrize(("full", "white"), [(False, 940), (True, 1023)])
def test_white_stays_white_at_another_depth(full: bool, white: int) -> None:
    shallow, deep = video(32, 32, full_range=full), video(32, 32, "yuv420p10le", depth=10, full_range=full)
    frame = Converter().convert(flat(shallow, white >> 2, 90, 200), deep)
    assert centre(frame) == [white, 360, 800]
    assert not any(plane.flags.writeable for plane in frame.planes)


def test_what_is_shown_otherwise_is_no_other_format_and_still_refused() -> None:
    frame = flat(video(32, 32, transfer="smpte2084"), 100, 90, 200)
    assert frame.format == video(32, 32, transfer="bt709")
    converter = Converter()
    for _ in range(2):  # a refusal is not remembered as a permission
        with pytest.raises(UnsupportedFormat, match="PQ"):
            converter.matched(frame, video(32, 32, transfer="bt709"))
    assert converter.matched(frame, video(32, 32)) is frame
    with pytest.raises(UnsupportedFormat, match="PQ"):
        common_format(frame.format, video(32, 32, transfer="bt709"))


def test_pairs_are_matched_in_turn() -> None:
    converter = Converter()
    for target in (video(64, 64), video(32, 32), video(64, 64)):
        assert converter.matched(flat(video(32, 32), 100, 90, 200), target).format == target
    with pytest.raises(UnsupportedFormat, match="interlaced"):
        converter.matched(flat(video(32, 32), 100, 90, 200), video(64, 64, interlaced=True))


def test_an_interpolation_has_a_name() -> None:
    with pytest.raises(UnknownName, match="no interpolation 'bicubik'; did you mean bicubic"):
        Converter("bicubik")
    frame = flat(video(32, 32), 100, 90, 200)
    sharp = Frame(
        0,
        Fraction(0),
        Fraction(0),
        frame.format,
        (np.indices((32, 32)).sum(0).astype(np.uint8) % 2 * 200, *frame.planes[1:]),
    )
    smooth, blocky = (Converter(name).convert(sharp, video(64, 64)).luma for name in ("bicubic", "neighbor"))
    assert not np.array_equal(smooth, blocky)
    assert set(np.unique(blocky)) == {0, 200}


# ---- what both sides are brought to


@pytest.mark.parametrize(
    ("old", "new", "depth", "expected"),
    [
        (("yuv420p", 8), ("yuv420p", 8), 0, ("yuv420p", 8)),
        (("yuv420p10le", 10), ("yuv420p", 8), 0, ("yuv420p10le", 10)),
        (("yuv420p", 8), ("yuv422p10le", 10), 0, ("yuv422p10le", 10)),
        (("yuv420p", 8), ("yuv420p", 8), 10, ("yuv420p10le", 10)),
        (("yuv444p12le", 12), ("yuv444p10le", 10), 8, ("yuv444p", 8)),
        (("yuv420p10le", 10), ("gray", 8), 0, ("gray10le", 10)),
    ],
)
def test_the_deeper_side_decides_unless_a_depth_is_given(
    old: tuple[str, int], new: tuple[str, int], depth: int, expected: tuple[str, int]
) -> None:
    reference = video(64, 48, new[0], depth=new[1], transfer="bt709")
    common = common_format(video(32, 24, old[0], depth=old[1]), reference, depth)
    assert (common.pixel_format, common.bit_depth) == expected
    assert replace(common, pixel_format=new[0], bit_depth=new[1]) == reference
    assert common.transfer == "bt709"


def test_a_depth_that_ffmpeg_does_not_have_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="no yuv411p of 10 bits"):
        common_format(video(64, 48), video(64, 48, "yuv411p"), 10)


def test_one_converter_serves_formats_in_turn() -> None:
    converter = Converter()
    targets = [video(64, 64), video(32, 32), video(64, 64, "yuv444p"), video(64, 64)]
    assert [converter.convert(flat(video(48, 48), 100, 90, 200), target).format for target in targets] == targets


# ---- RGB


def red(description: VideoFormat) -> Frame:
    """A red picture as the decoder hands it on, and its conversion that nobody asked for."""
    decoded = av.VideoFrame.from_ndarray(np.full((32, 32, 3), (255, 0, 0), np.uint8), "rgb24")
    return replace(flat(description, *bt601(1, 0, 0)), rgb=decoded)


RGB = video(32, 32, "yuv444p", matrix="smpte170m", rgb=True)


@pytest.mark.parametrize(("matrix", "code"), [("bt709", bt709), ("smpte170m", bt601), ("unknown", bt601)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p"])
def test_rgb_goes_straight_to_the_matrix_of_the_other_side(name: str, matrix: str, code) -> None:
    target = video(48, 48, name, matrix=matrix)
    frame = Converter().convert(red(RGB), target)
    assert centre(frame) == pytest.approx(code(1, 0, 0), abs=1)
    assert frame.format == target
    assert frame.rgb is None  # its planes are what was asked for


def test_rgb_goes_straight_to_the_range_and_depth_of_the_other_side() -> None:
    full = Converter().convert(red(RGB), video(32, 32, full_range=True, matrix="bt709"))
    assert centre(full) == pytest.approx([0.2126 * 255, 128 - 0.2126 / 1.8556 * 255, 255], abs=1)
    deep = Converter().convert(red(RGB), video(32, 32, "yuv420p10le", depth=10, matrix="bt709"))
    assert centre(deep) == pytest.approx([4 * part for part in bt709(1, 0, 0)], abs=3)


def test_rgb_beside_rgb_stays_as_it_was_converted() -> None:
    frame = red(RGB)
    assert Converter().convert(frame, common_format(RGB, RGB)) is frame


def test_rgb_is_made_what_the_other_side_is() -> None:
    for reference, distorted in ((RGB, video(64, 64, matrix="bt709")), (video(32, 32, matrix="bt709"), RGB)):
        common = common_format(distorted, reference)
        assert common == video(32, 32, matrix="bt709")
        assert not common.rgb
    deep = video(64, 64, "yuv422p10le", depth=10, matrix="unknown", full_range=True)
    assert common_format(deep, RGB) == video(32, 32, "yuv422p10le", depth=10, matrix="unknown", full_range=True)
    assert common_format(deep, RGB, 8) == video(32, 32, "yuv422p", matrix="unknown", full_range=True)
    assert common_format(video(32, 32, "gray"), RGB) == RGB  # or no metric would see that colours are lost


def test_rgb_has_no_way_to_some_matrices() -> None:
    with pytest.raises(UnsupportedFormat, match="can't convert RGB to matrix ycgco"):
        Converter().convert(red(RGB), video(32, 32, matrix="ycgco"))


# ---- pictures for people


@pytest.mark.parametrize(("matrix", "code"), [("bt709", bt709), ("smpte170m", bt601)])
@pytest.mark.parametrize("colour", [(0.8, 0.2, 0.1), (0.2, 0.7, 0.3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)])
def test_rgb_has_the_colours(matrix: str, code, colour: tuple[float, float, float]) -> None:
    rgb = to_rgb(flat(video(32, 32, matrix=matrix), *code(*colour)))
    assert (rgb.shape, rgb.dtype) == ((32, 32, 3), np.uint8)
    assert rgb[16, 16].tolist() == pytest.approx([255 * part for part in colour], abs=3)


def test_rgb_guesses_the_matrix_by_height() -> None:
    colour = (0.2, 0.7, 0.3)
    for height, code in ((576, bt601), (720, bt709)):
        rgb = to_rgb(flat(video(32, height), *code(*colour)))
        assert rgb[height // 2, 16].tolist() == pytest.approx([255 * part for part in colour], abs=3)


@pytest.mark.parametrize(("full", "white"), [(False, 235), (True, 255)])
def test_rgb_of_grey_and_of_depth(full: bool, white: int) -> None:
    for description in (video(32, 32, "gray", full_range=full), video(32, 32, "gray10le", depth=10, full_range=full)):
        frame = flat(description, white << (description.bit_depth - 8))
        assert to_rgb(frame)[16, 16].tolist() == pytest.approx([255] * 3, abs=2)


def test_rgb_can_be_shrunk_and_is_never_blown_up() -> None:
    frame = flat(video(320, 180), 100, 128, 128)
    assert to_rgb(frame, max_width=160).shape == (90, 160, 3)
    assert to_rgb(frame, max_width=640).shape == (180, 320, 3)
    assert to_rgb(flat(video(320, 2), 100, 128, 128), max_width=16).shape == (1, 16, 3)
