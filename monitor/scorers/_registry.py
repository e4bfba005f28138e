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
from typing import Any, NamedTuple, TypeVar

from monitor.errors import ConfigError, UnknownName
from monitor.kernels.settings import Within
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


class _Option(NamedTuple):
    name: str
    default: object
    member: str
    """Name of the field that holds it."""
    settings: Any = None
    """The defaults of all options that the field holds, a named tuple; ``None`` where it is one option itself."""


def _options(scorer: type[AnyScorer]) -> Iterator[_Option]:
    for member in dataclasses.fields(_as_dataclass(scorer)):
        if not member.init or SHARED.items() <= member.metadata.items():
            continue
        if isinstance(member.default, tuple) and hasattr(member.default, "_asdict"):
            for name, default in member.default._asdict().items():
                yield _Option(name, default, member.name, member.default)
        else:
            yield _Option(member.name, member.default, member.name)


def _checked(scorer: type[AnyScorer], options: Options) -> dict[str, object]:
    """The fields that options give.

    Raises:
        ConfigError: an option is unknown or its value is of no use.
    """
    known = {option.name: option for option in _options(scorer)}
    arguments: dict[str, object] = {}
    for name, value in options.items():
        if name not in known:
            offer = f"its options: {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"metric {scorer.spec.name!r} has no option {name!r}; {offer}")
        option = known[name]
        holder = scorer if option.settings is None else type(option.settings)
        hint = typing.get_type_hints(holder, include_extras=True)[name]
        converted = _allowed(scorer.spec.name, name, value, hint)
        if option.settings is not None:
            held: Any = arguments.get(option.member, option.settings)
            converted = held._replace(**{name: converted})
        arguments[option.member] = converted
    return arguments


def _allowed(metric: str, name: str, value: object, hint: Any) -> object:
    """A value as the option's type, within its range or among its choices."""
    limits = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    wanted = typing.get_args(hint)[0] if limits else hint
    choices = typing.get_args(wanted) if typing.get_origin(wanted) is typing.Literal else ()
    converted: Any = _converted(metric, name, value, type(choices[0]) if choices else wanted)
    for limit in limits:
        if isinstance(limit, Within) and not limit.least <= converted <= limit.most:
            raise ConfigError(f"metric {metric!r}: option {name!r} must be {limit.least} to {limit.most}, not {converted}")
    if choices and converted not in choices:
        offer = ", ".join(map(str, choices))
        raise ConfigError(f"metric {metric!r}: option {name!r} must be one of {offer}, not {converted!r}")
    return converted


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
