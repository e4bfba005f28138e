"""Frames to another size or format, through libswscale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from monitor.errors import UnsupportedFormat
from monitor.sources.pixels import planes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.types import Frame, Plane, VideoFormat

_COLORSPACES = {
    "bt709": Colorspace.ITU709,
    "smpte170m": Colorspace.ITU601,
    "bt470bg": Colorspace.ITU601,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
    "bt2020nc": Colorspace.BT2020,
}
"""FFmpeg's matrix names and libswscale's tables for them."""


def _native(frame: Frame) -> av.VideoFrame:
    """A libav frame with the pixels of ``frame``."""
    description = frame.format
    native = av.VideoFrame(description.width, description.height, _with_chroma(description))
    planes: list[Plane | None] = [*frame.planes, None, None]
    for target, plane in zip(native.planes, planes, strict=False):
        samples = np.frombuffer(target, frame.luma.dtype)  # type: ignore[call-overload]  # planes speak the buffer protocol
        if plane is None:
            samples.fill(1 << (description.bit_depth - 1))  # no colour
        else:
            height, width = plane.shape
            samples.reshape(-1, target.line_size // plane.itemsize)[:height, :width] = plane
    return native


def _with_chroma(description: VideoFormat) -> str:
    """The pixel format under which libswscale sees frames: it takes grey for full range whatever it is told."""
    return description.pixel_format.replace("gray", "yuv420p")


def _range(full: bool) -> ColorRange:
    return ColorRange.JPEG if full else ColorRange.MPEG


class Converter:
    """Converts frames one after the other; keeps libswscale's tables between calls. For one thread at a time."""

    def __init__(self, interpolation: Interpolation = Interpolation.BICUBIC) -> None:
        self._reformatter = VideoReformatter()
        self._interpolation = interpolation

    def convert(self, frame: Frame, target: VideoFormat) -> Frame:
        """``frame`` in the size, pixel format, range and matrix of ``target``; itself where nothing differs.

        An unknown matrix is taken to be the other side's: guessing one would change colours that were right.

        Raises:
            UnsupportedFormat: the two differ in a matrix that libswscale can't convert.
        """
        source = frame.format
        if source == target:
            return frame
        old_matrix, new_matrix = _matrices(source, target)
        if replace(source, matrix=target.matrix) == target and old_matrix == new_matrix:
            return replace(frame, format=target)
        differing_range = source.full_range != target.full_range
        converted = self._reformatter.reformat(
            _native(frame),
            width=target.width,
            height=target.height,
            format=_with_chroma(target),
            interpolation=self._interpolation,
            src_colorspace=old_matrix,
            dst_colorspace=new_matrix,
            src_color_range=_range(source.full_range) if differing_range else None,
            dst_color_range=_range(target.full_range) if differing_range else None,
            threads=1,
        )
        return replace(frame, format=target, planes=planes_of(converted, target))


def _matrices(source: VideoFormat, target: VideoFormat) -> tuple[Colorspace | None, Colorspace | None]:
    """libswscale's tables for a conversion between two matrices; two ``None`` where there is nothing to convert."""
    if source.matrix == target.matrix or "unknown" in (source.matrix, target.matrix):
        return None, None
    for matrix in (source.matrix, target.matrix):
        if matrix not in _COLORSPACES:
            raise UnsupportedFormat(
                f"can't convert {source} in matrix {source.matrix} to {target} in matrix {target.matrix}: "
                f"{matrix} is not supported; give both sides the same matrix"
            )
    old, new = _COLORSPACES[source.matrix], _COLORSPACES[target.matrix]
    return (None, None) if old == new else (old, new)


def to_rgb(frame: Frame, *, max_width: int = 0) -> NDArray[np.uint8]:
    """``frame`` as 8-bit RGB, ``(height, width, 3)``, shrunk to ``max_width`` where that is given and smaller."""
    description = frame.format
    width = min(description.width, max_width) if max_width else description.width
    height = max(1, round(description.height * width / description.width))
    guess = Colorspace.ITU709 if description.height >= 720 else Colorspace.ITU601
    matrix = _COLORSPACES.get(description.matrix, guess)
    picture = VideoReformatter().reformat(
        _native(frame),
        width=width,
        height=height,
        format="rgb24",
        interpolation=Interpolation.AREA,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=_range(description.full_range),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return np.asarray(picture.to_ndarray(), dtype=np.uint8)
