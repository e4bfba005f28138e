"""The metrics against independent implementations: FFmpeg's filters, libvmaf's published scores, scikit-image, OpenCV."""

from __future__ import annotations

import json
import lzma
import re
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from monitor import scorers
from monitor.types import Frame, FramePair, VideoFormat
from tests.parity import agreements
from tests.parity.scenes import background, grain

SHAPES = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)}


def video_format(width: int, height: int, pixel_format: str, *, full_range: bool = False) -> VideoFormat:
    family, _, depth = pixel_format.removesuffix("le").partition("p")
    across, down = SHAPES[f"{family}p"]
    return VideoFormat(
        width, height, pixel_format, int(depth or 8), full_range, "unknown", -(-width // across), -(-height // down)
    )


def frames_of(raw: bytes, form: VideoFormat) -> Iterator[Frame]:
    """Frames of raw planar video."""
    kind = np.dtype(np.uint8 if form.bit_depth == 8 else "<u2")
    sizes = [(form.height, form.width), *[(form.chroma_height, form.chroma_width)] * 2]
    samples, at, index = np.frombuffer(raw, kind), 0, 0
    while at < samples.size:
        planes = []
        for height, width in sizes:
            planes.append(samples[at : at + height * width].reshape(height, width))
            at += height * width
        yield Frame(index, Fraction(index, 25), Fraction(1, 25), form, tuple(planes))
        index += 1


def raw_of(frames: Sequence[Frame]) -> bytes:
    return b"".join(plane.tobytes() for frame in frames for plane in frame.planes)


def made(form: VideoFormat, count: int, *, worse: bool) -> list[Frame]:
    """A moving, grainy scene, or a spoilt copy of it."""
    rng, step = np.random.default_rng(2), 1 << (form.bit_depth - 8)
    frames = []
    for index in range(count):
        planes = []
        for width, height in ((form.width, form.height), *[(form.chroma_width, form.chroma_height)] * 2):
            picture = background(index / 25, width, height) + grain(rng, 3, width, height)
            if worse:
                picture = cv2.GaussianBlur(picture, (0, 0), 0.5 + index) + grain(rng, index, width, height)
            code = np.clip(np.rint(picture * step), 0, form.peak)
            planes.append(code.astype(np.uint8 if form.bit_depth == 8 else np.uint16))
            planes[-1].flags.writeable = False
        frames.append(Frame(index, Fraction(index, 25), Fraction(1, 25), form, tuple(planes)))
    return frames


def scored(name: str, items: Sequence[Any]) -> dict[str, list[float]]:
    """Values by feature, in frame order."""
    scorer = scorers.create(name)
    scorer.prepare(items[0].format)
    values: dict[str, list[float]] = {}
    for score in scorer.score(items):
        values.setdefault(score.feature, []).append(score.value)
    return values


@pytest.mark.parametrize(
    ("pixel_format", "width", "height"),
    [("yuv420p", 320, 180), ("yuv420p", 101, 67), ("yuv422p10le", 160, 90), ("yuv444p12le", 96, 64)],
)
def test_psnr_is_ffmpegs(pixel_format: str, width: int, height: int, tmp_path: Path) -> None:
    """To the two decimals that FFmpeg's filter writes."""
    form = video_format(width, height, pixel_format)
    reference, distorted = made(form, 5, worse=False), made(form, 5, worse=True)
    for name, frames in (("ref", reference), ("dist", distorted)):
        (tmp_path / name).write_bytes(raw_of(frames))
    raw = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", *raw, "-i", "dist", *raw, "-i", "ref"]
    subprocess.run(
        [*command, "-lavfi", "psnr=stats_file=stats", "-f", "null", "-"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    lines = (tmp_path / "stats").read_text().splitlines()
    pairs = [FramePair(*pair) for pair in zip(distorted, reference, strict=True)]
    ours = {**scored("psnr", pairs), **scored("psnr_avg", pairs)}
    labels = {"psnr_y": "psnr_y", "psnr_cb": "psnr_u", "psnr_cr": "psnr_v", "psnr_avg": "psnr_avg"}
    for feature, label in labels.items():
        theirs = [float(re.search(rf"{label}:([\d.]+|inf)", line)[1]) for line in lines]  # type: ignore[index]
        agreement = agreements.PSNR_AVG if feature == "psnr_avg" else agreements.PSNR_FILTER
        agreement.check(ours[feature], theirs, feature)


def published_pairs() -> list[str]:
    return ["src01_10b", "sparks", "t160", "hall", "akiyo", "odd444", "dark"]


@pytest.mark.parametrize("name", published_pairs())
def test_psnr_is_libvmafs(name: str, shared: Path) -> None:
    """To the six decimals that libvmaf prints, cap included."""
    pairs = json.loads((shared / "specs" / "reference-scores.json").read_text())["pairs"]
    pair = next(pair for pair in pairs if pair["id"] == name)
    form = video_format(pair["width"], pair["height"], pair["pix_fmt"])
    reference, distorted = (
        frames_of(lzma.decompress((shared / "data" / "vmaf" / f"{Path(pair[side]).name}.xz").read_bytes()), form)
        for side in ("ref", "dis")
    )
    ours = scored("psnr", [FramePair(*both) for both in zip(distorted, reference, strict=True)])
    assert len(ours["psnr_y"]) == pair["frame_count"]
    for feature in ("psnr_y", "psnr_cb", "psnr_cr"):
        agreements.PSNR.check(ours[feature], [frame[feature] for frame in pair["frames"]], feature)


@pytest.mark.parametrize(
    ("pixel_format", "width", "height"), [("yuv420p", 640, 352), ("yuv420p", 173, 101), ("yuv420p10le", 320, 180)]
)
def test_ssim_is_that_of_scikit_image(pixel_format: str, width: int, height: int) -> None:
    """Within 1e-5: ours is single precision inside a row, theirs double."""
    form = video_format(width, height, pixel_format)
    reference, distorted = made(form, 5, worse=False), made(form, 5, worse=True)
    ours = scored("ssim", [FramePair(*pair) for pair in zip(distorted, reference, strict=True)])["ssim"]
    theirs = [
        structural_similarity(
            one.luma.astype(np.float64),
            other.luma.astype(np.float64),
            data_range=form.peak,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for one, other in zip(distorted, reference, strict=True)
    ]
    agreements.SSIM.check(ours, theirs)
    assert min(ours) < 0.85


def test_ssim_of_photographs_is_that_of_scikit_image(shared: Path) -> None:
    for path in sorted((shared / "data" / "content" / "stills").glob("*.webp"))[::20]:
        photo = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert photo is not None
        jpeg = cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 25])[1], cv2.IMREAD_GRAYSCALE)
        form = VideoFormat(photo.shape[1], photo.shape[0], "gray")
        one, other = (Frame(0, Fraction(0), Fraction(1, 25), form, (plane,)) for plane in (jpeg, photo))
        theirs = structural_similarity(
            jpeg.astype(float), photo.astype(float), data_range=255, gaussian_weights=True, use_sample_covariance=False
        )
        agreements.SSIM.check(scored("ssim", [FramePair(one, other)])["ssim"], theirs)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_blur_is_opencvs(pixel_format: str) -> None:
    frames = made(video_format(333, 201, pixel_format), 4, worse=True)
    step = 1 << (frames[0].format.bit_depth - 8)
    theirs = [cv2.Laplacian(frame.luma, cv2.CV_64F).var() / step**2 for frame in frames]
    assert scored("blur", frames)["blur"] == pytest.approx(theirs, rel=1e-12)


def filtered(frames: Sequence[Frame], name: str, keys: Sequence[str]) -> NDArray[np.float64]:
    """What a filter of FFmpeg writes into the metadata of 8-bit frames, marked as full range."""
    graph = av.filter.Graph()
    form = frames[0].format
    source = graph.add_buffer(width=form.width, height=form.height, format="yuv420p", time_base=Fraction(1, 25))
    node, sink = graph.add(name), graph.add("buffersink")
    source.link_to(node)
    node.link_to(sink)
    graph.configure()
    rows = []
    for frame in frames:
        packed = np.frombuffer(raw_of([frame]), np.uint8).reshape(-1, form.width)
        picture = av.VideoFrame.from_ndarray(packed, format="yuv420p")
        picture.pts, picture.time_base = frame.index, Fraction(1, 25)
        picture.color_range = av.video.reformatter.ColorRange.JPEG
        graph.push(picture)
        metadata = graph.pull().metadata
        rows.append([float(metadata[key]) for key in keys])
    return np.array(rows)


def test_si_and_ti_are_ffmpegs_on_full_range() -> None:
    """To the two decimals that FFmpeg writes. Limited range it stretches to full first, as the 2008 text does not."""
    frames = made(video_format(320, 180, "yuv420p", full_range=True), 5, worse=False)
    theirs = filtered(frames, "siti", ["lavfi.siti.si", "lavfi.siti.ti"])
    ours = scored("siti", frames)
    agreements.SITI.check(ours["si"], theirs[:, 0], "si")
    agreements.SITI.check(ours["ti"], theirs[1:, 1], "ti")


def test_blockiness_ranks_encodes_as_ffmpegs_detector_does() -> None:
    """Numbers differ (theirs normalises every sample and seeks the period too); the order of JPEG qualities does not."""
    form = video_format(320, 176, "yuv420p")
    source = made(form, 1, worse=False)[0]
    frames = []
    for index, quality in enumerate((95, 75, 50, 30, 15, 5)):
        jpeg = cv2.imdecode(cv2.imencode(".jpg", source.luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
        frames.append(Frame(index, Fraction(index, 25), Fraction(1, 25), form, (jpeg, *source.planes[1:])))
    ours = scored("blockiness", frames)["blockiness"]
    theirs = filtered(frames, "blockdetect", ["lavfi.block"])[:, 0]
    assert list(np.argsort(ours)) == list(np.argsort(theirs)) == list(range(6))
    assert ours[0] < 0.2
    assert ours[-1] > 2
