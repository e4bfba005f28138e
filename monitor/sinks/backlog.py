"""Lines that wait: in memory, and in a file that outlives the process. Both are queues: append, and take from the front."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from monitor.errors import SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)


class MemoryBacklog:
    """Lines in memory, bounded in number and bytes."""

    def __init__(self, most_lines: int, most_bytes: int) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._most_lines, self._most_bytes = most_lines, most_bytes

    @property
    def count(self) -> int:
        """Lines that wait."""
        return len(self._lines)

    def has_room(self, line: bytes) -> bool:
        """Whether one more line fits."""
        return self.count < self._most_lines and self._bytes + len(line) <= self._most_bytes

    def append(self, lines: Sequence[bytes]) -> bool:
        """Add lines, whatever the bound says: the caller has made room; always ``True``."""
        self._lines.extend(lines)
        self._bytes += sum(map(len, lines))
        return True

    def oldest(self, most: int) -> list[bytes]:
        """The first lines, at most ``most``."""
        return list(islice(self._lines, most))

    def forget(self, count: int) -> None:
        """Drop the first ``count`` lines."""
        for _ in range(count):
            self._bytes -= len(self._lines.popleft())


class FileBacklog:
    """Lines in a file, of which one process at a time is the owner (``flock``).

    What an earlier owner left is found when the first question is asked; a last line without its end, as a power cut leaves
    it, is cut off. Progress within the file is not written down: a restart begins at its first line.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._file: BinaryIO | None = None
        self._searched = False
        self._front = self._size = self._count = 0

    @property
    def count(self) -> int:
        """Lines that wait."""
        if not self._searched:
            self._searched = True
            if self._path.exists():
                with contextlib.suppress(OSError):
                    self._own()
        return self._count

    def append(self, lines: Sequence[bytes]) -> bool:
        """Add lines, all or none; ``False`` where the disk, the bound or another owner is in the way."""
        payload = b"".join(lines)
        try:
            file = self._file or self._own()
            if file is None or self._size + len(payload) > self._most_bytes:
                return False
            self._write(file, payload)
        except OSError as error:
            logger.warning("%s can't be written: %s", self._path, error.strerror)
            return False
        self._size += len(payload)
        self._count += len(lines)
        return True

    def oldest(self, most: int) -> list[bytes]:
        """The first lines, at most ``most``.

        Raises:
            SinkUnavailable: the file can't be read now.
        """
        if not self.count or not self._file:
            return []
        try:
            with os.fdopen(os.dup(self._file.fileno()), "rb") as reader:
                reader.seek(self._front)
                lines = list(islice(reader, min(most, self._count)))
        except OSError as error:
            raise SinkUnavailable(f"{self._path} can't be read: {error.strerror}") from error
        if not lines:
            logger.error("%s was emptied by somebody else, %d results and events are lost", self._path, self._count)
            self._count = 0
        return lines

    def forget(self, count: int) -> None:
        """Drop the first ``count`` lines."""
        self._front += sum(map(len, self.oldest(count)))
        self._count -= count
        if not self._count and self._file:
            self._file.truncate(0)
            self._front = self._size = 0

    def sync(self) -> bool:
        """Whether everything that was appended is on the disk now."""
        try:
            if self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            logger.warning("%s can't be synced: %s", self._path, error.strerror)
            return False
        return True

    def close(self) -> None:
        """Leave the file to the next owner, or remove it when nothing waits."""
        if self._file:
            if not self._count:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None
        self._searched = False
        self._front = self._size = self._count = 0

    def _own(self) -> BinaryIO | None:
        """Open and lock the file; ``None`` while another process owns it."""
        self._searched = True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = self._path.open("a+b", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return None
            if os.fstat(file.fileno()).st_nlink:
                break
            file.close()  # its owner removed it in between
        with self._path.open("rb") as reader:
            whole = [len(line) for line in reader if line.endswith(b"\n")]
        self._front, self._size, self._count = 0, sum(whole), len(whole)
        file.truncate(self._size)
        self._file = file
        return file

    def _write(self, file: BinaryIO, payload: bytes) -> None:
        written = 0
        try:
            while written < len(payload):
                written += file.write(payload[written:]) or 0
        except OSError:
            file.truncate(self._size)
            raise
