"""Which metrics are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import ConfigError, UnknownName
from pipelines.choosing import Wish, with_gates, with_logged
from pipelines.gates import parse_gate


def names(wish: Wish, reference: Path) -> list[str]:
    return [one.spec.name for one in wish.metrics(str(reference))]


def test_vmaf_psnr_and_ssim_by_default(clips: Path) -> None:
    assert names(Wish(), clips / "reference.mp4") == ["vmaf", "psnr", "ssim"]


def test_what_is_named_is_all_there_is(clips: Path) -> None:
    assert names(Wish(["psnr_y", "vmaf_v1", "black"]), clips / "reference.mp4") == ["psnr", "vmaf_v1", "black"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(["vmaf", "psnr"], display="4k"), ["vmaf_4k", "psnr"]),
        (Wish(["psnr"], versions=["0.6", "1"]), ["vmaf", "vmaf_v1", "psnr"]),
        (Wish(view="phone"), ["vmaf_phone", "psnr", "ssim"]),
        (Wish(neg=True), ["vmaf_neg", "psnr", "ssim"]),
        (Wish(["vmaf"], versions=["1"], hfr="on"), ["vmaf_v1_hfr"]),
        (Wish(["vmaf"], versions=["1"], rate=50.0), ["vmaf_v1_hfr"]),
        (Wish(["vmaf"], models=["vmaf_4k_v0.6.1", "version=vmaf_v0.6.1"]), ["vmaf_4k", "vmaf"]),
    ],
)
def test_models_take_the_place_of_vmaf(clips: Path, wish: Wish, expected: list[str]) -> None:
    assert names(wish, clips / "reference.mp4") == expected


def test_what_is_wrong_is_named(clips: Path) -> None:
    with pytest.raises(UnknownName, match=r"no VMAF model 'vmaf_v0\.6\.2'; did you mean .*vmaf_v0\.6\.1"):
        names(Wish(models=["vmaf_v0.6.2"]), clips / "reference.mp4")
    with pytest.raises(ConfigError, match=r"--model '' names no model; write version=NAME or path=FILE"):
        names(Wish(["psnr"], models=[""]), clips / "reference.mp4")
    with pytest.raises(
        ConfigError, match=r"a score can't be called 'ssim': metric 'ssim' has one of that name; give the model"
    ):
        names(Wish(models=["version=vmaf_v0.6.1:name=ssim"]), clips / "reference.mp4")
    with pytest.raises(ConfigError, match="not both"):
        names(Wish(models=["vmaf_v0.6.1"], display="hd"), clips / "reference.mp4")


def test_gates_add_what_they_need(clips: Path) -> None:
    chosen = Wish(["psnr"]).metrics(str(clips / "reference.mp4"))
    gates = [parse_gate("psnr_y:min=30"), parse_gate("ssim=0.9")]
    assert [one.spec.name for one in with_gates(chosen, gates)] == ["psnr", "ssim"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(["vmaf"]), ["adm", "vif", "motion", "vmaf"]),
        (Wish(["psnr", "vmaf_4k", "vif"]), ["adm", "motion", "psnr", "vmaf_4k", "vif"]),
        (Wish(["vmaf_neg", "vmaf_v1"]), ["vmaf_neg", "vmaf_v1"]),
        (Wish(["ssim"]), ["ssim"]),
    ],
)
def test_logs_hold_what_a_model_is_made_of(clips: Path, wish: Wish, expected: list[str]) -> None:
    assert [one.spec.name for one in with_logged(wish.metrics(str(clips / "reference.mp4")))] == expected
