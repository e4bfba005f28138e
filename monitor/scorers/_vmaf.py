"""What VMAF and its parts measure of a pair of frames, computed once for all the metrics and models that want it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import CambiSettings, SpeedSettings, View
from monitor.scorers import _pairs
from monitor.scorers._formats import chroma_inside
from monitor.scorers._memory import PlaneMemory
from monitor.types import Frame, FramePair, Plane, VideoFormat

if TYPE_CHECKING:
    from monitor.kernels.adm_pooling import Adm
    from monitor.kernels.speed_chroma import Chroma, Statistics

NO_LIMIT = 100.0
"""Gain limit of the plain models: contrast that was enhanced up to a hundredfold counts as seen."""

MIN_SIDE = 33
"""Smallest width and height of ADM: below, libvmaf reads past its rows and its numbers are arbitrary."""

SMALLEST_ENCODED = (180, 150)
"""Width and height that libvmaf takes for those of an encoded picture at least."""

LONGER_ENCODED = 216
"""What the longer of both must have at least."""


def black_frame(video_format: VideoFormat, side: int = MIN_SIDE) -> Frame:
    """A small square frame of zeros in the format's depth and chroma, to compile with."""
    across, down = (
        -(-inside // chroma) if chroma else 0
        for inside, chroma in (
            (video_format.width, video_format.chroma_width),
            (video_format.height, video_format.chroma_height),
        )
    )
    chroma = (-(-side // across), -(-side // down)) if across else (0, 0)
    small = replace(video_format, width=side, height=side, chroma_width=chroma[0], chroma_height=chroma[1])
    return _pairs.black_frame(small)


def cambi_of(rooms: Rooms, luma: Plane, bit_depth: int, settings: CambiSettings) -> float:
    """CAMBI of one plane, with tables and room that another one of its kind may have used before."""
    from monitor.kernels.cambi import Detector

    height, width = luma.shape
    kind = "cambi", width, height, bit_depth, settings
    with rooms.borrowed(kind, lambda: Detector(width, height, bit_depth, settings)) as detector:
        return detector.measure(luma)


def encoded(pair: FramePair, settings: CambiSettings) -> CambiSettings:
    """Settings that say how the distorted picture was encoded, as far as they left that open.

    A picture that was smaller than libvmaf allows is taken for as small as it does, of the same shape.
    """
    form = pair.encoded or pair.format
    width, height = form.width, form.height
    if (width, height) != (pair.format.width, pair.format.height):
        larger = max(1.0, SMALLEST_ENCODED[0] / width, SMALLEST_ENCODED[1] / height, LONGER_ENCODED / max(width, height))
        width, height = round(width * larger), round(height * larger)
    return settings._replace(
        enc_width=settings.enc_width or width,
        enc_height=settings.enc_height or height,
        enc_bitdepth=settings.enc_bitdepth or form.bit_depth,
    )


class Kind(NamedTuple):
    """A kind of feature."""

    planes: Callable[[FramePair], tuple[Plane, ...]]
    """What of a pair it is measured of."""
    measure: Callable[[VmafFeatures, FramePair, tuple[Any, ...]], Sequence[Any]]
    """Measures it under some settings; a value for each."""
    together: bool = True
    """Whether one pass over a pair serves all settings; else each is measured by itself."""
    parts: Callable[[VmafFeatures, FramePair, tuple[Any, ...]], Sequence[Callable[[], Any]]] | None = None
    """Cuts the work into parts that ``measure`` finds done, where one thread alone would take long."""
    of_company: bool = False
    """Whether one pass serves all distorted frames beside a reference frame; a value is then one for each, in order."""


BANDS = 2
"""Bands of rows that VIF and ADM are measured in where work runs ahead: one pair alone keeps two threads busy to its end.
Each further band costs one part in a hundred of VIF and four of ADM, for the rows around the seam."""


def _company(pair: FramePair) -> tuple[Frame, ...]:
    return pair.company or (pair.distorted,)


def _lumas_of_company(pair: FramePair) -> tuple[Plane, ...]:
    return *(frame.luma for frame in _company(pair)), pair.reference.luma


def _vif_parts(features: VmafFeatures, pair: FramePair, limits: tuple[float, ...]) -> Sequence[Callable[[], Any]]:
    from monitor.kernels.vif import vif_bands

    *distorted, reference = planes = _lumas_of_company(pair)
    bands = vif_bands(distorted, reference, pair.format.bit_depth, limits, features.bands, features.rooms)
    return features.remembered(("vif", limits), planes, bands)


def _measure_vif(
    features: VmafFeatures, pair: FramePair, limits: tuple[float, ...]
) -> Sequence[Sequence[tuple[float, ...]]]:
    from monitor.kernels.vif import summed

    of_pictures = summed([part() for part in _vif_parts(features, pair, limits)])
    return [[tuple(sums.ratio for sums in of_limits[number]) for of_limits in of_pictures] for number in range(len(limits))]


def _adm_parts(features: VmafFeatures, pair: FramePair, views: tuple[View, ...]) -> Sequence[Callable[[], Any]]:
    from monitor.kernels.adm import adm_bands

    *distorted, reference = planes = _lumas_of_company(pair)
    bands = adm_bands(distorted, reference, pair.format.bit_depth, views, features.bands, features.rooms)
    return features.remembered(("adm", views), planes, bands)


def _measure_adm(features: VmafFeatures, pair: FramePair, views: tuple[View, ...]) -> Sequence[Sequence[Adm]]:
    from monitor.kernels.adm import summed

    of_pictures = summed([part() for part in _adm_parts(features, pair, views)])
    return list(zip(*of_pictures, strict=True))


def _measure_cambi(features: VmafFeatures, pair: FramePair, settings: tuple[CambiSettings, ...]) -> Sequence[float]:
    luma, depth = pair.distorted.luma, pair.format.bit_depth
    return [cambi_of(features.rooms, luma, depth, encoded(pair, each)) for each in settings]


def _measure_speed(features: VmafFeatures, pair: FramePair, settings: tuple[SpeedSettings, ...]) -> Sequence[Chroma]:
    from monitor.kernels.speed_chroma import combined, difference, statistics

    size, depth = chroma_inside(pair.format), pair.format.bit_depth

    def of_plane(plane: Plane, setting: SpeedSettings) -> Statistics:
        return features.memory.once(("speed of", setting), (plane,), lambda: statistics(plane, depth, *size, setting))

    found = []
    for setting in settings:
        planes = zip(pair.distorted.planes[1:], pair.reference.planes[1:], strict=True)
        u, v = (difference(of_plane(one, setting), of_plane(other, setting), setting) for one, other in planes)
        found.append(combined(u, v, setting.speed_max_val))
    return found


KINDS: Mapping[str, Kind] = MappingProxyType({
    "vif": Kind(_lumas_of_company, _measure_vif, parts=_vif_parts, of_company=True),
    "adm": Kind(_lumas_of_company, _measure_adm, parts=_adm_parts, of_company=True),
    "cambi": Kind(lambda pair: (pair.distorted.luma,), _measure_cambi, together=False),
    "speed": Kind(lambda pair: (*pair.distorted.planes[1:], *pair.reference.planes[1:]), _measure_speed, together=False),
})  # fmt: skip
"""All but motion, which is of two reference frames."""


@dataclass(eq=False)
class VmafFeatures:
    """Measures each pair once for all metrics of a rendition: they share one (see ``create_all``).

    Settings that were planned are measured together, in one pass over a pair; metrics plan theirs when they are made. May be
    used from several threads at once.
    """

    memory: PlaneMemory = field(default_factory=PlaneMemory)
    rooms: Rooms = field(default_factory=Rooms)
    bands: int = field(default=1, init=False)
    """Parts that pairs are cut into: more than one from the first task on, for there are threads then."""
    _planned: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, kind: str, setting: object) -> tuple[Any, ...]:
        """Measure a kind of feature under this setting too, from now on; gives all that are measured with it."""
        if not KINDS[kind].together:
            return (setting,)
        with self._lock:
            settings = self._planned.get(kind, ())
            if setting not in settings:
                settings = self._planned[kind] = (*settings, setting)
            return settings

    def tasks(self, pair: FramePair, wanted: Iterable[tuple[str, object]]) -> list[Callable[[], object]]:
        """What is left to measure of a pair for kinds and settings, as tasks for any thread; each is handed out once."""
        self.bands = BANDS
        planned = dict.fromkeys((kind, self.plan(kind, setting)) for kind, setting in wanted)
        tasks: list[Callable[[], object]] = []
        for kind, settings in planned:
            described = KINDS[kind]
            if self.memory.promise((kind, settings), described.planes(pair)):
                whole = partial(self._measured, kind, settings, pair)
                tasks += described.parts(self, pair, settings) if described.parts is not None else [whole]
        return tasks

    def remembered(
        self, what: Hashable, planes: tuple[Plane, ...], parts: Sequence[Callable[[], Any]]
    ) -> list[Callable[[], Any]]:
        """Parts of a measurement of some planes, each made once by whichever thread comes first."""
        return [partial(self.memory.once, (what, number, len(parts)), planes, part) for number, part in enumerate(parts)]

    def value(self, kind: str, setting: object, pair: FramePair) -> Any:
        """What a kind of feature is of a pair under a setting.

        Args:
            kind: ``vif``: a tuple of scales, by gain limit; ``adm``: an ``Adm``, by ``View``; ``cambi``: a number, and
                ``speed``: a ``Chroma``, each by its kernel's ``Settings``.
            setting: As planned; others are measured anew, together with all that were planned.
            pair: Of a format that the kernel takes.
        """
        settings = self.plan(kind, setting)
        value = self._measured(kind, settings, pair)[settings.index(setting)]
        if not KINDS[kind].of_company:
            return value
        return next(one for frame, one in zip(_company(pair), value, strict=True) if frame.luma is pair.distorted.luma)

    def motion(self, earlier: Frame, current: Frame) -> float:
        """How much the later of two reference frames differs from the earlier, in 8-bit code values."""

        def measure() -> float:
            from monitor.kernels.motion import motion

            return motion(earlier.luma, current.luma, current.format.bit_depth, self.rooms)

        return self.memory.once("motion", (earlier.luma, current.luma), measure)

    def motion_tasks(self, earlier: Frame, current: Frame) -> list[Callable[[], object]]:
        """The same as a task for any thread, if nobody has it."""
        if not self.memory.promise("motion", (earlier.luma, current.luma)):
            return []
        return [partial(self.motion, earlier, current)]

    def _measured(self, kind: str, settings: tuple[Any, ...], pair: FramePair) -> Sequence[Any]:
        return self.memory.once(
            (kind, settings), KINDS[kind].planes(pair), lambda: KINDS[kind].measure(self, pair, settings)
        )
