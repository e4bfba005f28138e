"""The demo's channel as data: renditions, rates and how each is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from monitor.encoding import CLOCK_HZ, EncodeSettings
from monitor.errors import UnknownName

SOURCE = "source"
"""Name of the reference rendition; it is not in the master playlist."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition of the ladder."""

    name: str
    width: int
    height: int
    bitrate_bps: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A ladder and the source that it is made from. The defaults cost about 0.3 CPU seconds per second of content."""

    width: int = 960
    height: int = 540
    frame_rate: int = 25
    segment_frames: int = 50
    """Frames per media segment, which is one closed group of pictures."""
    rungs: tuple[Rung, ...] = (
        Rung("540p", 960, 540, 2_400_000),
        Rung("360p", 640, 360, 1_200_000),
        Rung("270p", 480, 270, 600_000),
    )
    """From the best to the worst."""
    source_crf: float = 18.0
    preset: str = "ultrafast"
    seed: int = 1

    @property
    def segment_seconds(self) -> Fraction:
        """Duration of a media segment."""
        return Fraction(self.segment_frames, self.frame_rate)

    @property
    def names(self) -> tuple[str, ...]:
        """All renditions: the source, then the rungs."""
        return (SOURCE, *(rung.name for rung in self.rungs))

    def settings(self, rendition: str, bitrate_factor: float = 1.0) -> EncodeSettings:
        """How to encode a rendition, or a share of its bitrate."""
        rate = Fraction(self.frame_rate)
        options = {"sc_threshold": "0", "colorspace": "bt709", "color_range": "tv"}
        if rendition == SOURCE:
            return EncodeSettings(self.width, self.height, rate, crf=self.source_crf, preset=self.preset, options=options)
        for rung in self.rungs:
            if rung.name == rendition:
                bitrate = round(rung.bitrate_bps * bitrate_factor)
                return EncodeSettings(
                    rung.width,
                    rung.height,
                    rate,
                    bitrate_bps=bitrate,
                    peak_bitrate_bps=bitrate,
                    preset=self.preset,
                    options=options,
                )
        raise UnknownName("rendition", rendition, self.names)

    def start_pts(self, sequence: int) -> int:
        """Presentation time of a segment's first picture in 1/90000 s; the timeline begins at 10 s."""
        return round((10 + sequence * self.segment_seconds) * CLOCK_HZ)
