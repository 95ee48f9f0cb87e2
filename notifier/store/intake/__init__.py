"""The hot path's transaction: many requests' events, one commit."""

from notifier.store.intake.upgrade import Upgrade, is_under_way
from notifier.store.intake.work import Committed, Intake, Stored, commit

__all__ = ["Committed", "Intake", "Stored", "Upgrade", "commit", "is_under_way"]
