"""CAMBI: banding, as libvmaf measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.errors import UnsupportedFormat
from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import CambiSettings
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats, _pairs
from monitor.scorers._memory import PlaneMemory
from monitor.scorers._registry import register
from monitor.scorers._vmaf import LONGER_ENCODED, cambi_of
from monitor.types import Frame, Score, VideoFormat

SPEC = MetricSpec(
    name="cambi",
    title="CAMBI",
    summary=(
        "False contours in what should be smooth: how much samples of flat areas differ by a few steps from others around "
        "them, at five scales, as far as a display at normal luminance shows it; libvmaf's arithmetic. Luma is taken as "
        "limited range. Set enc_width, enc_height and enc_bitdepth where the encode was smaller or of fewer bits than the "
        "frames."
    ),
    source="Tandon, Afonso, Sole and Krasula, CAMBI, Picture Coding Symposium 2021; libvmaf feature/cambi.c",
    reference=Reference.NONE,
    min_longer_side=LONGER_ENCODED,
    default=False,
    features=(
        Feature(
            name="cambi",
            title="CAMBI",
            unit="",
            minimum=0.0,
            maximum=1000.0,
            worst=1000.0,
            best=0.0,
            zero="no false contours; they begin to annoy at about 5",
            no_data="no frame was scored",
            display=(0.0, 24.0),
            warning=5.0,
            critical=12.0,
        ),
    ),
)


@register
@dataclass(slots=True)
class Cambi:
    """Banding of each frame; the options are libvmaf's."""

    spec: ClassVar[MetricSpec] = SPEC
    settings: CambiSettings = field(default=CambiSettings())
    _rooms: Rooms = field(default_factory=Rooms, init=False, repr=False)
    _memory: PlaneMemory = field(default_factory=PlaneMemory, init=False, repr=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        settings = self.settings
        width, height = settings.encoded_size(video_format.width, video_format.height)
        if max(width, height) < LONGER_ENCODED:
            raise UnsupportedFormat(
                f"metric 'cambi' needs an encoded picture whose longer side is at least {LONGER_ENCODED}, not "
                f"{width}x{height}; check its options 'enc_width' and 'enc_height'"
            )
        self._measure(_pairs.black_frame(video_format))

    def tasks(self, item: Frame) -> Sequence[Callable[[], object]]:
        return (lambda: self._measure(item),) if self._memory.promise("cambi", (item.luma,)) else ()

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            yield Score("cambi", self._measure(frame), frame.index, frame.pts)

    def _measure(self, frame: Frame) -> float:
        luma, depth = frame.luma, frame.format.bit_depth
        return self._memory.once("cambi", (luma,), lambda: cambi_of(self._rooms, luma, depth, self.settings))

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
