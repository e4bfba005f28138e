"""Query strings, checked: every refusal says which parameter, which value and what would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import ConfigError, UnknownName
from monitor.web.charts import POINTS, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the largest time that Python's datetime can show."""
HOUR_MS = 3_600_000


def only(query: Mapping[str, str], *names: str) -> None:
    """Refuse parameters that the resource does not have.

    Raises:
        ConfigError: there is one; the message lists the known ones.
    """
    for name in query:
        if name not in names:
            raise ConfigError(f"no parameter {name!r} here; known: {', '.join(names) or 'none'}")


def integer(query: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    """A whole number within bounds.

    Raises:
        ConfigError: it is not.
    """
    text = query.get(name)
    if text is None:
        return default
    try:
        value = int(text) if len(text) < 20 else None
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise ConfigError(f"{name}={text[:40]!r}; expected a whole number from {low} to {high}")
    return value


def choice(query: Mapping[str, str], name: str, known: Iterable[str], default: str | None = None) -> str:
    """One of the known names.

    Raises:
        ConfigError: it is missing and there is no default.
        UnknownName: it is none of them.
    """
    value = query.get(name)
    if value is None:
        if default is None:
            raise ConfigError(f"the parameter {name!r} is missing")
        return default
    names = list(known)
    if value not in names:
        raise UnknownName(name, value[:80], names)
    return value


def window(query: Mapping[str, str], now_ms: int) -> Window:
    """The period ``since`` to ``until`` in milliseconds since the Unix epoch; by default the last hour.

    Raises:
        ConfigError: not numbers, or the period is empty.
    """
    until = integer(query, "until", now_ms, low=0, high=LATEST_MS)
    since = integer(query, "since", max(until - HOUR_MS, 0), low=0, high=LATEST_MS)
    if since >= until:
        raise ConfigError(f"since={since} is not before until={until}")
    return Window(since, until)


def points(query: Mapping[str, str]) -> int:
    """How many points a line may have.

    Raises:
        ConfigError: out of bounds.
    """
    return integer(query, "points", POINTS, low=10, high=10_000)
