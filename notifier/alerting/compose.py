"""A group's message: the incidents that it tells and why, the episode's summary, and the hold that is over."""

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
from notifier.store.compiled import execute, write_out
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
    """A member that is told: its row, the reason, and how many events were not told one by one."""

    member: MemberRow
    reason: Reason
    suppressed: int = 0


class Snapshot(Value, frozen=True, kw_only=True):
    """An incident as a message shows it, with its newest event, and who resolved or reopened it."""

    incident: Incident
    resolved_by: str | None
    reopened_by: str | None

    def actor(self, reason: Reason) -> str | None:
        """The person behind a reason, where there is one."""
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
    counts_again: bool = True,
    unheard: bool = False,
) -> Message:
    """The message of one notification, in the conversation of its episode or in one that the message opens.

    `shown` has the snapshots of the incidents that `shown_first` chooses, by number, where they have been read already.
    `counts_again`: the summary of the episode is counted, which costs as much as the episode is long; else the summary
    of the message before goes on. `unheard`: no message of the episode has left yet, and this one leaves with them.
    """
    first = shown_first(items)
    shown = shown or read_shown(tx, rules, [item.member.number for item in first])
    told = [_told(item, shown[item.member.number]) for item in first]
    incidents = [one.incident for one in told]
    last = None if counts_again else _last_summary(tx, group.id)
    if episode.begins:
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
        note=note or _released(tx, items),
        thread_id="",
        standing=summary,
    )
    return replace(message, conversation=_conversation(tx, message, group.id, episode, unheard=unheard))


def shown_first(items: Sequence[NotificationItem]) -> list[NotificationItem]:
    """The items that a message shows, in the order in which they are told."""
    return sorted(items, key=_weight)[:SHOWN_AT_MOST]


def _weight(item: NotificationItem) -> tuple[bool, int, int, bool, int]:
    """The order in which incidents are told; of equal weight, the first that opened."""
    member, state = item.member, State(item.member.state)
    rank = Severity(member.severity).rank
    return (state is State.RESOLVED, -rank, -member.count, state is not State.OPEN, member.number)


def read_shown(tx: Tx, rules: AlertingRules, numbers: Sequence[int]) -> Mapping[int, Snapshot]:
    """Snapshots of these incidents, by number."""
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
        flapping=flapping.named(item.member.returns, item.member.returning_since),
    )


def _conversation(
    tx: Tx, message: Message, group_id: str, episode: Episode, *, unheard: bool
) -> Conversation:
    """The conversation that the message belongs to, kept where it is new."""
    whole, before = (_whole(message), None) if unheard else (message, episode.conversation)
    conversation = wording.converse(whole, before)
    keep_conversation(tx, group_id, episode, conversation)
    return conversation


def _whole(message: Message) -> Message:
    """The message as one of all that its episode tells: the weightiest incident of that is the first."""
    summary = message.standing
    if summary is None:
        return message
    told = (replace(message.told[0], incident=summary.incidents[0]), *message.told[1:])
    count = summary.open + summary.acknowledged + summary.resolved
    return replace(message, told=told, more=count - len(told))


def _first_summary(items: Sequence[NotificationItem], incidents: Sequence[Incident]) -> EpisodeSummary:
    """The summary of an episode that begins with this message: of what the message tells, and of nothing else."""
    states = Counter(State(item.member.state) for item in items)
    return EpisodeSummary(
        open=states[State.OPEN],
        acknowledged=states[State.ACKNOWLEDGED],
        resolved=states[State.RESOLVED],
        events=sum(item.member.count for item in items),
        incidents=tuple(incidents[:SUMMARISED_AT_MOST]),
    )


def _last_summary(tx: Tx, group_id: str) -> EpisodeSummary | None:
    """The summary in the last message of a group."""
    stored = execute(tx, last_message, {"group": group_id}).scalar()
    return None if stored is None else Message.from_json(json_value(stored)).standing


def _with_items(
    before: EpisodeSummary, items: Sequence[NotificationItem], incidents: Sequence[Incident], since: Instant
) -> EpisodeSummary:
    """A summary that goes on with what is told now; what was told in the episode before is in it as it stood."""
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
    write_out(tx)  # what is told now is told in this episode
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


def _released(tx: Tx, items: Sequence[NotificationItem]) -> str | None:
    """The sentences that say what held the members that are told as `unmuted`; None: none is."""
    unmuted = [item.member for item in items if item.reason is Reason.UNMUTED]
    holds = dict.fromkeys((member.held_by, member.hold_ref, member.snoozed_by) for member in unmuted)
    said = dict.fromkeys(_released_from(tx, held_by, ref, by) for held_by, ref, by in holds)
    return " ".join(list(said)[:SENTENCES_AT_MOST]) or None


def _released_from(tx: Tx, held_by: str | None, ref: str | None, snoozed_by: str | None) -> str:
    silence = silences.get(tx, ref) if ref is not None and held_by == HeldBy.SILENCED.value else None
    if silence is None:
        author = snoozed_by if held_by == HeldBy.SNOOZED.value else None
        return sentences.released(str(held_by), author=author)
    # Else its hours are over for now, or the silence or the incident's labels have changed.
    ended = silence.ends_at is not None and silence.ends_at <= tx.now
    return sentences.released(str(held_by), author=silence.author, comment=silence.comment, ended=ended)
