"""What was measured of planes: once each, by whichever thread asks first, and for as long as the planes are alive."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from monitor.types import Plane

Value = TypeVar("Value")
Key = tuple[Hashable, tuple[int, ...]]


@dataclass(eq=False, slots=True)
class _Entry:
    """One measurement: promised, taken on by a thread, or done."""

    planes: tuple[weakref.ref[Plane], ...]
    outcome: Future[Any] = field(default_factory=Future)
    taken: bool = False


@dataclass(eq=False)
class PlaneMemory:
    """Remembers measurements by what is measured and of which planes. The lock is never held while one is made."""

    _entries: dict[Key, _Entry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self._entries)

    def once(self, what: Hashable, planes: tuple[Plane, ...], measure: Callable[[], Value]) -> Value:
        """The value of ``measure``, called at most once for the same planes; other threads that want it wait.

        Raises:
            Exception: what ``measure`` raises, here and in those that wait; whoever asks later tries again.
        """
        key = what, tuple(map(id, planes))
        with self._lock:
            entry = self._entry(key, planes)
            mine, entry.taken = not entry.taken, True
        if mine:
            try:
                entry.outcome.set_result(measure())
            except BaseException as error:
                self._entries.pop(key, None)
                entry.outcome.set_exception(error)
                raise
        value: Value = entry.outcome.result()
        return value

    def promise(self, what: Hashable, planes: tuple[Plane, ...]) -> bool:
        """Whether the caller is the first to say that it will ask ``once`` for this; nobody has to wait until it does."""
        key = what, tuple(map(id, planes))
        with self._lock:
            if key in self._entries:
                return False
            self._entry(key, planes)
            return True

    def _entry(self, key: Key, planes: tuple[Plane, ...]) -> _Entry:
        found = self._entries.get(key)
        if found is None:
            # Runs wherever a plane is freed, perhaps while this very thread holds the lock: it takes none.
            def forget(_: object) -> None:
                self._entries.pop(key, None)

            found = self._entries[key] = _Entry(tuple(weakref.ref(plane, forget) for plane in planes))
        return found
