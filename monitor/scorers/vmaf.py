"""VMAF: one metric for each published model, all from the same features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from monitor.errors import ConfigError
from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats, _vmaf
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import MIN_SIDE, NO_LIMIT, Moment, Neighbourhood, VmafFeatures
from monitor.types import Frame, FramePair, Score, VideoFormat

if TYPE_CHECKING:
    from monitor.models.vmaf import Model, ModelFeature

PUBLISHED = (
    ("vmaf", "VMAF", "vmaf_v0.6.1", "seen on a 1080p television from three times its height"),
    ("vmaf_neg", "VMAF NEG", "vmaf_v0.6.1neg", "as VMAF, but contrast that an encoder enhanced does not count"),
    ("vmaf_phone", "VMAF phone", "vmaf_v0.6.1_phone", "seen on a phone"),
    ("vmaf_4k", "VMAF 4K", "vmaf_4k_v0.6.1", "seen on a 2160p television from one and a half times its height"),
    ("vmaf_4k_neg", "VMAF 4K NEG", "vmaf_4k_v0.6.1neg", "as VMAF 4K, but contrast that an encoder enhanced does not count"),
)
"""Metric, title, libvmaf's name of the model, and what it predicts."""

INTERVAL = (
    ("bagging", "mean of the resampled models"),
    ("stddev", "standard deviation of the resampled models"),
    ("ci_p95_lo", "lower end of the 95 % interval"),
    ("ci_p95_hi", "upper end of the 95 % interval"),
)
"""What a collection of resampled models says beside the score, by libvmaf's names."""

FEATURES = {"adm2", "motion", "motion2", *(f"{kind}_scale{scale}" for kind in ("adm", "vif") for scale in range(4))}
"""What models may be made of; the one option of a feature that is known is its gain limit."""


def _feature(name: str, title: str) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="",
        minimum=0.0,
        maximum=100.0,
        worst=0.0,
        best=100.0,
        zero="nothing of the reference is recognisable",
        no_data="no neighbouring frames were paired with the reference",
        warning=70.0,
        critical=50.0,
        min_drop=6.0,
    )


def _spec(name: str, title: str, trained: str, meaning: str, beside: Sequence[Feature] = ()) -> MetricSpec:
    return MetricSpec(
        name=name,
        title=title,
        summary=f"Predicted mean opinion, 0-100: {meaning}. Model {trained} on libvmaf's integer features, bit for bit.",
        source="Netflix, libvmaf; the features are those of metrics `vif`, `adm` and `motion`",
        reference=Reference.FULL,
        spacing=Spacing.CONSECUTIVE,
        min_size=MIN_SIDE,
        default=False,
        trained=trained,
        features=(_feature(name, title), *beside),
    )


@dataclass(slots=True)
class Vmaf:
    """VMAF of each pair whose neighbours were seen; each waits for the next.

    Subclasses give ``spec`` and ``choice``, which model to open. That happens at once: a model that can't be had is a wrong
    setting, and better known before a picture is decoded.
    """

    spec: ClassVar[MetricSpec]
    choice: ClassVar[str]
    before: ClassVar[int] = 1
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)
    _model: Model = field(init=False, repr=False)
    _neighbourhood: Neighbourhood = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from monitor.models.files import open_model

        self._model = open_model(self.choice)
        for feature in self._model.features:
            unknown = {name for name, _ in feature.options} - {f"{feature.name[:3]}_enhn_gain_limit"}
            if feature.name not in FEATURES or unknown:
                wanted = f"{feature.name} with {', '.join(sorted(unknown))}" if unknown else feature.name
                raise ConfigError(f"model {self._model.name} needs the feature {wanted}, which metric 'vmaf' does not have")
            if (kind := feature.name[:3]) in _vmaf.MEASURES:
                self.features.plan(kind, _limit(feature))
        self._neighbourhood = Neighbourhood(self.features)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(self.spec, video_format)
        self._neighbourhood.reset()
        black = _vmaf.black_frame(video_format)
        self.features.motion(black, _vmaf.black_frame(video_format))
        self._values(Moment(FramePair(black, black), 0.0, 0.0))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        kinds = dict.fromkeys(feature.name[:3] for feature in self._model.features)
        return self.features.tasks(item, [kind for kind in kinds if kind in _vmaf.MEASURES])

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            yield from self._scores(self._neighbourhood.next(pair))

    def flush(self, following: Frame | None = None) -> Iterator[Score]:
        yield from self._scores(self._neighbourhood.last(following))

    def lead_in(self, frames: Sequence[Frame]) -> None:
        self._neighbourhood.lead_in(frames)

    def reset(self) -> None:
        self._neighbourhood.reset()

    def close(self) -> None:
        self._neighbourhood.reset()

    def _scores(self, moment: Moment | None) -> Iterator[Score]:
        if moment is None:
            return
        values = self._values(moment)
        predicted = [self._model.predict(values)]
        if self._model.resampled:
            predicted += self._model.interval(values)
        for feature, value in zip(self.spec.features, predicted, strict=True):
            yield Score(feature.name, value, moment.pair.index, moment.pair.pts)

    def _values(self, moment: Moment) -> list[float]:
        """The model's features of one pair, in its order."""
        return [self._value(moment, feature) for feature in self._model.features]

    def _value(self, moment: Moment, feature: ModelFeature) -> float:
        kind, _, scale = feature.name.partition("_scale")
        limit = _limit(feature)
        if kind == "vif":
            return self.features.vif(moment.pair, limit)[int(scale)]
        if kind == "adm":
            return self.features.adm(moment.pair, limit).scales[int(scale)]
        if kind == "adm2":
            return self.features.adm(moment.pair, limit).adm2
        return moment.motion2 if kind == "motion2" else moment.motion


def _limit(feature: ModelFeature) -> float:
    """How much enhanced contrast may count."""
    return next(iter(dict(feature.options).values()), NO_LIMIT)


def define(name: str, title: str, choice: str, meaning: str) -> MetricSpec:
    """Make a metric of a model that ``monitor.models.files.open_model`` finds.

    Args:
        name: Of the metric and of its feature; of a collection of resampled models, ``name_bagging``, ``name_stddev``,
            ``name_ci_p95_lo`` and ``name_ci_p95_hi`` come with it.
        title: For axes and tables.
        choice: Name of a published model, or ``path=FILE``.
        meaning: What it predicts, for the summary.

    Raises:
        ConfigError: the name is taken, or the model can't be had.
    """
    from monitor.models.files import open_model

    model = open_model(choice)
    beside = [_feature(f"{name}_{suffix}", f"{title}, {what}") for suffix, what in INTERVAL] if model.resampled else []
    return _define(_spec(name, title, model.name, meaning, beside), choice)


def _define(spec: MetricSpec, choice: str) -> MetricSpec:
    members = {"spec": spec, "choice": choice, "__slots__": (), "__doc__": spec.summary, "__module__": __name__}
    register(type(f"Vmaf_{spec.name}", (Vmaf,), members))
    return spec


for _name, _title, _trained, _meaning in PUBLISHED:
    _define(_spec(_name, _title, _trained, _meaning), _trained)
