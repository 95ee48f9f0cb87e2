"""The tables. Instants and durations are integers of milliseconds; JSON is stored as text on both engines."""

from notifier.store.schema.alerting import configurations, decisions, groups, inhibitors, members, silences
from notifier.store.schema.base import OPEN, Big, Serial, metadata
from notifier.store.schema.events import (
    MINUTES_KEPT,
    alert_ends,
    event_ids,
    events,
    incidents,
    is_critical,
    tallies,
)
from notifier.store.schema.figures import delivery_figures, event_figures, run_durations, run_figures
from notifier.store.schema.instance import instance
from notifier.store.schema.monitors import monitors, still_wrong
from notifier.store.schema.outbox import attempts, deliveries, notifications, targets, threads
from notifier.store.schema.people import (
    action_tokens,
    answered_callbacks,
    api_keys,
    audit,
    ledger,
    pending_sign_ins,
    sessions,
    sign_in_links,
)
from notifier.store.schema.search import BLOCK, CLOSED, incident_order, incident_terms
from notifier.store.schema.task_runs import processes, run_incidents, task_runs
from notifier.store.schema.triggers import declare_triggers

declare_triggers()

__all__ = [
    "BLOCK",
    "CLOSED",
    "MINUTES_KEPT",
    "OPEN",
    "Big",
    "Serial",
    "action_tokens",
    "alert_ends",
    "answered_callbacks",
    "api_keys",
    "attempts",
    "audit",
    "configurations",
    "decisions",
    "deliveries",
    "delivery_figures",
    "event_figures",
    "event_ids",
    "events",
    "groups",
    "incident_order",
    "incident_terms",
    "incidents",
    "inhibitors",
    "instance",
    "is_critical",
    "ledger",
    "members",
    "metadata",
    "monitors",
    "notifications",
    "pending_sign_ins",
    "processes",
    "run_durations",
    "run_figures",
    "run_incidents",
    "sessions",
    "sign_in_links",
    "silences",
    "still_wrong",
    "tallies",
    "targets",
    "task_runs",
    "threads",
]
