"""What became of one delivery, in a sentence."""

from __future__ import annotations

from notifier.domain.delivery import DeliveryState
from notifier.oncall.why import clock
from notifier.store.views import Sent


def arrival(one: Sent) -> str:
    """Where it went and how that ended, or what it waits for."""
    to = f"{one.channel} to {one.target}"
    match one.state:
        case DeliveryState.PENDING:
            return f"Not delivered yet through {to}: {_waits(one)}."
        case DeliveryState.SENDING:
            return f"Being sent through {to} now."
        case DeliveryState.DELIVERED:
            tries = "" if one.attempts < 2 else f", at attempt {one.attempts}"
            return f"Delivered through {to}{tries}."
        case DeliveryState.DEAD:
            why = _last(one) or "it is a dead letter"
            return (
                f"Never arrived through {to}: {why}. `notifier deliveries redeliver {one.id}` sends it again."
            )
        case DeliveryState.DISCARDED:
            return f"Given up through {to}: {_last(one) or 'somebody discarded it'}."
    merged = "a digest" if one.state is DeliveryState.COALESCED else "a newer message of the same thread"
    return f"Told through {to} as part of {merged}{_carried(one)}."


def _waits(one: Sent) -> str:
    """What a pending one waits for."""
    if one.on_hold:
        return "deliveries are on hold until `notifier release`"
    if one.carrier is not None:
        return f"it waits for its digest{_carried(one)}"
    if one.target_disabled:
        return f"the target is disabled, and `notifier test-channel {one.channel}` enables it"
    until = one.due_at if one.waits_until is None else one.waits_until
    when = clock(until, near=one.created_at)
    if one.rate_limited:
        return f"its target has heard as much as `rate_limit` allows until {when}"
    if one.attempts:
        tries = "once" if one.attempts == 1 else f"{one.attempts} times"
        return f"tried {tries}, {_last(one) or 'in vain'}; tried again at {when}"
    return f"due at {when}"


def _last(one: Sent) -> str:
    """The latest outcome, with what the receiver said."""
    if one.outcome is None:
        return one.detail or ""
    return f"{one.outcome.value} ({one.detail})" if one.detail else one.outcome.value


def _carried(one: Sent) -> str:
    if one.carrier is None:
        return ""
    at = one.carrier.finished_at
    when = "" if at is None else f" {clock(at, near=one.created_at)}"
    return f" (delivery {one.carrier.id}, {one.carrier.state.value}{when})"
