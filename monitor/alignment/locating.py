"""From two files that can be read anywhere to the offset between them, reading as little as decides it.

A run of the distorted is laid over single pictures of the reference that can be had cheaply: its key frames. Where one of
them is found, both files are read on from there until the frames settle the matter. Where none is (long groups of pictures,
little motion), probes of the distorted are laid over whole stretches of the reference, first near no offset and then further
out up to the window; a further probe is read only while the ones before have not settled the matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from monitor.alignment.offset import MATCH, Offset, OffsetSearch, sightings
from monitor.alignment.signature import Signatures


class Pictures(Protocol):
    """Signatures of a file whose first frame is at time zero."""

    @property
    def length(self) -> float:
        """Seconds to the end of the last frame."""

    def between(self, start: float, end: float) -> Signatures:
        """Of the frames shown in ``[start, end)`` seconds; frames just before may come too where they cost nothing."""

    def keys(self, start: float, end: float) -> Signatures:
        """Of the key frames shown in ``[start, end)``; none where they can't be told apart without decoding everything."""

    def key_before(self, moment: float) -> float:
        """Time of the last key frame at or before ``moment``; zero where that is not known."""


RUN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Length of the run of the distorted in which the reference's key frames are looked for, up to their spacing."""

LOOP_SECONDS = 1.0
"""How far from where a key frame was found the distorted is searched for a repetition of what is there."""

VERIFIED_SECONDS = (0.25, 0.6, 1.2, 2.4)
"""How much of both files is read on from a key frame that was found, until it is decisive."""

HOPELESS = 1.5 * MATCH
"""Cost from which reading on from a key frame is given up."""

SLACK_SECONDS = 0.125
"""How far from the offset that a single picture suggests others are compared: still moments look alike for so long."""

SIGHTINGS = 3
"""Found key frames that are followed up each time."""

MOST_SIGHTINGS = 6
"""Found key frames that are followed up in all: where they mislead so often, pictures look too much alike."""

PROBE_SECONDS = (2.0, 1.0)
"""Length of a probe; the shorter one is for files that hardly overlap."""

PLACES = (0.5, 0.2, 0.8, 0.0, 1.0, 0.4)
"""Where in the distorted probes are taken, as shares of its length."""

HINT = 0.3
"""Confidence of the first probe from which the others are asked about its candidates only; below it says nothing."""

NEAR = 1.5
"""Seconds around no offset that are searched first."""

GROWTH = 2
"""By how much the searched offsets grow from one attempt to the next."""


@dataclass(slots=True)
class _Seen:
    """The part of a file that has been read, always one piece."""

    pictures: Pictures
    known: Signatures | None = field(default=None, init=False)
    start: float = field(default=0.0, init=False)
    end: float = field(default=0.0, init=False)

    def cover(self, start: float, end: float) -> Signatures:
        """Signatures of at least the frames in ``[start, end)``, reading what is not known yet."""
        start, end = max(start, 0.0), min(end, self.pictures.length)
        if self.known is None or end < self.start or start > self.end:
            self.start, self.end = start, max(start, end)
            self.known = self.pictures.between(start, self.end)
            return self.known
        if end > self.end:  # first, because the file may still be open at that place
            self.known, self.end = self.known + self.pictures.between(self.end, end), end
        if start < self.start:
            self.known, self.start = self.known + self.pictures.between(start, self.start), start
        return self.known


def locate(distorted: Pictures, reference: Pictures, window: float) -> Offset | None:
    """The constant offset between two files.

    Args:
        distorted: The one whose changes count.
        reference: The other.
        window: Largest offset of either sign, seconds.

    Returns:
        The best offset, sure or not; ``None`` where no picture moves or the files are too short.
    """
    return _by_key_frames(distorted, reference, window) or _by_probes(distorted, reference, window)


def _by_key_frames(distorted: Pictures, reference: Pictures, window: float) -> Offset | None:
    """An offset that is decisive, and at which no other key frame is found; else ``None``."""
    start = distorted.key_before(distorted.length * PLACES[0])
    run = _Seen(distorted)
    keys = Signatures.none()
    tried: set[tuple[float, float]] = set()
    for low, high in _stretches(start, window):
        more = reference.keys(low, high)
        keys = keys + more
        apart = float(np.diff(keys.times).max()) if len(keys) > 1 else 0.0
        for seconds in RUN_SECONDS if len(more) else ():
            seen_here = sightings(run.cover(start, start + seconds), keys, apart=SLACK_SECONDS)
            new = [sighting for sighting in seen_here[:SIGHTINGS] if sighting not in tried and abs(sighting[0]) <= window]
            new = new[: MOST_SIGHTINGS - len(tried)]
            tried.update(new)
            found = _followed_up(run, _Seen(reference), new)
            if found is not None:
                return found
            if seconds >= apart:
                break
    return None


def _stretches(start: float, window: float) -> Iterator[tuple[float, float]]:
    """Parts of the reference around ``start`` that touch each other, outward to the window."""
    reach = min(NEAR, window)
    yield max(0.0, start - reach), start + reach
    while reach < window:
        wider = min(reach * GROWTH, window)
        yield start + reach, start + wider
        yield max(0.0, start - wider), max(0.0, start - reach)
        reach = wider
    yield start + window, start + window + RUN_SECONDS[-1]  # what the end of the run may show


def _followed_up(run: _Seen, seen: _Seen, places: Sequence[tuple[float, float]]) -> Offset | None:
    """Read on from where key frames were seen in the run; an offset if exactly one of them holds out."""
    decisive: list[Offset] = []
    for offset, key in places:
        start = key - offset + SLACK_SECONDS
        for seconds in VERIFIED_SECONDS:
            end = key + seconds + 2 * SLACK_SECONDS
            if start + seconds > run.pictures.length or end > seen.pictures.length:
                break
            probe = run.cover(start, start + seconds).between(start, start + seconds)
            search = OffsetSearch(abs(offset) + 2 * SLACK_SECONDS)
            search.add(probe, seen.cover(key, end).between(key, end))
            found = search.result()
            if found is None or found.cost > HOPELESS or abs(found.seconds - offset) > SLACK_SECONDS:
                break
            if found.decisive:
                if _repeats(probe, run.cover(start, start + seconds + LOOP_SECONDS)):
                    return None
                decisive.append(found)
                break
    return decisive[0] if len(decisive) == 1 else None


def _repeats(probe: Signatures, around: Signatures) -> bool:
    """Whether a probe is seen at another time in its own file."""
    search = OffsetSearch(LOOP_SECONDS)
    search.add(probe, around)
    return search.cost_beyond(SLACK_SECONDS) < MATCH


def _by_probes(distorted: Pictures, reference: Pictures, window: float) -> Offset | None:
    search: OffsetSearch | None = None
    found: list[Offset] = []
    seen = _Seen(reference)  # for all probes: where none of them finds anything, each is laid over the whole window
    for start, end in _places(distorted.length):
        probe = distorted.between(start, end).between(start, end)
        if len(probe) < 2:
            continue
        if search is None:
            attempt = _outward(probe, seen, window)
            result = attempt.result()
            if result is not None and result.confidence >= HINT:
                search = attempt
        else:
            least, largest = search.narrow()
            margin = 2 * probe.period
            search.add(probe, seen.cover(probe.times[0] + least - margin, probe.times[-1] + largest + margin))
            result = search.result()
        if result is not None:
            found.append(result)
            if result.decisive:
                return result
    return max(found, key=lambda offset: offset.confidence, default=None)


def _outward(probe: Signatures, seen: _Seen, window: float) -> OffsetSearch:
    """Search further and further out until an offset is decisive or the window is covered."""
    reach = min(NEAR, window)
    while True:
        search = OffsetSearch(reach)
        margin = 2 * probe.period
        search.add(probe, seen.cover(probe.times[0] - reach - margin, probe.times[-1] + reach + margin))
        found = search.result()
        if reach >= window or (found is not None and found.decisive):
            return search
        reach = min(reach * GROWTH, window)


def _places(length: float) -> Iterator[tuple[float, float]]:
    for seconds in PROBE_SECONDS:
        places = [0.5] if length <= seconds else PLACES
        for place in places:
            start = max(0.0, (length - seconds) * place)
            yield start, min(length, start + seconds)
