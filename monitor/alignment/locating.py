"""From two files that can be read anywhere to the offset between them, reading as little as decides it.

Probes of the distorted are laid over the reference, first near no offset and then further out up to the window; a further
probe is read only while the ones before have not settled the matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from monitor.alignment.offset import Offset, OffsetSearch
from monitor.alignment.signature import Signatures

Read = Callable[[float, float], Signatures]
"""Signatures of the frames shown in ``[start, end)`` seconds; frames just before may come too where they cost nothing."""

PROBE_SECONDS = (2.0, 1.0)
"""Length of a probe; the shorter one is for files that hardly overlap."""

PLACES = (0.5, 0.2, 0.8, 0.0, 1.0, 0.4)
"""Where in the distorted probes are taken, as shares of its length."""

HINT = 0.3
"""Confidence of the first probe from which the others are asked about its candidates only; below it says nothing."""

NEAR = 1.5
"""Seconds around no offset that are searched first."""

GROWTH = 3
"""By how much the searched offsets grow from one attempt to the next."""


@dataclass(slots=True)
class _Seen:
    """The part of a file that has been read, always one piece."""

    read: Read
    length: float
    known: Signatures | None = field(default=None, init=False)
    start: float = field(default=0.0, init=False)
    end: float = field(default=0.0, init=False)

    def cover(self, start: float, end: float) -> Signatures:
        """Signatures of at least the frames in ``[start, end)``, reading what is not known yet."""
        start, end = max(start, 0.0), min(end, self.length)
        if self.known is None or end < self.start or start > self.end:
            self.start, self.end = start, max(start, end)
            self.known = self.read(start, self.end)
            return self.known
        if start < self.start:
            self.known, self.start = self.known + self.read(start, self.start), start
        if end > self.end:
            self.known, self.end = self.known + self.read(self.end, end), end
        return self.known


def locate(
    distorted: Read, distorted_seconds: float, reference: Read, reference_seconds: float, window: float
) -> Offset | None:
    """The constant offset between two files whose first frames are at time zero.

    Args:
        distorted: Reads the distorted.
        distorted_seconds: Its length.
        reference: Reads the reference.
        reference_seconds: Its length.
        window: Largest offset of either sign, seconds.

    Returns:
        The best offset, sure or not; ``None`` where no picture moves or the files are too short.
    """
    search: OffsetSearch | None = None
    found: list[Offset] = []
    for start, end in _places(distorted_seconds):
        probe = distorted(start, end)
        if len(probe) < 2:
            continue
        seen = _Seen(reference, reference_seconds)
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
