"""A group of streams in a child process, restarted when it dies or hangs.

The child is told ``stop`` and asked for evidence over one pipe, and sends its messages over another. It outlives its inputs,
so that evidence can be had of their last segments, and ends when the parent closes the pipe, be it by dying.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import queue
import random
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from monitor.errors import SinkError, SinkUnavailable
from monitor.scheduling import Failed
from monitor.sources.backoff import Backoff
from monitor.sources.clock import Clock, SystemClock
from monitor.types import Alert, EventKind, SegmentResult, SourceEvent
from pipelines.config import EvidenceConfig, StreamConfig
from pipelines.group import Expected, GroupMessage, Outlet, StreamGroup, Unopened

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""How often a child says how it stands."""
HANG_SECONDS = 60.0
"""Without a word from a child for this long it is killed and started anew."""
RESTART_SECONDS = 2.0
"""From a child's first death to the next attempt at most; doubled with each further one, up to:"""
LONGEST_RESTART_SECONDS = 60.0
EVIDENCE_SECONDS = 5.0
"""How long to wait for a child's evidence before the alert goes without."""
CLOSE_SECONDS = 2.0
"""How long a child may take to end when its pipe is closed."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Parent to child: collect the evidence for an alert."""

    number: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class _Answered:
    """Child to parent."""

    number: int
    names: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Done:
    """Child to parent: every input has ended and everything has been sent."""


class GroupProcess:
    """Runs a ``StreamGroup`` in a child process (``pipelines.group.Group``).

    Args:
        streams: What the group watches.
        outlet: Told every message, from one thread.
        evidence: Where pictures go.
        workers: Scoring threads of the child.
        prepare: Run first in the child: logging. Must be importable there.
        clock: Time.
    """

    def __init__(
        self,
        streams: Sequence[StreamConfig],
        outlet: Outlet,
        *,
        evidence: EvidenceConfig | None = None,
        workers: int | None = None,
        prepare: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._streams = tuple(streams)
        self._outlet = outlet
        self._evidence = evidence
        self._workers = workers
        self._prepare = prepare
        self._clock = clock or SystemClock()
        self._context = multiprocessing.get_context("spawn")
        self._process: SpawnProcess | None = None
        self._commands: Connection | None = None
        self._stopping = threading.Event()
        self._numbers = itertools.count()
        self._answers: dict[int, queue.SimpleQueue[_Answered]] = {}
        self._lock = threading.Lock()
        self._heard = 0.0
        self._inputs: dict[str, set[str]] = {}
        """Renditions by stream that have been announced and have not ended."""
        self._over: set[str] = set()
        """Streams that are not started anew: ended, failed for good, or recordings that a crash cut short."""
        self._recorded: set[str] = set()
        self._finished = threading.Event()
        self._closed = False
        self._backoff = Backoff(
            random.Random(self._names), minimum_seconds=RESTART_SECONDS, maximum_seconds=LONGEST_RESTART_SECONDS
        )
        self._thread = threading.Thread(target=self._supervise, name="group", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._tell("stop")

    def join(self, timeout_seconds: float) -> bool:
        if self._finished.wait(timeout_seconds):
            return True
        self._kill()
        self._finished.wait(CLOSE_SECONDS)
        return False

    def close(self) -> None:
        self._stopping.set()
        self._closed = True
        with self._lock:
            if self._commands is not None:
                self._commands.close()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            self._kill()
            self._thread.join(CLOSE_SECONDS)

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    def report(self) -> None:
        """The child reports by itself; here its silence is noticed."""
        if self._heard and not self.finished and self._clock.monotonic() - self._heard > HANG_SECONDS:
            log.error("streams %s: no word for %g s; restarting them", self._names, HANG_SECONDS)
            self._heard = self._clock.monotonic()
            self._kill()

    def collect(self, alert: Alert) -> tuple[str, ...]:
        number = next(self._numbers)
        answers: queue.SimpleQueue[_Answered] = queue.SimpleQueue()
        self._answers[number] = answers
        try:
            if not self._tell(_Asked(number, alert)):
                raise SinkUnavailable(f"no evidence for {alert.name}: the process that decodes {alert.stream} is gone")
            answer = answers.get(timeout=EVIDENCE_SECONDS)
        except queue.Empty:
            raise SinkUnavailable(f"no evidence for {alert.name} within {EVIDENCE_SECONDS:g} s") from None
        finally:
            self._answers.pop(number, None)
        if answer.problem:
            raise SinkError(answer.problem)
        return answer.names

    @property
    def pid(self) -> int | None:
        """The child's process, while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def _names(self) -> str:
        return ", ".join(stream.name for stream in self._streams)

    def _tell(self, command: object) -> bool:
        """Send a command to the child; whether there is one."""
        with self._lock:
            if self._commands is None or self._commands.closed:
                return False
            try:
                self._commands.send(command)
            except OSError:
                log.debug("the child of %s is gone", self._names)
                return False
            return True

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.pid is not None:
            process.kill()

    def _supervise(self) -> None:
        """Keep a child running until the work is done or no longer wanted."""
        try:
            while streams := [stream for stream in self._streams if stream.name not in self._over]:
                try:
                    cause = _cause(self._run_once(tuple(streams)))
                except OSError as error:  # the machine is out of processes or memory
                    cause = error.strerror or type(error).__name__
                if self._finished.is_set() or self._stopping.is_set():
                    return
                self._mourn(streams, cause)
        finally:
            self._finished.set()

    def _mourn(self, streams: Sequence[StreamConfig], cause: str) -> None:
        """A child died: say so of its inputs, and wait before there is a next one."""
        delay = self._backoff.failed(self._clock.monotonic())
        log.error("streams %s: their process died (%s); restarting in %.1f s", self._names, cause, delay)
        now = self._clock.now()
        for name in [stream.name for stream in streams if stream.name not in self._over]:
            recorded = name in self._recorded
            if recorded:
                self._over.add(name)
            what = "it is given up" if recorded else "it is started anew"
            detail = f"{name}: the process that decodes it died ({cause}); {what}"
            for rendition in sorted(self._inputs.get(name, ())):
                down = SourceEvent(EventKind.DOWN, name, rendition, now, detail, "decode")
                self._outlet(Failed(down) if recorded else down)
            if name not in self._inputs:
                self._outlet(Unopened(SourceEvent(EventKind.DOWN, name, "", now, detail, "decode")))
        self._clock.wait(self._stopping, delay)

    def _run_once(self, streams: tuple[StreamConfig, ...]) -> int | None:
        """One child from its start to its end; its exit code."""
        commands, commands_there = self._context.Pipe()
        messages, messages_there = self._context.Pipe(duplex=False)
        self._process = process = self._context.Process(
            target=_child,
            args=(streams, self._evidence, self._workers, self._prepare, commands_there, messages_there),
            name="vqmon-group",
            daemon=True,
        )
        self._heard = self._clock.monotonic()
        os.environ.setdefault(
            "MALLOC_ARENA_MAX", "2"
        )  # pictures come and go in many threads: glibc would keep a heap for each
        process.start()
        commands_there.close()
        messages_there.close()
        with self._lock:
            self._commands = commands
            if self._closed:
                commands.close()
        if self._stopping.is_set():
            self._tell("stop")
        try:
            while True:
                self._receive(messages.recv())
        except (EOFError, OSError):
            process.join(CLOSE_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join()
        finally:
            with self._lock:
                self._commands = None
            messages.close()
            commands.close()
        return process.exitcode

    def _receive(self, message: GroupMessage | _Answered | _Done) -> None:
        self._heard = self._clock.monotonic()
        if isinstance(message, _Answered):
            waiting = self._answers.get(message.number)
            if waiting is not None:
                waiting.put(message)
        elif isinstance(message, _Done):
            self._finished.set()
        else:
            self._note(message)
            self._outlet(message)

    def _note(self, message: GroupMessage) -> None:
        """Remember what a next child would have to do."""
        if isinstance(message, Expected):
            self._inputs.setdefault(message.stream, set()).add(message.rendition)
            if not message.live:
                self._recorded.add(message.stream)
        elif isinstance(message, SegmentResult):
            self._backoff.delivered(self._heard)
        elif isinstance(message, Failed):
            self._end(message.event)
        elif isinstance(message, SourceEvent) and message.kind is EventKind.ENDED:
            self._end(message)

    def _end(self, event: SourceEvent) -> None:
        left = self._inputs.get(event.stream, set())
        left.discard(event.rendition)
        if not left:
            self._over.add(event.stream)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _child(
    streams: tuple[StreamConfig, ...],
    evidence: EvidenceConfig | None,
    workers: int | None,
    prepare: Callable[[], None] | None,
    commands: Connection,
    messages: Connection,
) -> None:
    """The child: a group whose messages go into the pipe, until it is done, told to stop, or alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if prepare is not None:
        prepare()
    lock = threading.Lock()

    def send(message: GroupMessage | _Answered | _Done) -> None:
        with lock:
            try:
                messages.send(message)
            except OSError:
                os._exit(0)  # the parent is gone, and with it everyone who could want the rest

    group = StreamGroup(streams, send, evidence=evidence, workers=workers)
    listener = threading.Thread(target=_listen, args=(group, commands, send), name="commands", daemon=True)
    listener.start()
    group.start()
    pause = threading.Event()
    while not group.finished:
        group.report()
        pause.wait(REPORT_SECONDS)
    group.report()
    send(_Done())
    listener.join()  # which ends the process


def _listen(group: StreamGroup, commands: Connection, send: Callable[[_Answered], None]) -> None:
    """Do what the parent says; end the process when it is gone."""
    while True:
        try:
            command = commands.recv()
        except (EOFError, OSError):
            os._exit(0)
        if isinstance(command, _Asked):
            try:
                send(_Answered(command.number, group.collect(command.alert)))
            except SinkError as error:
                send(_Answered(command.number, (), str(error)))
            except Exception as error:  # a bug in one alert's evidence must not cost the next one's
                log.exception("evidence for %s", command.alert.name)
                send(_Answered(command.number, (), f"no evidence for {command.alert.name}: {type(error).__name__}"))
        else:
            group.stop()
