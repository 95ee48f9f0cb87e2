"""Acts of people: what is still in force, and what a mail offers."""

from __future__ import annotations

import pytest

from notifier.domain.message import Told, by_weight
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.policy.acts import LockedIncident, in_force, linked_acts
from notifier.testing.messages import incident, message

LOCKED = LockedIncident(
    number=1, id="i-1", project="shop", environment="production", fingerprint="f", state=State.ACKNOWLEDGED,
    acknowledged_by="ann", acknowledged_at=10, acknowledged_until=100, snoozed_by="bo", snoozed_until=200,
    reopened_by=None, resolved_by=None, resolved_at=None,
)  # fmt: skip


def test_an_acknowledgement_and_a_snooze_are_over_at_their_end() -> None:
    """At that very moment, and each by itself."""
    assert in_force(LOCKED, 99) == LOCKED
    lapsed = in_force(LOCKED, 100)
    assert (lapsed.state, lapsed.acknowledged_by, lapsed.acknowledged_until) == (State.OPEN, None, None)
    assert (lapsed.snoozed_by, lapsed.snoozed_until) == ("bo", 200)
    assert in_force(LOCKED, 200).snoozed_until is None


def test_what_has_no_end_stays() -> None:
    """And a resolved incident keeps the name of who had it."""
    endless = replace(LOCKED, acknowledged_until=None)
    assert in_force(endless, 10**15).acknowledged_by == "ann"
    resolved = replace(LOCKED, state=State.RESOLVED)
    assert in_force(resolved, 150).acknowledged_by == "ann"


@pytest.mark.parametrize(
    ("state", "acts"),
    [(State.OPEN, ["acknowledge", "snooze", "resolve"]), (State.ACKNOWLEDGED, ["snooze", "resolve"]),
     (State.RESOLVED, [])],
)  # fmt: skip
def test_a_mail_offers_what_is_still_possible(state: State, acts: list[str]) -> None:
    """And nothing of an incident that is none."""
    told = Told(incident=incident(state=state), reason=Reason.OPENED)
    assert [act for _, act in linked_acts(replace(message(), told=by_weight([told])))] == acts
    none = Told(incident=incident(state=state, number=0), reason=Reason.TEST)
    assert linked_acts(replace(message(), told=(none,))) == []
