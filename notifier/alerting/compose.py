"""What a group's message says: who is told of and why, where the whole episode stands, and what held it before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from notifier import wording
from notifier.alerting.episode import Episode, keep_conversation, standing_counts, standing_first
from notifier.alerting.member import NOBODY
from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.message import SHOWN_AT_MOST, EpisodeSummary, Message, Origin, Told, by_weight
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.time import Instant
from notifier.policy import flapping
from notifier.policy.rules import AlertingRules
from notifier.store import silences
from notifier.store.compiled import execute, write_out
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values
from notifier.store.statements.alerting import snapshots
from notifier.store.views import incident_of
from notifier.wording import sentences

STANDING_AT_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationItem:
    """One member that is told: its row as it was read, why, and how many events were not told one by one."""

    row: Any
    reason: Reason
    suppressed: int = 0


def compose(
    tx: Tx,
    rules: AlertingRules,
    group: sa.Row[Any],
    reason: Reason,
    told: Sequence[NotificationItem],
    *,
    origin: Origin,
    episode: Episode,
    note: str | None = None,
    known: Mapping[int, Any] | None = None,
) -> Message:
    """The message of one notification, in the conversation of its episode or in one that it opens.

    `known` are incidents as they are shown, by number, where they have been read already.
    """
    shown = shown_first(told)
    rows = read_shown(tx, [one.row.number for one in shown]) if known is None else known
    totals: dict[str, int] = {}
    for one in told:
        totals[one.reason.value] = totals.get(one.reason.value, 0) + 1
    composed = Message(
        id="",
        reason=reason,
        at=tx.now,
        project=group.project,
        group=group.id,
        labels=json.loads(group.labels),
        told=by_weight(_told(rules, shown, rows)),
        more=len(told) - len(shown),
        totals=totals,
        events=sum(one.row.count for one in told),
        suppressed=sum(one.suppressed for one in told),
        origin=origin,
        note=note or _released(tx, told),
        thread_id="",
        standing=_first_summary(rules, told, shown, rows)
        if episode.begins
        else _episode_summary(tx, rules, group.id, episode.since),
    )
    conversation = wording.converse(composed, episode.conversation)
    keep_conversation(tx, group.id, episode, conversation)
    return replace(composed, conversation=conversation)


def _weight(one: NotificationItem) -> tuple[bool, int, int, bool, int]:
    """The order in which incidents are told; of equal weight, the first that opened."""
    row, state = one.row, State(one.row.state)
    rank = Severity(row.severity).rank
    return (state is State.RESOLVED, -rank, -row.count, state is not State.OPEN, row.number)


def shown_first(told: Sequence[NotificationItem]) -> list[NotificationItem]:
    """Those that a message shows, in the order in which they are told."""
    return sorted(told, key=_weight)[:SHOWN_AT_MOST]


def read_shown(tx: Tx, numbers: Sequence[int]) -> Mapping[int, Any]:
    """Incidents as they are shown, with their newest events."""
    return {row.number: row for row in execute(tx, snapshots, {"incidents": encode_values(numbers)})}


def _told(
    rules: AlertingRules, shown: Sequence[NotificationItem], known: Mapping[int, Any]
) -> tuple[Told, ...]:
    return tuple(
        Told(
            incident=incident_of(known[one.row.number], rules.url),
            reason=one.reason,
            actor=_actor(known[one.row.number], one.reason),
            flapping=flapping.named(one.row.returns, one.row.returning_since),
        )
        for one in shown
    )


def _actor(row: Any, reason: Reason) -> str | None:
    """The person behind what is told, where there is one."""
    by = None
    if reason is Reason.ACKNOWLEDGED:
        by = row.acknowledged_by
    elif reason is Reason.RESOLVED:
        by = row.resolved_by
    elif reason is Reason.REOPENED:
        by = row.reopened_by
    return None if by in NOBODY else by


def _first_summary(
    rules: AlertingRules,
    told: Sequence[NotificationItem],
    shown: Sequence[NotificationItem],
    known: Mapping[int, Any],
) -> EpisodeSummary:
    """Where an episode stands that begins with this message: of what it tells, and of nothing else."""
    states = Counter(State(one.row.state) for one in told)
    return EpisodeSummary(
        open=states[State.OPEN],
        acknowledged=states[State.ACKNOWLEDGED],
        resolved=states[State.RESOLVED],
        events=sum(one.row.count for one in told),
        incidents=tuple(incident_of(known[one.row.number], rules.url) for one in shown[:STANDING_AT_MOST]),
    )


def _episode_summary(tx: Tx, rules: AlertingRules, group_id: str, since: Instant) -> EpisodeSummary:
    write_out(tx)  # what is told now is told in this episode
    wanted = {"group": group_id, "since": since}
    counts = {row.state: (int(row.n), int(row.events)) for row in execute(tx, standing_counts, wanted)}
    rows = execute(tx, standing_first, {**wanted, "most": STANDING_AT_MOST})
    number = {state: counts.get(state.value, (0, 0))[0] for state in State}
    return EpisodeSummary(
        open=number[State.OPEN],
        acknowledged=number[State.ACKNOWLEDGED],
        resolved=number[State.RESOLVED],
        events=sum(events for _, events in counts.values()),
        incidents=tuple(incident_of(row, rules.url) for row in rows),
    )


def _released(tx: Tx, told: Sequence[NotificationItem]) -> str | None:
    """What held those that are told as `unmuted`, and is over."""
    rows = [one.row for one in told if one.reason is Reason.UNMUTED]
    if not rows:
        return None
    sentences = {_sentence(tx, held_by, ref, by): None for held_by, ref, by in _holds(rows)}
    return " ".join(list(sentences)[:3])


def _holds(rows: Sequence[Any]) -> list[tuple[str, str | None, str | None]]:
    return list({(row.held_by, row.hold_ref, row.snoozed_by): None for row in rows})


def _sentence(tx: Tx, held_by: str, ref: str | None, by: str | None) -> str:
    silence = silences.get(tx, ref) if ref is not None and held_by == HeldBy.SILENCED.value else None
    if silence is None:
        return sentences.released(held_by, author=by if held_by == HeldBy.SNOOZED.value else None)
    # Else its hours are over for now, or it or the incident's labels have changed.
    ended = silence.ends_at is not None and silence.ends_at <= tx.now
    return sentences.released(held_by, author=silence.author, comment=silence.comment, ended=ended)
