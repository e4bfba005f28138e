"""The notifiers of a configuration."""

from __future__ import annotations

from collections import Counter

from monitor.notifiers import AlertmanagerNotifier, LogNotifier, WebhookNotifier
from monitor.protocols import Notifier
from pipelines.config import GrafanaConfig, WatchConfig, WebhookConfig


def build_notifiers(config: WatchConfig, *, log_alerts: bool) -> list[Notifier]:
    """The notifiers of a configuration, the log first where it is wanted. Names are unique: ``webhook``, ``webhook-2`` ...

    Raises:
        ConfigError: a secret is missing.
    """
    notifiers: list[Notifier] = [LogNotifier()] if log_alerts else []
    for wanted in config.notifiers:
        if isinstance(wanted, WebhookConfig):
            secret = wanted.secret.read() if wanted.secret else None
            notifiers.append(WebhookNotifier(wanted.url, secret=secret, timeout_seconds=wanted.timeout_seconds))
        elif isinstance(wanted, GrafanaConfig):
            from monitor.grafana import GrafanaAnnotator, GrafanaClient

            notifiers.append(GrafanaAnnotator(GrafanaClient(wanted.url, wanted.token.read())))
        else:
            notifiers.append(AlertmanagerNotifier(wanted.url, timeout_seconds=wanted.timeout_seconds))
    seen: Counter[str] = Counter()
    for notifier in notifiers:
        kind = notifier.name
        seen[kind] += 1
        if seen[kind] > 1:
            notifier.name = f"{kind}-{seen[kind]}"
    return notifiers
