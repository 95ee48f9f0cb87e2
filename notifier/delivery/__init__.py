"""The steps of delivery, one transaction each: claim what is due, record how it ended, sweep up what nobody holds."""

from notifier.delivery.claim import claim
from notifier.delivery.outcome import delivered, failed, give_back, settle
from notifier.delivery.sweep import sweep

__all__ = ["claim", "delivered", "failed", "give_back", "settle", "sweep"]
