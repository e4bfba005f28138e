"""Compile the kernels before the first picture needs them, on as many cores as there are.

Numba compiles each kernel once a machine and keeps it on disk; after that this takes a fraction of a second. It compiles one
kernel at a time in a process, so that further processes help: they compile for the disk, where this one finds it.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numba.core import event

from monitor.alignment.tracking import Tracker
from monitor.errors import UnsupportedFormat
from monitor.kernels.compiler import is_kept
from monitor.protocols import MetricSpec, Reference, Scorer
from monitor.scorers import create, create_all
from monitor.types import Frame, FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.types import Plane

SIDE = 384
"""Width and height of the frames that are scored to compile: large enough for every metric."""

ALIGNMENT = "alignment"
"""What follows two files beside the metrics; no metric has this name."""


def warm_up(metrics: Sequence[MetricSpec], *, bit_depths: Sequence[int] = (8,)) -> float:
    """Run every metric once on made-up frames of each bit depth, and settle the libraries' threads; the seconds it took."""
    began = time.monotonic()
    cv2.setNumThreads(1)  # streams are what runs in parallel; a pool of OpenCV's own would only compete with them
    for depth in bit_depths:
        compile_kernels(metrics, depth)
        video_format = _format(depth)
        frames = [_frame(index, video_format) for index in range(2)]
        pairs = [FramePair(frame, frame) for frame in frames]
        for scorer in create_all([(spec.name, {}) for spec in metrics]):
            _run(scorer, video_format, frames if scorer.spec.reference is Reference.NONE else pairs)
    return time.monotonic() - began


def compile_kernels(
    metrics: Sequence[MetricSpec], bit_depth: int = 8, *, alignment: bool = False, processes: int | None = None
) -> None:
    """Have the kernels of some metrics compiled, by several processes where there is anything to compile.

    Args:
        metrics: Whose.
        bit_depth: Of the frames that they will see.
        alignment: Whether two files will be followed, too.
        processes: How many, with this one; as many as there are cores unless told.
    """
    parts = dict.fromkeys(part for spec in metrics for part in spec.parts or (spec.name,))
    jobs = deque([*([ALIGNMENT] if alignment else []), *parts])  # the longest first, so that all end at the same time
    crew = _Crew(jobs, bit_depth, (processes or os.cpu_count() or 1) - 1)
    with crew, _at_first_compilation(crew.start), _without_collector():
        while jobs:
            with suppress(IndexError):  # the last one was taken in between
                prepare(jobs.popleft(), bit_depth)


def prepare(part: str, bit_depth: int) -> None:
    """Compile one metric's kernels, or those of the alignment, where that was not done before on this machine."""
    if part == ALIGNMENT:
        tracker = Tracker(0.0)
        for index in range(2):
            frame = _frame(index, _format(bit_depth))
            tracker.reference(frame)
            tracker.distorted(frame)
        tracker.result()
        return
    with suppress(UnsupportedFormat):  # nothing to compile for this depth
        create(part).prepare(_format(bit_depth))


class _Crew:
    """Processes that take jobs away once they are started; they end with the jobs, or with the context."""

    def __init__(self, jobs: deque[str], bit_depth: int, size: int) -> None:
        self._jobs = jobs
        self._bit_depth = bit_depth
        self._size = size
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def start(self) -> None:
        """Start as many as there are jobs for, if what they compile is kept where this process will find it."""
        if not is_kept():
            return
        for _ in range(min(self._size, len(self._jobs))):
            command = [sys.executable, "-m", __name__, str(self._bit_depth)]
            with suppress(OSError):  # this process then does it alone
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
                self._processes.append(process)
                self._threads.append(threading.Thread(target=self._feed, args=[process], daemon=True))
                self._threads[-1].start()

    def _feed(self, process: subprocess.Popen[str]) -> None:
        with suppress(IndexError, OSError), process:  # no job left; killed
            assert process.stdin is not None
            assert process.stdout is not None
            while True:
                process.stdin.write(self._jobs.popleft() + "\n")
                process.stdin.flush()
                if not process.stdout.readline():
                    return  # it broke; what it had to do is compiled when it is needed


@contextmanager
def _at_first_compilation(begin: Callable[[], None]) -> Iterator[None]:
    """Call ``begin`` when Numba compiles anything at all; not where everything comes from the disk."""

    class Listener(event.Listener):
        begun = False

        def on_start(self, _event: object) -> None:
            if not self.begun:
                self.begun = True
                begin()

        def on_end(self, _event: object) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield


@contextmanager
def _without_collector() -> Iterator[None]:
    """Leave out Python's search for unused cycles: a twentieth of what compiling takes, and it finds next to nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _run(scorer: Scorer[Any], video_format: VideoFormat, items: Sequence[Frame] | Sequence[FramePair]) -> None:
    try:
        scorer.prepare(video_format)
    except UnsupportedFormat:
        return  # nothing to compile for this depth
    for _ in scorer.score(items):
        pass
    scorer.close()


def _format(bit_depth: int) -> VideoFormat:
    name = "yuv420p" if bit_depth == 8 else f"yuv420p{bit_depth}le"
    return VideoFormat(SIDE, SIDE, name, bit_depth, chroma_width=SIDE // 2, chroma_height=SIDE // 2)


def _frame(index: int, video_format: VideoFormat) -> Frame:
    """A frame of seeded noise."""
    random = np.random.default_rng(index)
    kind = np.uint8 if video_format.bit_depth == 8 else np.uint16
    shapes = ((SIDE, SIDE), (SIDE // 2, SIDE // 2), (SIDE // 2, SIDE // 2))
    planes: list[Plane] = [random.integers(0, video_format.peak, shape, kind) for shape in shapes]
    for plane in planes:
        plane.flags.writeable = False
    return Frame(index, Fraction(index, 25), Fraction(1, 25), video_format, tuple(planes), keyframe=index == 0)


if __name__ == "__main__":
    with _without_collector():
        for line in sys.stdin:
            prepare(line.strip(), int(sys.argv[1]))
            sys.stdout.write("\n")  # done
            sys.stdout.flush()
