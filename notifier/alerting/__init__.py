"""The steps of alerting: route incidents, decide for groups, resolve what is quiet. Each is one transaction."""

from notifier.alerting.auto_resolve import auto_resolve
from notifier.alerting.flush import flush
from notifier.alerting.routing_step import route_incidents

__all__ = ["auto_resolve", "flush", "route_incidents"]
