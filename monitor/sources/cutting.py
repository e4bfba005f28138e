"""Where a continuous run of packets is cut into segments. Pure: packets in, runs of packets out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from monitor.sources.decoding import EncodedPacket


@dataclass(frozen=True, slots=True, eq=False)
class PacketRun:
    """The packets of one segment, in decoding order; times in ticks."""

    packets: tuple[EncodedPacket, ...]
    start: int
    """Presentation time of the first key frame, or of the earliest picture where there is none."""
    end: int
    """Presentation time of the next run's key frame, or of the end of the last picture where the run just stops."""
    discontinuity: bool


class SegmentCutter:
    """Cuts at the first key frame at or after ``target_seconds``.

    * A run that has no key frame in time is cut anyway at ``max_seconds`` or ``max_bytes``: streams with intra refresh have
      none, and memory is bounded. Such a run may not begin with a key frame; what it gives is then the decoder's affair.
    * Packets before the first key frame of an input, or of what follows a jump, are dropped once a key frame comes: they
      need pictures that are not there. ``take_skipped`` counts them.
    * A cut is made in decoding order. Leading pictures of an open GOP (decoded after a key frame, shown before it) go with
      their key frame, can't be decoded from there, and are lost, one mini-GOP per segment; with closed GOPs none are.
    """

    def __init__(
        self,
        time_base: Fraction,
        *,
        target_seconds: float = 6.0,
        max_seconds: float | None = None,
        max_bytes: int = 64 << 20,
        discontinuity: bool = False,
    ) -> None:
        self._target = target_seconds / float(time_base)
        self._limit = (3 * target_seconds if max_seconds is None else max_seconds) / float(time_base)
        self._max_bytes = max_bytes
        self._discontinuity = discontinuity
        self._synchronised = False
        self._skipped = 0
        self._packets: list[EncodedPacket] = []
        self._bytes = 0
        self._start = 0

    def push(self, packet: EncodedPacket, *, jump: bool = False, change: bool = False) -> PacketRun | None:
        """Take the next packet; the run that it closes, if it does.

        Args:
            packet: pts or dts must be known.
            jump: the timeline broke before this packet.
            change: this key frame begins a new coded sequence (other parameter sets), which gets a run of its own.
        """
        closed: PacketRun | None = None
        if jump:
            closed = self.flush()
            self._discontinuity = True
            self._synchronised = False
        elapsed = _time(packet) - self._start
        if packet.keyframe and not self._synchronised:
            self._skipped += len(self._packets)
            self._clear()
            self._synchronised = True
        elif self._packets:
            due = packet.keyframe and (change or elapsed >= self._target)
            if due or elapsed >= self._limit or self._bytes + len(packet.data) > self._max_bytes:
                closed = self._close(_time(packet) if packet.keyframe else None)
                self._synchronised = True
        if not self._packets:
            self._start = _time(packet)
        self._packets.append(packet)
        self._bytes += len(packet.data)
        return closed

    def flush(self) -> PacketRun | None:
        """What is left, when the input ended or broke off; packets that no key frame precedes are dropped."""
        if self._synchronised and self._packets:
            return self._close(None)
        self._skipped += len(self._packets)
        self._clear()
        return None

    def take_skipped(self) -> int:
        """How many packets were dropped for want of a key frame since this was last asked."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def _close(self, end: int | None) -> PacketRun:
        last = max(_time(packet) + packet.duration for packet in self._packets)
        start = self._start if self._packets[0].keyframe else min(_time(packet) for packet in self._packets)
        run = PacketRun(tuple(self._packets), start, max(start, last if end is None else end), self._discontinuity)
        self._discontinuity = False
        self._clear()
        return run

    def _clear(self) -> None:
        self._packets = []
        self._bytes = 0


def _time(packet: EncodedPacket) -> int:
    time = packet.pts if packet.pts is not None else packet.dts
    if time is None:
        raise ValueError("a packet must have a pts or a dts")
    return time
