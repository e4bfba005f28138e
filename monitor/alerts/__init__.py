"""Alerting: rules, and the state machine that applies them."""

from monitor.alerts.engine import AlertEngine
from monitor.alerts.readings import HealthReport, Instant
from monitor.alerts.rulefile import default_rules, load_rules
from monitor.alerts.rules import AlertRule, check_features, threshold_rows

__all__ = [
    "AlertEngine",
    "AlertRule",
    "HealthReport",
    "Instant",
    "check_features",
    "default_rules",
    "load_rules",
    "threshold_rows",
]
