"""The hot path's transaction: many requests' events, one commit."""

from notifier.store.intake.work import Committed, Intake, Stored, commit

__all__ = ["Committed", "Intake", "Stored", "commit"]
