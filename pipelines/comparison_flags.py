"""What the reader of a comparison's numbers should know about the two files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from monitor.sources.cadence import cadence
from monitor.sources.mismatch import differences
from pipelines.files import Flag, truncation

if TYPE_CHECKING:
    from monitor.alignment.tracking import Track
    from monitor.comparison import Encode
    from monitor.sources.file import FileSegment
    from monitor.types import Segment, Sync
    from pipelines.compare_settings import Settings
    from pipelines.following import Follower
    from pipelines.syncing import Located

UNLIKE_SHARE = 0.5
"""Share of a file's frames that must resemble the reference for the two to be of the same content."""

SAME_RATE = Fraction(101, 100)
"""Ratio of two frame rates up to which they are one: clocks of milliseconds round."""


class Seen(NamedTuple):
    """What comparing a file told about it and its reference."""

    segment: FileSegment
    original: FileSegment
    announced: Fraction | None
    encode: Encode
    follower: Follower
    """Of the file."""
    reference: Follower
    track: Track | None
    """Which reference frames it shows; ``None`` where only some of its frames were decoded."""
    elsewhere: Located | None = None
    """Where its pictures are in the reference; ``None`` where nobody had to ask, or they are where they were looked for."""


def flags_of(seen: Seen, facts: Segment, settings: Settings, sync: Sync) -> Iterator[Flag]:
    """Everything worth knowing, worst first.

    Args:
        seen: The two files.
        facts: Of the distorted one.
        settings: How they were compared.
        sync: How they were laid beside each other.
    """
    yield from _aligned(seen, sync)
    yield from _bars(seen)
    yield from _damage(seen, facts)
    yield from _lengths(seen, facts, settings)
    yield from _formats(seen, settings)
    yield from _times(seen, settings)


def _aligned(seen: Seen, sync: Sync) -> Iterator[Flag]:
    path, track = seen.segment.path, seen.track
    if track is None:
        return
    if seen.elsewhere is not None:
        found = seen.elsewhere
        where = f"{found.offset:+.3f} s ({found.offset_frames:+d} frames) away from where its times say"
        seem, do = ("are", "compare with --sync auto") if found.sure else ("seem to be", "find out and give --sync SECONDS")
        yield Flag("misaligned", f"{path}: its pictures {seem} those that the reference shows {where}; {do}", True)
    elif track.unlike > UNLIKE_SHARE * max(1, len(track.partners)):
        detail = f"{path}: {track.unlike} of {len(track.partners)} frames resemble nothing that the reference shows then"
        yield Flag("unlike", f"{detail}; is it the same content? try --sync auto", spoils=True)
    elif track.shifted and sync.mode != "content":
        detail = f"{path}: {track.shifted} frames show another reference frame than their time says"
        yield Flag("misaligned", f"{detail}; compare with --sync auto", spoils=True)
    elif track.shifted:
        yield Flag("realigned", f"{path}: {track.shifted} frames were paired by their pictures, against their times")
    if track.late:
        detail = (
            f"{path}: {track.late} frames resemble earlier frames of the reference a little more than those of their time"
        )
        yield Flag("late", f"{detail}, as encoders do that save bits in slow motion; a shift of so little could not be told")
    for name, count, one, many in (
        ("dropped", track.dropped, "reference frame is missing", "reference frames are missing"),
        ("duplicated", track.duplicated, "frame repeats the one before", "frames repeat the one before"),
        ("frozen", track.frozen, "frame is frozen", "frames are frozen"),
    ):
        if count:
            yield Flag(name, f"{path}: {count} {one if count == 1 else many}")


def _bars(seen: Seen) -> Iterator[Flag]:
    own, other = seen.follower.bars(), seen.reference.bars()
    if not own.same(other):
        detail = f"{seen.segment.path}: black bars differ: its own {own}; its reference's {other} (samples)"
        yield Flag("letterbox", f"{detail}; crop one side", spoils=True)


def _damage(seen: Seen, facts: Segment) -> Iterator[Flag]:
    if facts.decode_errors:
        detail = f"{seen.segment.path}: {facts.decode_errors} of {facts.frames_expected} frames could not be decoded"
        yield Flag("damaged", detail)
    reference = seen.original.decoding
    if reference is not None and reference.decode_errors:
        yield Flag(
            "reference_damaged",
            f"the reference {seen.original.path} is damaged: {reference.decode_errors} frames could not be decoded, and "
            "those that refer to them may be wrong",
        )


def _lengths(seen: Seen, facts: Segment, settings: Settings) -> Iterator[Flag]:
    whole = settings.frames is None and not settings.shortest and not seen.encode.sampler.keyframes_only
    if whole and seen.announced is not None:
        yield from truncation(seen.segment, seen.announced)
    if 0 < facts.frames_paired < facts.frames_sampled and not settings.shortest:
        missing = facts.frames_sampled - facts.frames_paired
        detail = f"{seen.segment.path}: {missing} of {facts.frames_sampled} frames have no reference frame at their time"
        yield Flag("unpaired", f"{detail}; left out")
    if whole and seen.segment.decoding is not None:
        original, read = seen.original, seen.original.decoding.end if seen.original.decoding is not None else None
        unknown = original.is_pipe and not original.duration  # only what was read of it is known then
        end = original.duration or (read or Fraction(0) if unknown else original.span()[1])
        rest = end - (seen.segment.decoding.end or Fraction(0)) - seen.encode.offset
        if rest > facts.duration / max(facts.frames_decoded, 1):
            least = "at least " if unknown else ""
            detail = f"{original.path} goes on for {least}{float(rest):.2f} s after the end of {seen.segment.path}"
            yield Flag("shorter", f"{detail}; that was not compared")


def _formats(seen: Seen, settings: Settings) -> Iterator[Flag]:
    for (distorted, beside), target in seen.encode.formats.items():
        if target is not None:
            for name, detail in differences(distorted, beside, target, scaling=settings.scaling):
                yield Flag(name, f"{seen.segment.path}: {detail}")


def _times(seen: Seen, settings: Settings) -> Iterator[Flag]:
    sides = (seen.segment.path, seen.follower.times), (seen.original.path, seen.reference.times)
    rates = []
    for path, times in sides:
        back = next((index for index, (one, other) in enumerate(pairwise(times), 1) if other < one), None)
        found = cadence(times)
        if back is not None:
            detail = (
                f"{path}: its times go back at frame {back}, from {float(times[back - 1]):.2f} to {float(times[back]):.2f} s"
            )
            yield Flag("backwards", f"{detail}; write them anew first (ffmpeg -i IN -c copy OUT.mkv)", spoils=True)
        elif found is not None and found.variable:
            yield Flag("vfr", f"{path} has a {found}; frames are paired by their times")
        elif found is not None and found.mean:
            rates.append(1 / found.mean)
    if settings.rate is None and len(rates) == len(sides) and max(rates) > min(rates) * SAME_RATE:
        own, other = (f"{float(rate):.3f}".rstrip("0").rstrip(".") for rate in rates)
        detail = (
            f"{seen.segment.path}: {own} frames/s, its reference {other}: each frame is compared with the one shown then"
        )
        yield Flag("rate", f"{detail}; --fps compares both at one rate")
