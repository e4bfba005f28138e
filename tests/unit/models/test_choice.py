"""Which models users mean."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.errors import ConfigError, UnknownName
from monitor.models.choice import ModelChoice, choose_models, parse_model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vmaf_v0.6.1", [ModelChoice("vmaf_v0.6.1")]),
        ("version=vmaf_v0.6.1", [ModelChoice("vmaf_v0.6.1")]),
        ("version=vmaf_v0.6.1neg:name=neg", [ModelChoice("vmaf_v0.6.1neg", "neg")]),
        ("version=vmaf_v0.6.1:enable_transform=true", [ModelChoice("vmaf_v0.6.1_phone")]),
        ("version=vmaf_v0.6.1:enable_transform=false", [ModelChoice("vmaf_v0.6.1")]),
        (r"version=vmaf_v0.6.1\:name=a|version=vmaf_4k_v0.6.1\\:name=b", [
            ModelChoice("vmaf_v0.6.1", "a"), ModelChoice("vmaf_4k_v0.6.1", "b")
        ]),
        ("path=models/mine.json", [ModelChoice("path=models/mine.json")]),
        ("path=mine.json:name=mine:enable_transform=true", [ModelChoice("path=mine.json", "mine", transform=True)]),
        ("version=vmaf_v1.0.16_3d0h:cambi.enc_width=1280:cambi.enc_height=720:cambi.enc_bitdepth=8", [
            ModelChoice("vmaf_v1.0.16_3d0h", options={"enc_width": 1280, "enc_height": 720, "enc_bitdepth": 8})
        ]),
    ],
)  # fmt: skip
def test_libvmafs_spelling(text: str, expected: list[ModelChoice]) -> None:
    assert parse_model(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("version=vmaf_v0.6.2", "did you mean vmaf_v0.6.1"),
        ("models/mine.json", "model 'models/mine.json' is the name of a file; write path=models/mine.json"),
        ("vmaf_v1.0.16_3h", "no VMAF model 'vmaf_v1.0.16_3h'; did you mean vmaf_v1.0.16_3d0h"),
        ("", "names no model; write version=NAME or path=FILE"),
        (" | ", "names no model"),
        ("path=", "names no file"),
        ("path=:name=mine", "names no file"),
        ("name=vmaf", "must begin with version=NAME or path=FILE"),
        ("version=vmaf_v0.6.1:disable_clip=true", "'disable_clip=true' is not known after the model; known: name=KEY"),
        ("version=vmaf_v0.6.1:enable_transform=perhaps", "is not known after the model"),
        ("version=vmaf_v1.0.16_3d0h:cambi.enc_width=wide", "is not known after the model"),
    ],
)
def test_what_is_not_known(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_model(text)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["vmaf_v0.6.1"]),
        ({"size": (3840, 2160)}, ["vmaf_4k_v0.6.1"]),
        ({"size": (2560, 1440)}, ["vmaf_v0.6.1"]),
        ({"size": (1440, 2560)}, ["vmaf_4k_v0.6.1"]),
        ({"size": (3840, 2160), "display": "hd"}, ["vmaf_v0.6.1"]),
        ({"view": "phone"}, ["vmaf_v0.6.1_phone"]),
        ({"neg": True}, ["vmaf_v0.6.1neg"]),
        ({"neg": True, "display": "4k"}, ["vmaf_4k_v0.6.1neg"]),
        ({"versions": ["1"]}, ["vmaf_v1.0.16_3d0h"]),
        ({"versions": ["1"], "view": "5h"}, ["vmaf_v1.0.16_5d0h"]),
        ({"versions": ["1"], "display": "4k"}, ["vmaf_v1.0.16_1d5h_2160"]),
        ({"versions": ["1"], "display": "4k", "view": "3h"}, ["vmaf_v1.0.16_3d0h_2160"]),
        ({"versions": ["1"], "frame_rate": 50.0}, ["vmaf_v1.0.16_hfr_3d0h"]),
        ({"versions": ["1"], "frame_rate": 46.9}, ["vmaf_v1.0.16_3d0h"]),
        ({"versions": ["1"], "frame_rate": 59.94, "hfr": "off"}, ["vmaf_v1.0.16_3d0h"]),
        ({"versions": ["1"], "hfr": "on"}, ["vmaf_v1.0.16_hfr_3d0h"]),
        ({"versions": ["0.6", "1", "0.6"], "frame_rate": 60.0}, ["vmaf_v0.6.1", "vmaf_v1.0.16_hfr_3d0h"]),
        ({"versions": ["0.6", "1"], "neg": True}, ["vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h"]),
        ({"models": ["vmaf_v0.6.1", "version=vmaf_v0.6.1"], "frame_rate": 60.0}, ["vmaf_v0.6.1"]),
    ],
)
def test_by_how_it_is_watched(asked: dict[str, Any], expected: list[str]) -> None:
    assert [choice.model for choice in choose_models(**asked)] == expected


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"display": "8k"}, "no display '8k'; did you mean 4k"),
        ({"view": "4h"}, "no view '4h'"),
        ({"hfr": "always"}, "no hfr setting 'always'"),
        ({"versions": ["2"]}, "no VMAF version '2'"),
        ({"display": "4k", "view": "3h"}, "VMAF 0.6 has no model for display 4k seen from 3h; known: hd from 3h"),
        ({"view": "phone", "neg": True}, "has no NEG variant"),
        ({"versions": ["1"], "neg": True}, "VMAF v1 has no NEG models"),
        ({"hfr": "on"}, "only VMAF v1 has models for high frame rates"),
        ({"models": ["vmaf_v0.6.1"], "display": "4k"}, "not both"),
    ],
)
def test_what_there_is_no_model_for(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        choose_models(**asked)


def test_near_matches_are_offered() -> None:
    with pytest.raises(UnknownName) as caught:
        parse_model("vmaf_v1.0.16_3d0")
    assert "vmaf_v1.0.16_3d0h" in caught.value.near
