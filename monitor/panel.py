"""Several metrics at work on one rendition's frames: prepared for their format, asked in order, each failing alone.

Work that needs no neighbour runs ahead in other threads; what is asked in order then finds it done.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from monitor.errors import UnsupportedFormat
from monitor.protocols import Delayed, MetricSpec, Parallel, Reference, Scorer, Temporal
from monitor.types import Frame, FramePair, Score, VideoFormat

log = logging.getLogger(__name__)

MAX_FAILURES = 3
"""Frames in a row on which a metric may fail before it is switched off for the rendition."""


@dataclass(slots=True, eq=False)
class Member:
    """One scorer and how it fares."""

    scorer: Scorer[Any]
    format: VideoFormat | None = None
    refused: bool = False
    """Whether it can't take the current format."""
    failures: int = 0
    """Frames in a row on which it raised."""

    @property
    def spec(self) -> MetricSpec:
        """What the metric is."""
        return self.scorer.spec

    @property
    def full_reference(self) -> bool:
        """Whether it looks at pairs."""
        return self.spec.reference is Reference.FULL

    @property
    def failing(self) -> bool:
        """Whether it is switched off."""
        return self.failures >= MAX_FAILURES

    @property
    def idle(self) -> bool:
        """Whether it is not to be asked about frames of its format."""
        return self.refused or self.failing

    def prepare(self, video_format: VideoFormat) -> None:
        """Begin with frames of another format, whatever happened with the last one.

        Raises:
            UnsupportedFormat: the metric can't take them.
        """
        self.format, self.refused, self.failures = video_format, False, 0
        try:
            self.scorer.prepare(video_format)
        except UnsupportedFormat:
            raise
        except Exception:
            self.failures = MAX_FAILURES - 1  # a scorer that is not prepared is not asked again
            raise

    def tasks(self, item: Frame | FramePair) -> Sequence[Callable[[], object]]:
        """What of an item may run ahead."""
        return self.scorer.tasks(item) if isinstance(self.scorer, Parallel) else ()

    def score(self, item: Frame | FramePair) -> list[Score]:
        """The scores of one item.

        Raises:
            ValueError: a score breaks the promises of ``monitor.protocols.Scorer``.
        """
        return self.checked(self.scorer.score([item]))

    def checked(self, given: Iterable[Score]) -> list[Score]:
        """Scores as a list.

        Raises:
            ValueError: as ``score``.
        """
        scores = list(given)
        known = {feature.name for feature in self.spec.features}
        for score in scores:
            if score.feature not in known or math.isnan(score.value):
                raise ValueError(f"metric {self.spec.name} gave {score.feature} = {score.value}")
        return scores


@dataclass(slots=True)
class _Waiting:
    """A frame whose turn comes when its work and that of those before it is done."""

    items: tuple[tuple[Member, Frame | FramePair], ...]
    work: Sequence[Future[None]]
    following: Frame | None = None
    """Reference frame after the pair before, where others were skipped."""
    leading: tuple[Frame, ...] = ()
    """Reference frames right before the pair's, where those were skipped."""


@dataclass(slots=True, eq=False)
class Panel:
    """The metrics of one rendition; called from one thread.

    Args:
        name: Of the rendition, for the log.
        scorers: The metrics; the panel owns and closes them.
        executor: Where work runs ahead; nowhere without one.
        ahead: Frames that may wait; what they and their work occupy is what the panel holds in memory.
        on_refused: Told which metric can't take a format, and why, once for each format.
        observe: Told the seconds that each metric took when asked in order.
        timer: Monotonic seconds, for ``observe``.
    """

    name: str
    scorers: Sequence[Scorer[Any]]
    executor: Executor | None = None
    ahead: int = 4
    on_refused: Callable[[str, str], None] | None = None
    observe: Callable[[str, float], None] = lambda _metric, _seconds: None
    timer: Callable[[], float] = lambda: 0.0
    where: str = field(default="", init=False)
    """What is being scored, for the log: `` on segment 7``."""
    scores: list[Score] = field(default_factory=list, init=False)
    """Of the frames whose turn has come."""
    raised: set[str] = field(default_factory=set, init=False)
    """Metrics that failed on any frame."""
    preparing_seconds: float = field(default=0.0, init=False)
    """Spent on preparing metrics for formats, which compiles them the first time on a machine; by ``timer``."""
    _members: list[Member] = field(init=False)
    _waiting: deque[_Waiting] = field(default_factory=deque, init=False)
    _skipped: tuple[Frame | None, tuple[Frame, ...]] = field(default=(None, ()), init=False)
    """What to show metrics before the next pair."""

    def __post_init__(self) -> None:
        self._members = [Member(scorer) for scorer in self.scorers]

    @property
    def full_reference(self) -> bool:
        """Whether any metric needs a reference."""
        return any(member.full_reference for member in self._members)

    @property
    def failed(self) -> tuple[str, ...]:
        """Metrics that are switched off, or failed on any frame."""
        return tuple(member.spec.name for member in self._members if member.failing or member.spec.name in self.raised)

    def put(self, frame: Frame, pair: FramePair | None) -> None:
        """Score a frame, and the pair that it makes with its reference frame where it has one.

        Scores come in order and may come later, at the latest with ``finish``.
        """
        items = tuple(
            (member, item)
            for member in self._members
            if (item := pair if member.full_reference else frame) is not None and self._ready(member, item)
        )
        following, leading = self._skipped if pair is not None else (None, ())
        if pair is not None:
            self._skipped = None, ()
        self._waiting.append(_Waiting(items, self._work(items), following, leading))
        while len(self._waiting) > (self.ahead if self.executor is not None else 0):
            self._take_turn()

    def skip(self, following: Frame | None, leading: tuple[Frame, ...]) -> None:
        """Tell that reference frames without a pair were shown before the next pair's.

        Args:
            following: The first of them after the last pair; ``None`` where that is not known, or was told to ``finish``.
            leading: Those right before the next pair's, oldest first.
        """
        self._skipped = following, leading

    def finish(self, following: Frame | None = None) -> None:
        """Wait for every frame's turn, and take what metrics still owe.

        Args:
            following: The reference frame after the last pair; ``None`` where it ends.
        """
        self._drain()
        for member in self._members:
            self._flush(member, following)

    def reset(self) -> None:
        """Have every metric forget earlier frames: what comes next does not follow them."""
        self._drain()
        self._skipped = None, ()
        for member in self._members:
            member.scorer.reset()

    def refuse(self, error: UnsupportedFormat) -> None:
        """Say of all metrics that look at pairs that these can't be made."""
        for member in self._members:
            if member.full_reference:
                self._refuse(member, error)

    def close(self) -> None:
        """Close the scorers; work that runs ahead is waited for."""
        for waiting in self._waiting:
            for work in waiting.work:
                if not work.cancel():
                    work.result()
        self._waiting.clear()
        for member in self._members:
            member.scorer.close()

    def _ready(self, member: Member, item: Frame | FramePair) -> bool:
        """Whether a metric can take an item; prepares it where the format changed, after all that came before."""
        if member.format == item.format:
            return not member.idle
        self._drain()
        self._flush(member)
        began = self.timer()
        with self._guarded(member):
            member.prepare(item.format)
        self.preparing_seconds += self.timer() - began
        return not member.idle

    def _work(self, items: Sequence[tuple[Member, Frame | FramePair]]) -> Sequence[Future[None]]:
        if self.executor is None:
            return ()
        return [self.executor.submit(_run, task) for member, item in items for task in member.tasks(item)]

    def _take_turn(self) -> None:
        waiting = self._waiting.popleft()
        for work in waiting.work:
            work.result()
        for member, item in waiting.items:
            if not member.idle:
                self._lead_in(member, waiting)
                with self._guarded(member):
                    self.scores.extend(member.score(item))

    def _drain(self) -> None:
        while self._waiting:
            self._take_turn()

    def _lead_in(self, member: Member, waiting: _Waiting) -> None:
        """Show a metric the reference frames between two pairs."""
        leading = tuple(frame for frame in waiting.leading if frame.format == member.format)
        if leading and isinstance(member.scorer, Temporal):
            self._flush(member, waiting.following)
            with self._guarded(member):
                member.scorer.lead_in(leading[-member.scorer.before :])

    def _flush(self, member: Member, following: Frame | None = None) -> None:
        """Take the scores that one metric still owes."""
        if isinstance(member.scorer, Delayed) and member.format and not member.idle:
            if following is not None and not (member.full_reference and following.format == member.format):
                following = None
            with self._guarded(member):
                self.scores.extend(member.checked(member.scorer.flush(following)))

    def _refuse(self, member: Member, error: UnsupportedFormat) -> None:
        if self.on_refused is not None:
            self.on_refused(member.spec.name, str(error))
        else:
            log.warning("%s: %s", self.name, error)

    @contextmanager
    def _guarded(self, member: Member) -> Iterator[None]:
        """Let one metric work; if it fails, that costs its own values and nothing else."""
        began = self.timer()
        try:
            yield
        except UnsupportedFormat as error:
            member.refused = True
            self._refuse(member, error)
        except Exception:
            member.failures += 1
            self.raised.add(member.spec.name)
            off = "; it is switched off until the format changes" if member.failing else ""
            log.exception("%s: metric %s failed%s%s", self.name, member.spec.name, self.where, off)
        else:
            member.failures = 0
        self.observe(member.spec.name, self.timer() - began)


def _run(task: Callable[[], object]) -> None:
    """Work ahead; what fails here fails again where it is asked for, and is reported there."""
    with suppress(Exception):
        task()
