"""Merging of a message with older unsent ones."""

from __future__ import annotations

from notifier.domain.message import SHOWN_AT_MOST, Message, Told, by_weight, leading
from notifier.domain.value import replace


def union(older: Message, newer: Message) -> Message:
    """`newer` extended by the incidents of `older`, each in its current state and with the leading reason."""
    told = {item.incident.id: item for item in newer.told}
    for item in older.told:
        known = told.get(item.incident.id)
        told[item.incident.id] = item if known is None else _both(item, known)
    again = [item for item in older.told if any(item.incident.id == two.incident.id for two in newer.told)]
    totals = dict(newer.totals)
    for reason, count in older.totals.items():
        totals[reason] = totals.get(reason, 0) + count
    shown = by_weight(told.values())[:SHOWN_AT_MOST]
    return replace(
        newer,
        reason=leading({older.reason, newer.reason}) or newer.reason,
        told=shown,
        more=max(0, older.more + newer.more + len(older.told) + len(newer.told) - len(again) - len(shown)),
        totals=totals,
        events=max(0, older.events + newer.events - sum(item.incident.count for item in again)),
        most_events=max(older.most_events, newer.most_events),
        suppressed=older.suppressed + newer.suppressed,
    )


def _both(older: Told, newer: Told) -> Told:
    """The incident in its newer state, with the leading one of both reasons and the actor of that reason."""
    reason = leading({older.reason, newer.reason}) or newer.reason
    actor = newer.actor if newer.reason is reason else older.actor
    return replace(newer, reason=reason, actor=actor)
