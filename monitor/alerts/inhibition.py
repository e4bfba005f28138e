"""Which alerts speak for which: the graph of ``inhibited_by`` and ``outranked_by``."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, UnknownName

if TYPE_CHECKING:
    from monitor.alerts.rules import MediaRule, TimedRule


class Inhibition:
    """The relations of a set of rules, by name; disabled rules inhibit nothing.

    Args:
        rules: all rules, enabled or not; names are unique.

    Raises:
        UnknownName: a rule names one that does not exist.
        ConfigError: rules wait for each other in a circle.
    """

    def __init__(self, rules: Sequence[MediaRule | TimedRule]) -> None:
        by_name = {rule.name: rule for rule in rules}
        for rule in rules:
            for other in (*rule.inhibited_by, *rule.outranked_by):
                if other not in by_name:
                    raise UnknownName("rule", other, by_name, f"(named by rule {rule.name!r})")
        sorter = TopologicalSorter({rule.name: (*rule.inhibited_by, *rule.outranked_by) for rule in rules})
        try:
            order = list(sorter.static_order())
        except CycleError as error:
            raise ConfigError(f"alert rules inhibit each other in a circle: {' -> '.join(error.args[1])}") from error
        enabled = {rule.name for rule in rules if rule.enabled}
        self.order: tuple[MediaRule | TimedRule, ...] = tuple(by_name[name] for name in order if name in enabled)
        """Enabled rules, those that speak for others first."""
        self.inhibitors = {rule.name: frozenset(rule.inhibited_by) & enabled for rule in rules}
        """By rule: the rules that inhibit it."""
        self.outrankers = {rule.name: frozenset(rule.outranked_by) & enabled for rule in rules}
        """By rule: the rules that outrank it."""
        self.inhibits = {name: frozenset(rule for rule in enabled if name in self.inhibitors[rule]) for name in order}
        """By rule: the rules that it inhibits."""
