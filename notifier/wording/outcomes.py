"""Outcomes of deliveries in words: how an attempt ended, and what follows (RULES.md#outcomes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWords:
    """`happened` is a clause about the receiver, `then` a sentence about the consequence and what to do."""

    happened: str
    then: str


OUTCOMES: Mapping[Outcome, OutcomeWords] = {
    Outcome.DELIVERED: OutcomeWords(happened="the receiver has taken it", then="It is over."),
    Outcome.THROTTLED: OutcomeWords(
        happened="the receiver wants less",
        then="The target rests for as long as it asks, and no attempt is used up.",
    ),
    Outcome.TRANSIENT: OutcomeWords(
        happened="the receiver could not be reached, or failed",
        then="It is tried again, ever more seldom, until it expires.",
    ),
    Outcome.AMBIGUOUS: OutcomeWords(
        happened="it was sent, and nobody knows whether it arrived",
        then="It is sent again under the same id and may come twice.",
    ),
    Outcome.GONE: OutcomeWords(
        happened="the receiver says that this address is gone",
        then="Correct the address, or test the channel: a test that arrives enables the target again.",
    ),
    Outcome.PERMANENT: OutcomeWords(
        happened="the receiver refuses it",
        then="It is tried three times within ten minutes: correct the settings, then redeliver.",
    ),
    Outcome.BLOCKED: OutcomeWords(
        happened="a rule of this service forbids the address",
        then="Allow the address in the channel's settings, then redeliver.",
    ),
    Outcome.EXPIRED: OutcomeWords(
        happened="it grew too old before it could be delivered",
        then="Redeliver it if it still matters.",
    ),
    Outcome.QUARANTINED: OutcomeWords(
        happened="it was begun five times, and no attempt came to an end",
        then="Sending it may end the worker: look at the log before it is redelivered.",
    ),
    Outcome.TARGET_REMOVED: OutcomeWords(
        happened="the configuration no longer has its target",
        then="Discard it, or configure the target again.",
    ),
}

STATES: Mapping[DeliveryState, str] = {
    DeliveryState.PENDING: "waits for its turn",
    DeliveryState.SENDING: "is being sent",
    DeliveryState.DELIVERED: "the receiver has taken it",
    DeliveryState.COALESCED: "was told as part of a digest",
    DeliveryState.SUPERSEDED: "was told by a newer message of its thread",
    DeliveryState.DEAD: "never arrived, and waits for a person",
    DeliveryState.DISCARDED: "was given up by a person",
}
