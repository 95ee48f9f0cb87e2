"""The message of a notification: its incidents with reasons, the episode's summary, and what held them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from notifier import wording
from notifier.alerting.episode import Episode, keep_conversation
from notifier.domain.incident import Incident
from notifier.domain.message import (
    SHOWN_AT_MOST,
    Conversation,
    EpisodeSummary,
    Message,
    Origin,
    Told,
    by_weight,
    weight,
)
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.severity import Severity
from notifier.domain.state import RESOLVED_BY_NOBODY, State
from notifier.domain.time import Instant
from notifier.domain.value import Value, replace
from notifier.policy import flapping
from notifier.policy.rules import AlertingRules
from notifier.store import silences
from notifier.store.compiled import execute, write_deferred
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values, json_value
from notifier.store.statements.deliveries import last_message
from notifier.store.statements.groups import GroupRow
from notifier.store.statements.incidents import episode_counts, episode_incidents, snapshots
from notifier.store.statements.members import MemberRow
from notifier.store.views import incident_of, with_links
from notifier.wording import sentences

SUMMARISED_AT_MOST = 10
SENTENCES_AT_MOST = 3


class NotificationItem(Value, frozen=True, kw_only=True):
    """A member in a notification: its row, the reason, and the number of events not notified individually."""

    member: MemberRow
    reason: Reason
    suppressed: int = 0


class Snapshot(Value, frozen=True, kw_only=True):
    """An incident as a message shows it, with its latest event and who resolved or reopened it."""

    incident: Incident
    resolved_by: str | None
    reopened_by: str | None

    def actor(self, reason: Reason) -> str | None:
        """The person behind `reason`, or None if no person caused it."""
        by = None
        if reason is Reason.ACKNOWLEDGED:
            by = self.incident.acknowledged_by
        elif reason is Reason.RESOLVED:
            by = self.resolved_by
        elif reason is Reason.REOPENED:
            by = self.reopened_by
        return None if by in RESOLVED_BY_NOBODY else by


def compose(
    tx: Tx,
    rules: AlertingRules,
    group: GroupRow,
    reason: Reason,
    items: Sequence[NotificationItem],
    *,
    origin: Origin,
    episode: Episode,
    note: str | None = None,
    shown: Mapping[int, Snapshot] | None = None,
    recount: bool = True,
    unsent: bool = False,
) -> Message:
    """Compose the message of one notification and assign it to a conversation of its episode.

    `shown` maps the numbers of the shown incidents to snapshots, None to read them. `recount` computes the episode's
    summary from all its members instead of extending that of the previous message. `unsent` says that no message of
    the episode has been sent yet, so that this one may still choose the conversation's subject.
    """
    first = shown_first(items)
    shown = shown or read_shown(tx, rules, [item.member.number for item in first])
    told = [_told(item, shown[item.member.number]) for item in first]
    incidents = [one.incident for one in told]
    last = None if recount else _last_summary(tx, group.id)
    if episode.is_new:
        summary = _first_summary(items, incidents)
    elif last is not None:
        summary = _with_items(last, items, incidents, episode.since)
    else:
        summary = _episode_summary(tx, rules, group.id, episode.since)
    message = Message(
        id="",
        reason=reason,
        at=tx.now,
        project=group.project,
        group=group.id,
        labels=json_value(group.labels),
        told=by_weight(told),
        more=len(items) - len(first),
        totals=dict(Counter(item.reason.value for item in items)),
        events=sum(item.member.count for item in items),
        most_events=max((item.member.count for item in items), default=0),
        suppressed=sum(item.suppressed for item in items),
        origin=origin,
        note=note or _hold_notes(tx, items),
        thread_id="",
        standing=summary,
    )
    return replace(message, conversation=_conversation(tx, message, group.id, episode, unsent=unsent))


def shown_first(items: Sequence[NotificationItem]) -> list[NotificationItem]:
    """The items that a message shows, most important first."""
    return sorted(items, key=_weight)[:SHOWN_AT_MOST]


def _weight(item: NotificationItem) -> tuple[bool, int, int, bool, int]:
    """The sort key of an item; the incident that opened first wins a tie."""
    member, state = item.member, State(item.member.state)
    rank = Severity(member.severity).rank
    return (state is State.RESOLVED, -rank, -member.count, state is not State.OPEN, member.number)


def read_shown(tx: Tx, rules: AlertingRules, numbers: Sequence[int]) -> Mapping[int, Snapshot]:
    """Snapshots of the given incidents, by number."""
    found = {
        row.number: Snapshot(
            incident=incident_of(row, rules.url), resolved_by=row.resolved_by, reopened_by=row.reopened_by
        )
        for row in execute(tx, snapshots, {"incidents": encode_values(numbers)})
    }
    linked = with_links(tx, [each.incident for each in found.values()])
    return {one.number: replace(found[one.number], incident=one) for one in linked}


def _told(item: NotificationItem, snapshot: Snapshot) -> Told:
    return Told(
        incident=snapshot.incident,
        reason=item.reason,
        actor=snapshot.actor(item.reason),
        flapping=flapping.describe(item.member.returns, item.member.returning_since),
    )


def _conversation(tx: Tx, message: Message, group_id: str, episode: Episode, *, unsent: bool) -> Conversation:
    """The conversation that the message belongs to, stored if it is new."""
    whole, before = (_whole(message), None) if unsent else (message, episode.conversation)
    conversation = wording.conversation_of(whole, before)
    keep_conversation(tx, group_id, episode, conversation)
    return conversation


def _whole(message: Message) -> Message:
    """The message as if it covered its whole episode, with the episode's most important incident first."""
    summary = message.standing
    if summary is None:
        return message
    told = (replace(message.told[0], incident=summary.incidents[0]), *message.told[1:])
    count = summary.open + summary.acknowledged + summary.resolved
    return replace(message, told=told, more=count - len(told))


def _first_summary(items: Sequence[NotificationItem], incidents: Sequence[Incident]) -> EpisodeSummary:
    """The summary of an episode that begins with this message, covering only the message's incidents."""
    states = Counter(State(item.member.state) for item in items)
    return EpisodeSummary(
        open=states[State.OPEN],
        acknowledged=states[State.ACKNOWLEDGED],
        resolved=states[State.RESOLVED],
        events=sum(item.member.count for item in items),
        incidents=tuple(incidents[:SUMMARISED_AT_MOST]),
    )


def _last_summary(tx: Tx, group_id: str) -> EpisodeSummary | None:
    """The summary in the last message of a group, or None if the group has sent none."""
    stored = execute(tx, last_message, {"group": group_id}).scalar()
    return None if stored is None else Message.from_json(json_value(stored)).standing


def _with_items(
    before: EpisodeSummary, items: Sequence[NotificationItem], incidents: Sequence[Incident], since: Instant
) -> EpisodeSummary:
    """`before` extended by `items`. Members already notified about in the episode keep their old counts."""
    added = _first_summary([item for item in items if (item.member.told_at or 0) < since], ())
    known = {incident.id: incident for incident in (*before.incidents, *incidents)}
    return EpisodeSummary(
        open=before.open + added.open,
        acknowledged=before.acknowledged + added.acknowledged,
        resolved=before.resolved + added.resolved,
        events=before.events + added.events,
        incidents=tuple(sorted(known.values(), key=weight)[:SUMMARISED_AT_MOST]),
    )


def _episode_summary(tx: Tx, rules: AlertingRules, group_id: str, since: Instant) -> EpisodeSummary:
    write_deferred(tx)  # The summary reads from the database that the current items belong to this episode.
    of_episode = {"group": group_id, "since": since}
    counts = {row.state: (int(row.n), int(row.events)) for row in execute(tx, episode_counts, of_episode)}
    rows = execute(tx, episode_incidents, {**of_episode, "most": SUMMARISED_AT_MOST})
    number = {state: counts.get(state.value, (0, 0))[0] for state in State}
    return EpisodeSummary(
        open=number[State.OPEN],
        acknowledged=number[State.ACKNOWLEDGED],
        resolved=number[State.RESOLVED],
        events=sum(events for _, events in counts.values()),
        incidents=tuple(incident_of(row, rules.url) for row in rows),
    )


def _hold_notes(tx: Tx, items: Sequence[NotificationItem]) -> str | None:
    """Sentences that say what held the items with the reason `unmuted`; None if there are no such items."""
    unmuted = [item.member for item in items if item.reason is Reason.UNMUTED]
    holds = dict.fromkeys((member.held_by, member.hold_ref, member.snoozed_by) for member in unmuted)
    said = dict.fromkeys(_hold_note(tx, held_by, ref, by) for held_by, ref, by in holds)
    return " ".join(list(said)[:SENTENCES_AT_MOST]) or None


def _hold_note(tx: Tx, held_by: str | None, ref: str | None, snoozed_by: str | None) -> str:
    silence = silences.get(tx, ref) if ref is not None and held_by == HeldBy.SILENCED.value else None
    if silence is None:
        author = snoozed_by if held_by == HeldBy.SNOOZED.value else None
        return sentences.released(str(held_by), author=author)
    # If the silence has not ended, it is outside its recurring window, or its matchers or the incident's
    # labels changed.
    ended = silence.ends_at is not None and silence.ends_at <= tx.now
    return sentences.released(str(held_by), author=silence.author, comment=silence.comment, ended=ended)
