"""The alerting transactions: attention (route, join groups), flush (decide, tell), fan-out and auto-resolve."""

from notifier.store.alerting.attention import attend
from notifier.store.alerting.deliver import announce, deliver
from notifier.store.alerting.flush import flush
from notifier.store.alerting.quiet import resolve_quiet

__all__ = ["announce", "attend", "deliver", "flush", "resolve_quiet"]
