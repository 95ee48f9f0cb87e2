"""One delivery in a sentence: its result, or what it waits for."""

from __future__ import annotations

from notifier.domain.delivery import DeliveryState
from notifier.domain.direction import isolated
from notifier.domain.incident_history import SentDelivery
from notifier.wording.times import clock


def delivery_result(delivery: SentDelivery) -> str:
    """The target of a delivery and its result, or what it waits for."""
    to = f"{isolated(delivery.channel)} to {isolated(delivery.target)}"
    match delivery.state:
        case DeliveryState.PENDING:
            return f"Not delivered yet through {to}: {_waits(delivery)}."
        case DeliveryState.SENDING:
            return f"Being sent through {to} now."
        case DeliveryState.DELIVERED:
            tries = "" if delivery.attempts < 2 else f", at attempt {delivery.attempts}"
            return f"Delivered through {to}{tries}."
        case DeliveryState.DEAD:
            why = _last(delivery) or "it is a dead letter"
            again = f"`notifier deliveries redeliver {delivery.id}` sends it again."
            return f"Never arrived through {to}: {why}. {again}"
        case DeliveryState.DISCARDED:
            return f"Given up through {to}: {_last(delivery) or 'somebody discarded it'}."
    coalesced = delivery.state is DeliveryState.COALESCED
    merged = "a digest" if coalesced else "a newer message of the same thread"
    return f"Told through {to} as part of {merged}{_replaced_by(delivery)}."


def _waits(delivery: SentDelivery) -> str:
    """The reason why a pending delivery waits."""
    if delivery.on_hold:
        return "deliveries are on hold until `notifier release`"
    if delivery.carried_by is not None:
        return f"it waits for its digest{_replaced_by(delivery)}"
    if delivery.target_disabled:
        return f"the target is disabled, and `notifier test-channel {delivery.channel}` enables it"
    until = delivery.due_at if delivery.waits_until is None else delivery.waits_until
    when = clock(until, near=delivery.created_at)
    if delivery.rate_limited:
        return f"its target has used up its `rate_limit` until {when}"
    if delivery.attempts:
        tries = "once" if delivery.attempts == 1 else f"{delivery.attempts} times"
        return f"tried {tries}, {_last(delivery) or 'without success'}; tried again at {when}"
    return f"due at {when}"


def _last(delivery: SentDelivery) -> str:
    """The latest outcome, with the receiver's response."""
    if delivery.outcome is None:
        return delivery.detail or ""
    outcome = delivery.outcome.value
    return f"{outcome} ({isolated(delivery.detail)})" if delivery.detail else outcome


def _replaced_by(delivery: SentDelivery) -> str:
    """` (delivery 0193..., delivered 09:00 UTC)`: the delivery that replaced this one."""
    digest = delivery.carried_by
    if digest is None:
        return ""
    at = digest.finished_at
    when = "" if at is None else f" {clock(at, near=delivery.created_at)}"
    return f" (delivery {digest.id}, {digest.state.value}{when})"
