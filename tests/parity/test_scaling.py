"""Frames in another size, depth, sampling, range or matrix: sample for sample what FFmpeg's filter ``scale`` gives."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from monitor.sources.pixels import planar, planes_of, video_format
from monitor.sources.scaling import SCALINGS, Converter
from monitor.types import Frame, Plane, VideoFormat
from tests.parity import agreements, filters

SMALL = (320, 180)


def form(size: tuple[int, int], pixel_format: str, **more: Any) -> VideoFormat:
    made = filters.video_format(*size, pixel_format)
    return replace(made, sample_aspect=Fraction(size[1], size[0]), **more)  # whatever the size, the shape is one


def frame(kind: VideoFormat) -> Frame:
    """Waves under noise that reaches the ends of the range."""
    random = np.random.default_rng(kind.width + kind.bit_depth)
    planes: list[Plane] = []
    for height, width in [(kind.height, kind.width), *[(kind.chroma_height, kind.chroma_width)] * 2]:
        y, x = np.mgrid[:height, :width]
        picture = 120 + 70 * np.sin(x / 7) * np.cos(y / 5) + random.normal(0, 40, (height, width))
        codes = np.clip(np.rint(picture * (1 << (kind.bit_depth - 8))), 0, kind.peak)
        plane: Plane = codes.astype(np.uint8) if kind.bit_depth == 8 else codes.astype(np.uint16)
        plane.flags.writeable = False
        planes.append(plane)
    return Frame(0, Fraction(0), Fraction(1, 25), kind, tuple(planes))


class FFmpegInput(NamedTuple):
    """A raw picture for FFmpeg."""

    samples: bytes
    width: int
    height: int
    pixel_format: str
    full_range: bool = True


def filtered(item: FFmpegInput, target: VideoFormat, graph: str) -> list[NDArray[Any]]:
    """The planes that FFmpeg makes of the picture."""
    given = ["-f", "rawvideo", "-s", f"{item.width}x{item.height}", "-pix_fmt", item.pixel_format]
    given += ["-color_range", "pc" if item.full_range else "tv", "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *given, "-vf", graph, "-f", "rawvideo"]
    done = subprocess.run(
        [*command, "-pix_fmt", target.pixel_format, "-"], input=item.samples, capture_output=True, timeout=60, check=True
    )
    shapes = [(target.height, target.width), *[(target.chroma_height, target.chroma_width)] * 2]
    samples = np.frombuffer(done.stdout, np.uint8 if target.bit_depth == 8 else np.uint16)
    ends = np.cumsum([height * width for height, width in shapes])
    assert samples.size == ends[-1]
    return [part.reshape(shape) for part, shape in zip(np.split(samples, ends[:-1]), shapes, strict=True)]


def assert_equal(source: VideoFormat, target: VideoFormat, graph: str, scaling: str = "bicubic") -> None:
    item = frame(source)
    ours = Converter(scaling).convert(item, target)
    samples = b"".join(plane.tobytes() for plane in item.planes)
    given = FFmpegInput(samples, source.width, source.height, source.pixel_format, source.full_range)
    for at, (plane, theirs) in enumerate(zip(ours.planes, filtered(given, target, graph), strict=True)):
        agreements.SCALING.saw(float(np.abs(plane.astype(np.int64) - theirs).max()), f"plane {at}")
        np.testing.assert_array_equal(plane, theirs)
        assert not plane.flags.writeable


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(
    ("size", "goal"),
    [((320, 180), (640, 360)), ((320, 180), (213, 121)), ((333, 201), (854, 480)), ((720, 576), (1024, 576))],
)
def test_every_interpolation(scaling: str, size: tuple[int, int], goal: tuple[int, int]) -> None:
    graph = f"scale={goal[0]}:{goal[1]}:flags={scaling}"
    assert_equal(form(size, "yuv420p"), form(goal, "yuv420p"), graph, scaling)


@pytest.mark.parametrize("goal", [SMALL, (640, 360)], ids=["same size", "scaled"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("yuv420p", "yuv420p10le"),
        ("yuv420p", "yuv420p12le"),
        ("yuv420p10le", "yuv420p12le"),
        ("yuv422p", "yuv422p16le"),
        ("yuv420p10le", "yuv420p"),
        ("yuv420p12le", "yuv420p10le"),
        ("yuv420p", "yuv444p"),
        ("yuv444p", "yuv420p"),
        ("yuv422p10le", "yuv420p"),
    ],
)
def test_depths_and_sampling(old: str, new: str, full: bool, goal: tuple[int, int]) -> None:
    assert_equal(
        form(SMALL, old, full_range=full), form(goal, new, full_range=full), f"scale={goal[0]}:{goal[1]}:flags=bicubic"
    )


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_ranges(name: str, full: bool) -> None:
    graph = f"scale=flags=bicubic:out_range={'tv' if full else 'pc'}"
    assert_equal(form(SMALL, name, full_range=full), form(SMALL, name, full_range=not full), graph)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv444p"])
@pytest.mark.parametrize(
    ("old", "new"), [("smpte170m", "bt709"), ("bt709", "smpte170m"), ("bt709", "bt2020nc"), ("smpte240m", "bt709")]
)
def test_matrices(old: str, new: str, name: str) -> None:
    names = {"bt2020nc": "bt2020"}
    graph = f"scale=flags=bicubic:in_color_matrix={names.get(old, old)}:out_color_matrix={names.get(new, new)}"
    assert_equal(form(SMALL, name, matrix=old), form(SMALL, name, matrix=new), graph)


SAMPLE_BYTES = {"rgb24": 3, "bgra": 4, "bgr0": 4, "gbrp": 1, "gbrp10le": 2, "gbrp12le": 2, "rgb48le": 6, "x2rgb10le": 4}
"""RGB pixel formats, and how many bytes a sample has in a plane of them."""


def decoded_rgb(pixel_format: str) -> tuple[Frame, bytes]:
    """A frame as the decoder hands it on, of an odd size, and its samples as FFmpeg reads them."""
    width, height = 333, 181
    y, x = np.mgrid[:height, :width]
    waves = np.stack([120 + 70 * np.sin(x / 7 + part) * np.cos(y / (5 + part)) for part in range(3)], -1)
    waves += np.random.default_rng(3).normal(0, 40, waves.shape)
    deep = av.VideoFrame.from_ndarray(np.clip(256 * waves, 0, 65535).astype(np.uint16), "rgb48le")
    decoded = VideoReformatter().reformat(deep, format=pixel_format)
    rows = [np.frombuffer(plane, np.uint8).reshape(height, plane.line_size) for plane in decoded.planes]
    samples = b"".join(plane[:, : width * SAMPLE_BYTES[pixel_format]].tobytes() for plane in rows)
    shown = planar(decoded, VideoReformatter())
    description = video_format(shown, rgb=True)
    return Frame(0, Fraction(0), Fraction(1, 25), description, planes_of(shown, description), rgb=decoded), samples


@pytest.mark.parametrize("scaling", ["bicubic", "lanczos"])
@pytest.mark.parametrize("goal", [(333, 181), (640, 360)], ids=["same size", "scaled"])
@pytest.mark.parametrize("source", SAMPLE_BYTES)
def test_rgb_of_every_kind(source: str, goal: tuple[int, int], scaling: str) -> None:
    item, samples = decoded_rgb(source)
    for name, matrix, full in [
        ("yuv420p", "bt709", False),
        ("yuv420p", "unknown", True),
        ("yuv422p10le", "bt2020nc", True),
        ("yuv444p", "smpte240m", False),
        ("yuv444p16le", "smpte170m", False),
    ]:
        target = form(goal, name, matrix=matrix, full_range=full)
        graph = f"scale={goal[0]}:{goal[1]}:flags={scaling}:out_range={'pc' if full else 'tv'}"
        if matrix != "unknown":
            graph += f":out_color_matrix={matrix.removesuffix('nc')}"
        ours = Converter(scaling).convert(item, target)
        given = FFmpegInput(samples, item.format.width, item.format.height, source)
        for at, (plane, theirs) in enumerate(zip(ours.planes, filtered(given, target, graph), strict=True)):
            agreements.SCALING.saw(float(np.abs(plane.astype(np.int64) - theirs).max()), f"RGB, plane {at}")
            np.testing.assert_array_equal(plane, theirs, f"{name} by {matrix}")


@pytest.mark.parametrize("source", SAMPLE_BYTES)
def test_rgb_where_nobody_asks_for_a_format(source: str) -> None:
    item, samples = decoded_rgb(source)
    given = FFmpegInput(samples, item.format.width, item.format.height, source)
    for plane, theirs in zip(item.planes, filtered(given, item.format, "scale=flags=bicubic:out_range=tv"), strict=True):
        np.testing.assert_array_equal(plane, theirs)
