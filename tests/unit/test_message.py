"""A message: what is stored of it, and what an older unsent one adds to it."""

from __future__ import annotations

import pytest

from notifier.domain.incident import Incident
from notifier.domain.message import SHOWN_AT_MOST, Message, Origin, Told, leading
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.value import replace
from notifier.policy.merging import union

AT = 1_795_323_600_123
INCIDENT = Incident(
    id="i-1",
    number=142,
    project="default",
    environment="production",
    fingerprint="f",
    title="TimeoutError: upstream",
    state=State.OPEN,
    severity=Severity.ERROR,
    labels={"service": "billing"},
    varying=("host",),
    count=3,
    first_seen=AT,
    last_seen=AT + 1,
    latest_event={"service": "billing"},
)


def told(number: int, reason: Reason, **changes: object) -> Told:
    return Told(incident=replace(INCIDENT, id=f"i-{number}", number=number, **changes), reason=reason)


def message(reason: Reason, *what: Told, more: int = 0, suppressed: int = 0) -> Message:
    totals: dict[str, int] = {}
    for each in what:
        totals[each.reason.value] = totals.get(each.reason.value, 0) + 1
    totals[reason.value] = totals.get(reason.value, 0) + more
    return Message(
        id="d",
        reason=reason,
        at=AT,
        project="default",
        group="g",
        labels={"service": "billing"},
        told=what,
        more=more,
        totals=totals,
        suppressed=suppressed,
        origin=Origin(route="default", line="n.yaml:12"),
        thread_id="t",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"origin": None, "note": "what failed", "previous_thread_id": "before", "group": None},
        {"told": (), "more": 7},
        {"told": (told(1, Reason.RESOLVED, state=State.RESOLVED, resolved_at=AT + 5, previous_id="i-0"),)},
    ],
)
def test_a_stored_message_is_read_back_unchanged(changes: dict[str, object]) -> None:
    """Every field, to the millisecond."""
    one = replace(message(Reason.OPENED, told(1, Reason.OPENED)), **changes)
    assert Message.from_json(one.as_json()) == one


def test_a_possible_repeat_belongs_to_the_attempt() -> None:
    """It is not stored: the body stays the same on every retry."""
    one = message(Reason.OPENED, told(1, Reason.OPENED))
    assert replace(one, possible_repeat=True).as_json() == one.as_json()


def test_the_leading_reason_is_the_first_in_order() -> None:
    """Reasons that stand for themselves (a digest, a test) lead nothing."""
    assert leading({Reason.REPEATED, Reason.RESOLVED, Reason.REOPENED}) is Reason.REOPENED
    assert leading({"repeated": 3, "resolved": 1}) is Reason.RESOLVED
    assert leading({Reason.DIGEST}) is None
    assert leading(set()) is None


def test_the_newer_message_carries_the_older_one() -> None:
    """Each incident once, as it is now, for the first of its reasons; what is over comes last."""
    older = message(Reason.OPENED, told(1, Reason.OPENED), told(2, Reason.OPENED), suppressed=4)
    newer = message(Reason.RESOLVED, told(1, Reason.RESOLVED, state=State.RESOLVED, count=9), suppressed=5)
    both = union(older, newer)
    assert [(one.incident.number, one.incident.state, one.reason) for one in both.told] == [
        (2, State.OPEN, Reason.OPENED),
        (1, State.RESOLVED, Reason.OPENED),
    ]
    assert both.told[1].incident.count == 9
    assert (both.reason, both.suppressed, both.more) == (Reason.OPENED, 9, 0)
    assert both.totals == {"opened": 2, "resolved": 1}
    assert (both.id, both.at) == (newer.id, newer.at)


@pytest.mark.parametrize(
    ("older", "newer", "reason", "actor"),
    [
        ((Reason.OPENED, None), (Reason.ACKNOWLEDGED, "ann"), Reason.OPENED, None),
        ((Reason.REOPENED, "ann"), (Reason.RESOLVED, "bo"), Reason.REOPENED, "ann"),
        ((Reason.REOPENED, "ann"), (Reason.REOPENED, "bo"), Reason.REOPENED, "bo"),
        ((Reason.RESOLVED, "ann"), (Reason.REOPENED, None), Reason.REOPENED, None),
    ],
)
def test_the_reason_keeps_who_gave_it(
    older: tuple[Reason, str | None], newer: tuple[Reason, str | None], reason: Reason, actor: str | None
) -> None:
    """Nobody is named for what another has done."""
    parts = [message(one, replace(told(1, one), actor=who)) for one, who in (older, newer)]
    assert [(one.reason, one.actor) for one in union(*parts).told] == [(reason, actor)]


def test_at_most_twenty_are_shown_and_the_rest_counted() -> None:
    """Fifteen and fifteen, five of them shared: twenty shown, five more."""
    older = message(Reason.OPENED, *(told(n, Reason.OPENED) for n in range(15)), more=3)
    newer = message(Reason.REPEATED, *(told(n, Reason.REPEATED) for n in range(10, 25)), more=2)
    both = union(older, newer)
    assert len(both.told) == SHOWN_AT_MOST
    assert both.more == 25 - SHOWN_AT_MOST + 3 + 2
    assert [one.incident.number for one in both.told] == list(range(SHOWN_AT_MOST))
