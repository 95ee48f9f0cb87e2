"""The outbox: claim what is due, record what became of it, look after the rest."""

from notifier.store.outbox.claim import claim
from notifier.store.outbox.health import forget_health, settings_hashes
from notifier.store.outbox.letters import discard, enqueue, enqueue_test, redeliver, sync_targets
from notifier.store.outbox.outcome import Ended, delivered, failed, give_back, settle
from notifier.store.outbox.rows import LEASE, ChannelRules, Claimed, Job, Result
from notifier.store.outbox.sweep import Swept, sweep

__all__ = [
    "LEASE",
    "ChannelRules",
    "Claimed",
    "Ended",
    "Job",
    "Result",
    "Swept",
    "claim",
    "delivered",
    "discard",
    "enqueue",
    "enqueue_test",
    "failed",
    "forget_health",
    "give_back",
    "redeliver",
    "settings_hashes",
    "settle",
    "sweep",
    "sync_targets",
]
