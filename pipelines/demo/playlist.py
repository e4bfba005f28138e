"""Live HLS playlists (RFC 8216): what is announced, what may be fetched, and how it is written.

Written out here and not with the m3u8 package, which is what vqmon reads playlists with: a misreading of the
specification must not cancel out.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from pipelines.demo.channel import Channel


@dataclass(frozen=True, slots=True)
class PublishedSegment:
    """One media segment as the origin holds it."""

    sequence: int
    started_at: datetime
    """UTC of its first picture."""
    duration: Fraction
    data: bytes | None
    """``None``: announced, but not to be had."""


class LivePlaylist:
    """A sliding window over one rendition's segments; safe to use from several threads."""

    def __init__(self, target_seconds: Fraction, *, window: int = 6, kept: int = 6) -> None:
        """Start empty.

        Args:
            target_seconds: Longest duration of a segment.
            window: Segments that are announced at a time.
            kept: Segments that may still be fetched after they left the window (RFC 8216, 6.2.2 asks for this grace).
        """
        self._target = max(1, math.ceil(target_seconds))
        self._window = window
        self._segments: deque[PublishedSegment] = deque(maxlen=window + kept)
        self._ended = False
        self._lock = threading.Lock()

    def publish(self, segment: PublishedSegment) -> None:
        """Announce the next segment; the oldest one leaves."""
        with self._lock:
            self._segments.append(segment)

    def end(self) -> None:
        """Announce that nothing follows."""
        with self._lock:
            self._ended = True

    def segment(self, sequence: int) -> bytes | None:
        """A segment's bytes; ``None`` if it is not, no longer, or never was there."""
        with self._lock:
            return next((segment.data for segment in self._segments if segment.sequence == sequence), None)

    def render(self) -> str:
        """The media playlist as it stands."""
        with self._lock:
            announced = list(self._segments)[-self._window :]
            ended = self._ended
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:6",
            f"#EXT-X-TARGETDURATION:{self._target}",
            f"#EXT-X-MEDIA-SEQUENCE:{announced[0].sequence if announced else 0}",
            "#EXT-X-INDEPENDENT-SEGMENTS",
        ]
        for segment in announced:
            utc = segment.started_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
            lines += [
                f"#EXT-X-PROGRAM-DATE-TIME:{utc}Z",
                f"#EXTINF:{float(segment.duration):.3f},",
                f"{segment.sequence}.ts",
            ]
        if ended:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"


def master_playlist(channel: Channel, codecs: dict[str, str]) -> str:
    """The master playlist: every rung, not the source.

    Args:
        channel: The ladder.
        codecs: CODECS value by rendition.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rung in channel.rungs:
        # The peak of a 2 s segment: the rate control's buffer of one second, full, on top, and MPEG-TS packaging.
        peak = round(1.6 * rung.bitrate_bps)
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={round(1.2 * rung.bitrate_bps)},"
            f'RESOLUTION={rung.width}x{rung.height},FRAME-RATE={channel.frame_rate:.3f},CODECS="{codecs[rung.name]}"'
        )
        lines.append(f"{rung.name}/index.m3u8")
    return "\n".join(lines) + "\n"
