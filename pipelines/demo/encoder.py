"""The demo's encoder: makes the channel's segments, in a process of its own so that it never holds up the monitor.

Run as ``python -m pipelines.demo.encoder JOB`` it writes records to standard output: a line of JSON (``SegmentHeader``),
then as many bytes as it says. Whoever reads sets the pace, because a full pipe makes the encoder wait.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO

import cv2
from pydantic import TypeAdapter

from monitor.encoding import encode_segment, rfc6381_codec
from monitor.errors import BadMedia
from monitor.types import Plane
from pipelines.demo.channel import Channel
from pipelines.demo.faults import FaultPlan
from pipelines.demo.scene import Scene


@dataclass(frozen=True, slots=True)
class EncoderJob:
    """What to encode."""

    channel: Channel
    plan: FaultPlan
    forever: bool = False
    """Whether healthy content follows after the plan's end."""
    niceness: int = 5
    """Added to the process' niceness: the monitor goes first."""

    @property
    def segments(self) -> int | None:
        """Segments per rendition; ``None`` without end."""
        return None if self.forever else int(Fraction(self.plan.duration_seconds) / self.channel.segment_seconds)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What precedes a segment's bytes on the pipe."""

    rendition: str
    sequence: int
    codecs: str
    size: int


_JOB = TypeAdapter(EncoderJob)
_HEADER = TypeAdapter(SegmentHeader)


def command(job: EncoderJob) -> list[str]:
    """The command line of an encoder process."""
    return [sys.executable, "-P", "-m", "pipelines.demo.encoder", _JOB.dump_json(job).decode()]


def encode_channel(job: EncoderJob) -> Iterator[tuple[SegmentHeader, bytes]]:
    """All segments in order of time; of one sequence number the source first, then the rungs."""
    channel, plan = job.channel, job.plan
    scene = Scene(channel.width, channel.height, Fraction(channel.frame_rate), channel.seed)
    black = scene.black()
    codecs: dict[str, str] = {}
    for sequence in itertools.count() if job.segments is None else range(job.segments):
        first = sequence * channel.segment_frames
        start = sequence * channel.segment_seconds
        pictures: dict[int, tuple[Plane, ...]] = {}
        for rendition in channel.names:
            frames: list[tuple[Plane, ...]] = []
            for number in range(first, first + channel.segment_frames):
                shown = plan.shown(rendition, Fraction(number, channel.frame_rate))
                if shown is None:
                    frames.append(black)
                    continue
                index = int(shown * channel.frame_rate)
                if index not in pictures:
                    pictures[index] = scene.frame(index)
                frames.append(pictures[index])
            settings = channel.settings(rendition, plan.bitrate_factor(rendition, start, channel.segment_seconds))
            data = encode_segment(frames, settings, start_pts=channel.start_pts(sequence))
            if rendition not in codecs:
                codecs[rendition] = rfc6381_codec(data)
            yield SegmentHeader(rendition, sequence, codecs[rendition], len(data)), data


def write_record(stream: IO[bytes], header: SegmentHeader, data: bytes) -> None:
    """Put one segment on the pipe."""
    stream.write(_HEADER.dump_json(header) + b"\n")
    stream.write(data)
    stream.flush()


def read_record(stream: IO[bytes]) -> tuple[SegmentHeader, bytes] | None:
    """Take one segment from the pipe; ``None`` at its end.

    Raises:
        BadMedia: the pipe ended within a segment.
    """
    line = stream.readline()
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise BadMedia("the encoder stopped within a header", reason="eof")
    header = _HEADER.validate_json(line)
    data = stream.read(header.size)
    if len(data) != header.size:
        raise BadMedia(f"the encoder stopped after {len(data)} of {header.size} bytes of a segment", reason="eof")
    return header, data


def main() -> None:
    """Encode the job given as JSON on the command line, until it is done or nobody reads any more."""
    job = _JOB.validate_json(sys.argv[1])
    os.nice(job.niceness)
    cv2.setNumThreads(1)
    try:
        for header, data in encode_channel(job):
            write_record(sys.stdout.buffer, header, data)
    except BrokenPipeError:
        # The reader is gone. Python would complain about the same pipe again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
