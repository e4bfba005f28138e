"""What the samples of a decoded picture are, and how to get at them without copying."""

from __future__ import annotations

import math
import re
import struct
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from monitor.errors import UnsupportedFormat
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

COLORSPACES = {
    "bt709": Colorspace.ITU709,
    "smpte170m": Colorspace.ITU601,
    "bt470bg": Colorspace.ITU601,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
    "bt2020nc": Colorspace.BT2020,
}
"""FFmpeg's matrix names and libswscale's tables for them."""

_TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
"""AVColorTransferCharacteristic numbers (H.273 TransferCharacteristics) and FFmpeg's names."""

_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
"""AVColorPrimaries numbers (H.273 ColourPrimaries) and FFmpeg's names."""

_AS_IT_IS = re.compile(r"(yuvj?4[0-4][0-4]p|gray)((9|10|12|14|16)le)?")
"""Pixel formats whose planes are handed on as they are."""

_ABORTING = "yaf32"
"""Beginning of the names of pixel formats on which libswscale ends the process."""

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
    if is_rgb(description):
        return f"yuv444p{suffix}"
    if len(components) < 3:
        return f"gray{suffix}"
    halved = (description.chroma_width(16) == 8, description.chroma_height(16) == 8)
    sampling = {(True, True): "420", (True, False): "422"}.get(halved, "444")
    return f"yuv{sampling}p{suffix}"


def at_depth(pixel_format: str, depth: int) -> str:
    """The planar pixel format that is ``pixel_format`` at ``depth`` bits per sample.

    Raises:
        UnsupportedFormat: FFmpeg has none.
    """
    match = _AS_IT_IS.fullmatch(pixel_format)
    name = f"{match[1] if match else pixel_format}{depth}le" if depth > 8 else match[1] if match else pixel_format
    try:
        av.VideoFormat(name)
    except ValueError:
        raise UnsupportedFormat(
            f"FFmpeg knows no {pixel_format} of {depth} bits per sample; compare at the depth of the reference, or convert "
            "both sides to yuv420p first"
        ) from None
    return name


def matrices(old: str, new: str) -> tuple[Colorspace, Colorspace] | None:
    """libswscale's tables for a conversion between two matrices; ``None`` where there is nothing to convert.

    Raises:
        UnsupportedFormat: there is no table for one of them.
    """
    if old == new or "unknown" in (old, new):
        return None
    for matrix in (old, new):
        if matrix not in COLORSPACES:
            raise UnsupportedFormat(
                f"can't convert matrix {old} to {new}: {matrix} is not supported; give both sides the same matrix"
            )
    tables = COLORSPACES[old], COLORSPACES[new]
    return None if tables[0] == tables[1] else tables


def rgb_table(matrix: str) -> Colorspace:
    """libswscale's table for making YCbCr of a matrix from RGB; an unknown one is BT.601's, as FFmpeg's tools have it.

    Raises:
        UnsupportedFormat: there is none.
    """
    if matrix == "unknown":
        return Colorspace.ITU601
    if matrix not in COLORSPACES:
        raise UnsupportedFormat(
            f"can't convert RGB to matrix {matrix}, which is not supported; give both sides the same matrix"
        )
    return COLORSPACES[matrix]


def is_rgb(description: av.VideoFormat) -> bool:
    """Whether pictures of a pixel format are RGB, or of a palette of RGB."""
    return description.is_rgb or description.has_palette


def planar(frame: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
    """``frame`` in its ``planar_format``; itself where it is in that already.

    Raises:
        UnsupportedFormat: libswscale can't read its pixel format.
    """
    name = frame.format.name
    target = planar_format(name)
    if target == name:
        return frame
    if name.startswith(_ABORTING):
        raise _inconvertible(name, target)
    try:
        if is_rgb(frame.format):  # as FFmpeg's tools do unless told otherwise
            return converted_rgb(frame, reformatter, pixel_format=target)
        return reformatter.reformat(frame, format=target)
    except av.error.FFmpegError as error:
        raise _inconvertible(name, target) from error


def _inconvertible(name: str, target: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"this build of FFmpeg can't convert pixel format {name} to {target}; convert the video first, to yuv444p10le"
    )


def converted_rgb(
    frame: VideoFrame,
    reformatter: VideoReformatter,
    *,
    pixel_format: str,
    size: tuple[int, int] | None = None,
    matrix: str = "smpte170m",
    full_range: bool = False,
    interpolation: Interpolation = Interpolation.BICUBIC,
) -> VideoFrame:
    """An RGB picture as YCbCr, in one step.

    As for FFmpeg's filters, RGB is of full range, whatever its tags say, and samples of subsampled chroma lie amid those of
    luma.

    Raises:
        UnsupportedFormat: there is no such matrix in libswscale.
        av.error.FFmpegError: libswscale can't convert it.
    """
    width, height = size or (frame.width, frame.height)
    return reformatter.reformat(
        _unsited(frame) if frame.format.name.startswith("gbr") and "444" not in pixel_format else frame,
        width=width,
        height=height,
        format=pixel_format,
        interpolation=interpolation,
        dst_colorspace=rgb_table(matrix),
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
        threads=1,
    )


def _unsited(frame: VideoFrame) -> VideoFrame:
    """A copy of a planar frame without its tags: H.264's default place of chroma moves the chroma made of RGB, too."""
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for old, new in zip(frame.planes, copy.planes, strict=True):
        shape, length = (old.height, -1), min(old.line_size, new.line_size)
        target = np.frombuffer(new, np.uint8)  # type: ignore[call-overload]  # planes speak the buffer protocol
        source = np.frombuffer(old, np.uint8)  # type: ignore[call-overload]
        target.reshape(shape)[:, :length] = source.reshape(shape)[:, :length]
    return copy


def video_format(
    frame: VideoFrame,
    sample_aspect: Fraction | None = None,
    *,
    interlaced: bool = False,
    display: bytes = b"",
    rgb: bool = False,
) -> VideoFormat:
    """What the code values of a decoded, planar ``frame`` mean: one object for all frames of which it is the same.

    Where the stream does not say, YCbCr is taken to be of limited range and grey of full range, as FFmpeg does.

    Args:
        frame: After ``planar``.
        sample_aspect: Width of a sample by its height, where known.
        interlaced: Whether it is coded in fields.
        display: Its display matrix (``display_matrix``).
        rgb: Whether it was RGB before.
    """
    return _described(
        frame.format.name,
        (frame.width, frame.height),
        (frame.color_range, frame.colorspace, frame.color_trc, frame.color_primaries),
        sample_aspect or Fraction(0),
        interlaced=interlaced,
        display=display,
        rgb=rgb,
    )


def display_matrix(frame: VideoFrame) -> bytes:
    """How to show the frame: nine 32-bit integers (``libavutil/display.h``); nothing where the stream does not say.

    Not to be asked of every frame: one that was is in a reference cycle with its side data, and its picture in memory until
    Python looks for cycles, while the decoder takes fresh memory for others (1 ms a 1080p frame).
    """
    try:
        return bytes(frame.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]  # PyAV declares one of its keys
    except KeyError:
        return b""
    except ValueError:  # a kind of side data that PyAV does not know (EXIF) keeps it from listing any
        return struct.pack("=9i", *_turned(frame.rotation)) if frame.rotation else b""


def _turned(degrees: int) -> tuple[int, ...]:
    """The display matrix of a rotation counterclockwise."""
    cosine, sine = (round(65536 * part(math.radians(degrees))) for part in (math.cos, math.sin))
    return cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 30


def orientation(display: bytes) -> tuple[int, bool]:
    """Degrees counterclockwise by which a display matrix turns a picture, and whether it is flipped upside down before."""
    if not display:
        return 0, False
    across, down, _, across_y, down_y, *_ = struct.unpack("=9i", display)
    degrees = round(-math.degrees(math.atan2(down * math.hypot(across, across_y), across * math.hypot(down, down_y))))
    return (180 if degrees == -180 else degrees), across * down_y < down * across_y


@lru_cache(maxsize=64)
def _described(
    name: str,
    size: tuple[int, int],
    tags: tuple[int, int, int, int],
    sample_aspect: Fraction,
    *,
    interlaced: bool,
    display: bytes,
    rgb: bool,
) -> VideoFormat:
    width, height = size
    rotation, flipped = orientation(display)
    tagged_range, matrix, transfer, primaries = tags
    description = av.VideoFormat(name)
    grey = len(description.components) < 3
    full_range = name.startswith("yuvj") or tagged_range == ColorRange.JPEG or (grey and tagged_range != ColorRange.MPEG)
    return VideoFormat(
        width=width,
        height=height,
        pixel_format=name.replace("yuvj", "yuv"),  # the range is said once, in full_range
        bit_depth=max(component.bits for component in description.components),
        full_range=full_range,
        matrix="unknown" if grey else _MATRICES.get(matrix, "unknown"),  # PNG says "RGB" of grey, too
        chroma_width=0 if grey else description.chroma_width(width),
        chroma_height=0 if grey else description.chroma_height(height),
        transfer=_TRANSFERS.get(transfer, "unknown"),
        primaries=_PRIMARIES.get(primaries, "unknown"),
        sample_aspect=sample_aspect,
        interlaced=interlaced,
        rotation=rotation,
        flipped=flipped,
        rgb=rgb,
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
