"""ADM3 and AIM, as libvmaf's integer extractor defines them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from monitor.errors import ConfigError
from monitor.kernels.settings import BLENDED, SENSITIVITY, View, Within
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import MIN_SIDE, VmafFeatures
from monitor.types import FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.kernels.adm_pooling import Adm

WATSON: Final = 0
BLEND: Final = 2
"""``adm_csf_mode`` of VMAF v0 and of v1."""

PLACES = {WATSON: ((1080, 3.0), (2160, 1.5)), BLEND: ((1080, 3.0), (1080, 5.0), (2160, 3.0), (2160, 1.5))}
"""Lines of the display and distance in its heights that each mode is known for."""

SPEC = MetricSpec(
    name="adm3",
    title="ADM3",
    summary=(
        "Detail that survives and impairment that was added (AIM), both weighted by contrast sensitivity and each masked by "
        "the other: ADM3 is the weighted mean of ADM2 and 1 - AIM; libvmaf's integer arithmetic, bit for bit."
    ),
    source="Li, Zhang, Ma and Ngan, IEEE TMM 13(5), 2011; libvmaf feature/integer_adm.c",
    reference=Reference.FULL,
    min_size=MIN_SIDE,
    default=False,
    features=(
        Feature(
            name="integer_adm3",
            title="ADM3",
            unit="ratio",
            minimum=0.0,
            maximum=float("inf"),
            worst=0.0,
            best=1.0,
            zero="nothing of the reference is left, or as much was added as there was",
            no_data="no reference frame was paired",
            display=(0.0, 1.0),
        ),
        Feature(
            name="integer_aim",
            title="AIM",
            unit="ratio",
            minimum=0.0,
            maximum=float("inf"),
            worst=float("inf"),
            best=0.0,
            zero="nothing was added that can be seen",
            no_data="no reference frame was paired",
            display=(0.0, 1.0),
        ),
    ),
)


@register
@dataclass(slots=True)
class Adm3(PairScorer):
    """ADM3 and AIM of each pair; the options are libvmaf's."""

    spec: ClassVar[MetricSpec] = SPEC
    adm_enhn_gain_limit: Annotated[float, Within(1, 100)] = 100.0
    adm_dlm_weight: Annotated[float, Within(0, 1)] = 0.5
    adm_min_val: Annotated[float, Within(0, 1)] = 0.0
    adm_noise_weight: Annotated[float, Within(0, 1000)] = 0.03125
    adm_csf_mode: Literal[0, 2] = WATSON
    adm_norm_view_dist: float = 3.0
    adm_ref_display_height: int = 1080
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)

    def __post_init__(self) -> None:
        if (self.adm_ref_display_height, self.adm_norm_view_dist) not in PLACES[self.adm_csf_mode]:
            offer = "; ".join(f"{height} and {distance:g}" for height, distance in PLACES[self.adm_csf_mode])
            raise ConfigError(
                f"metric 'adm3': adm_csf_mode {self.adm_csf_mode} needs options 'adm_ref_display_height' and "
                f"'adm_norm_view_dist' to be {offer}, not {self.adm_ref_display_height} and {self.adm_norm_view_dist:g}"
            )

        self.features.plan("adm", self.view)

    @property
    def view(self) -> View:
        """How the pair is looked at."""
        sensitivity = SENSITIVITY
        if self.adm_csf_mode != WATSON:
            sensitivity = BLENDED[self.adm_ref_display_height, self.adm_norm_view_dist]
        return View(self.adm_enhn_gain_limit, sensitivity, self.adm_noise_weight, additive=True)

    def combined(self, measured: Adm) -> float:
        """ADM3 of what the view shows."""
        return measured.adm3(self.adm_dlm_weight, self.adm_min_val)

    def measure(self, video_format: VideoFormat) -> Measure:  # noqa: ARG002
        view = self.view

        def measured(pair: FramePair) -> tuple[float, float]:
            found = self.features.value("adm", view, pair)
            return self.combined(found), found.aim

        return measured

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self.features.tasks(item, [("adm", self.view)])
