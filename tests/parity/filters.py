"""FFmpeg's filters and libvmaf's feature extractors, run on any frames by the binary of imageio-ffmpeg."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from monitor.types import Frame, FramePair, VideoFormat
from tests.parity.agreement import VERSIONS
from tests.parity.clips import Clip

SUBSAMPLED = {"yuv420": (2, 2), "yuv422": (2, 1), "yuv444": (1, 1)}


def video_format(width: int, height: int, pixel_format: str) -> VideoFormat:
    across, down = SUBSAMPLED[pixel_format[:6]]
    depth = int(pixel_format[7:].removesuffix("le") or 8)
    chroma = -(-width // across), -(-height // down)
    return VideoFormat(width, height, pixel_format, depth, chroma_width=chroma[0], chroma_height=chroma[1])


def paired(
    distorted: Sequence[Sequence[NDArray[Any]]],
    reference: Sequence[Sequence[NDArray[Any]]],
    form: VideoFormat,
    rate: int = 25,
) -> list[FramePair]:
    """Pairs of frames of these planes."""

    def frames(side: Sequence[Sequence[NDArray[Any]]]) -> list[Frame]:
        return [Frame(at, Fraction(at, rate), Fraction(1, rate), form, tuple(planes)) for at, planes in enumerate(side)]

    return [FramePair(*both) for both in zip(frames(distorted), frames(reference), strict=True)]


def pairs_of(clip: Clip) -> list[FramePair]:
    return paired(clip.distorted, clip.reference, video_format(clip.width, clip.height, clip.pixel_format))


def run(pairs: Sequence[FramePair], folder: Path, graph: str) -> None:
    """Put the distorted and the reference frames through a graph of filters; files are written to and read from a folder."""
    form, rate = pairs[0].format, 1 / pairs[0].duration
    inputs = []
    for side in ("distorted", "reference"):
        planes = [plane for pair in pairs for plane in getattr(pair, side).planes]
        (folder / f"{side}.yuv").write_bytes(b"".join(plane.tobytes() for plane in planes))
        inputs += ["-f", "rawvideo", "-s", f"{form.width}x{form.height}", "-pix_fmt", form.pixel_format]
        inputs += ["-r", str(rate), "-i", f"{side}.yuv"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-v", "error", *inputs, "-lavfi", graph, "-f", "null", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def libvmaf(pairs: Sequence[FramePair], folder: Path, extractor: str) -> list[dict[str, float | None]]:
    """What a feature extractor of libvmaf says of every pair: six decimals, ``None`` where the value is infinite."""
    run(pairs, folder, f"libvmaf=log_fmt=json:log_path=log.json:n_threads=1:model=:feature=name={extractor}")
    log = json.loads((folder / "log.json").read_text())
    VERSIONS["libvmaf in FFmpeg, run"] = log["version"]
    return [frame["metrics"] for frame in log["frames"]]


def ffmpeg(pairs: Sequence[FramePair], folder: Path, name: str) -> list[dict[str, float]]:
    """What FFmpeg's filter ``name`` says of every pair, by metadata key, for example ``ssim.Y``."""
    run(pairs, folder, f"{name},metadata=print:file=log.txt")
    found: list[dict[str, float]] = []
    for line in (folder / "log.txt").read_text().splitlines():
        if line.startswith("frame:"):
            found.append({})
        else:
            key, _, value = line.partition("=")
            found[-1][key.removeprefix("lavfi.")] = float(value)
    return found


def made(content: str, form: VideoFormat, seed: int, amount: float, count: int = 2, rate: int = 25) -> list[FramePair]:
    """Pairs of a content (noise, gradient, flat, black, texture); the distorted have noise, in 8-bit code values."""
    rng = np.random.default_rng(seed)
    kind = np.uint8 if form.bit_depth == 8 else np.uint16
    sides: tuple[list[list[NDArray[Any]]], list[list[NDArray[Any]]]] = ([], [])
    level = rng.integers(16, 236)
    for index in range(count):
        for side in sides:
            side.append([])
        for height, width in [(form.height, form.width), *[(form.chroma_height, form.chroma_width)] * 2]:
            y, x = np.mgrid[0:height, 0:width]
            if content == "noise":
                picture = rng.integers(0, 256, (height, width)).astype(np.float64)
            elif content == "gradient":
                picture = (x + 2 * y + 5 * index) / 4 % 220 + 16
            elif content == "texture":
                picture = 120 + 60 * np.sin(x / 7 + index) * np.cos(y / 5) + rng.normal(0, 8, (height, width))
            else:
                picture = np.full((height, width), 16.0 if content == "black" else level)
            for side, spoilt in zip(sides, (picture + rng.normal(0, amount, (height, width)), picture), strict=True):
                plane = np.clip(np.rint(spoilt * (1 << (form.bit_depth - 8))), 0, form.peak).astype(kind)
                plane.flags.writeable = False
                side[-1].append(plane)
    return paired(*sides, form, rate)


def textured(pairs: list[FramePair], seed: int, noise: float) -> list[FramePair]:
    """The pairs with chroma that has detail at a sixteenth of its size, and noise in the distorted's."""
    form, rate = pairs[0].format, int(1 / pairs[0].duration)
    rng = np.random.default_rng(seed)
    sides = []
    planes = [rng.normal(128, 20, (form.chroma_height // 8 + 1, form.chroma_width // 8 + 1)) for _ in range(2)]
    for at, amount in (("distorted", noise), ("reference", 0.0)):
        side = []
        for pair in pairs:
            luma = getattr(pair, at).luma
            chroma = []
            for plane in planes:
                picture = plane.repeat(8, 0).repeat(8, 1)[: form.chroma_height, : form.chroma_width]
                picture = picture + rng.normal(0, amount + 0.2, picture.shape)
                samples = np.clip(np.rint(picture * (1 << form.bit_depth) / 256), 0, form.peak)
                samples = samples.astype(luma.dtype)
                samples.flags.writeable = False
                chroma.append(samples)
            side.append([luma, *chroma])
        sides.append(side)
    return paired(*sides, form, rate)
