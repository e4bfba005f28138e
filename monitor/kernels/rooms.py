"""Working room that kernels use again and again, one for each thread that is at work at the same time.

Arrays of a picture's size come from the operating system page by page, each cleared and mapped when it is first touched:
fresh ones for every frame take 3 ms of a 1080p frame's VMAF.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Room = TypeVar("Room")

KINDS = 8
"""How many kinds of room are kept: formats and settings that are in use at the same time."""


@dataclass(eq=False)
class Rooms:
    """Rooms that nobody is using, by kind. The lock is never held while one is made or used."""

    _free: dict[Hashable, list[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def borrowed(self, kind: Hashable, make: Callable[[], Room]) -> Iterator[Room]:
        """A room of a kind that is the caller's for the time being, as its last user left it, or as ``make`` makes it.

        Args:
            kind: What all rooms that ``make`` makes have in common: their sizes, and all else that they depend on.
            make: Makes one where all of the kind are in use.
        """
        with self._lock:
            free = self._free.setdefault(kind, [])
            self._free[kind] = self._free.pop(kind)  # the latest one in use comes last
            if len(self._free) > KINDS:
                del self._free[next(iter(self._free))]
            room = free.pop() if free else None
        if room is None:
            room = make()
        try:
            yield room
        finally:
            free.append(room)
