"""An incident's timeline from frozen values alone."""

from __future__ import annotations

import pytest

from notifier.domain.delivery import DeliveryState
from notifier.domain.incident import Incident
from notifier.domain.incident_history import (
    AuditEntry,
    DecidedBy,
    Decision,
    IncidentHistory,
    Membership,
    SentDelivery,
)
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import RESOLVED_BY_NOBODY, State
from notifier.domain.time import HOUR, MINUTE, parse_rfc3339, rfc3339
from notifier.domain.value import replace
from notifier.wording import audit_details
from notifier.wording.timeline import MAX_ITEMS, timeline

NINE = parse_rfc3339("2026-11-22T09:00:00Z")


class OneRoute:
    """A configuration that knows one route."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def has_route(self, key: str) -> bool:
        return key == self._route.key

    def route(self, key: str) -> Route:
        return self._route


ROUTES = OneRoute(Route(key="r1", name="default", line="notifier.yaml:12"))


def incident(state: State = State.OPEN) -> Incident:
    return Incident(
        id="i-1", number=7, project="shop", environment="production", fingerprint="f", title="boom",
        state=state, severity=Severity.ERROR, labels={"service": "billing"}, varying=(), count=1,
        first_seen=NINE, last_seen=NINE, acknowledged_by=None, resolved_at=None, previous_id=None, url=None,
        latest_event=None,
    )  # fmt: skip


def history() -> IncidentHistory:
    return IncidentHistory(
        incident=incident(), late=0, opened_at=NINE, acknowledged_until=None, snoozed_by=None,
        snoozed_until=None, resolved_by=None, previous=3, decisions=(), deliveries=(), actions=(),
        memberships=(), silences={}, inhibitors={},
    )  # fmt: skip


def decision(why: Reason | HeldBy, *, ref: str | None = None, count: int = 1) -> Decision:
    by = DecidedBy(key="r1", name=None, line=None, version="1a2b")
    return Decision(
        group_id="g", at=NINE, last_at=NINE + HOUR, why=why, ref=ref, count=count, events=1, by=by
    )


def act(action: str, minutes: int, detail: str | None = None) -> AuditEntry:
    at = NINE + minutes * MINUTE
    return AuditEntry(
        at=at, project="shop", actor="ann", key_name="ann", action=action, subject="i-1", detail=detail
    )


def texts(known: IncidentHistory, *, now: int = NINE + HOUR) -> list[str]:
    return [item.text for item in timeline(known, ROUTES, now).items]


def test_a_problem_of_several_services_is_said_to_be_that() -> None:
    """A given fingerprint may come from several; none of them is named then, and no gap is left."""
    shared = replace(incident(), labels={}, varying=("service",))
    first, *_ = texts(replace(history(), incident=shared, previous=None))
    assert first == 'First event: "boom" of several services in production.'


def test_a_route_that_the_store_knows_by_its_key_is_named_as_the_configuration_names_it() -> None:
    known = replace(history(), decisions=(decision(HeldBy.INHIBITED, ref="i-0", count=2),),
                    inhibitors={"i-0": (2, "disk full")})  # fmt: skip
    first, held, _ = texts(known)
    assert first == 'First event: "boom" of billing in production; it was incident 3 before.'
    assert held == (
        'Not told: inhibited by incident 2 ("disk full"), 2 times between 09:00 UTC and 10:00 UTC. '
        "Route `default` (notifier.yaml:12, configuration 1a2b)."
    )


def test_an_acknowledgement_ends_by_itself_at_the_moment_that_its_detail_names() -> None:
    detail = audit_details.until_detail(NINE + 30 * MINUTE, taken_over_from="bo")
    assert detail == f"until {rfc3339(NINE + 30 * MINUTE)}; taken over from bo"
    acts = texts(replace(history(), actions=(act("acknowledge", 1, detail),)))[1:3]
    assert acts == [
        "ann acknowledged it until 09:30 UTC (taken over from bo).",
        "The acknowledgement of ann was over: it counts as open again.",
    ]


@pytest.mark.parametrize("by", sorted(RESOLVED_BY_NOBODY))
def test_an_end_that_no_person_made_has_a_sentence(by: str) -> None:
    over = replace(incident(State.RESOLVED), resolved_at=NINE + MINUTE)
    [_, ended, *_] = texts(replace(history(), incident=over, resolved_by=by))
    assert ended.startswith("Resolved by ")


def test_what_a_delivery_waits_for_is_held_by_a_named_reason() -> None:
    delivery = SentDelivery(
        id="d-1", channel="mail", target="a@b.example", reason=Reason.OPENED, state=DeliveryState.PENDING,
        created_at=NINE, due_at=NINE, finished_at=None, outcome=None, detail=None, attempts=0, carried_by=None,
        waits_until=NINE + 5 * MINUTE, rate_limited=True, on_hold=False, target_disabled=False,
    )  # fmt: skip
    item = timeline(replace(history(), deliveries=(delivery,)), ROUTES, NINE).items[1]
    assert (item.held_by, item.reason) == (HeldBy.RATE_LIMITED, None)
    assert item.text.endswith("its target has used up its `rate_limit` until 09:05 UTC.")


def test_what_is_next_comes_last_and_never_falls_behind_the_bound() -> None:
    membership = Membership(
        group_id="g1",
        route="r1", undecided=False, due_at=None, told=True, told_over=False, held_by=None, hold_ref=None,
        repeat_at=NINE + 4 * HOUR, escalate_at=None,
    )  # fmt: skip
    known = replace(
        history(),
        actions=tuple(act("note", n, f"note {n}") for n in range(MAX_ITEMS)),
        memberships=(membership,),
    )
    shown = timeline(known, ROUTES, NINE + HOUR)
    assert shown.truncated
    assert len(shown.items) == MAX_ITEMS
    assert shown.items[-1].text == "Told again at 13:00 UTC if events have come by then."
    both = replace(known, actions=(), memberships=(membership, replace(membership, group_id="g2")))
    *_, last = timeline(both, ROUTES, NINE + HOUR).items
    assert (last.text, last.route) == (shown.items[-1].text, None)
    assert [item.kind for item in timeline(both, ROUTES, NINE + HOUR).items].count("next") == 1


@pytest.mark.parametrize(
    ("held_by", "said"),
    [
        (HeldBy.WAITING, "its next event is told"),
        (HeldBy.BELOW_THRESHOLD, "`notify_after`"),
        (HeldBy.ROUTE, "its route tells nobody"),
        (HeldBy.SEVERITY, "nobody is told of severity `none`"),
    ],
)
def test_what_holds_for_good_promises_nothing(held_by: HeldBy, said: str) -> None:
    """That the next event is told is said only where it is."""
    membership = Membership(
        group_id="g1",
        route="r1", undecided=False, due_at=None, told=False, told_over=False, held_by=held_by, hold_ref=None,
        repeat_at=None, escalate_at=None,
    )  # fmt: skip
    item = timeline(replace(history(), memberships=(membership,)), ROUTES, NINE + HOUR).items[-1]
    assert (item.kind, item.held_by) == ("next", held_by)
    assert said in item.text
    assert ("is told." in item.text) == (held_by is HeldBy.WAITING)
