"""The page of a group."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.direction import isolated
from notifier.domain.state import State
from notifier.domain.time import Instant
from notifier.oncall.group_details import GroupDetails, GroupMember, GroupNotification
from notifier.wording.explanations import HOLDS
from notifier.wording.reasons import REASONS
from notifier.wording.text import TITLE, counted, inline, number, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCause:
    """An incident of the group.

    `share` is its percentage of all events; `choosable` is true while it is not resolved.
    """

    id: str
    number: int
    title: str
    state: str
    severity: str
    count: int
    share: int
    first_seen: Instant
    last_seen: Instant
    standing: str
    choosable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTarget:
    """A target that was notified, and its answer."""

    delivery: str
    channel: str
    target: str
    state: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationLine:
    """A notification of the group: its reasons, incidents and targets."""

    at: Instant
    reason: str
    about: str
    targets: tuple[GroupTarget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPageView:
    """A group in a storm.

    `summary` are sentences, `causes` are ordered by count, `open` counts unacknowledged incidents.
    """

    id: str
    name: str
    labels: tuple[tuple[str, str], ...]
    route: str
    line: str | None
    summary: tuple[str, ...]
    open: int
    unresolved: int
    due_at: Instant | None
    last_told_at: Instant | None
    now: Instant
    causes: tuple[GroupCause, ...]
    more: int
    whole: bool
    notifications: tuple[NotificationLine, ...]


def group_view(details: GroupDetails) -> GroupPageView:
    """The page of these details."""
    group, totals = details.group, details.totals
    states = totals.states
    unresolved = states.get(State.OPEN, 0) + states.get(State.ACKNOWLEDGED, 0)
    labels = tuple((plain(name, 100), plain(value)) for name, value in group.labels.items())
    return GroupPageView(
        id=group.id,
        name=" · ".join(isolated(value) for _, value in labels if value) or "all incidents of the route",
        labels=labels,
        route=details.route.name,
        line=details.route.line,
        summary=tuple(_summary(details)),
        open=states.get(State.OPEN, 0),
        unresolved=unresolved,
        due_at=group.due_at,
        last_told_at=group.last_told_at,
        now=details.now,
        causes=tuple(_cause(member, totals.events) for member in details.incidents),
        more=totals.incidents - len(details.incidents),
        whole=details.whole,
        notifications=tuple(map(_notification, details.notifications)),
    )


def _summary(details: GroupDetails) -> list[str]:
    totals = details.totals
    by_state = ", ".join(
        f"{number(totals.states[state])} {state.value}" for state in State if totals.states.get(state)
    )
    said = [f"{counted(totals.events, 'event')} of {counted(totals.incidents, 'cause')}: {by_state}."]
    if totals.held:
        held = ", ".join(
            f"{number(count)} ({HOLDS[held_by]})"
            for held_by, count in sorted(totals.held.items(), key=lambda item: -item[1])
        )
        said.append(f"Not told just now: {held}.")
    return said


def _cause(member: GroupMember, events: int) -> GroupCause:
    standing = member.state.value
    if member.state is State.ACKNOWLEDGED:
        standing = f"acknowledged by {inline(member.acknowledged_by or 'somebody', 60)}"
    elif member.state is State.OPEN and member.held_by is not None:
        standing = f"open, {HOLDS[member.held_by]}"
    return GroupCause(
        id=member.id,
        number=member.number,
        title=plain(member.title, TITLE) or "(no title)",
        state=member.state.value,
        severity=member.severity.value,
        count=member.count,
        share=round(100 * member.count / events) if events else 0,
        first_seen=member.first_seen,
        last_seen=member.last_seen,
        standing=standing,
        choosable=member.state is not State.RESOLVED,
    )


def _notification(notification: GroupNotification) -> NotificationLine:
    first = plain(notification.first or notification.note or "", TITLE)
    others = notification.incidents - 1
    return NotificationLine(
        at=notification.at,
        reason=REASONS[notification.reason],
        about=f"{first} and {counted(others, 'other')}" if others > 0 else first,
        targets=tuple(
            GroupTarget(
                delivery=target.delivery,
                channel=target.channel,
                target=plain(target.target),
                state=target.state.value,
                answer=plain(target.detail or "", 300),
            )
            for target in notification.targets
        ),
    )
