"""The pages of deliveries: the list, and one delivery in detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.incident_history import AuditEntry
from notifier.domain.message import Message
from notifier.domain.time import Duration, Instant
from notifier.oncall.deliveries import DeliveryAttempt, DeliveryDetail, DeliveryView
from notifier.oncall.paging import Listing
from notifier.web.views.audit_trail import ActLine, trail
from notifier.wording import lines, render
from notifier.wording.outcomes import OUTCOMES, STATES
from notifier.wording.text import TITLE, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """A delivery in a list: its target, what it is about, and the latest answer."""

    id: str
    title: str
    reason: str
    channel: str
    target: str
    state: str
    at: Instant
    attempts: int
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesView:
    """A page of deliveries, filtered by state and channel. `channels` are the configured ones."""

    now: Instant
    lines: tuple[DeliveryLine, ...]
    state: str
    channel: str
    states: tuple[str, ...]
    channels: tuple[str, ...]
    cursor: str
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """An attempt: its start, duration and outcome."""

    n: int
    at: Instant
    took: Duration | None
    outcome: str
    happened: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldIncident:
    """An incident in a message."""

    number: int
    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """A delivery in detail.

    `then` is what follows from its outcome; `sent` is the request's body, if the kind shows it.
    """

    now: Instant
    delivery: DeliveryView
    line: DeliveryLine
    status_text: str
    then: str | None
    attempts: tuple[AttemptLine, ...]
    incidents: tuple[ToldIncident, ...]
    text: str
    sent: str | None
    dead: bool
    acts: tuple[ActLine, ...]


def delivery_line(delivery: DeliveryView) -> DeliveryLine:
    """The line of a delivery."""
    return DeliveryLine(
        id=delivery.id,
        title=plain(delivery.title, TITLE) or "(no title)",
        reason=delivery.reason.value,
        channel=delivery.channel,
        target=plain(delivery.target),
        state=delivery.state.value,
        at=delivery.created_at,
        attempts=delivery.attempts,
        answer=_answer(delivery.outcome, delivery.detail),
    )


def deliveries_view(
    listing: Listing[DeliveryView],
    *,
    now: Instant,
    state: DeliveryState | None,
    channel: str | None,
    channels: Sequence[str],
    cursor: str,
) -> DeliveriesView:
    """The list."""
    return DeliveriesView(
        now=now,
        lines=tuple(map(delivery_line, listing.items)),
        state="" if state is None else state.value,
        channel=channel or "",
        states=tuple(each.value for each in DeliveryState),
        channels=tuple(sorted({*channels, *([channel] if channel else [])})),
        cursor=cursor,
        next_cursor=listing.next_cursor,
    )


def delivery_page(
    detail: DeliveryDetail, *, now: Instant, sent: str | None, entries: Sequence[AuditEntry]
) -> DeliveryPage:
    """The page of one delivery."""
    delivery = detail.delivery
    over = delivery.state is DeliveryState.DELIVERED or delivery.outcome is None
    return DeliveryPage(
        now=now,
        delivery=delivery,
        line=delivery_line(delivery),
        status_text=STATES[delivery.state],
        then=None if over or delivery.outcome is None else OUTCOMES[delivery.outcome].then,
        attempts=tuple(map(_attempt, detail.attempts)),
        incidents=tuple(_told(detail.message)),
        text="\n".join(lines(render(detail.message))),
        sent=sent,
        dead=delivery.state is DeliveryState.DEAD,
        acts=trail(entries),
    )


def _answer(outcome: Outcome | None, detail: str | None) -> str:
    """The receiver's answer, else the meaning of the outcome."""
    if detail or outcome is None:
        return plain(detail or "", 300)
    return OUTCOMES[outcome].happened


def _attempt(attempt: DeliveryAttempt) -> AttemptLine:
    return AttemptLine(
        n=attempt.n,
        at=attempt.finished_at if attempt.started_at is None else attempt.started_at,
        took=None if attempt.started_at is None else max(0, attempt.finished_at - attempt.started_at),
        outcome=attempt.outcome.value,
        happened=OUTCOMES[attempt.outcome].happened,
        detail=plain(attempt.detail or "", 500),
    )


def _told(message: Message) -> Sequence[ToldIncident]:
    """The incidents of a message that have a page; an incident about the service itself has no number."""
    return [
        ToldIncident(
            number=told.incident.number,
            id=told.incident.id,
            title=plain(told.incident.title, TITLE) or "(no title)",
        )
        for told in message.told
        if told.incident.number > 0
    ]
