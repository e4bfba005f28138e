"""The metrics, one file each. A file that defines one and decorates it with ``register`` is all it takes to add another."""

from monitor.scorers._registry import MetricRegistry, create, create_all, feature, register, resolve, spec, specs

__all__ = ["MetricRegistry", "create", "create_all", "feature", "register", "resolve", "spec", "specs"]
