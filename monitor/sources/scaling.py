"""Frames to another size or format, through libswscale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from monitor.errors import UnknownName
from monitor.sources.mismatch import check, check_samples
from monitor.sources.pixels import COLORSPACES, at_depth, converted_rgb, matrices, planes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.types import Frame, Plane, VideoFormat

SCALINGS = {
    "fast_bilinear": Interpolation.FAST_BILINEAR,
    "bilinear": Interpolation.BILINEAR,
    "bicubic": Interpolation.BICUBIC,
    "neighbor": Interpolation.POINT,
    "area": Interpolation.AREA,
    "bicublin": Interpolation.BICUBLIN,
    "gauss": Interpolation.GAUSS,
    "sinc": Interpolation.SINC,
    "lanczos": Interpolation.LANCZOS,
    "spline": Interpolation.SPLINE,
}
"""FFmpeg's names of interpolations (``scale=flags=``)."""


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
    """Converts frames one after the other; keeps libswscale's tables between calls. For one thread at a time.

    Sample for sample what FFmpeg's filters ``scale`` and ``format`` give with the same interpolation and no other flags.
    To a lower depth they round with an ordered dither.

    Args:
        scaling: Name of the interpolation, one of ``SCALINGS``.

    Raises:
        UnknownName: there is no such interpolation.
    """

    def __init__(self, scaling: str = "bicubic") -> None:
        if scaling not in SCALINGS:
            raise UnknownName("interpolation", scaling, SCALINGS)
        self._reformatter = VideoReformatter()
        self._interpolation = SCALINGS[scaling]
        self._checked: tuple[VideoFormat, VideoFormat] | None = None

    def matched(self, frame: Frame, target: VideoFormat) -> Frame:
        """``frame`` in the format of ``target``, if the two mean pictures that can be compared.

        Raises:
            UnsupportedFormat: they don't (``monitor.sources.mismatch.check``).
        """
        source = frame.format
        if self._checked is None or self._checked[0] is not source or self._checked[1] is not target:
            check(source, target)
            self._checked = source, target
        return self.convert(frame, target)

    def convert(self, frame: Frame, target: VideoFormat) -> Frame:
        """``frame`` in the size, pixel format, range and matrix of ``target``; itself where nothing differs.

        An unknown matrix is taken to be the other side's: guessing one would change colours that were right. What was
        decoded as RGB is converted straight from that, by BT.601 where the matrix is unknown.

        Raises:
            UnsupportedFormat: the two differ in a matrix that libswscale can't convert.
        """
        source = frame.format
        if source == target:
            return frame
        if isinstance(frame.rgb, av.VideoFrame):
            picture = converted_rgb(
                frame.rgb,
                self._reformatter,
                pixel_format=_with_chroma(target),
                size=(target.width, target.height),
                matrix=target.matrix,
                full_range=target.full_range,
                interpolation=self._interpolation,
            )
            return replace(frame, format=target, planes=planes_of(picture, target), rgb=None)
        tables = matrices(source.matrix, target.matrix)
        shift = target.bit_depth - source.bit_depth
        if tables is None and shift >= 0 and _but_for_depth(source, target) == target:
            return replace(frame, format=target, planes=_deepened(frame, shift))
        converted = self._reformatter.reformat(
            _native(frame),
            width=target.width,
            height=target.height,
            format=_with_chroma(target),
            interpolation=self._interpolation,
            src_colorspace=tables[0] if tables else None,
            dst_colorspace=tables[1] if tables else None,
            src_color_range=_range(source.full_range),
            dst_color_range=_range(target.full_range),
            threads=1,
        )
        return replace(frame, format=target, planes=planes_of(converted, target))


def common_format(distorted: VideoFormat, reference: VideoFormat, depth: int = 0) -> VideoFormat:
    """What to convert both sides of a comparison to: the reference's format at ``depth`` bits, or at the deeper side's.

    Where the reference is RGB, it is made what the distorted is, in its own size; grey ones aside, which lack something.

    Raises:
        UnsupportedFormat: the two can't be compared (``monitor.sources.mismatch.check_samples``), or there is no such
            pixel format.
    """
    check_samples(distorted, reference)
    depth = depth or max(distorted.bit_depth, reference.bit_depth)
    if reference.rgb and not distorted.rgb and distorted.chroma_width:
        sampling = av.VideoFormat(distorted.pixel_format)
        reference = replace(
            reference,
            pixel_format=distorted.pixel_format,
            bit_depth=distorted.bit_depth,
            full_range=distorted.full_range,
            matrix=distorted.matrix,
            chroma_width=sampling.chroma_width(reference.width),
            chroma_height=sampling.chroma_height(reference.height),
            rgb=False,
        )
    if depth == reference.bit_depth:
        return reference
    name = at_depth(reference.pixel_format, depth)
    return replace(reference, pixel_format=name, bit_depth=depth)


def _but_for_depth(source: VideoFormat, target: VideoFormat) -> VideoFormat:
    return replace(source, matrix=target.matrix, pixel_format=target.pixel_format, bit_depth=target.bit_depth)


def _deepened(frame: Frame, shift: int) -> tuple[Plane, ...]:
    """The same samples with ``shift`` more bits, as libswscale fills them.

    Those of full-range luma are the old ones' upper bits again, so that white stays the largest value; others are zero.
    """
    if not shift:
        return frame.planes
    depth, planes = frame.format.bit_depth, []
    for index, plane in enumerate(frame.planes):
        deep = np.left_shift(plane, shift, dtype=np.uint16)
        if index == 0 and frame.format.full_range:
            deep |= plane >> (depth - shift)
        deep.flags.writeable = False
        planes.append(deep)
    return tuple(planes)


def to_rgb(frame: Frame, *, max_width: int = 0) -> NDArray[np.uint8]:
    """``frame`` as 8-bit RGB, ``(height, width, 3)``, shrunk to ``max_width`` where that is given and smaller."""
    description = frame.format
    width = min(description.width, max_width) if max_width else description.width
    height = max(1, round(description.height * width / description.width))
    guess = Colorspace.ITU709 if description.height >= 720 else Colorspace.ITU601
    matrix = COLORSPACES.get(description.matrix, guess)
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
