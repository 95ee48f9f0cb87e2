"""Alerting: routes incidents, decides what to notify, resolves quiet incidents.

One transaction for each step.
"""

from notifier.alerting.auto_resolve import auto_resolve
from notifier.alerting.flush import flush
from notifier.alerting.routing_step import route_incidents

__all__ = ["auto_resolve", "flush", "route_incidents"]
