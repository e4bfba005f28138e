"""VMAF: one metric for each published model, all from the same features."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

from monitor.errors import ConfigError, UnsupportedFormat
from monitor.models.choice import ModelChoice
from monitor.models.vmaf import CHROMA, Model
from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats, _vmaf
from monitor.scorers._ingredients import TOLD, Ingredient, ingredient
from monitor.scorers._motion import Moment, Neighbourhood
from monitor.scorers._registry import SHARED, register, specs
from monitor.scorers._vmaf import LONGER_ENCODED, MIN_SIDE, VmafFeatures
from monitor.scorers.motion3 import Motion3Track, Told
from monitor.types import Frame, FramePair, Score, VideoFormat

SMALLEST_CHROMA = 80
"""Samples of a line of chroma, after its resizing, that SpEED needs: libvmaf crashes below."""


class Kind(NamedTuple):
    """What a model is and takes."""

    made_of: str
    """The features it takes, in words."""
    parts: tuple[str, ...]
    """The metrics that measure those; what takes longest to compile comes first."""
    most: float = 100.0
    """The best score there is."""
    needs_chroma: bool = False
    looks_for_banding: bool = False
    min_size: int = MIN_SIDE
    warning: float | None = None
    critical: float | None = None
    logged: tuple[str, ...] = ()
    """The metrics that measure just those, under the names that libvmaf gives them."""


V0_PARTS, V1_PARTS = ("vif", "adm", "motion"), ("adm3", "cambi", "speed_chroma", "motion3")
V0_LOGGED = ("adm", "vif", "motion")
V0 = Kind("`vif`, `adm` and `motion`, bit for bit", V0_PARTS, warning=70.0, critical=50.0, logged=V0_LOGGED)
NEG = V0._replace(logged=())  # libvmaf logs their features with the gain limit in their names


def _v1(resized: float = 1.0, most: float = 100.0) -> Kind:
    """A model that takes chroma resized by a factor; sizes are those of 4:2:0."""
    smallest = next(side for side in range(SMALLEST_CHROMA, 10_000) if int(side // 2 * resized + 0.5) >= SMALLEST_CHROMA)
    return Kind("`cambi`, `speed_chroma`, `adm3` and `motion3`", V1_PARTS, most, True, True, smallest)


PUBLISHED = (
    ("vmaf", "VMAF", "vmaf_v0.6.1", "seen on a 1080p television from three times its height", V0),
    ("vmaf_neg", "VMAF NEG", "vmaf_v0.6.1neg", "as VMAF, but contrast that an encoder enhanced does not count", NEG),
    ("vmaf_phone", "VMAF phone", "vmaf_v0.6.1_phone", "seen on a phone", V0),
    ("vmaf_4k", "VMAF 4K", "vmaf_4k_v0.6.1", "seen on a 2160p television from one and a half times its height", V0),
    (
        "vmaf_4k_neg",
        "VMAF 4K NEG",
        "vmaf_4k_v0.6.1neg",
        "as VMAF 4K, but contrast that an encoder enhanced does not count",
        NEG,
    ),
)
"""Metric, title, libvmaf's name of the model, what it predicts, and its kind."""

PUBLISHED_V1 = (
    ("vmaf_v1", "VMAF v1", "3d0h", "seen on a 1080p television from three times its height", _v1()),
    ("vmaf_v1_phone", "VMAF v1 phone", "5d0h", "seen on a phone from five times the picture's height", _v1(0.6)),
    ("vmaf_v1_4k", "VMAF v1 4K", "1d5h_2160", "seen on a 2160p television from one and a half times its height", _v1()),
    (
        "vmaf_v1_4k_3h",
        "VMAF v1 4K 3H",
        "3d0h_2160",
        "seen on a 2160p television from three times its height, on a scale where the best 1080p has 100",
        _v1(0.5, 110.0),
    ),
)
"""Likewise, with the viewing condition as libvmaf names it. Each has a variant for 50 and 60 frames a second."""

ON_DEMAND = {"vmaf_b_v0.6.3": "vmaf_b"}
"""Metrics of known models that are made when they are asked for, because their files are fetched; by model."""

INTERVAL = (
    ("bagging", "mean of the resampled models"),
    ("stddev", "standard deviation of the resampled models"),
    ("ci_p95_lo", "lower end of the 95 % interval"),
    ("ci_p95_hi", "upper end of the 95 % interval"),
)
"""What a collection of resampled models says beside the score, by libvmaf's names."""


def _feature(name: str, title: str, kind: Kind) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="",
        minimum=0.0,
        maximum=kind.most,
        worst=0.0,
        best=kind.most,
        zero="nothing of the reference is recognisable",
        no_data="no neighbouring frames were paired with the reference",
        warning=kind.warning,
        critical=kind.critical,
        min_drop=6.0,
    )


def _spec(
    name: str, title: str, trained: str, meaning: str, kind: Kind, beside: Sequence[tuple[str, str]] = ()
) -> MetricSpec:
    features = [(name, title), *((f"{name}_{suffix}", f"{title}, {what}") for suffix, what in beside)]
    return MetricSpec(
        name=name,
        title=title,
        summary=f"Predicted mean opinion, 0-{kind.most:g}: {meaning}. Model {trained} on the features of {kind.made_of}.",
        source="Netflix, libvmaf",
        reference=Reference.FULL,
        spacing=Spacing.CONSECUTIVE,
        needs_chroma=kind.needs_chroma,
        min_size=kind.min_size,
        min_longer_side=LONGER_ENCODED if kind.looks_for_banding and kind.min_size < LONGER_ENCODED else 1,
        default=False,
        trained=trained,
        parts=kind.parts,
        logged=kind.logged,
        features=tuple(_feature(*each, kind) for each in features),
    )


@dataclass(slots=True)
class Vmaf:
    """VMAF of each pair whose neighbours were seen; each waits for the next.

    Subclasses give ``spec``, ``choice``, which model to open, and ``transform``, as for ``open_model``. That happens at
    once: a model that can't be had is a wrong setting, and better known before a picture is decoded.
    """

    spec: ClassVar[MetricSpec]
    choice: ClassVar[str]
    transform: ClassVar[bool]
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)
    _model: Model = field(init=False, repr=False)
    _track: Neighbourhood | Motion3Track = field(init=False, repr=False)
    _ingredients: list[Ingredient] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        from monitor.models.files import open_model

        self._model = open_model(self.choice, transform=self.transform)
        self._track = Neighbourhood(self.features)
        motions = 0
        for feature in self._model.features:
            try:
                found = ingredient(feature, self._encoding())
            except ConfigError as error:
                raise ConfigError(f"model {self._model.name} needs the feature {feature.name}: {error}") from error
            if found.kind == TOLD:
                self._track, motions = found.setting(self.features), motions + 1
            else:
                self.features.plan(found.kind, found.setting)
            self._ingredients.append(found)
        if motions > 1 and isinstance(self._track, Motion3Track):
            raise ConfigError(f"model {self._model.name} needs several features of motion, which is not known here")

    @property
    def before(self) -> int:
        return self._track.before

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(self.spec, video_format)
        self._track.reset()
        black, other = (_vmaf.black_frame(video_format, self.spec.min_size) for _ in range(2))
        self.features.motion(black, other)
        for kind, setting, _ in self._ingredients:
            if kind != TOLD:
                self.features.value(kind, setting, FramePair(black, black))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        wanted = [(kind, setting) for kind, setting, _ in self._ingredients if kind != TOLD]
        return [*self.features.tasks(item, wanted), *self._track.tasks(item)]

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            yield from self._scores(self._track.next(pair))

    def flush(self, following: Frame | None = None) -> Iterator[Score]:
        yield from self._scores(self._track.last(following))

    def lead_in(self, frames: Sequence[Frame]) -> None:
        self._track.lead_in(frames)

    def reset(self) -> None:
        self._track.reset()

    def close(self) -> None:
        self._track.reset()

    def _scores(self, moments: Iterable[Moment | Told]) -> Iterator[Score]:
        for moment in moments:
            pair = moment.pair
            values = [
                pick(moment if kind == TOLD else self.features.value(kind, setting, pair))
                for kind, setting, pick in self._ingredients
            ]
            predicted = [self._model.predict(values)]
            if self._model.resampled:
                predicted += self._model.interval(values)
            for feature, value in zip(self.spec.features, predicted, strict=True):
                yield Score(feature.name, value, pair.index, pair.pts)

    def _encoding(self) -> Mapping[str, int]:
        """What CAMBI is told of how the distorted picture was encoded; 0 where it is to find out."""
        return {}


@dataclass(slots=True)
class VmafWithBanding(Vmaf):
    """VMAF whose model looks for false contours with CAMBI, which wants to know how the distorted picture was encoded.

    That is taken from the pair: the size and the bit depth that the picture had before it was brought into the reference's
    format. Of an encode of eight bits CAMBI takes off the dither first, whatever depth the frames have. So 8-bit files
    score the same as they are and converted to ten bits, which is what VMAF v1's authors advise, together with telling CAMBI
    of the encode (resource/doc/models_v1.md). Other tools convert and do not tell; ``enc_bitdepth`` 10 gives their number.

    Args:
        enc_width: Width of the encoded picture where the pair does not know; at least 180 in libvmaf.
        enc_height: Height likewise; at least 150.
        enc_bitdepth: Bits of its samples likewise.
    """

    enc_width: int = 0
    enc_height: int = 0
    enc_bitdepth: int = 0

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(self.spec, video_format)
        for kind, setting, _ in self._ingredients:
            if kind == "cambi" and max(setting.encoded_size(video_format.width, video_format.height)) < LONGER_ENCODED:
                raise UnsupportedFormat(
                    f"metric {self.spec.name!r} needs an encoded picture whose longer side is at least {LONGER_ENCODED}, "
                    f"not {setting.enc_width}x{setting.enc_height}; check its options 'enc_width' and 'enc_height'"
                )
        Vmaf.prepare(self, video_format)

    def _encoding(self) -> Mapping[str, int]:
        return {"enc_width": self.enc_width, "enc_height": self.enc_height, "enc_bitdepth": self.enc_bitdepth}


def metric_of(choice: ModelChoice) -> MetricSpec:
    """The metric that scores with a chosen model, made where there is none.

    Raises:
        ConfigError: the model can't be had, or the name it is to have is of no use or taken by another.
    """
    published = {spec.trained: spec for spec in specs() if spec.trained}
    if choice.model in published and not choice.transform and choice.name in ("", published[choice.model].name):
        return published[choice.model]
    name = choice.name or ON_DEMAND.get(choice.model, "")
    if not name:
        plain = choice.model.removeprefix("path=")
        name = re.sub(r"\W+", "_", Path(plain).stem if plain != choice.model else plain).strip("_").lower()
        name += "_transformed" if choice.transform else ""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None:
        raise ConfigError(f"a score can't be called {name!r}: small letters, digits and _ can; give the model name=KEY")
    return define(name, name, choice.model, f"as model {choice.model} does", transform=choice.transform)


def define(name: str, title: str, choice: str, meaning: str, *, transform: bool = False) -> MetricSpec:
    """Make a metric of a model that ``monitor.models.files.open_model`` finds; the same again is the same metric.

    Args:
        name: Of the metric and of its feature; of a collection of resampled models, ``name_bagging``, ``name_stddev``,
            ``name_ci_p95_lo`` and ``name_ci_p95_hi`` come with it.
        title: For axes and tables.
        choice: Name of a published model, or ``path=FILE``.
        meaning: What it predicts, for the summary.
        transform: As for ``open_model``.

    Raises:
        ConfigError: the name is taken, or the model can't be had.
    """
    from monitor.models.files import open_model

    model = open_model(choice, transform=transform)
    names = {feature.name for feature in model.features}
    kind = Kind(
        f"{', '.join(sorted(names))}",
        V1_PARTS if CHROMA in names else V0_PARTS,
        most=model.clip[1] if model.clip else 100.0,
        needs_chroma=CHROMA in names,
        looks_for_banding="cambi" in names,
        min_size=2 * SMALLEST_CHROMA if CHROMA in names else MIN_SIDE,
        logged=V0_LOGGED if CHROMA not in names and not any(feature.options for feature in model.features) else (),
    )
    spec = _spec(name, title, model.name, meaning, kind, INTERVAL if model.resampled else ())
    known = specs()
    if spec in known:
        return spec
    mine = {spec.name, *(feature.name for feature in spec.features)}
    for other in known:
        if taken := mine & {other.name, *(feature.name for feature in other.features)}:
            raise ConfigError(
                f"a score can't be called {min(taken)!r}: metric {other.name!r} has one of that name; give the model "
                "another, name=KEY"
            )
    return _define(spec, choice, kind, transform=transform)


def _define(spec: MetricSpec, choice: str, kind: Kind, *, transform: bool = False) -> MetricSpec:
    parent = VmafWithBanding if kind.looks_for_banding else Vmaf
    members = {"spec": spec, "choice": choice, "transform": transform}
    members |= {"__slots__": (), "__doc__": spec.summary, "__module__": __name__}
    register(type(f"Vmaf_{spec.name}", (parent,), members))
    return spec


for _name, _title, _trained, _meaning, _kind in PUBLISHED:
    _define(_spec(_name, _title, _trained, _meaning, _kind), _trained, _kind)
for _name, _title, _view, _meaning, _kind in PUBLISHED_V1:
    for _rate, _suffix, _shown, _said in (("", "", "", ""), ("hfr_", "_hfr", " HFR", "; at 50 or 60 frames a second")):
        _trained = f"vmaf_v1.0.16_{_rate}{_view}"
        _define(_spec(_name + _suffix, _title + _shown, _trained, _meaning + _said, _kind), _trained, _kind)
