"""The pages of channels: the health of all, and one with a sample of what it sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.incident_history import AuditEntry
from notifier.domain.time import Instant
from notifier.oncall.channels import ChannelFacts, ChannelHealth, TargetHealth
from notifier.oncall.deliveries import DeliveryView
from notifier.oncall.findings import Finding
from notifier.web.views.audit_trail import ActLine, trail
from notifier.web.views.deliveries import DeliveryLine, delivery_line
from notifier.wording.outcomes import OUTCOMES
from notifier.wording.receivers import WEBHOOK_RECEIVER
from notifier.wording.text import number, plain
from notifier.wording.times import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """A target: its health, its last success and its last error."""

    address: str
    state: str
    status_text: str
    until: Instant | None
    last_ok_at: Instant | None
    last_error: str
    last_error_at: Instant | None
    failing: bool
    tokens: str | None
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLine:
    """A channel; its state is the worst of its targets'."""

    name: str
    type: str
    fallback: bool
    state: str
    limit: str | None
    targets: tuple[TargetLine, ...]
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsView:
    now: Instant
    channels: tuple[ChannelLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """One channel; `receiver` is sample code for a receiver.

    `tested` are the deliveries of the latest test, failed ones first, and `tested_more` the number that is not shown.
    `checked` are the results of the latest check.
    """

    now: Instant
    channel: ChannelLine
    sample: str | None
    receiver: str | None
    tested: tuple[DeliveryLine, ...]
    tested_more: int
    checked: tuple[Finding, ...]
    acts: tuple[ActLine, ...]


def channel_line(health: ChannelHealth, facts: ChannelFacts) -> ChannelLine:
    targets = tuple(_target(target) for target in health.targets)
    states = {target.state for target in targets}
    return ChannelLine(
        name=health.name,
        type=health.type,
        fallback=health.fallback,
        state=next((state for state in ("disabled", "cooling", "failing") if state in states), "ok"),
        limit=None if facts.rate_limit is None else _limit(facts.rate_limit),
        targets=targets,
        pending=health.pending,
    )


def channel_page(
    line: ChannelLine,
    *,
    now: Instant,
    sample: str | None,
    tested: Sequence[DeliveryView],
    of: int,
    entries: Sequence[AuditEntry],
    checked: Sequence[Finding] = (),
) -> ChannelPage:
    return ChannelPage(
        now=now,
        channel=line,
        sample=sample,
        receiver=WEBHOOK_RECEIVER if line.type == "webhook" else None,
        tested=tuple(map(delivery_line, tested)),
        tested_more=max(0, of - len(tested)) if tested else 0,
        checked=tuple(checked),
        acts=trail(entries),
    )


def _target(target: TargetHealth) -> TargetLine:
    row = target.row
    failing = row.last_error_at is not None and (row.last_ok_at or 0) < row.last_error_at
    return TargetLine(
        address=plain(row.address),
        state="failing" if target.state == "ok" and failing else target.state,
        status_text=_status_text(target, failing=failing),
        until=target.cool_until,
        last_ok_at=row.last_ok_at,
        last_error=_in_words(row.last_error or ""),
        last_error_at=row.last_error_at,
        failing=failing,
        tokens=None if target.tokens is None else number(int(target.tokens)),
        pending=target.pending,
    )


def _in_words(error: str) -> str:
    """The error without the name of its outcome, or the outcome's meaning if it has no text."""
    outcome, colon, detail = error.partition(": ")
    try:
        happened = OUTCOMES[Outcome(outcome)].happened
    except ValueError:
        return plain(error, 500)
    return plain(detail, 500) if colon else happened


def _status_text(target: TargetHealth, *, failing: bool) -> str:
    row = target.row
    match target.state:
        case "disabled":
            why = plain(row.disabled_why or "", 300)
            return f"disabled{f': {why}' if why else ''}; a test that arrives enables it again"
        case "cooling":
            failures = f" after {number(row.failures)} failures in a row" if row.failures > 1 else ""
            return f"rests{failures}"
        case "ok":
            if failing:
                return "its last attempt failed"
            return "nothing was sent so far" if row.last_ok_at is None else "works"


def _limit(limit: RateLimit) -> str:
    burst = "" if limit.burst == limit.messages else f", {number(limit.burst)} at once"
    return f"{number(limit.messages)} messages in {duration(limit.per)}{burst}"
