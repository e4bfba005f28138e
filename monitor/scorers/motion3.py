"""Motion 3 of the reference, as VMAF v1 takes it from libvmaf's integer extractor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

from monitor.kernels.settings import Within
from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats, _pairs
from monitor.scorers._motion import Ahead
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import VmafFeatures
from monitor.scorers.siti import are_neighbours
from monitor.types import Frame, FramePair, Score, VideoFormat

SPEC = MetricSpec(
    name="motion3",
    title="Motion 3",
    summary=(
        "Mean absolute difference of the blurred reference to the frame before or, if smaller, of the next frame to this "
        "one; the first frame has that of the second. On request over two frames, averaged over time, and with large values "
        "drawn together; libvmaf's integer arithmetic, bit for bit."
    ),
    source="libvmaf feature/integer_motion.c",
    reference=Reference.FULL,
    spacing=Spacing.CONSECUTIVE,
    min_size=3,
    default=False,
    features=(
        Feature(
            name="integer_motion3",
            title="Motion 3",
            unit="code value",
            minimum=0.0,
            maximum=10000.0,
            worst=0.0,
            best=0.0,
            zero="the reference stands still",
            no_data="no neighbouring frames were scored",
            display=(0.0, 20.0),
        ),
    ),
)


class Settings(NamedTuple):
    """libvmaf's options of motion, by its names."""

    motion_blend_factor: Annotated[float, Within(0, 1)] = 1.0
    """How much of what lies beyond the offset counts."""
    motion_blend_offset: Annotated[float, Within(0, 1000)] = 40.0
    motion_fps_weight: Annotated[float, Within(0, 5)] = 1.0
    """Differences are multiplied by this."""
    motion_max_val: Annotated[float, Within(0, 10000)] = 10000.0
    motion_five_frame_window: bool = False
    """Compare frames that are two apart."""
    motion_moving_average: bool = False
    """Mean with the frame before."""

    @property
    def distance(self) -> int:
        """How far apart the frames are that are compared."""
        return 2 if self.motion_five_frame_window else 1

    @property
    def before(self) -> int:
        """How many frames before one have a part in its motion: 1 to 4."""
        return 2 * self.distance - 1 + self.motion_moving_average

    def clipped(self, motion: float) -> float:
        """A measured difference as it goes on."""
        return min(motion * self.motion_fps_weight, self.motion_max_val)

    def blended(self, motion: float) -> float:
        """What lies beyond the offset drawn together."""
        factor = self.motion_blend_factor
        return min(motion * factor + (1 - factor) * min(self.motion_blend_offset, motion), self.motion_max_val)


DEFAULTS = Settings()


class Told(NamedTuple):
    """A pair and its motion."""

    pair: FramePair
    motion3: float


@dataclass(slots=True)
class Step:
    """A reference frame, with its difference to the one a distance before."""

    reference: Frame
    pair: FramePair | None
    """Who is to be told of its motion; ``None`` where the frame only leads in."""
    difference: float | None
    """``None`` where that frame was not seen."""
    is_told: bool = False


@dataclass(slots=True)
class Motion3Track:
    """Follows pairs in time and tells the motion of each when the next one has come.

    The first frames of all have none to be compared with and get the first difference there is. A pair whose neighbourhood
    has a gap (frames without a reference, or that nobody gave) gets nothing.
    """

    features: VmafFeatures
    settings: Settings = DEFAULTS
    _steps: list[Step] = field(default_factory=list)
    """The last three, without a gap between them."""
    _begins: bool = True
    """Whether no gap was seen yet."""
    _unaveraged: float | None = None
    """Of the pair before, before the moving average."""
    _ahead: Ahead = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = Ahead(self.features, self.settings.distance)

    @property
    def before(self) -> int:
        """How many frames before one have a part in its motion."""
        return self.settings.before

    def tasks(self, pair: FramePair) -> list[Callable[[], object]]:
        """What can be measured before the turn of a pair comes; pairs are shown in order."""
        return self._ahead.tasks(pair.reference)

    def next(self, pair: FramePair) -> Iterator[Told]:
        """Take the next pair and tell those whose motion it settles."""
        return self._advance(pair.reference, pair)

    def last(self, following: Frame | None = None) -> Iterator[Told]:
        """Tell the pairs still owed, before a reference frame that has no pair or as if no frame followed.

        The next pair is compared with them all the same.
        """
        steps, begins = self._steps, self._begins
        if not steps:
            return
        if following is not None:
            if not _follows(steps[-1].reference, following):
                self._go_beyond_gap()
                return
            yield from self._advance(following)
            self._steps, self._begins = steps, begins
        elif steps[-1].difference is not None:
            yield from self._tell(steps[-1], steps[-1].difference)
        if begins and all(step.difference is None for step in steps):  # too few to compare
            for step in steps:
                yield from self._tell(step, 0.0, averaged=False)

    def lead_in(self, frames: Sequence[Frame]) -> None:
        """Forget earlier pairs; the next one comes after these reference frames."""
        self._forget()
        for frame in frames:
            list(self._advance(frame))  # nobody waits to be told

    def reset(self) -> None:
        """Forget earlier pairs."""
        self._forget()
        self._ahead.reset()

    def _forget(self) -> None:
        self._steps = []
        self._begins, self._unaveraged = True, None

    def _go_beyond_gap(self) -> None:
        self._steps, self._begins, self._unaveraged = [], False, None

    def _advance(self, reference: Frame, pair: FramePair | None = None) -> Iterator[Told]:
        distance = self.settings.distance
        if self._steps and not _follows(self._steps[-1].reference, reference):
            self._go_beyond_gap()
        difference = None
        if len(self._steps) >= distance:
            earlier = self._steps[-distance].reference
            same = earlier.luma is reference.luma
            difference = self.settings.clipped(0.0 if same else self.features.motion(earlier, reference))
        before = self._steps
        self._steps = [*before[-2:], Step(reference, pair, difference)]
        if difference is None:
            return
        if self._begins and all(step.difference is None for step in before):
            for step in before:
                yield from self._tell(step, difference, averaged=False)
        else:
            other = before[-distance].difference
            if other is not None:
                yield from self._tell(before[-1], min(other, difference))
            elif self._begins:
                yield from self._tell(before[-1], difference)

    def _tell(self, step: Step, motion2: float, *, averaged: bool = True) -> Iterator[Told]:
        if step.is_told:
            return
        step.is_told = True
        before, self._unaveraged = self._unaveraged, self.settings.blended(motion2)
        if step.pair is None:
            return
        if not (averaged and self.settings.motion_moving_average):
            yield Told(step.pair, self._unaveraged)
        elif before is not None:
            yield Told(step.pair, (self._unaveraged + before) / 2)


def _follows(earlier: Frame, current: Frame) -> bool:
    return earlier.luma is current.luma or are_neighbours(earlier, current)


@register
@dataclass(slots=True)
class Motion3:
    """Motion of each pair whose neighbours were seen; each waits for the next. The options are libvmaf's."""

    spec: ClassVar[MetricSpec] = SPEC
    settings: Settings = field(default=DEFAULTS)
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)
    _track: Motion3Track = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._track = self.track(self.features)

    def track(self, features: VmafFeatures) -> Motion3Track:
        """Follows pairs under these options."""
        return Motion3Track(features, self.settings)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        self._track.reset()
        self.features.motion(_pairs.black_frame(video_format), _pairs.black_frame(video_format))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self._track.tasks(item)

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            yield from _scores(self._track.next(pair))

    @property
    def before(self) -> int:
        return self._track.before

    def flush(self, following: Frame | None = None) -> Iterator[Score]:
        yield from _scores(self._track.last(following))

    def lead_in(self, frames: Sequence[Frame]) -> None:
        self._track.lead_in(frames)

    def reset(self) -> None:
        self._track.reset()

    def close(self) -> None:
        self._track.reset()


def _scores(told: Iterator[Told]) -> Iterator[Score]:
    for pair, motion3 in told:
        yield Score("integer_motion3", motion3, pair.index, pair.pts)
