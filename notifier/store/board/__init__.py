"""What people and programs look at: rows as frozen values, a page at a time."""

from notifier.store.board.deliveries import (
    Attempt,
    DeliverySearch,
    DeliveryView,
    attempts_of,
    dead_ids,
    delivery,
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
from notifier.store.board.letters import Kind, Letter, find_dead_letters
from notifier.store.board.paging import Key, Page
from notifier.store.board.silences import Met, Phase, find_silences, held_now, met
from notifier.store.board.stats import (
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
from notifier.store.board.targets import TargetRow, pending_by_target, target_rows
from notifier.store.board.task_runs import (
    RunSearch,
    RunStanding,
    dead_run_ids,
    find_runs,
    run_standings,
    task_run,
)
from notifier.store.board.timeline import DecidedBy, Decision, Facts, Membership, Sent, facts

__all__ = [
    "Attempt",
    "ChannelFigures",
    "DecidedBy",
    "Decision",
    "DeliverySearch",
    "DeliveryView",
    "ErrorFigures",
    "Facts",
    "GroupView",
    "IncidentSearch",
    "Key",
    "Kind",
    "Letter",
    "Membership",
    "Met",
    "Page",
    "Phase",
    "RunCounts",
    "RunSearch",
    "RunStanding",
    "Sent",
    "TargetRow",
    "TaskFigures",
    "Waiting",
    "attempts_of",
    "channel_figures",
    "dead_ids",
    "dead_run_ids",
    "delivery",
    "error_figures",
    "events_by",
    "facts",
    "find_dead_letters",
    "find_deliveries",
    "find_events",
    "find_groups",
    "find_incidents",
    "find_runs",
    "find_silences",
    "held_now",
    "incident",
    "incident_of",
    "met",
    "pending_by_target",
    "run_standings",
    "runs_by",
    "states",
    "target_rows",
    "task_figures",
    "task_run",
    "with_latest",
]
