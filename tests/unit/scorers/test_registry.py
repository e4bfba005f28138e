from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, make_dataclass
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import pytest

from monitor import scorers
from monitor.errors import ConfigError, UnknownName
from monitor.kernels.settings import Within
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _registry
from monitor.scorers._registry import SHARED, MetricRegistry


def a_spec(name: str, *features: str) -> MetricSpec:
    made = tuple(Feature(each, each, "", 0.0, 1.0, 0.0, 1.0, zero="", no_data="") for each in features or (name,))
    return MetricSpec(name, name, "", "", Reference.NONE, made)


def a_scorer(spec: MetricSpec) -> Any:
    @dataclass
    class Made:
        spec: ClassVar[MetricSpec]
        strength: float = 1.0
        taps: int = 3
        deep: bool = False
        label: str = ""
        pool: list[int] = field(default_factory=list, metadata=SHARED)

        def prepare(self, video_format: object) -> None: ...
        def score(self, batch: object) -> list[object]:
            return []

        def reset(self) -> None: ...
        def close(self) -> None: ...

    Made.spec = spec
    return Made


@pytest.fixture
def registry() -> MetricRegistry:
    made = MetricRegistry()
    made.register(a_scorer(a_spec("sharp", "sharp_h", "sharp_v")))
    made.register(a_scorer(a_spec("dull")))
    return made


def test_the_built_in_metrics_are_found() -> None:
    names = [spec.name for spec in scorers.specs()]
    assert {"psnr", "black"} <= set(names)
    assert names == sorted(names, key=lambda name: (scorers.spec(name).reference is Reference.NONE, name))


def test_reading_the_specs_loads_no_compiler_and_no_opencv() -> None:
    heavy = ("numba", "cv2", "av", "scipy")
    code = f"import sys, monitor.scorers as s; s.create(s.specs()[0].name); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_names_of_metrics_and_of_features_resolve_to_metrics_once_in_order(registry: MetricRegistry) -> None:
    assert [spec.name for spec in registry.resolve(["dull", "sharp_v", "sharp", "sharp_h"])] == ["dull", "sharp"]


def test_an_unknown_name_is_answered_with_near_ones(registry: MetricRegistry) -> None:
    with pytest.raises(UnknownName, match="no metric 'shrap'; did you mean sharp"):
        registry.spec("shrap")
    with pytest.raises(UnknownName, match="did you mean sharp_v"):
        registry.feature("sharp_w")
    with pytest.raises(UnknownName, match="no metric or feature 'sharp_x'"):
        registry.resolve(["dull", "sharp_x"])
    with pytest.raises(UnknownName, match="it is a feature of metric 'sharp'"):
        registry.create("sharp_h")


def test_a_feature_leads_to_its_metric(registry: MetricRegistry) -> None:
    spec, feature = registry.feature("sharp_v")
    assert (spec.name, feature.name) == ("sharp", "sharp_v")


@pytest.mark.parametrize("spec", [a_spec("sharp"), a_spec("other", "sharp_h"), a_spec("sharp_v"), a_spec("other", "dull")])
def test_a_name_can_be_taken_once(registry: MetricRegistry, spec: MetricSpec) -> None:
    with pytest.raises(ConfigError, match="already has; rename one"):
        registry.register(a_scorer(spec))
    assert [known.name for known in registry.specs()] == ["dull", "sharp"]


class Lens(NamedTuple):
    zoom: Annotated[float, Within(1, 8)] = 1.0
    glass: Literal["crown", "flint"] = "crown"


def test_a_field_may_hold_several_options_with_their_ranges_and_choices(registry: MetricRegistry) -> None:
    base = a_scorer(a_spec("seen"))
    registry.register(make_dataclass("Seen", [("lens", Lens, field(default=Lens()))], bases=(base,)))
    assert registry.options("seen") == registry.options("sharp") | {"zoom": 1.0, "glass": "crown"}
    made: Any = registry.create("seen", {"zoom": "8", "taps": 5, "glass": "flint"})
    assert (made.lens, made.taps) == (Lens(8.0, "flint"), 5)
    with pytest.raises(ConfigError, match=r"metric 'seen': option 'zoom' must be 1 to 8, not 8\.5"):
        registry.create("seen", {"zoom": 8.5})
    with pytest.raises(ConfigError, match="metric 'seen': option 'glass' must be one of crown, flint, not 'window'"):
        registry.create("seen", {"glass": "window"})
    with pytest.raises(ConfigError, match="has no option 'lens'; its options: strength, taps, deep, label, zoom, glass"):
        registry.create("seen", {"lens": Lens()})


def test_options_are_the_fields_and_text_is_converted(registry: MetricRegistry) -> None:
    assert registry.options("sharp") == {"strength": 1.0, "taps": 3, "deep": False, "label": ""}
    made: Any = registry.create("sharp", {"strength": "2.5", "taps": "7", "deep": "yes", "label": "x"})
    assert (made.strength, made.taps, made.deep, made.label) == (2.5, 7, True, "x")
    as_typed: Any = registry.create("sharp", {"strength": 2, "taps": 7.0, "deep": False})
    assert (as_typed.strength, as_typed.taps, as_typed.deep) == (2.0, 7, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strenght": 1}, "metric 'sharp' has no option 'strenght'; its options: strength, taps, deep, label"),
        ({"pool": []}, "has no option 'pool'"),
        ({"spec": 1}, "has no option 'spec'"),
        ({"strength": "much"}, "option 'strength' must be a number, not 'much'"),
        ({"strength": "nan"}, "must be a number"),
        ({"strength": True}, "must be a number"),
        ({"taps": 2.5}, "option 'taps' must be a whole number, not 2.5"),
        ({"taps": "inf"}, "must be a whole number"),
        ({"deep": "maybe"}, "option 'deep' must be yes or no"),
        ({"label": 3}, "option 'label' must be text"),
    ],
)
def test_a_useless_option_is_explained(registry: MetricRegistry, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.create("sharp", options)


def test_a_metric_without_options_says_so() -> None:
    with pytest.raises(ConfigError, match="metric 'psnr' has no option 'cap'; it has none"):
        scorers.create("psnr", {"cap": 50})


def test_scorers_made_together_share_and_others_do_not(registry: MetricRegistry) -> None:
    first, second = registry.create_all([("sharp", {}), ("dull", {"taps": 5})])
    alone = registry.create("sharp")
    assert len({id(scorer.pool) for scorer in (first, alone)}) == 2  # type: ignore[attr-defined]
    luma_of = {id(scorer.luma) for scorer in scorers.create_all([("black", {}), ("black", {})])}  # type: ignore[attr-defined]
    assert len(luma_of) == 1
    assert second.taps == 5  # type: ignore[attr-defined]


def test_discovery_runs_once_and_only_when_asked() -> None:
    calls: list[int] = []
    registry = MetricRegistry(lambda: calls.append(1))
    assert calls == []
    registry.specs()
    registry.specs()
    assert calls == [1]


def test_a_plug_in_registers_through_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    plugin = ModuleType("vqmon_plugin_of_this_test")
    plugin.__getattr__ = lambda name: loaded.append(name) or object()  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    points = EntryPoints([EntryPoint("extra", f"{plugin.__name__}:Metric", _registry.ENTRY_POINTS)])
    monkeypatch.setattr(_registry, "entry_points", lambda group: points.select(group=group))
    _registry._import_metrics()
    assert loaded == ["Metric"]


def test_a_broken_plug_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("extra", "no_such_module_here", _registry.ENTRY_POINTS)])
    monkeypatch.setattr(_registry, "entry_points", lambda group: points.select(group=group))
    with pytest.raises(ConfigError, match=r"metric plug-in 'extra' \(no_such_module_here\) can't be loaded"):
        _registry._import_metrics()


def test_a_scorer_must_be_a_dataclass() -> None:
    class Plain:
        spec = a_spec("plain")

    registry = MetricRegistry()
    registry.register(Plain)  # type: ignore[type-var]
    with pytest.raises(ConfigError, match="must be a dataclass"):
        registry.create("plain")
