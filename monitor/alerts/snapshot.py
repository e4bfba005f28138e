"""The engine's state as a JSON document, and back on another process' monotonic clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from monitor.alerts.baseline import Baseline
from monitor.alerts.damage import Damage
from monitor.alerts.instance import Instance
from monitor.alerts.ladder import Ladder
from monitor.alerts.readings import Instant, Moment
from monitor.alerts.track import Track
from monitor.errors import ConfigError

VERSION = 1
"""Raised when an older document can't be read any more."""


@dataclass(slots=True)
class EngineState:
    """Everything that the engine remembers."""

    monotonic: float
    """Clock at the latest observation: all monotonic times in here are older."""
    tracks: list[Track] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    version: int = VERSION


_ADAPTER = TypeAdapter(EngineState)


def dump(state: EngineState) -> dict[str, Any]:
    """The state as JSON can carry it."""
    document: dict[str, Any] = _ADAPTER.dump_python(state, mode="json")
    return document


def load(document: Mapping[str, Any], now: Instant) -> EngineState:
    """The state of a document, its monotonic times moved onto this process' clock.

    Args:
        document: what ``dump`` gave.
        now: the moment that takes the place of the one of the snapshot.

    Raises:
        ConfigError: it is no such document, or of another version.
    """
    if document.get("version") != VERSION:
        raise ConfigError(
            f"the stored alert state is of version {document.get('version')!r}, this vqmon reads {VERSION}; "
            "start without it: alerts that still hold fire again"
        )
    try:
        state = _ADAPTER.validate_python(dict(document))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"the stored alert state is damaged at {where}: {first['msg']}; start without it") from error
    shift = now.monotonic - state.monotonic
    for track in state.tracks:
        for moment in (
            track.watched,
            track.down,
            track.frames,
            track.manifest,
            track.unreferenced,
            track.dropped,
            *track.missing,
        ):
            _move(moment, shift)
    for instance in state.instances:
        _move(instance.base, shift)
        instance.since = _moved(instance.since, shift)
        instance.clear_since = _moved(instance.clear_since, shift)
        instance.inhibited_at = _moved(instance.inhibited_at, shift)
    return state


def _move(moment: Moment | None, shift: float) -> None:
    if moment is not None:
        moment.monotonic += shift


def _moved(monotonic: float | None, shift: float) -> float | None:
    return None if monotonic is None else monotonic + shift
