"""The encoder process as the origin sees it: segments in order, a bounded number of them ahead of time."""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Self

from monitor.errors import SourceUnavailable, VqmonError
from pipelines.demo.encoder import EncoderJob, command, read_record


@dataclass(frozen=True, slots=True)
class Slot:
    """All renditions' segments of one sequence number."""

    sequence: int
    data: dict[str, bytes]
    """Encoded segment by rendition."""
    codecs: dict[str, str]
    """CODECS value by rendition."""


class EncoderFeed:
    """Runs an encoder in a child process; a context manager, iterated once."""

    def __init__(self, job: EncoderJob, *, lookahead: int = 6) -> None:
        """Store the settings.

        Args:
            job: What to encode.
            lookahead: Slots that are held ready at most; then the encoder waits.
        """
        self._job = job
        self._slots: queue.Queue[Slot | VqmonError | None] = queue.Queue(maxsize=lookahead)
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        # A session of its own: Ctrl-C in the terminal is for the monitor, which then stops this one.
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command(self._job), stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, name="demo-encoder")
        self._reader.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        self._reader.join()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()

    def __iter__(self) -> Iterator[Slot]:
        """Slots in order of sequence; ends with the job, or soon after ``stop``.

        Raises:
            SourceUnavailable: the encoder died.
        """
        while not self._stop.is_set():
            try:
                item = self._slots.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(item, VqmonError):
                raise item
            if item is None:
                return
            yield item

    def stop(self) -> None:
        """End the process and the iteration, from any thread."""
        self._stop.set()
        self._process.terminate()

    def _read(self) -> None:
        last: VqmonError | None = None
        try:
            while slot := self._next_slot():
                if not self._put(slot):
                    return
        except VqmonError as error:
            last = error
        if self._process.wait() != 0:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            last = SourceUnavailable(
                f"the demo's encoder died (exit status {self._process.returncode}): {lines[-1] if lines else 'no message'}",
                reason="eof",
            )
        self._put(last)

    def _next_slot(self) -> Slot | None:
        slot = Slot(-1, {}, {})
        stream = self._process.stdout
        while stream and (record := read_record(stream)):
            header, data = record
            if not slot.data:
                slot = Slot(header.sequence, {}, {})
            slot.data[header.rendition], slot.codecs[header.rendition] = data, header.codecs
            if len(slot.data) == len(self._job.channel.names):
                return slot
        return None

    def _put(self, item: Slot | VqmonError | None) -> bool:
        while not self._stop.is_set():
            try:
                self._slots.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
