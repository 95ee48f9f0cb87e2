"""Task runs: their changes, the processes that run them, and what people do about those that failed."""

from notifier.store.task_runs.processes import INTERVAL, SILENCE, Alive, Beat, Gone, alive, beat, look
from notifier.store.task_runs.replay import Asked, Replay, ask, discard
from notifier.store.task_runs.upsert import Landed, upsert

__all__ = [
    "INTERVAL",
    "SILENCE",
    "Alive",
    "Asked",
    "Beat",
    "Gone",
    "Landed",
    "Replay",
    "alive",
    "ask",
    "beat",
    "discard",
    "look",
    "upsert",
]
