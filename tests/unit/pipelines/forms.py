"""The same moving picture in many forms, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.sources.media import clip
from tests.unit.sources.pictures import encoded, moving, x264


def make_clips(folder: Path) -> Path:
    """Fill ``folder`` with two-second clips of 64x48 at 25 frames/s and with what is no clip."""
    (folder / "reference.mp4").write_bytes(x264(50, container="mp4"))
    (folder / "b-frames.mp4").write_bytes(x264(50, container="mp4", b_frames=3))
    (folder / "b-frames.ts").write_bytes(x264(50, container="mpegts", b_frames=3))
    (folder / "short.mp4").write_bytes(x264(30, container="mp4"))
    (folder / "small.mkv").write_bytes(encoded(moving(50, 32, 24)))
    (folder / "odd.mkv").write_bytes(encoded(moving(50, 63, 47)))
    (folder / "deep.mkv").write_bytes(encoded(moving(50, pixel_format="yuv420p10le")))
    full = [frame.reformat(dst_color_range=2) for frame in moving(50)]
    (folder / "full.mkv").write_bytes(encoded(full, color_range=2))
    (folder / "grey.mkv").write_bytes(encoded(moving(50, pixel_format="gray")))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("Dear diary\n" * 30)
    (folder / "truncated.mp4").write_bytes(x264(50, container="mp4")[:3000])
    clip(folder / "song.mp4", video=False, audio=True)
    faststart = clip(folder / "faststart.mp4", mux={"movflags": "faststart"}).read_bytes()
    (folder / "stops.mp4").write_bytes(faststart[: len(faststart) * 6 // 10])
    (folder / "corrupt.ts").write_bytes(_corrupted(x264(50, gop=10)))
    return folder


def _corrupted(data: bytes) -> bytes:
    damaged, noise = bytearray(data), np.random.default_rng(3)
    for number in range(20, len(data) // 188, 9):
        damaged[number * 188 + 30 : number * 188 + 188] = noise.integers(0, 256, 158, dtype=np.uint8).tobytes()
    return bytes(damaged)
