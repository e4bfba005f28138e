"""Live HLS streams of small pictures for the watch's tests: healthy, black, damaged, late or gone, to order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache

import numpy as np

from monitor.encoding import CLOCK_HZ, EncodeSettings, encode_segment
from tests.unit.sources.origin import LivePlaylist, Origin

RATE = 10
SECONDS = 1
"""Length of a segment."""
SIZE = (96, 64)

Make = Callable[[int], bytes | None]
"""Bytes of a segment by its number; ``None`` for one that is announced and not to be had."""


@cache
def segment(
    number: int,
    *,
    black: bool = False,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    start: Fraction | None = None,
    crf: int = 18,
    seconds: int = SECONDS,
) -> bytes:
    """Segment ``number`` of a textured picture that moves, or of black; its time is ``number`` seconds unless given."""
    width, height = size
    frames = []
    for index in range(number * RATE * seconds, (number + 1) * RATE * seconds):
        luma = np.full((height, width), 16, np.uint8)
        if not black:
            grid = np.add.outer(3 * np.arange(height), 5 * np.arange(width)) + 7 * index
            noise = np.random.default_rng(index).integers(0, 24, (height, width))
            luma = (32 + (grid % 160) + noise).astype(np.uint8)
        chroma = np.full((height // 2, width // 2), 128, np.uint8)
        frames.append((luma, chroma, chroma))
    if codec == "libx264":
        options = {"sc_threshold": "0"}
        settings = EncodeSettings(width, height, Fraction(RATE), crf=crf, preset="ultrafast", options=options)
    else:
        settings = EncodeSettings(width, height, Fraction(RATE), codec=codec, bitrate_bps=400_000)
    at = Fraction(10 + number * seconds) if start is None else start
    return encode_segment(frames, settings, start_pts=round(at * CLOCK_HZ))


class Channel:
    """Publishes a segment a second under ``/<name>/video.m3u8`` of an origin, until stopped or ``count`` are out.

    Args:
        origin: Where it is served.
        name: Folder.
        make: What each segment holds; healthy pictures by default.
        dated: Whether segments carry EXT-X-PROGRAM-DATE-TIME.
        count: How many there are; then EXT-X-ENDLIST follows. ``None``: without end.
        at_once: How many are announced from the start.
        started_at: UTC of the first picture; by default as if the first ``at_once`` had just been made.
    """

    def __init__(
        self,
        origin: Origin,
        name: str,
        make: Make = segment,
        *,
        dated: bool = True,
        count: int | None = None,
        at_once: int = 3,
        started_at: datetime | None = None,
    ) -> None:
        self.make = make
        begin = started_at or datetime.now(UTC) - timedelta(seconds=at_once * SECONDS)
        self.started_at = begin
        self._playlist = LivePlaylist(
            origin, path=f"/{name}/video.m3u8", target=float(SECONDS), window=8, pdt=begin if dated else None
        )
        self.url = self._playlist.url
        self.published = 0
        self._count, self._at_once = count, at_once
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Channel:
        for _ in range(self._at_once):
            self._publish()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def pause(self) -> None:
        """Publish nothing more."""
        self.__exit__()

    def _publish(self) -> None:
        if self._count is not None and self.published >= self._count:
            return
        self._playlist.publish(self.make(self.published))
        self.published += 1
        if self.published == self._count:
            self._playlist.end()

    def _run(self) -> None:
        due = time.monotonic()
        while self._count is None or self.published < self._count:
            due += SECONDS
            segment(self.published)  # made before it is due
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            self._publish()
