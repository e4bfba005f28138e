"""Which metrics ``vqmon compare`` computes: those named, and the VMAF models that suit how the picture is watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from monitor.errors import ConfigError
from monitor.models.choice import choose_models
from monitor.protocols import Reference
from monitor.scorers import resolve, specs
from monitor.scorers.vmaf import metric_of
from monitor.sources.file import FileSegment

if TYPE_CHECKING:
    from monitor.protocols import MetricSpec, Options
    from pipelines.gates import Gate

VMAF = "vmaf"
"""What stands for the models that were chosen, where any were."""


class Chosen(NamedTuple):
    """A metric and its options."""

    spec: MetricSpec
    options: Options = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for; see ``monitor.models.choice.choose_models``."""

    names: Sequence[str] = ()
    """Metrics or features; the usual ones where there are none."""
    models: Sequence[str] = ()
    display: str | None = None
    view: str | None = None
    versions: Sequence[str] = ()
    neg: bool = False
    hfr: str = "auto"
    rate: float | None = None
    """Frames a second that are compared; those of the reference where ``None``."""

    @property
    def asks_for_models(self) -> bool:
        """Whether anything was said about VMAF's models."""
        return bool(self.models or self.display or self.view or self.versions or self.neg or self.hfr != "auto")

    def metrics(self, reference: str) -> list[Chosen]:
        """The metrics, each once.

        Raises:
            ConfigError: there is no such metric or model, or its file can't be had.
            SourceError: the reference, which decides by its size and rate what is not said, can't be read.
        """
        found: dict[str, Chosen] = {}
        for chosen in self._chosen(reference):
            found.setdefault(chosen.spec.name, chosen)
        return list(found.values())

    def _chosen(self, reference: str) -> Iterator[Chosen]:
        named = resolve(self.names)
        if self.asks_for_models or not named:
            yield from self._models(reference)
        if not named:
            yield from (Chosen(spec) for spec in specs() if spec.reference is Reference.FULL and spec.default)
        yield from (Chosen(spec) for spec in named if not (spec.name == VMAF and self.asks_for_models))

    def _models(self, reference: str) -> Iterator[Chosen]:
        size, rate = _facts(reference) if not self.models else (None, 0.0)
        choices = choose_models(
            self.models,
            display=self.display,
            view=self.view,
            versions=self.versions,
            neg=self.neg,
            hfr=self.hfr,
            frame_rate=rate if self.rate is None else self.rate,
            size=size,
        )
        for choice in choices:
            yield Chosen(metric_of(choice), choice.options)


def with_gates(chosen: Sequence[Chosen], gates: Sequence[Gate]) -> list[Chosen]:
    """``chosen``, and what gates need besides."""
    known = {one.spec.name for one in chosen}
    return [*chosen, *(Chosen(spec) for spec in resolve(gate.metric for gate in gates) if spec.name not in known)]


def with_logged(chosen: Sequence[Chosen]) -> list[Chosen]:
    """What libvmaf's logs hold beside the scores of models, and ``chosen``."""
    known = {one.spec.name for one in chosen}
    names = dict.fromkeys(name for one in chosen for name in one.spec.logged if name not in known)
    return [*(Chosen(spec) for spec in resolve(names)), *chosen]


def _facts(path: str) -> tuple[tuple[int, int], float]:
    """Size of a file's first picture, and its frame rate.

    Raises:
        SourceError: it can't be read.
        ConfigError: it is a pipe.
    """
    segment = FileSegment(path, datetime.now(UTC), Path(path).name)
    if segment.is_pipe:
        raise ConfigError(f"{path} is a pipe: which VMAF model suits it can't be looked up first; name one with --model")
    with closing(segment):
        form = segment.look()
        return (form.width, form.height), segment.decoding.frame_rate if segment.decoding is not None else 0.0
