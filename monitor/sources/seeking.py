"""Any part of a file without reading what comes before it: what finding an offset between two files needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Self

import av.error

from monitor.errors import SourceError
from monitor.sampling import Every
from monitor.sources.decoding import SegmentDecoding, announced_duration, nominal_rate, stream_span, stream_start

if TYPE_CHECKING:
    import av.container
    from av.video.stream import VideoStream

    from monitor.sources.decoding import VideoPacket
    from monitor.types import Frame

STEP_BACK_SECONDS = Fraction(2)
"""How much earlier to seek where no key frame at or before the moment was found; doubled each time."""


class SeekingReader:
    """Frames of a file from any moment on; a context manager that opens and closes the file.

    Time zero is the first frame. A file without timestamps (a bare H.264 stream) is read from its start each time. Only the
    latest of the iterators that it gives is valid. Frames are as ``SegmentDecoding`` gives them; their index counts from
    where reading began.

    Args:
        open_file: Opens the file, at its start.
        label: Name of the file, for messages.
        threads: Decoder threads.
        exact: Whether the decoder is to filter what it decoded, as it does for scores. Leaving the deblocking out where it
            can saves a fifth of the time and is good enough for signatures.
    """

    def __init__(
        self,
        open_file: Callable[[], tuple[av.container.InputContainer, VideoStream]],
        label: str,
        *,
        threads: int = 1,
        exact: bool = False,
    ) -> None:
        self._open_file = open_file
        self._label = label
        self._threads = threads
        self._exact = exact
        self._origin = Fraction(0)
        self._length: Fraction | None = None
        self._timed = False

    def __enter__(self) -> Self:
        """Open the file and find its first frame.

        Raises:
            SourceError: it can't be opened, or no packet says when or for how long it is shown.
        """
        self._open()
        self._origin, _ = stream_start(self._container, self._stream, self._label)
        self._timed = self._stream.start_time is not None
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._container.close()

    @property
    def rate(self) -> float:
        """Nominal frames per second, 0 when unknown."""
        return float(nominal_rate(self._stream))

    def length(self) -> Fraction:
        """Seconds from the first frame to the end of the last: as announced where that can be relied on, else counted."""
        if self._length is None:
            self._length = announced_duration(self._container, self._stream)
            if self._length is None and "mpegts" in self._container.format.name and self._stream.duration:
                self._length = self._stream.duration * self._time_base  # from the clock of the last packets
            if self._length is None:
                self._seek(Fraction(0))
                first, end = stream_span(self._container, self._stream, self._label)
                self._length = end - first
        return self._length

    def frames(self, start: Fraction) -> Iterator[Frame]:
        """Frames in presentation order from the last key frame at or before ``start`` seconds on."""
        return self._decoding(self._from_key(start)).frames(Every())

    def key_frames(self, start: Fraction, end: Fraction) -> Iterator[Frame]:
        """The key frames shown in ``[start, end)``, decoding nothing else."""
        for packet in self._from_key(start):
            if packet.pts is None or (packet.dts is not None and packet.dts * self._time_base - self._origin >= end):
                return
            if packet.is_keyframe and start <= self._time(packet) < end:
                yield from self._decoding(iter([packet])).frames(Every())
                self._context.flush_buffers()

    def key_before(self, moment: Fraction) -> Fraction:
        """Time of the last key frame at or before ``moment``; zero where the file has no times."""
        packet = next(self._from_key(moment), None)
        return self._time(packet) if packet is not None and packet.pts is not None else Fraction(0)

    def _decoding(self, packets: Iterator[VideoPacket]) -> SegmentDecoding:
        return SegmentDecoding(packets, self._context, self._time_base, self.rate, self._origin)

    def _from_key(self, moment: Fraction) -> Iterator[VideoPacket]:
        """Packets from the last key frame shown at or before ``moment`` on, without pictures shown before that one."""
        if not self._timed:
            self._seek(Fraction(0))
            yield from self._packets()
            return
        back = Fraction(0)
        while True:
            target = max(Fraction(0), moment - back)
            self._seek(target)
            packets = self._packets()
            ahead = self._last_group(packets, moment)
            if target == 0 or (ahead and self._time(ahead[0]) <= moment):
                break
            back = 2 * back + STEP_BACK_SECONDS
        for packet in chain(ahead, packets):
            if packet.pts is None or ahead[0].pts is None or packet.pts >= ahead[0].pts:
                yield packet

    def _last_group(self, packets: Iterator[VideoPacket], moment: Fraction) -> list[VideoPacket]:
        """Packets from the last key frame at or before ``moment`` (else the first) to the first one decoded after it."""
        group: list[VideoPacket] = []
        for packet in packets:
            if packet.is_keyframe and packet.pts is not None and (not group or self._time(packet) <= moment):
                group = [packet]
            elif group:
                group.append(packet)
            if group and packet.dts is not None and packet.dts * self._time_base - self._origin > moment:
                break
        return group

    def _time(self, packet: VideoPacket) -> Fraction:
        return (packet.pts or 0) * self._time_base - self._origin

    def _seek(self, moment: Fraction) -> None:
        if not self._timed:
            self._container.close()
            self._open()
            return
        # decoding times, by which some containers seek, begin before the first frame is shown
        target = moment + self._origin - (STEP_BACK_SECONDS if moment == 0 else 0)
        for sought in (target, self._origin):  # the second where the first is outside of what the index knows
            try:
                self._container.seek(round(sought / self._time_base), stream=self._stream)
            except av.error.FFmpegError as error:
                refused = error
            else:
                return
        raise SourceError(
            f"{self._label} can't be read from another place than its start, as a pipe can't; copy it to a file first"
        ) from refused

    def _open(self) -> None:
        self._container, self._stream = self._open_file()
        self._context = self._stream.codec_context
        if not self._exact:
            self._context.options = {"skip_loop_filter": "all"}
        self._context.thread_count = self._threads
        self._context.thread_type = "AUTO" if self._threads != 1 else "NONE"
        self._time_base = Fraction(self._stream.time_base) if self._stream.time_base else Fraction(1, 90_000)

    def _packets(self) -> Iterator[VideoPacket]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except av.error.FFmpegError:
            return  # a damaged tail
