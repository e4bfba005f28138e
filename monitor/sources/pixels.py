"""What the samples of a decoded picture are, and how to get at them without copying."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from monitor.types import Plane, VideoFormat

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

_MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
}
"""AVColorSpace numbers (ITU-T H.273 MatrixCoefficients) and FFmpeg's names."""

_AS_IT_IS = re.compile(r"(yuvj?4[0-4][0-4]p|gray)((9|10|12|14|16)le)?")
"""Pixel formats whose planes are handed on as they are."""

_DEPTHS = (8, 9, 10, 12, 14, 16)


def planar_format(name: str) -> str:
    """The planar YCbCr or grey pixel format to hold frames of the FFmpeg format ``name``.

    The name itself where frames can be taken as they are; else the nearest planar format that loses nothing (or, from
    RGB, 4:4:4 at the same depth), so that a metric never sees packed, palette, bitmap or big-endian samples.
    """
    if _AS_IT_IS.fullmatch(name):
        return name
    description = av.VideoFormat(name)
    components = description.components
    deepest = max(component.bits for component in components)
    depth = next((depth for depth in _DEPTHS if depth >= deepest), _DEPTHS[-1])
    suffix = "" if depth == 8 else f"{depth}le"
    if _is_rgb(description):
        return f"yuv444p{suffix}"
    if len(components) < 3:
        return f"gray{suffix}"
    halved = (description.chroma_width(16) == 8, description.chroma_height(16) == 8)
    sampling = {(True, True): "420", (True, False): "422"}.get(halved, "444")
    return f"yuv{sampling}p{suffix}"


def _is_rgb(description: av.VideoFormat) -> bool:
    return description.is_rgb or description.has_palette


def planar(frame: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
    """``frame`` in its ``planar_format``; itself where it is in that already."""
    target = planar_format(frame.format.name)
    if target == frame.format.name:
        return frame
    if _is_rgb(frame.format):  # as FFmpeg's tools do unless told otherwise
        return reformatter.reformat(frame, format=target, dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG)
    return reformatter.reformat(frame, format=target)


def video_format(frame: VideoFrame) -> VideoFormat:
    """What the code values of a decoded, planar ``frame`` mean.

    Where the stream does not say, YCbCr is taken to be of limited range and grey of full range, as FFmpeg does.
    """
    description = frame.format
    grey = len(description.components) < 3
    tagged = int(frame.color_range)
    full_range = description.name.startswith("yuvj") or tagged == ColorRange.JPEG or (grey and tagged != ColorRange.MPEG)
    return VideoFormat(
        width=frame.width,
        height=frame.height,
        pixel_format=description.name.replace("yuvj", "yuv"),  # the range is said once, in full_range
        bit_depth=max(component.bits for component in description.components),
        full_range=full_range,
        matrix=_MATRICES.get(int(frame.colorspace), "unknown"),
        chroma_width=0 if grey else description.chroma_width(frame.width),
        chroma_height=0 if grey else description.chroma_height(frame.height),
    )


def planes_of(frame: VideoFrame, description: VideoFormat) -> tuple[Plane, ...]:
    """The frame's planes as read-only arrays: views of the decoder's memory where rows are unpadded, else copies."""
    dtype = np.dtype(np.uint8) if description.bit_depth == 8 else np.dtype("<u2")
    shapes = [(description.height, description.width)]
    if description.chroma_width:
        shapes += [(description.chroma_height, description.chroma_width)] * 2
    planes: list[Plane] = []
    for plane, (height, width) in zip(frame.planes, shapes, strict=False):
        rows = np.frombuffer(plane, dtype=dtype)  # type: ignore[call-overload]  # planes speak the buffer protocol
        stride = plane.line_size // dtype.itemsize
        picture = rows[: stride * height].reshape(height, stride)
        if stride != width:
            picture = np.ascontiguousarray(picture[:, :width])
        picture.flags.writeable = False
        planes.append(picture)
    return tuple(planes)
