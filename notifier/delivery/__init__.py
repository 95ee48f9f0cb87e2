"""Delivery, one transaction for each step: claim due deliveries, record outcomes, sweep up abandoned ones."""

from notifier.delivery.claim import claim
from notifier.delivery.outcome import delivered, failed, give_back, settle
from notifier.delivery.sweep import sweep

__all__ = ["claim", "delivered", "failed", "give_back", "settle", "sweep"]
