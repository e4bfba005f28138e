"""Telling people and systems about alerts."""

from monitor.notifiers.alertmanager import AlertmanagerNotifier
from monitor.notifiers.delivery import Delivery
from monitor.notifiers.log import LogNotifier
from monitor.notifiers.webhook import WebhookNotifier

__all__ = ["AlertmanagerNotifier", "Delivery", "LogNotifier", "WebhookNotifier"]
