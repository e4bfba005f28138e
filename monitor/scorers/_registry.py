"""Which metrics there are: found by importing their modules, known by their specs.

Built-in metrics are the modules of this package whose names do not begin with an underscore. Others come from installed
packages through the entry point group ``vqmon.scorers``; its targets are modules, or objects in them, that use ``register``.
Metric modules import their arithmetic in ``prepare``, so that reading the specs stays a matter of milliseconds.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
import threading
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, TypeVar

from monitor.errors import ConfigError, UnknownName
from monitor.protocols import Feature, MetricSpec, Options, Reference, Scorer

ENTRY_POINTS = "vqmon.scorers"

SHARED: Mapping[str, bool] = MappingProxyType({"shared": True})
"""Metadata of a dataclass field of a scorer that is no option: ``create_all`` gives all of a rendition the same object."""

AnyScorer = Scorer[Any]
ScorerClass = TypeVar("ScorerClass", bound="type[AnyScorer]")


@dataclass
class MetricRegistry:
    """Scorer classes by the names of their specs.

    Args:
        discover: Called once, before the first look-up; it imports modules whose ``register`` calls fill the registry.
    """

    discover: Callable[[], None] = lambda: None
    _classes: dict[str, type[AnyScorer]] = field(default_factory=dict, init=False)
    _owners: dict[str, str] = field(default_factory=dict, init=False)
    _discovered: bool = field(default=False, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)

    def register(self, scorer: ScorerClass) -> ScorerClass:
        """Class decorator: make a scorer known by ``scorer.spec.name``.

        Raises:
            ConfigError: the name of the metric or of one of its features is taken.
        """
        spec = scorer.spec
        with self._lock:
            for name in {spec.name, *(feature.name for feature in spec.features)}:
                if (owner := self._owners.get(name)) is not None:
                    raise ConfigError(
                        f"metric {spec.name!r} of {scorer.__module__} defines {name!r}, which metric {owner!r} of "
                        f"{self._classes[owner].__module__} already has; rename one of them"
                    )
            self._classes[spec.name] = scorer
            self._owners |= dict.fromkeys((spec.name, *(feature.name for feature in spec.features)), spec.name)
        return scorer

    def specs(self) -> tuple[MetricSpec, ...]:
        """Every metric, full-reference ones first, then by name."""
        found = [scorer.spec for scorer in self._known().values()]
        return tuple(sorted(found, key=lambda spec: (spec.reference is not Reference.FULL, spec.name)))

    def spec(self, name: str) -> MetricSpec:
        """The metric called ``name``.

        Raises:
            UnknownName: there is none; the message lists near matches.
        """
        return self._class(name).spec

    def feature(self, name: str) -> tuple[MetricSpec, Feature]:
        """The feature called ``name`` and the metric that yields it.

        Raises:
            UnknownName: no metric yields it; the message lists near matches.
        """
        features = {feature.name: (spec, feature) for spec in self.specs() for feature in spec.features}
        if name not in features:
            raise UnknownName("feature", name, features)
        return features[name]

    def resolve(self, names: Iterable[str]) -> list[MetricSpec]:
        """The metrics meant by names of metrics or of features, each once, in the order first named.

        Raises:
            UnknownName: a name is neither.
        """
        classes = self._known()
        found: dict[str, MetricSpec] = {}
        for name in names:
            if name not in self._owners:
                raise UnknownName("metric or feature", name, self._owners)
            owner = self._owners[name]
            found.setdefault(owner, classes[owner].spec)
        return list(found.values())

    def options(self, name: str) -> Mapping[str, object]:
        """Names and defaults of a metric's options.

        Raises:
            UnknownName: there is no such metric.
        """
        return {option.name: option.default for option in _options(self._class(name))}

    def create(self, name: str, options: Options | None = None) -> AnyScorer:
        """A new scorer, for one rendition.

        Args:
            name: Name of the metric.
            options: Values by option name; text is converted to the option's type.

        Raises:
            UnknownName: there is no such metric.
            ConfigError: an option is unknown or its value is of no use.
        """
        return self.create_all([(name, options or {})])[0]

    def create_all(self, requests: Iterable[tuple[str, Options]]) -> list[AnyScorer]:
        """New scorers for one rendition that share what several of them need of a frame, so that it is computed once.

        Args:
            requests: Name and options of each, as for ``create``.

        Raises:
            UnknownName: there is no metric of one of the names.
            ConfigError: an option is unknown or its value is of no use.
        """
        shared: dict[object, object] = {}
        scorers = []
        for name, options in requests:
            scorer = self._class(name)
            arguments = _checked(scorer, options)
            for member in dataclasses.fields(_as_dataclass(scorer)):
                factory = member.default_factory
                if SHARED.items() <= member.metadata.items() and factory is not dataclasses.MISSING:
                    if factory not in shared:
                        shared[factory] = factory()
                    arguments[member.name] = shared[factory]
            scorers.append(scorer(**arguments))
        return scorers

    def _known(self) -> Mapping[str, type[AnyScorer]]:
        with self._lock:
            if not self._discovered:
                self.discover()
                self._discovered = True
        return self._classes

    def _class(self, name: str) -> type[AnyScorer]:
        classes = self._known()
        if name not in classes:
            hint = f"(it is a feature of metric {self._owners[name]!r})" if name in self._owners else ""
            raise UnknownName("metric", name, classes, hint)
        return classes[name]


def _as_dataclass(scorer: type[AnyScorer]) -> type[Any]:
    if not dataclasses.is_dataclass(scorer):
        raise ConfigError(
            f"scorer {scorer.__qualname__} of {scorer.__module__} must be a dataclass: its fields are its options"
        )
    return scorer


def _options(scorer: type[AnyScorer]) -> Iterator[dataclasses.Field[Any]]:
    return (
        member
        for member in dataclasses.fields(_as_dataclass(scorer))
        if member.init and not SHARED.items() <= member.metadata.items()
    )


def _checked(scorer: type[AnyScorer], options: Options) -> dict[str, object]:
    known = [option.name for option in _options(scorer)]
    types = typing.get_type_hints(scorer) if options else {}
    values = {}
    for name, value in options.items():
        if name not in known:
            offer = f"its options: {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"metric {scorer.spec.name!r} has no option {name!r}; {offer}")
        values[name] = _converted(scorer.spec.name, name, value, types[name])
    return values


def _converted(metric: str, name: str, value: object, wanted: type) -> object:
    if wanted is bool and str(value).lower() in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        return str(value).lower() in ("true", "yes", "on", "1")
    if wanted in (int, float) and not isinstance(value, bool):
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if math.isfinite(number) and (wanted is float or number.is_integer()):
            return wanted(number)
    if wanted is str and isinstance(value, str):
        return value
    kinds = {bool: "yes or no", int: "a whole number", float: "a number", str: "text"}
    raise ConfigError(f"metric {metric!r}: option {name!r} must be {kinds[wanted]}, not {value!r}")


def _import_metrics() -> None:
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__package__}.{module.name}")
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda found: found.name):
        try:
            entry_point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"metric plug-in {entry_point.name!r} ({entry_point.value}) can't be loaded: {error}"
            ) from error


_registry = MetricRegistry(_import_metrics)
register = _registry.register
specs = _registry.specs
spec = _registry.spec
feature = _registry.feature
resolve = _registry.resolve
create = _registry.create
create_all = _registry.create_all
