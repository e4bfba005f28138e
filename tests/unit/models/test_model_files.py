from __future__ import annotations

import json
import math
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.errors import ConfigError, UnknownName
from monitor.models import files
from monitor.models.svr import SupportVectors
from monitor.models.vmaf import Model, ModelFeature, Transform, load, parse

SVM = "svm_type nu_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho -0.25\nSV\n2 1:1 \n-1 1:0.5 2:2 \n"


def document(**changes: Any) -> dict[str, Any]:
    entry = {
        "model": SVM,
        "norm_type": "linear_rescale",
        "score_clip": [0.0, 100.0],
        "feature_names": ["VMAF_integer_feature_adm2_score", "VMAF_integer_feature_vif_scale0_score"],
        "slopes": [0.01, 2.0, 3.0],
        "intercepts": [-0.5, -1.0, 0.25],
    }
    return {"param_dict": {}, "model_dict": {key: value for key, value in (entry | changes).items() if value is not None}}


def model(**changes: Any) -> Model:
    return parse(json.dumps(document(**changes)), "mine")


def test_support_vectors_add_up_as_libsvm_says() -> None:
    vectors = SupportVectors.parse(SVM, 2)
    x, y = 0.3, 0.7
    expected = 2 * math.exp(-0.5 * ((x - 1) ** 2 + y**2)) - math.exp(-0.5 * ((x - 0.5) ** 2 + (y - 2) ** 2)) + 0.25
    assert vectors.predict([x, y]) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SVM.replace("nu_svr", "c_svc"), "regression model with an RBF kernel"),
        (SVM.replace("rbf", "linear"), "regression model with an RBF kernel"),
        (SVM.replace("total_sv 2", "total_sv 3"), "2 support vectors instead of 3"),
        (SVM.replace("2:2", "3:2"), "feature index 3"),
        (SVM.replace("1:0.5", "1:half"), "damaged"),
        (SVM.replace("rho -0.25\n", ""), "damaged"),
        ("", "regression model"),
    ],
)
def test_a_damaged_regression_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        SupportVectors.parse(text, 2)


def test_a_score_is_rescaled_both_ways() -> None:
    mine = model()
    inside = mine.regression.predict([2 * 0.8 - 1, 3 * 0.2 + 0.25])
    assert mine.raw([0.8, 0.2]) == pytest.approx((inside + 0.5) / 0.01)
    assert model(norm_type="none").raw([0.8, 0.2]) == pytest.approx(mine.regression.predict([0.8, 0.2]))
    with pytest.raises(ConfigError, match="clip_0to1"):
        model(norm_type="clip_0to1")


def test_scores_are_clipped_only_where_the_model_says() -> None:
    assert model().finish(120) == 100
    assert model(score_clip=None).finish(120) == 120
    assert model(score_clip=[0, 110]).finish(-3) == 0


def test_a_stored_transform_waits_until_it_is_asked_for() -> None:
    curve = {"p0": 1.5, "p1": 2.0, "p2": -0.01, "out_gte_in": "true"}
    text = json.dumps(document(score_transform=curve))
    plain, phone = parse(text, "plain"), parse(text, "phone", transform=True)
    assert plain.finish(40) == 40
    assert phone.finish(40) == 1.5 + 80 - 16
    assert phone.finish(110) == 100
    assert model(score_transform=curve | {"enabled": True}).finish(40) == 1.5 + 80 - 16
    assert model(score_transform={"enabled": True}).finish(40) == 40


def test_transforms_bend_and_are_bounded_by_their_input() -> None:
    bent = Transform(knots=((0, 0), (50, 20), (100, 100)))
    assert [bent.apply(score) for score in (-10, 25, 75, 110)] == [-4, 10, 60, 116]
    assert Transform((10, 1, 0), at_most_input=True).apply(5) == 5
    assert Transform((-10, 1, 0), at_least_input=True).apply(5) == 5


def test_features_carry_the_options_that_the_file_gives() -> None:
    options = [{"adm_enhn_gain_limit": 1.0}, {}]
    assert model(feature_opts_dicts=options).features == (
        ModelFeature("adm2", (("adm_enhn_gain_limit", 1.0),)),
        ModelFeature("vif_scale0"),
    )
    limited = parse(json.dumps(document()), "neg", no_enhancement=True)
    assert limited.features == (
        ModelFeature("adm2", (("adm_enhn_gain_limit", 1.0),)),
        ModelFeature("vif_scale0", (("vif_enhn_gain_limit", 1.0),)),
    )
    with pytest.raises(ConfigError, match="Made_up_score"):
        model(feature_names=["Made_up_score", "VMAF_integer_feature_adm2_score"])


def test_a_collection_tells_how_sure_it_is() -> None:
    members = {str(k): document(intercepts=[-0.5 + 0.01 * k, -1.0, 0.25], score_clip=[0, 200]) for k in range(5)}
    several = parse(json.dumps(members), "b")
    values = [0.8, 0.2]
    raw = np.array([one.raw(values) for one in several.resampled])
    assert np.diff(raw) == pytest.approx(-1.0)
    interval = several.interval(values)
    assert interval.bagging == pytest.approx(raw.mean())
    assert interval.stdev == pytest.approx(math.sqrt(1.25))
    assert (interval.low, interval.high) == pytest.approx((raw.min() + 0.075, raw.max() - 0.075))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_dict": {}}', '{"0": {}}', "{"])
def test_what_is_no_model_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="odd"):
        load(path)


def test_another_kind_of_model_is_refused() -> None:
    name = "vmaf_v0.6.1"
    document = json.loads(files.read_verified(name, files.find(name)))
    document["model_dict"]["model_type"] = "RANDOMFOREST"
    with pytest.raises(ConfigError, match="model mine is a 'RANDOMFOREST'; known: LIBSVMNUSVR, "):
        parse(json.dumps(document), "mine")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json can't be read"):
        files.open_model(f"path={tmp_path / 'absent.json'}")


def test_a_file_by_path_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "studio_v2.json"
    path.write_text(json.dumps(document()))
    opened = files.open_model(f"path={path}")
    assert opened.name == "studio_v2"


V0 = ["adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3"]
V1 = ["adm3", "cambi", "motion3", "speed_chroma_uv"]


@pytest.mark.parametrize("name", [name for name in files.KNOWN if name != "vmaf_b_v0.6.3"])
def test_known_models_are_installed_and_whole(name: str) -> None:
    opened = files.open_model(name)
    assert opened.name == name
    assert sorted(feature.name for feature in opened.features) == (V0 if "v0.6.1" in name else V1)
    limited = {dict(feature.options).get(f"{feature.name[:3]}_enhn_gain_limit") for feature in opened.features}
    assert (1.0 in limited) is (name.endswith("neg") or "v1" in name)
    assert opened.features == files.open_model(f"version={name}").features


def test_the_models_of_v1_differ_in_how_the_picture_is_watched() -> None:
    """Distance, display, frame rate and scale; the regression is the same."""
    opened = {name: files.open_model(name) for name in files.KNOWN if "v1" in name}
    assert len({model.regression.vectors.tobytes() for model in opened.values()}) == 1
    assert len({model.features for model in opened.values()}) == len(opened) == 8
    assert {model.clip for name, model in opened.items() if name.endswith("3d0h_2160")} == {(0.0, 110.0)}
    assert {model.chroma_correction for model in opened.values()} == {120.0}
    assert all(model.transform is not None for model in opened.values())


def test_a_chroma_difference_of_exactly_nothing_is_corrected() -> None:
    """It stands for planes that could not be measured; what is lost of luma takes its place."""
    corrected = files.open_model("vmaf_v1.0.16_3d0h")
    cambi, detail, motion = 1.0, 0.9, 2.0
    assert [feature.name for feature in corrected.features] == ["cambi", "speed_chroma_uv", "adm3", "motion3"]
    expected = corrected.predict([cambi, 120 * (1 - detail), detail, motion])
    assert corrected.predict([cambi, 0.0, detail, motion]) == expected
    assert abs(corrected.predict([cambi, 1e-9, detail, motion]) - expected) > 1
    with pytest.raises(ConfigError, match="corrects speed_chroma_uv by adm3 without having both"):
        model(chroma_correction_parameter=120.0)


def test_options_may_be_words_and_truths_but_nothing_deeper() -> None:
    names = ["Speed_chroma_feature_speed_chroma_uv_score", "VMAF_integer_feature_motion3_score"]
    options: list[dict[str, Any]] = [{"speed_prescale_method": "bilinear"}, {"motion_moving_average": True}]
    assert [dict(feature.options) for feature in model(feature_names=names, feature_opts_dicts=options).features] == options
    with pytest.raises(ConfigError, match="is no value of an option"):
        model(feature_names=names, feature_opts_dicts=[{"speed_prescale": [1]}, {}])


def test_a_wrong_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(UnknownName, match=r"vmaf_v0\.6\.1"):
        files.open_model("vmaf_v0.6.2")


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vmaf_v0.6.1.json"
    path.write_bytes(files.find("vmaf_v0.6.1").read_bytes() + b"\n")
    monkeypatch.setattr(files, "find", lambda name: path)
    with pytest.raises(ConfigError, match=r"not the published vmaf_v0\.6\.1\.json"):
        files.open_model("vmaf_v0.6.1")


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(files, "fetched_folder", lambda: tmp_path)
    for installed in (absent, lambda _: []):
        monkeypatch.setattr(files, "files", installed)
        with pytest.raises(ConfigError, match=r"vmaf_v0\.6\.1\.json, is neither .* run `vqmon models fetch vmaf_v0\.6\.1`"):
            files.open_model("vmaf_v0.6.1")
