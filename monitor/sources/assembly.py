"""From demuxed packets to what a segment is made of: timeline, cuts, decoder configuration, and where it lies in UTC."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from fractions import Fraction

from monitor.sources.cutting import SegmentCutter
from monitor.sources.decoding import EncodedPacket
from monitor.sources.packets import DemuxedPacket, Opened
from monitor.sources.parameters import parameter_sets, picture_size
from monitor.sources.timeline import FLV_WRAP_BITS, MPEG_WRAP_BITS, ArrivalAnchor, Position, Timeline

_WRAP_BITS = {"mpegts": MPEG_WRAP_BITS, "mpeg": MPEG_WRAP_BITS, "flv": FLV_WRAP_BITS, "live_flv": FLV_WRAP_BITS}
_STRANGE_KEYFRAMES = 2
"""Key frames in a row with other parameter sets or none, that do not decode: one may be damage."""


class Assembly:
    """What one session knows of the packets so far: their timeline, where to cut, and how to decode them."""

    def __init__(self, opened: Opened, segment_seconds: float, *, discontinuity: bool) -> None:
        self.template = opened.template
        self.cutter = SegmentCutter(opened.template.time_base, target_seconds=segment_seconds, discontinuity=discontinuity)
        self.delivered = False
        self.reached = Fraction(0)
        """Media seconds from the first packet to the end of the furthest."""
        self._first: int | None = None
        self._sets = b""
        self._measured = False
        """Whether the picture size is a key frame's own: what FFmpeg found on probing may be a later part of the input's."""
        self._strange = 0
        self._timeline = Timeline(
            opened.template.time_base,
            wrap_bits=_WRAP_BITS.get(opened.format_name.split(",")[0], 0),
            frame_rate=opened.template.frame_rate,
            reorders=opened.reorders,
        )

    def seconds(self, packet: EncodedPacket) -> Fraction:
        """Media time at which ``packet`` is decoded."""
        return (packet.dts or 0) * self.template.time_base

    def placed(self, packet: DemuxedPacket) -> tuple[EncodedPacket, str, bool]:
        """The packet on the timeline, the jump before it, and whether it begins another coded sequence."""
        times = self._timeline.place(packet.pts, packet.dts, packet.duration, keyframe=packet.keyframe)
        encoded = EncodedPacket(packet.data, times.pts, times.dts, times.duration, packet.keyframe)
        end = (times.pts if times.pts is not None else times.dts) + times.duration
        if self._first is None:
            self._first = times.pts if times.pts is not None else times.dts
        self.reached = max(self.reached, (end - self._first) * self.template.time_base)
        return encoded, times.jump, self._sequence_changed(packet, encoded)

    @property
    def codec_changed(self) -> bool:
        """Whether the packets are no longer of the codec that the input was opened with (PyAV does not tell)."""
        return self._strange >= _STRANGE_KEYFRAMES

    def _sequence_changed(self, packet: DemuxedPacket, encoded: EncodedPacket) -> bool:
        if packet.extradata is not None and packet.extradata != self.template.extradata:
            self.template = dataclasses.replace(self.template, extradata=packet.extradata)
            self._measure(encoded)
            return True
        if not packet.keyframe:
            return False
        sets = parameter_sets(self.template.name, packet.data)
        before, self._sets = self._sets, sets or self._sets
        other = bool(before) and sets != before
        if not other and self._measured:
            return False
        decodes = self._measure(encoded)
        self._strange = self._strange + 1 if other and not decodes else 0
        return other and bool(sets)

    def _measure(self, keyframe: EncodedPacket) -> bool:
        """Take the picture size from a key frame; whether it decodes."""
        size = picture_size(self.template, keyframe)
        if size is None:
            return False
        self.template = dataclasses.replace(self.template, width=size[0], height=size[1])
        self._measured = True
        return True


class LivePlacement:
    """UTC of a live input's segments: arrival."""

    def __init__(self) -> None:
        self._anchor = ArrivalAnchor()

    @property
    def ready(self) -> bool:
        """Whether segments can be dated yet."""
        return self._anchor.settled

    def observe(self, media_seconds: Fraction, arrived: datetime) -> None:
        """A packet of the current segment arrived."""
        self._anchor.observe(media_seconds, arrived)

    def utc(self, start: Fraction, end: Fraction) -> datetime:  # noqa: ARG002 - same call as for a file
        """UTC of the segment ``[start, end)``."""
        return self._anchor.utc(start)

    def jumped(self) -> None:
        """Media time broke."""
        self._anchor.reset()


class FilePlacement:
    """UTC of a file's segments: a start and the position in the file."""

    ready = True

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self.position = Position()

    def observe(self, media_seconds: Fraction, arrived: datetime) -> None:
        """A file's packets arrive whenever they are read."""

    def utc(self, start: Fraction, end: Fraction) -> datetime:
        """UTC of the segment ``[start, end)``."""
        return self._started_at + timedelta(seconds=float(self.position.advance(start, end)))

    def jumped(self) -> None:
        """Segments are placed by their own times."""
