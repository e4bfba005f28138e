"""VMAF's fusion against libvmaf: the same features give the same scores."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import pytest

from monitor.models import files
from monitor.models.choice import ModelChoice
from monitor.models.files import KNOWN, open_model
from monitor.models.vmaf import parse
from monitor.protocols import Delayed
from monitor.scorers import MetricRegistry, vmaf
from tests.parity import agreements, filters
from tests.parity.clips import NAMES, clip, known


@cache
def built_in() -> dict[int, str]:
    """Models that stand as text in FFmpeg's own binary, by the number of their members: 21 are the bootstrap collection."""
    data = Path(imageio_ffmpeg.get_ffmpeg_exe()).read_bytes()
    found: dict[int, str] = {}
    for begin in re.finditer(rb'\{\s*"0"\s*:\s*\{\s*"param_dict"', data):
        text = data[begin.start() : begin.start() + 600_000].decode("latin-1")
        document, end = json.JSONDecoder().raw_decode(text)
        if document["0"]["model_dict"]["feature_names"][0].startswith("VMAF_integer"):
            found.setdefault(len(document), text[:end])
    return found


@pytest.mark.parametrize("clip_name", NAMES)
@pytest.mark.parametrize("name", [name for name in KNOWN if "v0.6.1" in name])
def test_known_models(shared: Path, clip_name: str, name: str) -> None:
    model = open_model(name)
    for exact, printed in zip(clip(shared, clip_name).scores, known(shared)[clip_name]["frames"], strict=True):
        values = [exact[f"integer_{of.name}{'_egl_1' if of.options else ''}"] for of in model.features]
        agreement, expected = (agreements.FUSION, exact) if name in exact else (agreements.FUSION_KEPT, printed)
        agreement.check(model.predict(values), expected[name], name)


@pytest.mark.parametrize("clip_name", NAMES)
def test_the_bootstrap_collection(shared: Path, clip_name: str) -> None:
    collection = parse(built_in()[21], "vmaf_b_v0.6.3")
    assert len(collection.resampled) == 20
    for scores in clip(shared, clip_name).scores:
        values = [scores[f"integer_{of.name}"] for of in collection.features]
        agreements.BOOTSTRAP.check(collection.predict(values), scores["b"], "b")
        parts = ("bagging", "stddev", "ci_p95_lo", "ci_p95_hi")
        for part, value in zip(parts, collection.interval(values), strict=True):
            agreements.BOOTSTRAP.check(value, scores[f"b_{part}"], part)


def test_the_collection_by_its_name(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a fetched file is that of the text in FFmpeg's binary, where all other models are as published."""
    monkeypatch.setattr(files, "fetched_folder", lambda: tmp_path)
    binary = Path(imageio_ffmpeg.get_ffmpeg_exe()).read_bytes()
    assert all(path.read_bytes() in binary for path in map(files.locate, KNOWN) if path is not None)
    (tmp_path / "vmaf_b_v0.6.3.json").write_bytes(built_in()[21].encode())
    registry = MetricRegistry()
    monkeypatch.setattr(vmaf, "register", registry.register)
    spec = vmaf.metric_of(ModelChoice("vmaf_b_v0.6.3"))
    assert spec.model == "vmaf_b_v0.6.3/1"
    of = clip(shared, "src01_10b")
    scorer = registry.create("vmaf_b")
    assert isinstance(scorer, Delayed)
    pairs = filters.pairs_of(of)
    scorer.prepare(pairs[0].format)
    for score in [*scorer.score(pairs), *scorer.flush()]:
        theirs = of.scores[score.index][score.feature.removeprefix("vmaf_")]
        agreements.BOOTSTRAP.check(score.value, theirs, f"{score.feature}, from pictures")
