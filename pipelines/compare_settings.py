"""How files are compared: what ``vqmon compare`` was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, UnsupportedFormat
from monitor.retiming import EARLY
from monitor.sampling import Jittered, create_sampler
from monitor.sources.mismatch import check_samples, check_scan
from monitor.sources.scaling import Converter, common_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.protocols import MetricSpec, Sampler
    from monitor.types import VideoFormat

VMAF_V1 = "vmaf_v1."
"""How libvmaf's names of VMAF v1's models begin."""

LARGEST_OFFSET = Fraction(10**6)
"""Seconds between two files beyond which an offset is a slip: eleven days."""

DEPTHS = {"auto": 0, "8": 8, "10": 10, "12": 12, "16": 16}


@dataclass(frozen=True, slots=True)
class Settings:
    """How files are compared."""

    sampling: str = "every"
    per_second: float = 2.0
    threads: int = 0
    """Threads that score, and decoder threads for each file; all cores where 0."""
    subsample: int = 1
    """One frame of each run of so many is scored."""
    start: Fraction | int = Fraction(0)
    """Where to begin: seconds, or a whole number of frames of the distorted."""
    frames: int | None = None
    """Pairs after which to stop; all where ``None``."""
    shortest: bool = False
    """Whether it is expected that one side is longer."""
    rate: Fraction | None = None
    """Frames per second at which both sides are compared; their own where ``None``."""
    scaling: str = "bicubic"
    """Interpolation by which the distorted comes to the reference's size."""
    bit_depth: int = 0
    """Bits of the samples that are compared; those of the deeper side where 0."""

    sync: Fraction | str = "none"
    """Where the reference is: at the files' own times (``none``), where the pictures say (``auto``), or so many seconds
    later than the distorted."""
    window: float = 10.0
    """Largest offset that ``auto`` looks for, either way, seconds."""
    force: bool = False
    """Take the best offset even where it is not sure, and interlaced pictures for progressive ones."""

    def check(self) -> None:
        """Refuse what is wrong before a file is opened.

        Raises:
            ConfigError: a setting is wrong.
        """
        self.sampler("")
        Converter(self.scaling)

    @property
    def early(self) -> Fraction:
        """How much later than at a moment a frame may come and be the one shown then, seconds."""
        return EARLY / self.rate if self.rate is not None else Fraction(0)

    def match(self, distorted: VideoFormat, reference: VideoFormat) -> None:
        """Refuse two videos that can't be compared.

        Raises:
            UnsupportedFormat: as ``monitor.sources.mismatch.check`` says; what is interlaced only where that is not forced.
        """
        check_samples(distorted, reference)
        if not self.force:
            try:
                check_scan(distorted, reference)
            except UnsupportedFormat as error:
                raise UnsupportedFormat(f"{error}, or give --force to compare them as they are") from error

    def target(self, distorted: VideoFormat, reference: VideoFormat, metrics: Sequence[MetricSpec]) -> VideoFormat:
        """The format to compare in. VMAF v1 sees pictures that are scaled at ten bits at least, as its authors advise.

        Raises:
            UnsupportedFormat: FFmpeg has no such pixel format.
        """
        depth = self.bit_depth
        scaled = (distorted.width, distorted.height) != (reference.width, reference.height)
        if not depth and scaled and any(spec.trained.startswith(VMAF_V1) for spec in metrics):
            depth = max(10, distorted.bit_depth, reference.bit_depth)
        return common_format(distorted, reference, depth)

    def sampler(self, seed: str) -> Sampler:
        """Which frames to score of a file.

        Raises:
            ConfigError: a setting is wrong.
        """
        sampler: Sampler = create_sampler(self.sampling, seed=seed, per_second=self.per_second)
        if self.subsample > 1:
            if self.sampling != "every":
                raise ConfigError(
                    f"--subsample {self.subsample} and --sampling {self.sampling} both choose frames; give one"
                )
            sampler = Jittered(self.subsample, seed)
        return _From(sampler, self.start)


@dataclass(slots=True)
class _From:
    """A sampler that wants nothing before a time or a number of frames."""

    inner: Sampler
    start: Fraction | int
    keyframes_only: bool = field(init=False)

    def __post_init__(self) -> None:
        self.keyframes_only = self.inner.keyframes_only

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        begun = index >= self.start if isinstance(self.start, int) else pts >= self.start
        return begun and self.inner.wants(pts, duration, index, keyframe=keyframe)

    def reset(self) -> None:
        self.inner.reset()


def parse_start(text: str) -> Fraction | int:
    """Where to begin: seconds, ``[HH:]MM:SS``, or ``f:N`` for a number of frames.

    Raises:
        ConfigError: it is none of these.
    """
    kind, _, number = text.rpartition(":")
    if kind == "f" and number.isdecimal():
        return int(number)
    try:
        seconds = sum(Fraction(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(-1)
    if seconds < 0 or text.count(":") > 2:
        raise ConfigError(f"--start-offset is {text!r}; expected seconds, [HH:]MM:SS, or f:N for a number of frames")
    return Fraction(seconds)


def parse_sync(text: str) -> Fraction | str:
    """Where the reference is: ``auto``, ``none``, or seconds.

    Raises:
        ConfigError: it is none of these.
    """
    if text in ("auto", "none"):
        return text
    try:
        seconds = Fraction(text)
    except (ValueError, ZeroDivisionError):
        seconds = LARGEST_OFFSET + 1
    if abs(seconds) > LARGEST_OFFSET:
        raise ConfigError(
            f"--sync is {text!r}; expected auto, none, or the seconds by which the distorted starts later in the reference"
        )
    return seconds


def exact_rate(rate: float) -> Fraction:
    """Frames per second as broadcast has them: 29.97 is 30000/1001."""
    for whole in (24, 30, 48, 60, 120):
        if abs(rate - whole / 1.001) < 0.005:
            return Fraction(whole * 1000, 1001)
    return Fraction(rate).limit_denominator(1000)


def parse_depth(text: str) -> int:
    """Bits of the samples; 0 for ``auto``.

    Raises:
        ConfigError: not a depth.
    """
    if text not in DEPTHS:
        raise ConfigError(f"--bitdepth is {text!r}; expected one of {', '.join(DEPTHS)}")
    return DEPTHS[text]
