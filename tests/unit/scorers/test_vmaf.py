"""VMAF's metrics: what they share, how they wait, what they refuse."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor import scorers
from monitor.errors import ConfigError, UnknownName
from monitor.kernels import adm as adm_kernel
from monitor.kernels import cambi as cambi_kernel
from monitor.kernels import motion as motion_kernel
from monitor.kernels import speed_chroma as speed_kernel
from monitor.kernels import vif as vif_kernel
from monitor.kernels.settings import View
from monitor.models import files
from monitor.models.choice import ModelChoice
from monitor.models.vmaf import Model
from monitor.protocols import Delayed, Parallel
from monitor.scorers import vmaf
from monitor.scorers._vmaf import VmafFeatures
from monitor.types import Frame, FramePair, VideoFormat

METRICS = ["vif", "adm", "motion", "vmaf", "vmaf_neg", "vmaf_phone", "vmaf_4k", "vmaf_4k_neg"]


@pytest.fixture
def pairs(studio: Any, spoilers: Any) -> list[FramePair]:
    made: list[FramePair] = studio.pairs(5, studio.format(64, 48, "gray"), spoilers.noisy(6))
    return made


def values(scorer: Any, items: list[FramePair], *, end: bool = True) -> dict[str, dict[int, float]]:
    """Scores by feature and frame."""
    scorer.prepare(items[0].format)
    return values_of(scorer, items, end=end)


def values_of(scorer: Any, items: list[FramePair], *, end: bool = True) -> dict[str, dict[int, float]]:
    """Likewise, of a prepared scorer."""
    found: dict[str, dict[int, float]] = {}
    for score in [*scorer.score(items), *(scorer.flush() if end and isinstance(scorer, Delayed) else ())]:
        found.setdefault(score.feature, {})[score.index] = score.value
    return found


def test_vmaf_is_the_model_of_its_features(pairs: list[FramePair]) -> None:
    features = {
        name: of_frames
        for metric in ("vif", "adm", "motion")
        for name, of_frames in values(scorers.create(metric), pairs).items()
    }
    scored = values(scorers.create("vmaf"), pairs)["vmaf"]
    model = files.open_model("vmaf_v0.6.1")
    assert list(scored) == [0, 1, 2, 3, 4]
    for index, score in scored.items():
        assert score == model.predict([features[f"integer_{feature.name}"][index] for feature in model.features])


def test_the_model_is_part_of_the_identity() -> None:
    assert [scorers.spec(name).model for name in ("vmaf", "vmaf_neg", "vmaf_phone", "vmaf_4k", "vmaf_4k_neg", "vif")] == [
        "vmaf_v0.6.1/1",
        "vmaf_v0.6.1neg/1",
        "vmaf_v0.6.1_phone/1",
        "vmaf_4k_v0.6.1/1",
        "vmaf_4k_v0.6.1neg/1",
        "vif/1",
    ]


def test_motion2_is_the_smaller_of_both_neighbours(pairs: list[FramePair]) -> None:
    scored = values(scorers.create("motion"), pairs)
    motion, motion2 = scored["integer_motion"], scored["integer_motion2"]
    assert motion[0] == motion2[0] == 0
    assert all(motion2[i] == min(motion[i], motion[i + 1]) for i in range(1, 4))
    assert motion2[4] == motion[4] > 0


@pytest.mark.parametrize("metric", ["motion", "vmaf"])
def test_a_frame_waits_for_the_next(metric: str, pairs: list[FramePair]) -> None:
    scorer = scorers.create(metric)
    scorer.prepare(pairs[0].format)
    told = [sorted({score.index for score in scorer.score([pair])}) for pair in pairs]
    assert told == [[], [0], [1], [2], [3]]
    assert {score.index for score in scorer.flush()} == {4}
    assert list(scorer.flush()) == []


def test_the_next_segment_knows_the_frame_before(pairs: list[FramePair]) -> None:
    whole = values(scorers.create("motion"), pairs)
    cut = scorers.create("motion")
    cut.prepare(pairs[0].format)
    first = [*cut.score(pairs[:3]), *cut.flush()]
    second = [*cut.score(pairs[3:]), *cut.flush()]
    motion = {score.index: score.value for score in first + second if score.feature == "integer_motion"}
    assert motion == whole["integer_motion"]


@pytest.mark.parametrize("metric", ["motion", "vmaf"])
def test_frames_beside_a_gap_have_no_motion(metric: str, pairs: list[FramePair]) -> None:
    """Of 0, 1, (2 unseen), 3, 4, nobody knows what 1 turned into, or what 3 was before."""
    scored = values(scorers.create(metric), [pairs[index] for index in (0, 1, 3, 4)])
    assert {tuple(of_frames) for of_frames in scored.values()} == {(0, 4)}


def test_lone_frames_cost_nothing(pairs: list[FramePair], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = scorers.create("vmaf")
    scorer.prepare(pairs[0].format)
    monkeypatch.setattr(vif_kernel, "vif", lambda *_: pytest.fail("a frame without neighbours was measured"))
    assert list(scorer.score([pairs[0]])) == list(scorer.score([pairs[2]])) == list(scorer.score([pairs[4]])) == []
    assert list(scorer.flush()) == []


def test_a_repeated_reference_frame_stands_still(pairs: list[FramePair]) -> None:
    again = replace(pairs[1].distorted, index=2, pts=pairs[2].pts)
    scored = values(scorers.create("motion"), [pairs[0], pairs[1], FramePair(again, pairs[1].reference)])
    assert scored["integer_motion"][2] == 0
    assert scored["integer_motion2"] == {0: 0.0, 1: 0.0, 2: 0.0}


def test_every_feature_is_measured_once_a_pair(pairs: list[FramePair], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, original: Any) -> Any:
        def count(*arguments: Any) -> Any:
            calls.append(name)
            return original(*arguments)

        return count

    for module, name in ((vif_kernel, "_band"), (adm_kernel, "_band"), (motion_kernel, "motion")):
        monkeypatch.setattr(module, name, counted(module.__name__, getattr(module, name)))
    together = scorers.create_all([(name, {}) for name in METRICS])
    for scorer in together:
        scorer.prepare(pairs[0].format)
    calls.clear()
    found: dict[str, list[float]] = {}
    for pair in [*pairs, None]:
        for scorer in together:
            given = scorer.score([pair]) if pair else scorer.flush() if isinstance(scorer, Delayed) else ()
            for score in given:
                found.setdefault(score.feature, []).append(score.value)
    assert [calls.count(module.__name__) for module in (vif_kernel, adm_kernel, motion_kernel)] == [5, 5, 4]
    for name in METRICS:
        alone = values(scorers.create(name), pairs)
        assert {feature: found[feature] for feature in alone} == {key: list(each.values()) for key, each in alone.items()}


def test_work_on_one_pair_keeps_several_threads_busy() -> None:
    form = VideoFormat(160, 144, "gray")
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 256, (144, 160), np.uint8) for _ in range(2))
    pair = FramePair(*(Frame(0, Fraction(0), Fraction(1, 25), form, (plane,)) for plane in (one, other)))
    together, alone = scorers.create("vmaf"), scorers.create("vmaf")
    for scorer in (together, alone):
        scorer.prepare(form)
    tasks = together.tasks(pair)
    assert len(tasks) == 3  # VIF in two bands, ADM
    for task in reversed(tasks):
        task()
    assert [*together.score([pair]), *together.flush()] == [*alone.score([pair]), *alone.flush()]


def test_what_was_measured_is_forgotten_with_the_frames(pairs: list[FramePair]) -> None:
    scorer = scorers.create("vmaf")
    values(scorer, pairs)
    assert len(scorer.features.memory)
    scorer.reset()
    pairs.clear()
    assert not len(scorer.features.memory)


def test_tasks_do_what_score_then_finds_done(pairs: list[FramePair], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {name: values(scorers.create(name), pairs) for name in METRICS}
    together = scorers.create_all([(name, {}) for name in METRICS])
    for scorer in together:
        scorer.prepare(pairs[0].format)
    tasks = [task for pair in pairs for scorer in together if isinstance(scorer, Parallel) for task in scorer.tasks(pair)]
    assert len(tasks) == 2 * len(pairs) + len(pairs) - 1  # VIF, ADM, and motion, which the first pair has none of
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda task: task(), reversed(tasks)))
    for module, name in ((vif_kernel, "_band"), (adm_kernel, "_band"), (motion_kernel, "motion")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("measured twice"))
    for scorer in together:
        assert values_of(scorer, pairs) == expected[scorer.spec.name]
    assert not [task for scorer in together if isinstance(scorer, Parallel) for task in scorer.tasks(pairs[0])]


V1 = [spec.name for spec in scorers.specs() if spec.name.startswith("vmaf_v1")]


@pytest.fixture(scope="module")
def large(studio: Any, spoilers: Any) -> list[FramePair]:
    made: list[FramePair] = studio.pairs(6, studio.format(322, 318, "yuv420p"), spoilers.noisy(6))
    return made


def test_the_models_of_v1_share_what_they_are_made_of(large: list[FramePair], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {name: values(scorers.create(name), large) for name in V1}
    calls: Counter[str] = Counter()

    def counted(name: str, original: Any) -> Any:
        def count(*arguments: Any) -> Any:
            calls[name] += 1
            return original(*arguments)

        return count

    together = scorers.create_all([(name, {}) for name in V1])
    for scorer in together:
        scorer.prepare(large[0].format)
    monkeypatch.setattr(adm_kernel, "_band", counted("adm", adm_kernel._band))
    monkeypatch.setattr(motion_kernel, "motion", counted("motion", motion_kernel.motion))
    monkeypatch.setattr(speed_kernel, "statistics", counted("speed", speed_kernel.statistics))
    monkeypatch.setattr(cambi_kernel.Detector, "measure", counted("cambi", cambi_kernel.Detector.measure))
    tasks = [task for pair in large for scorer in together if isinstance(scorer, Parallel) for task in scorer.tasks(pair)]
    neighbours, two_apart = len(large) - 1, len(large) - 2
    # Two bands of ADM, CAMBI, and SpEED of chroma in three sizes; motion of neighbours and, at high rates, over two frames
    assert len(tasks) == (2 + 1 + 3) * len(large) + neighbours + two_apart
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda task: task(), tasks))
    for scorer in together:
        assert values_of(scorer, large) == expected[scorer.spec.name]
    assert calls == {
        "adm": 2 * len(large), "cambi": len(large), "speed": 3 * 4 * len(large), "motion": neighbours + two_apart
    }  # fmt: skip


def test_several_encodes_of_one_reference_share_what_is_its_own(
    large: list[FramePair], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    original = speed_kernel.statistics
    one, other = scorers.create_all([("vmaf_v1", {}), ("vmaf_v1", {})])
    for scorer in (one, other):
        scorer.prepare(large[0].format)
    monkeypatch.setattr(speed_kernel, "statistics", lambda plane, *rest: (seen.append(id(plane)), original(plane, *rest))[1])
    encodes = [
        FramePair(replace(pair.distorted, planes=tuple(map(turned, pair.distorted.planes))), pair.reference)
        for pair in large
    ]
    assert values_of(one, large)["vmaf_v1"] != values_of(other, encodes)["vmaf_v1"]
    assert len(seen) == len(set(seen)) == 3 * 2 * len(large)


def test_pairs_of_one_reference_frame_are_measured_in_one_pass(
    pairs: list[FramePair], monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(pair: FramePair, change: Any) -> FramePair:
        return FramePair(replace(pair.distorted, planes=tuple(map(change, pair.distorted.planes))), pair.reference)

    encodes = [pairs, *([beside(pair, change) for pair in pairs] for change in (turned, lambda plane: plane.copy()))]
    alone = [values(scorers.create("vmaf"), encode) for encode in encodes]
    acquainted = [
        [replace(pair, company=tuple(other.distorted for other in moment)) for pair in moment]
        for moment in zip(*encodes, strict=True)
    ]
    passes: list[tuple[str, int]] = []

    def counted(name: str, original: Any) -> Any:
        return lambda *arguments: (passes.append((name, len(arguments[0]))), original(*arguments))[1]

    together = scorers.create_all([("vmaf", {}) for _ in encodes])
    for scorer in together:
        scorer.prepare(pairs[0].format)
    for module, name in ((vif_kernel, "vif_bands"), (adm_kernel, "adm_bands")):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    with ThreadPoolExecutor(2) as threads:
        for moment in acquainted:
            tasks = [task for scorer, pair in zip(together, moment, strict=True) for task in scorer.tasks(pair)]
            list(threads.map(lambda task: task(), tasks))
    found = [values_of(scorer, list(encode)) for scorer, encode in zip(together, zip(*acquainted, strict=True), strict=True)]
    assert found == alone
    assert alone[0] == alone[2] != alone[1]
    assert set(passes) == {("vif_bands", len(encodes)), ("adm_bands", len(encodes))}


def turned(plane: Any) -> Any:
    upside_down = np.ascontiguousarray(plane[::-1])
    upside_down.flags.writeable = False
    return upside_down


def test_a_task_nobody_ran_costs_nothing_but_its_help(pairs: list[FramePair]) -> None:
    expected = values(scorers.create("vmaf"), pairs)
    scorer = scorers.create("vmaf")
    assert isinstance(scorer, Parallel)
    tasks = [task for pair in pairs for task in scorer.tasks(pair)]
    assert values(scorer, pairs) == expected
    assert tasks


def test_neg_and_phone_differ_as_they_should(studio: Any) -> None:
    sharpened = studio.pairs(3, studio.format(96, 64, "gray"), lambda picture: (picture - 128) * 1.15 + 128)
    scored = {name: values(scorers.create(name), sharpened)[name][1] for name in METRICS if name.startswith("vmaf")}
    assert scored["vmaf"] > scored["vmaf_neg"]
    assert scored["vmaf_4k"] >= scored["vmaf_4k_neg"]
    assert scored["vmaf_phone"] >= scored["vmaf"]


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> scorers.MetricRegistry:
    """A registry that takes what a test defines and is thrown away."""
    registry = scorers.MetricRegistry()
    monkeypatch.setattr(vmaf, "register", registry.register)
    monkeypatch.setattr(vmaf, "specs", lambda: (*scorers.specs(), *registry.specs()))
    return registry


def collection(tmp_path: Path) -> Path:
    document = json.loads(files.find("vmaf_v0.6.1").read_text())
    members = {}
    for number in range(4):
        entry = dict(document["model_dict"])
        entry["intercepts"] = [entry["intercepts"][0] + 0.01 * number, *entry["intercepts"][1:]]
        members[str(number)] = {"model_dict": entry}
    path = tmp_path / "vmaf_b.json"
    path.write_text(json.dumps(members))
    return path


def test_any_model_file_becomes_a_metric(forgetful: scorers.MetricRegistry, tmp_path: Path, pairs: list[FramePair]) -> None:
    path = collection(tmp_path)
    spec = vmaf.define("vmaf_b", "VMAF b", f"path={path}", "with its uncertainty")
    assert spec.model == "vmaf_b/1"
    assert [feature.name for feature in spec.features] == [
        "vmaf_b", "vmaf_b_bagging", "vmaf_b_stddev", "vmaf_b_ci_p95_lo", "vmaf_b_ci_p95_hi"
    ]  # fmt: skip
    scored = values(forgetful.create("vmaf_b"), pairs)
    plain = values(scorers.create("vmaf"), pairs)["vmaf"]
    assert scored["vmaf_b"] == plain
    for index, score in plain.items():
        step = 0.01 / 0.012020766332648465
        assert scored["vmaf_b_bagging"][index] == pytest.approx(score - 2 * step)
        assert scored["vmaf_b_stddev"][index] == pytest.approx(step * (2 / 3) ** 0.5)
        assert scored["vmaf_b_ci_p95_hi"][index] - scored["vmaf_b_ci_p95_lo"][index] == pytest.approx(1.9 * step)


def test_chosen_models_become_metrics(forgetful: scorers.MetricRegistry, tmp_path: Path, pairs: list[FramePair]) -> None:
    for published in ("vmaf_v0.6.1", "vmaf_v1.0.16_hfr_5d0h", "vmaf_4k_v0.6.1neg"):
        assert vmaf.metric_of(ModelChoice(published)).trained == published
    assert vmaf.metric_of(ModelChoice("vmaf_v0.6.1", name="vmaf")).name == "vmaf"
    assert [spec.name for spec in forgetful.specs()] == []
    again = vmaf.metric_of(ModelChoice("vmaf_v0.6.1", name="quality"))
    assert (again.name, again.model) == ("quality", "vmaf_v0.6.1/1")
    assert values(forgetful.create("quality"), pairs)["quality"] == values(scorers.create("vmaf"), pairs)["vmaf"]
    curved = vmaf.metric_of(ModelChoice("vmaf_v0.6.1", transform=True))
    assert (curved.name, curved.model) == ("vmaf_v0_6_1_transformed", "vmaf_v0.6.1_transformed/1")
    expected = values(scorers.create("vmaf_phone"), pairs)["vmaf_phone"]
    assert values(forgetful.create(curved.name), pairs)[curved.name] == expected
    path = collection(tmp_path).rename(tmp_path / "My-Model 2.json")
    assert vmaf.metric_of(ModelChoice(f"path={path}")).name == "my_model_2"
    with pytest.raises(ConfigError, match="give the model name=KEY"):
        vmaf.metric_of(ModelChoice(f"path={path}", name="7 of 9"))


def test_the_same_choice_again_is_the_same_metric(forgetful: scorers.MetricRegistry, tmp_path: Path) -> None:
    choice = ModelChoice(f"path={collection(tmp_path)}", name="asked_twice")
    assert vmaf.metric_of(choice) == vmaf.metric_of(choice) == forgetful.spec("asked_twice")
    with pytest.raises(ConfigError, match="metric 'asked_twice' has one of that name; give the model another"):
        vmaf.metric_of(ModelChoice("vmaf_v0.6.1neg", name="asked_twice"))


def test_a_score_of_v1_never_takes_a_name_of_v0() -> None:
    with pytest.raises(ConfigError, match="can't be called 'vmaf': metric 'vmaf' has one of that name"):
        vmaf.metric_of(ModelChoice("vmaf_v1.0.16_3d0h", name="vmaf"))


@pytest.mark.parametrize(
    ("features", "options", "complaint"),
    [
        (["VMAF_integer_feature_aim_score"], [{}], "needs the feature aim: there is none; known: vif_scale0-3, adm2"),
        (["VMAF_integer_feature_vif_scale4_score"], [{}], "needs the feature vif_scale4: there is none"),
        (["VMAF_integer_feature_adm2_score"], [{"adm_csf_mode": 2}], "needs the feature adm2: its options adm_csf_mode"),
        (["Cambi_feature_cambi_score"], [{"cambi_eotf": "hlg"}], "needs the feature cambi: .*'cambi_eotf' must be one of"),
        (["VMAF_integer_feature_adm3_score"], [{"adm_dlm": 1}], "needs the feature adm3: .* has no option 'adm_dlm'"),
        (["Speed_chroma_feature_speed_chroma_uv_score"], [{"speed_kernelscale": 2}], ".*speed_kernelscale' can only be 1"),
        (
            ["VMAF_integer_feature_motion2_score", "VMAF_integer_feature_motion3_score"],
            [{}, {}],
            "needs several features of motion",
        ),
    ],
)
def test_a_model_of_other_features_is_refused(
    features: list[str], options: list[dict[str, float]], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(files.find("vmaf_v0.6.1").read_text())
    document["model_dict"] |= {"feature_names": features, "feature_opts_dicts": options}
    document["model_dict"]["model"] = "svm_type nu_svr\nkernel_type rbf\ngamma 1\ntotal_sv 1\nrho 0\nSV\n1 1:1\n"

    def opened(_: str, *, transform: bool) -> Model:
        from monitor.models.vmaf import parse

        return parse(json.dumps(document), "odd")

    monkeypatch.setattr(files, "open_model", opened)
    with pytest.raises(ConfigError, match=f"model odd {complaint}"):
        scorers.create("vmaf")


def test_a_model_that_cannot_be_had_is_known_before_any_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "files", lambda name: [])
    monkeypatch.setattr(files, "fetched_folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=r"run `vqmon models fetch vmaf_v0.6.1`, or give path=FILE"):
        scorers.create("vmaf")
    with pytest.raises(UnknownName):
        vmaf.define("mine", "Mine", "vmaf_v9", "nothing")


def test_times_are_those_of_the_frames(pairs: list[FramePair]) -> None:
    scorer = scorers.create("vmaf")
    scorer.prepare(pairs[0].format)
    assert [(score.index, score.pts) for score in scorer.score(pairs)] == [(i, Fraction(i, 25)) for i in range(4)]


def test_a_gain_limit_that_comes_later_is_measured_on_pairs_that_were_measured_before(pairs: list[FramePair]) -> None:
    shared = VmafFeatures()
    for pair in pairs[:3]:
        shared.value("adm", View(100.0), pair)
        shared.value("vif", 100.0, pair)
    fresh = VmafFeatures()
    for pair in pairs[:3]:
        for kind, setting in (("adm", View(1.0)), ("vif", 1.0)):
            assert shared.value(kind, setting, pair) == fresh.value(kind, setting, pair)
