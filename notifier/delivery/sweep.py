"""Sweep: returns lost claims, ends expired deliveries, and sends undelivered alerts through the fallback."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.message import FORM, Message
from notifier.domain.notification import Reason
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.policy.rules import AlertingRules
from notifier.store import hold
from notifier.store.compiled import execute, insert
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.json_rows import encode_values, json_value
from notifier.store.notifications import announce, deliver
from notifier.store.schema import attempts
from notifier.store.statements.overdue import (
    UndeliveredAlert,
    all_claims,
    expired_deliveries,
    fallback_done,
    fallback_notification,
    give_up_claims,
    lost_claims,
    next_fallback,
    next_lease_end,
    targets_of,
    undelivered_alerts,
)
from notifier.store.statements.targets import wake_forgotten_targets
from notifier.wording import sentences

SWEPT_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The ids of deliveries that a sweep has changed.

    `lost` are those whose lease ended without an outcome, `told` those sent through the fallback, `fallback_failed`
    those of the fallback itself. `next_at` is when the next sweep is due, None if no time is known.
    """

    lost: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    fallback_failed: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    next_at: Instant | None = None


def sweep(tx: Tx, rules: AlertingRules, fallback: str | None, *, restarted: bool = False) -> Swept:
    """Return lost claims, end expired deliveries, and send undelivered alerts through the fallback.

    With `restarted`, no other process exists and this one has just started: all claims are lost.
    """
    lost = _lost(tx, restarted=restarted)
    if hold.current(tx) is not None:
        # During a hold only leases end; expiry and the fallback resume at its release.
        return Swept(lost=lost, next_at=execute(tx, next_lease_end, {}).scalar())
    expired = _expire(tx)
    if execute(tx, wake_forgotten_targets, {"now": tx.now}).rowcount:
        tx.signal("targets")
    alerts = undelivered_alerts(tx, now=tx.now, most=SWEPT_AT_ONCE)
    told, failed = [], []
    own = set() if fallback is None else set(rules.targets.get(fallback, ()))
    for alert in alerts:
        if fallback is None or alert.target in own:
            failed.append(alert.id)
        elif _tell_fallback(tx, rules, fallback, alert):
            told.append(alert.id)
    if alerts:
        execute(tx, fallback_done, {"ids": encode_values(alert.id for alert in alerts)})
    moments = [execute(tx, query, {}).scalar() for query in (next_fallback, next_lease_end)]
    next_at = min((at for at in moments if at is not None), default=None)
    return Swept(
        lost=lost,
        told=tuple(told),
        fallback_failed=tuple(failed),
        expired=expired,
        next_at=tx.now if len(alerts) == SWEPT_AT_ONCE else next_at,
    )


def _expire(tx: Tx) -> tuple[str, ...]:
    """End expired deliveries, and wake the targets whose other deliveries waited behind them."""
    expired = execute(tx, expired_deliveries, {"now": tx.now, "most": SWEPT_AT_ONCE}).scalars().all()
    for id_ in expired:
        mark_dead(tx, id_, Outcome.EXPIRED, sentences.DEAD[Outcome.EXPIRED])
    if expired:
        execute(tx, targets_of, {"ids": encode_values(expired), "now": tx.now})
        tx.signal("targets")
    return tuple(expired)


def _lost(tx: Tx, *, restarted: bool) -> tuple[str, ...]:
    """Return claims that ended without an outcome; they may have been sent. Tests are discarded, not retried."""
    most = SWEPT_AT_ONCE
    claims = all_claims(tx, most=most) if restarted else lost_claims(tx, now=tx.now, most=most)
    if not claims:
        return ()
    rows = [
        {
            "delivery": claim.id,
            "n": claim.fence,
            "started_at": None,
            "finished_at": tx.now,
            "outcome": Outcome.AMBIGUOUS.value,
            "detail": sentences.LOST,
            "replica": tx.replica,
        }
        for claim in claims
    ]
    insert(tx, attempts, rows)
    ids = encode_values(claim.id for claim in claims)
    execute(tx, give_up_claims, {"ids": ids, "now": tx.now})
    execute(tx, targets_of, {"ids": ids, "now": tx.now})
    tx.signal("targets")
    return tuple(claim.id for claim in claims)


def _tell_fallback(tx: Tx, rules: AlertingRules, fallback: str, alert: UndeliveredAlert) -> bool:
    """Send the alert through the fallback, with a note about what failed; once per notification."""
    if execute(tx, fallback_notification, {"notification": alert.notification}).first() is not None:
        return False
    dead = alert.state == DeliveryState.DEAD.value
    note = sentences.undelivered(
        alert.channel, alert.address, dead=dead, outcome=alert.outcome, detail=alert.detail
    )
    message = replace(
        Message.from_json(json_value(alert.message or alert.base)),
        reason=Reason.FALLBACK,
        note=note,
        at=tx.now,
        form=FORM,
    )
    id_ = announce(
        tx, rules, project=alert.project, message=message, rank=alert.rank, fallback_of=alert.notification
    )
    deliver(
        tx,
        rules,
        notification=id_,
        project=alert.project,
        reason=Reason.FALLBACK,
        group_id=f"fallback:{alert.notification}",
        episode=0,
        chosen=rules.targets.get(fallback, ()),
        rank=alert.rank,
        first=True,
    )
    return True
