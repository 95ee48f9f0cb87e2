"""What people and programs look at: rows as frozen values, a page at a time."""

from notifier.store.board.deliveries import (
    Attempt,
    DeliverySearch,
    DeliveryView,
    attempts_of,
    dead_ids,
    delivery,
    find_dead_letters,
    find_deliveries,
    states,
)
from notifier.store.board.groups import GroupView, Waiting, find_groups
from notifier.store.board.incidents import (
    IncidentSearch,
    find_events,
    find_incidents,
    incident,
    incident_of,
    with_latest,
)
from notifier.store.board.paging import Key, Page
from notifier.store.board.targets import TargetRow, pending_by_target, target_rows

__all__ = [
    "Attempt",
    "DeliverySearch",
    "DeliveryView",
    "GroupView",
    "IncidentSearch",
    "Key",
    "Page",
    "TargetRow",
    "Waiting",
    "attempts_of",
    "dead_ids",
    "delivery",
    "find_dead_letters",
    "find_deliveries",
    "find_events",
    "find_groups",
    "find_incidents",
    "incident",
    "incident_of",
    "pending_by_target",
    "states",
    "target_rows",
    "with_latest",
]
