"""FFmpeg's test patterns, as they are and spoilt: most of their chroma is flat, which SpEED's equations like least."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from monitor.types import FramePair
from tests.parity import filters

NAMES = (
    "smptehdbars",
    "smptebars",
    "pal75bars",
    "rgbtestsrc",
    "yuvtestsrc",
    "testsrc",
    "testsrc2",
    "colorspectrum",
    "gradients=seed=1",
    "mandelbrot",
)

SPOILT = ("gblur=0.6", "gblur=1.5", "gblur=4", "boxblur=3:1", "noise=c1s=1:c1_seed=1", "smaller", "libx264", "libx265")
"""Filters, ``smaller`` for there and back, and encoders."""


def _run(*arguments: str, given: bytes | None = None) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *arguments, "-"]
    return subprocess.run(command, input=given, capture_output=True, timeout=120, check=True).stdout


def _made(pattern: str, size: tuple[int, int], pixel_format: str, spoilt: str) -> list[NDArray[Any]]:
    """The planes of a pattern's picture."""
    form = filters.video_format(*size, pixel_format)
    source = f"{pattern}{':' if '=' in pattern else '='}s={size[0]}x{size[1]}:r=25,format={pixel_format}"
    raw = "-frames:v", "1", "-pix_fmt", pixel_format, "-f", "rawvideo"
    if spoilt.startswith("lib"):
        quiet = ("-x265-params", "log-level=none") if spoilt == "libx265" else ()
        encoder = "-c:v", spoilt, "-preset", "ultrafast", "-crf", "30", *quiet
        encoded = _run("-f", "lavfi", "-i", source, "-frames:v", "1", *encoder, "-f", "matroska")
        data = _run("-f", "matroska", "-i", "-", *raw, given=encoded)
    else:
        around = f"scale={size[0] // 2}:{size[1] // 2},scale={size[0]}:{size[1]}"
        graph = around if spoilt == "smaller" else spoilt or "null"
        data = _run("-f", "lavfi", "-i", f"{source},{graph},format={pixel_format}", *raw)
    sizes = [(form.height, form.width), *[(form.chroma_height, form.chroma_width)] * 2]
    samples = np.frombuffer(data, np.uint8 if form.bit_depth == 8 else np.uint16)
    parts = np.split(samples, np.cumsum([height * width for height, width in sizes])[:-1])
    return [part.reshape(size) for part, size in zip(parts, sizes, strict=True)]


def pairs(pattern: str, size: tuple[int, int], pixel_format: str, spoilt: Sequence[str] = SPOILT) -> list[FramePair]:
    """A frame for each way to spoil the pattern, beside the pattern; and one beside what is blurred already."""
    distorted = [_made(pattern, size, pixel_format, how) for how in spoilt]
    plain = _made(pattern, size, pixel_format, "")
    reference = [plain] * len(distorted)
    return filters.paired([*distorted, distorted[0]], [*reference, distorted[1]], filters.video_format(*size, pixel_format))
