"""Acknowledgements that end by themselves: their incidents count as open again, repeats and escalation go on."""

from __future__ import annotations

from notifier.domain.state import State
from notifier.store import incidents
from notifier.store.database import Tx
from notifier.telemetry.loop import Progress

ENDED_AT_ONCE = 500


def end_acknowledgements(tx: Tx) -> Progress:
    """End the acknowledgements whose time is over, at most `ENDED_AT_ONCE` in a transaction."""
    lapsed = incidents.lock_lapsed(tx, most=ENDED_AT_ONCE)
    ended = [number for number, state in lapsed.items() if state is State.ACKNOWLEDGED]
    # An incident that was resolved meanwhile stays so; only its date goes.
    resolved = [number for number, state in lapsed.items() if state is not State.ACKNOWLEDGED]
    if resolved:
        incidents.forget_end(tx, resolved)
    if ended:
        incidents.set_lapsed(tx, ended)
        incidents.make_groups_due(tx, ended)
    return Progress(done=len(ended), more=len(lapsed) == ENDED_AT_ONCE, next_at=incidents.next_lapse(tx))
