"""Reading rules from YAML: the shipped ones, and a user's file on top of them.

```yaml
defaults: true          # false: start from no rules at all
rules:
  - name: BlackPicture  # a shipped rule: the keys given here replace its own
    for_seconds: 10
  - name: LadderInversion
    enabled: false
  - name: LowVmaf       # a new rule: needs a kind
    kind: threshold
    levels: {vmaf: {below: 70, clear: 75}}
    inhibited_by: [FrozenPicture]
    summary: "{target}: VMAF {value:.0f}"
```
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from monitor.alerts.inhibition import Inhibition
from monitor.alerts.rules import AlertRule, Level, MediaRule, Rule, TimedRule
from monitor.errors import ConfigError, UnknownName

_ADAPTER: TypeAdapter[MediaRule | TimedRule] = TypeAdapter(AlertRule)


def _kinds(*unions: UnionType) -> dict[str, type[Rule]]:
    models = [model for union in unions for model in get_args(union)]
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in models}


KINDS: Mapping[str, type[Rule]] = _kinds(MediaRule, TimedRule)
"""Rule models by kind."""


def default_rules() -> list[MediaRule | TimedRule]:
    """The shipped rules."""
    return _build(_shipped(), "defaults.yaml")


def load_rules(source: Path | str) -> list[MediaRule | TimedRule]:
    """Rules of a user's file on top of the shipped ones; disabled rules stay in the list.

    Args:
        source: a file (``Path``), or YAML text (``str``).

    Raises:
        ConfigError: the file can't be read, or holds something that is no rule; names the file, the rule and the key.
    """
    if isinstance(source, Path):
        origin = str(source)
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"can't read alert rules {origin}: {error}") from error
    else:
        origin, text = "alert rules", source
    document = _parse(text, origin)
    _known_keys(document, ("defaults", "rules"), origin)
    with_defaults = document.get("defaults", True)
    if not isinstance(with_defaults, bool):
        raise ConfigError(f"{origin}: 'defaults' has to be true or false, not {with_defaults!r}")
    merged = _shipped() if with_defaults else {}
    shipped = set(merged)
    seen: set[str] = set()
    for entry in _entries(document, origin):
        name = entry.get("name")
        if not isinstance(name, str):
            raise ConfigError(f"{origin}: a rule has no name: {_shorten(entry)}; every rule needs 'name'")
        if name in seen:
            raise ConfigError(f"{origin}: rule {name!r} appears twice; merge the two")
        seen.add(name)
        before = merged.get(name, {})
        same_kind = entry.get("kind", before.get("kind")) == before.get("kind")
        merged[name] = {**before, **entry} if same_kind else entry
        if "kind" not in merged[name]:
            near = difflib.get_close_matches(name, shipped, n=1, cutoff=0.6)
            hint = f"did you mean the shipped rule {near[0]!r}?" if near else f"kinds: {', '.join(KINDS)}"
            raise ConfigError(f"{origin}: rule {name!r} is new and needs 'kind'; {hint}")
    return _build(merged, origin)


def _shipped() -> dict[str, dict[str, Any]]:
    text = resources.files("monitor.alerts").joinpath("defaults.yaml").read_text(encoding="utf-8")
    return {entry["name"]: entry for entry in _entries(_parse(text, "defaults.yaml"), "defaults.yaml")}


def _parse(text: str, origin: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise ConfigError(f"{origin}: not YAML: {where}{getattr(error, 'problem', None) or error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{origin}: expected a mapping with 'rules', found {_shorten(document)}")
    return document


def _entries(document: Mapping[str, Any], origin: str) -> list[dict[str, Any]]:
    entries = document.get("rules") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{origin}: 'rules' has to be a list of mappings, found {_shorten(entries)}")
    return entries


def _build(entries: Mapping[str, Mapping[str, Any]], origin: str) -> list[MediaRule | TimedRule]:
    rules = []
    for name, entry in entries.items():
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ConfigError(f"{origin}: rule {name!r}: {UnknownName('kind', str(kind), KINDS)}")
        try:
            rules.append(_ADAPTER.validate_python(entry))
        except ValidationError as error:
            raise ConfigError(f"{origin}: rule {name!r}: {_explain(error, KINDS[kind])}") from error
    try:
        Inhibition(rules)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error
    return rules


def _explain(error: ValidationError, model: type[Rule]) -> str:
    """The first thing wrong, in words: which key, what it held, what was expected."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"][1:]]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        level = model.model_fields.get("levels") if path[0] == "levels" else None
        known = list(model.model_fields) if level is None else list(Level.model_fields)
        return f"unknown key {where!r}; {_near(path[-1], known)}"
    if first["type"] == "missing":
        return f"key {where!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if isinstance(first["input"], dict) else f" (found {_shorten(first['input'])})"
    return f"{where + ': ' if where else ''}{message}{found}"


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _known_keys(document: Mapping[str, Any], known: tuple[str, ...], origin: str) -> None:
    for key in document:
        if key not in known:
            raise ConfigError(f"{origin}: unknown key {str(key)!r}; {_near(str(key), list(known))}")


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
