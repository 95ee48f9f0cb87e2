"""Rows as frozen values, for people and programs to look at, a page at a time."""

from notifier.store.views.dead_letters import DeadLetter, DeadLetterKind, find_dead_letters
from notifier.store.views.deliveries import (
    DeliveryAttempt,
    DeliverySearch,
    DeliveryView,
    attempts_of,
    dead_ids,
    delivery,
    find_deliveries,
    states,
)
from notifier.store.views.groups import GroupView, WaitingIncident, find_groups
from notifier.store.views.incident_history import incident_history
from notifier.store.views.incidents import (
    IncidentSearch,
    Sort,
    find_events,
    find_incidents,
    incident,
    incident_of,
    matching,
    with_latest,
)
from notifier.store.views.labels import unsent
from notifier.store.views.names import ENDING_AT_MOST, NamedKind, ids_ending, ids_of_numbers, whole_ids
from notifier.store.views.paging import Page, PageKey
from notifier.store.views.silences import MatchedIncidents, Phase, find_silences, held_now, met, phase
from notifier.store.views.stats import (
    ChannelFigures,
    ErrorFigures,
    RunCounts,
    TaskFigures,
    channel_figures,
    error_figures,
    events_by,
    runs_by,
    task_figures,
)
from notifier.store.views.targets import TargetRow, pending_by_target, target_rows
from notifier.store.views.task_runs import (
    RunSearch,
    RunStatus,
    dead_run_ids,
    find_runs,
    run_statuses,
    task_run,
)

__all__ = [
    "ENDING_AT_MOST",
    "ChannelFigures",
    "DeadLetter",
    "DeadLetterKind",
    "DeliveryAttempt",
    "DeliverySearch",
    "DeliveryView",
    "ErrorFigures",
    "GroupView",
    "IncidentSearch",
    "MatchedIncidents",
    "NamedKind",
    "Page",
    "PageKey",
    "Phase",
    "RunCounts",
    "RunSearch",
    "RunStatus",
    "Sort",
    "TargetRow",
    "TaskFigures",
    "WaitingIncident",
    "attempts_of",
    "channel_figures",
    "dead_ids",
    "dead_run_ids",
    "delivery",
    "error_figures",
    "events_by",
    "find_dead_letters",
    "find_deliveries",
    "find_events",
    "find_groups",
    "find_incidents",
    "find_runs",
    "find_silences",
    "held_now",
    "ids_ending",
    "ids_of_numbers",
    "incident",
    "incident_history",
    "incident_of",
    "matching",
    "met",
    "pending_by_target",
    "phase",
    "run_statuses",
    "runs_by",
    "states",
    "target_rows",
    "task_figures",
    "task_run",
    "unsent",
    "whole_ids",
    "with_latest",
]
