"""What every metric promises (see ``monitor.protocols.Scorer``), checked for all that are registered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from monitor import scorers
from monitor.errors import UnsupportedFormat
from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.types import POOLS, Frame, FramePair, Score, VideoFormat

SPECS = scorers.specs()
EVERY = pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])

FORMATS = [
    ("yuv420p", 96, 64, False),
    ("yuv420p", 99, 67, True),
    ("yuv422p10le", 64, 66, False),
    ("yuv444p12le", 65, 64, False),
    ("gray", 70, 65, False),
    ("gray10le", 64, 64, True),
]

AMOUNTS: dict[str, tuple[str, tuple[float, ...]]] = {
    "psnr_cb": ("noisy", (0, 2, 6, 20)),
    "psnr_cr": ("noisy", (0, 2, 6, 20)),
    "black_ratio": ("darkened", (0, 0.2, 0.5, 1.0)),
    "blockiness": ("blocky", (0, 0.1, 0.3, 0.7, 1.0)),
    "blur": ("blurred", (0, 0.6, 1.0, 2.0, 4.0)),
    "cambi": ("banded", (0, 0.5, 0.8, 1)),
    "clipped_ratio": ("overexposed", (0, 40, 80, 120)),
    "noise": ("noisy", (0, 1, 2, 5, 10)),
    "integer_adm_scale0": ("blurred", (0, 0.6, 1.0, 2.0, 4.0)),  # strong noise hides its own masking at the finest level
}
"""How to spoil a picture for a feature with a direction, other than a full-reference one for luma (these get everything)."""

SHORT_OF_BEST: dict[str, float] = {
    "vif": 1e-4,  # libvmaf truncates what it takes logarithms of, and rounds ADM's sums
    "adm": 1e-4,
    "vmaf": 3.0,  # the models give a still picture about 97.4
    "vmaf_neg": 3.0,
    "vmaf_4k": 3.0,
    "vmaf_4k_neg": 3.0,
    **{spec.name: 3.0 for spec in SPECS if spec.name.startswith("vmaf_v1")},
}
"""By how much the score of a picture beside itself may miss the best one, by metric; 1e-6 for others."""

EVERYTHING: dict[str, tuple[float, ...]] = {
    "noisy": (0, 2, 6, 20, 50),
    "blurred": (0, 0.6, 1.0, 2.0, 4.0),
    "blocky": (0, 0.3, 0.7, 1.0),
}


OF_EIGHT_BITS: dict[str, dict[str, object]] = {"cambi": {"enc_bitdepth": 8}}
"""Options that say of a deeper frame that it was encoded at eight bits, of metrics that want to know."""

OF_CHROMA = {f"{name}{part}" for name in ("psnr_hvs", "ssim_ffmpeg", "xpsnr") for part in ("", "_cb", "_cr")} | {
    "psnr_cb",
    "psnr_cr",
}
"""Features that have no value where the format has no chroma, of metrics that do without."""


def format_for(
    spec: MetricSpec,
    studio: Any,
    width: int = 96,
    height: int = 64,
    pixel_format: str = "yuv420p",
    *,
    full_range: bool = False,
) -> VideoFormat:
    """Frames of about a size, larger where the metric needs it; odd stays odd."""
    larger = spec.min_size + spec.min_size % 2
    width, height = (side if side >= spec.min_size else side + larger for side in (width, height))
    if max(width, height) < spec.min_longer_side:
        width += spec.min_longer_side + spec.min_longer_side % 2
    made: VideoFormat = studio.format(width, height, pixel_format, full_range=full_range)
    return made


def untouched(picture: Any) -> Any:
    return picture


def items_of(
    spec: MetricSpec, studio: Any, video_format: VideoFormat, count: int, spoil: Callable[[Any], Any] = untouched
) -> Any:
    """What the metric scores: pairs of a spoilt frame and its reference, or spoilt frames."""
    pairs: list[FramePair] = studio.pairs(count, video_format, spoil)
    return pairs if spec.reference is Reference.FULL else [pair.distorted for pair in pairs]


def prepared(spec: MetricSpec, video_format: VideoFormat) -> Any:
    scorer = scorers.create(spec.name)
    scorer.prepare(video_format)
    return scorer


def scored(spec: MetricSpec, items: Sequence[Frame | FramePair]) -> list[Score]:
    return list(prepared(spec, items[0].format).score(items))


def means(scores: Sequence[Score]) -> dict[str, float]:
    names = dict.fromkeys(score.feature for score in scores)
    return {name: float(np.mean([score.value for score in scores if score.feature == name])) for name in names}


@EVERY
def test_the_spec_is_complete(spec: MetricSpec) -> None:
    assert spec.name.isidentifier()
    assert spec.name == spec.name.lower()
    assert spec.title
    assert spec.source
    assert spec.summary.endswith(".")
    assert spec.features
    assert spec.version >= 1
    assert spec.min_size >= 1
    assert spec.device in ("cpu", "cuda")


@pytest.mark.parametrize(
    "feature", [feature for spec in SPECS for feature in spec.features], ids=lambda feature: feature.name
)
def test_the_feature_is_complete(feature: Feature) -> None:
    assert feature.name.isidentifier()
    assert feature.name == feature.name.lower()
    assert feature.title
    assert feature.zero
    assert feature.no_data
    assert feature.unit in ("dB", "ratio", "code value", "seconds", "")
    assert feature.minimum < feature.maximum
    assert feature.minimum <= feature.worst <= feature.maximum
    assert feature.minimum <= feature.best <= feature.maximum
    assert feature.minimum <= feature.display[0] < feature.display[1] <= feature.maximum
    assert feature.pool in POOLS
    if feature.higher_is_better is None:
        assert feature.warning is feature.critical is feature.min_drop is None
    if feature.warning is not None and feature.critical is not None:
        assert (feature.warning > feature.critical) is feature.higher_is_better, "critical must be the worse of the two"
    if feature.min_drop is not None:
        assert feature.min_drop > 0


@EVERY
@pytest.mark.parametrize(("pixel_format", "width", "height", "full_range"), FORMATS)
def test_scores_are_as_declared_in_every_format(
    spec: MetricSpec, studio: Any, spoilers: Any, pixel_format: str, width: int, height: int, full_range: bool
) -> None:
    video_format = format_for(spec, studio, width, height, pixel_format, full_range=full_range)
    if spec.needs_chroma and not video_format.chroma_width:
        with pytest.raises(UnsupportedFormat, match=rf"metric '{spec.name}' needs chroma"):
            prepared(spec, video_format)
        return
    items = items_of(spec, studio, video_format, 6, spoilers.noisy(3))
    scores = scored(spec, items)
    features = {feature.name: feature for feature in spec.features}
    seen = [(score.feature, score.index) for score in scores]
    assert len(set(seen)) == len(seen), "a feature twice for one frame"
    expected = set(features) - (OF_CHROMA if pixel_format.startswith("gray") else set())
    assert {name for name, _ in seen} == expected
    times = {item.index: item.pts for item in items}
    for score in scores:
        assert type(score.value) is float
        assert math.isfinite(score.value)
        assert features[score.feature].minimum <= score.value <= features[score.feature].maximum, score
        assert score.pts == times[score.index]
    if spec.spacing is Spacing.NONE:
        assert len(scores) == len(items) * len(expected)


@EVERY
@pytest.mark.parametrize("level", [16, 128, 235])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_flat_pictures_give_finite_scores_or_none(spec: MetricSpec, studio: Any, level: int, pixel_format: str) -> None:
    video_format = format_for(spec, studio, 64, 64, pixel_format)
    flat = np.full((video_format.height, video_format.width), float(level))
    frames = [studio.frame(index, flat, video_format) for index in range(4)]
    items = [FramePair(frame, frame) for frame in frames] if spec.reference is Reference.FULL else frames
    features = {feature.name: feature for feature in spec.features}
    for score in scored(spec, items):
        assert math.isfinite(score.value)
        assert features[score.feature].minimum <= score.value <= features[score.feature].maximum, score


@EVERY
def test_one_batch_is_as_good_as_many(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    items = items_of(spec, studio, format_for(spec, studio), 7, spoilers.noisy(3))
    together = scored(spec, items)
    one_by_one = prepared(spec, items[0].format)
    assert [score for item in items for score in one_by_one.score([item])] == together
    assert scored(spec, items) == together, "not deterministic"


@EVERY
def test_frames_are_left_as_they_were(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    items = items_of(spec, studio, format_for(spec, studio), 3, spoilers.noisy(3))
    frames = [
        frame for item in items for frame in ([item.distorted, item.reference] if isinstance(item, FramePair) else [item])
    ]
    before = [plane.copy() for frame in frames for plane in frame.planes]
    scored(spec, items)
    after = [plane for frame in frames for plane in frame.planes]
    assert all(np.array_equal(*both) for both in zip(before, after, strict=True))
    assert not any(plane.flags.writeable for plane in after)


@EVERY
def test_a_reset_scorer_is_as_good_as_new(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    video_format = format_for(spec, studio)
    scorer = prepared(spec, video_format)
    list(scorer.score(items_of(spec, studio, video_format, 5, spoilers.noisy(9))))
    scorer.reset()
    items = items_of(spec, studio, video_format, 5)
    assert list(scorer.score(items)) == scored(spec, items)


@EVERY
def test_the_format_may_change_midway(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    first = format_for(spec, studio)
    scorer = prepared(spec, first)
    list(scorer.score(items_of(spec, studio, first, 3)))
    for changed in (
        format_for(spec, studio, 64, 96),
        format_for(spec, studio, 64, 96, "yuv420p10le"),
        format_for(spec, studio, 64, 96, full_range=True),
    ):
        items = items_of(spec, studio, changed, 4, spoilers.blurred(1))
        scorer.prepare(changed)
        assert list(scorer.score(items)) == scored(spec, items), "the old format is remembered"
    scorer.close()


@EVERY
def test_two_scorers_do_not_meet(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    video_format = format_for(spec, studio)
    one, other = items_of(spec, studio, video_format, 5), items_of(spec, studio, video_format, 5, spoilers.noisy(20))
    first, second = prepared(spec, video_format), prepared(spec, video_format)
    taken: tuple[list[Score], list[Score]] = ([], [])
    for item, another in zip(one, other, strict=True):
        taken[0].extend(first.score([item]))
        taken[1].extend(second.score([another]))
    assert taken == (scored(spec, one), scored(spec, other))


@EVERY
def test_the_smallest_frames_are_scored_and_smaller_ones_refused(spec: MetricSpec, studio: Any) -> None:
    side = max(spec.min_size, 2)
    longer = max(side, spec.min_longer_side)
    for video_format in (studio.format(longer, side), studio.format(side, longer, "gray10le"), studio.format(16, 16)):
        width, height = video_format.width, video_format.height
        if (
            min(width, height) >= spec.min_size
            and max(width, height) >= spec.min_longer_side
            and (video_format.chroma_width or not spec.needs_chroma)
        ):
            assert all(math.isfinite(score.value) for score in scored(spec, items_of(spec, studio, video_format, 3)))
    if spec.min_size > 1:
        with pytest.raises(UnsupportedFormat, match=rf"metric '{spec.name}' needs frames of at least"):
            prepared(spec, studio.format(spec.min_size - 1, 64, "gray"))
    if spec.min_longer_side > 1:
        with pytest.raises(UnsupportedFormat, match=rf"metric '{spec.name}' needs frames whose longer side is at least"):
            prepared(spec, studio.format(max(spec.min_size, 64), spec.min_longer_side - 1, "gray"))


@EVERY
@pytest.mark.parametrize("bit_depth", [7, 17])
def test_impossible_depths_are_refused(spec: MetricSpec, studio: Any, bit_depth: int) -> None:
    with pytest.raises(UnsupportedFormat, match=rf"metric '{spec.name}' takes 8 to 16 bits per sample, not {bit_depth}"):
        prepared(spec, replace(format_for(spec, studio), bit_depth=bit_depth))


def spoiled_features() -> list[tuple[MetricSpec, Feature, str, tuple[float, ...]]]:
    cases = []
    for spec in SPECS:
        for feature in spec.features:
            if feature.higher_is_better is None or spec.spacing is not Spacing.NONE:
                continue
            if feature.name in AMOUNTS:
                name, amounts = AMOUNTS[feature.name]
                cases.append((spec, feature, name, amounts))
            elif spec.reference is Reference.FULL:
                cases.extend((spec, feature, name, amounts) for name, amounts in EVERYTHING.items())
            else:
                raise LookupError(f"{feature.name} has a direction: say in AMOUNTS what makes it worse")
    return cases


@pytest.mark.parametrize(
    ("spec", "feature", "spoiler", "amounts"),
    spoiled_features(),
    ids=lambda value: value if isinstance(value, str) else getattr(value, "name", ""),
)
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le"])
def test_more_distortion_is_worse(
    spec: MetricSpec,
    feature: Feature,
    spoiler: str,
    amounts: tuple[float, ...],
    pixel_format: str,
    studio: Any,
    spoilers: Any,
) -> None:
    video_format = format_for(spec, studio, 160, 128, pixel_format)
    values = []
    for amount in amounts:
        items = items_of(spec, studio, video_format, 2, getattr(spoilers, spoiler)(amount))
        values.append(means(scored(spec, items))[feature.name])
    towards_worst = [-value for value in values] if feature.higher_is_better else values
    assert towards_worst == sorted(towards_worst)
    assert towards_worst[0] < towards_worst[-1]


def with_a_best_picture() -> list[MetricSpec]:
    """Full-reference metrics, but for those that only describe (motion of the reference)."""
    judging = (spec for spec in SPECS if any(feature.higher_is_better is not None for feature in spec.features))
    return [spec for spec in judging if spec.reference is Reference.FULL]


@pytest.mark.parametrize("spec", with_a_best_picture(), ids=lambda spec: spec.name)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p12le"])
def test_a_picture_equals_itself(spec: MetricSpec, studio: Any, pixel_format: str) -> None:
    video_format = format_for(spec, studio, 96, 64, pixel_format)
    best = means(scored(spec, items_of(spec, studio, video_format, 4)))
    cap = 6.0 * video_format.bit_depth + 12
    for feature in spec.features:
        expected = min(feature.best, cap) if spec.name in ("psnr", "psnr_avg") else feature.best
        assert best[feature.name] == pytest.approx(expected, abs=SHORT_OF_BEST.get(spec.name, 1e-6))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.reference is Reference.NONE], ids=lambda spec: spec.name)
def test_values_hold_at_any_depth(spec: MetricSpec, studio: Any, spoilers: Any) -> None:
    """The same picture in 8-bit code values, stored at 8 and at 10 bits, gives the same scores."""
    eight, ten = (format_for(spec, studio, pixel_format=pixel_format) for pixel_format in ("gray", "gray10le"))
    pictures = [np.rint(spoilers.noisy(2)(studio.scene(index, eight.width, eight.height))) for index in range(4)]
    of_eight = scored(spec, [studio.frame(index, picture, eight) for index, picture in enumerate(pictures)])
    scorer = scorers.create(spec.name, OF_EIGHT_BITS.get(spec.name))
    scorer.prepare(ten)
    of_ten = list(scorer.score([studio.frame(index, picture, ten) for index, picture in enumerate(pictures)]))
    assert [score.value for score in of_ten] == pytest.approx([score.value for score in of_eight], rel=1e-6)
    assert [score.feature for score in of_ten] == [score.feature for score in of_eight]
    assert all(isinstance(score.pts, Fraction) for score in of_ten)
