"""Expiry of acknowledgements: the incident is open again, and repeats and escalation resume."""

from __future__ import annotations

from notifier.domain.state import State
from notifier.store import incidents
from notifier.store.database import Tx
from notifier.telemetry.loop import Progress

ENDED_AT_ONCE = 500


def end_acknowledgements(tx: Tx) -> Progress:
    """End up to `ENDED_AT_ONCE` acknowledgements whose time is over."""
    lapsed = incidents.lock_lapsed(tx, most=ENDED_AT_ONCE)
    ended = [number for number, state in lapsed.items() if state is State.ACKNOWLEDGED]
    # An incident that was resolved in the meantime stays resolved; only the end of its acknowledgement is
    # cleared.
    resolved = [number for number, state in lapsed.items() if state is not State.ACKNOWLEDGED]
    if resolved:
        incidents.clear_acknowledgement_end(tx, resolved)
    if ended:
        incidents.set_lapsed(tx, ended)
        incidents.make_groups_due(tx, ended)
    return Progress(done=len(ended), more=len(lapsed) == ENDED_AT_ONCE, next_at=incidents.next_lapse(tx))
