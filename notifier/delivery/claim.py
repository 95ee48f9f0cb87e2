"""Claim: marks deliveries of due targets as `sending` before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notifier.delivery.digest import digest
from notifier.delivery.jobs import LEASE, ChannelRules, Claimed, Job
from notifier.domain.delivery import Outcome, Thread
from notifier.domain.message import FORM, Message
from notifier.domain.notification import Reason
from notifier.domain.value import Value, replace
from notifier.policy import targets as pacing
from notifier.policy.merging import union
from notifier.policy.rules import AlertingRules
from notifier.policy.targets import Front, Idleness, Pending, Send, Target, needed
from notifier.store import hold, tokens
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.json_rows import encode_rows, encode_values, json_text, json_value
from notifier.store.schema import targets
from notifier.store.statements.deliveries import (
    DeliveryMessage,
    WaitingDelivery,
    begin_sending,
    count_in_flight,
    delivery_messages,
    first_threads,
    later_due,
    supersede,
    waiting_of_threads,
    waiting_threads,
)
from notifier.store.statements.targets import DueTarget, due_targets, next_target_due
from notifier.wording import sentences

TARGETS_AT_ONCE = 20
DIGESTED_AT_ONCE = 5_000


class _TargetClaims(Value, frozen=True, kw_only=True):
    """The claims for one target: jobs, deliveries that died, and the idleness needed before the next claim."""

    jobs: tuple[Job, ...]
    died: tuple[tuple[str, Outcome], ...]
    needs: Idleness


def claim(tx: Tx, rules: AlertingRules, channels: Mapping[str, ChannelRules]) -> Claimed:
    """Claim deliveries of due targets whose channels have free slots, and mark them as `sending`."""
    free = {name: channel.slots for name, channel in channels.items() if channel.slots > 0}
    if not free:
        return Claimed()
    due = due_targets(tx, channels=encode_values(sorted(free)), now=tx.now, most=TARGETS_AT_ONCE)
    held = bool(due) and hold.current(tx) is not None
    jobs: list[Job] = []
    died: list[tuple[str, Outcome]] = []
    needs: dict[str, Idleness] = {}
    for target in due:
        name = target.channel
        if free[name] <= 0:
            continue
        channel = _remaining_rules(channels, name, free[name], jobs)
        taken = _claim_target(tx, rules, target, channel, held=held)
        free[name] -= len(taken.jobs)
        jobs += taken.jobs
        died += taken.died
        if taken.needs:
            needs[name] = taken.needs
        # No other send may begin beside a delivery that must be sent alone, or that waits until it can be.
        idle = max([taken.needs, *(job.needs_idle for job in taken.jobs)])
        if idle:
            free |= dict.fromkeys(free if idle is Idleness.PROCESS else [name], 0)
    left = [name for name, slots in free.items() if slots > 0]
    next_at = execute(tx, next_target_due, {"channels": encode_values(left)}).scalar() if left else None
    return Claimed(jobs=tuple(jobs), died=tuple(died), next_at=next_at, needs=needs)


def _remaining_rules(
    channels: Mapping[str, ChannelRules], name: str, slots: int, jobs: Sequence[Job]
) -> ChannelRules:
    """A channel's rules, reduced by what this claim has already taken."""
    idle = channels[name].idle
    if jobs:
        idle = min(idle, Idleness.NONE if any(job.channel == name for job in jobs) else Idleness.CHANNEL)
    return replace(channels[name], slots=slots, idle=idle)


def _claim_target(
    tx: Tx, rules: AlertingRules, row: DueTarget, channel: ChannelRules, *, held: bool
) -> _TargetClaims:
    in_flight = execute(tx, count_in_flight, {"target": row.id}).scalar_one()
    target = Target(
        tokens=row.tokens,
        tokens_at=row.tokens_at,
        cool_until=row.cool_until,
        failures=row.failures,
        disabled=row.disabled_at is not None,
        last_sent_at=row.last_sent_at,
        in_flight=in_flight,
        rate_limit=channel.rate_limit,
        digest=channel.digest,
        pace=channel.pace,
        held=held,
        idle=channel.idle,
    )
    slots = channel.slots if channel.share is None else min(channel.slots, channel.share - in_flight)
    plan = pacing.plan(
        target, _waiting_front(tx, row.id, target, needed(target, tx.now, slots)), tx.now, slots
    )
    for id_, outcome in plan.dead:
        mark_dead(tx, id_, outcome, sentences.DEAD[outcome])
    sends = list(plan.sends)
    if plan.digest:
        sends.append(digest(tx, rules, row, _sends_for_digest(tx, row.id, target)))
    jobs = _start(tx, rules, row, channel, sends)
    sent = any(job.reason is not Reason.TEST for job in jobs)
    # A dead delivery may have been a digest that others wait for. A delivery that waits to be sent alone keeps its
    # turn.
    due_at = tx.now if plan.dead else row.due_at if plan.needs else plan.next_at
    if due_at is not None and due_at <= tx.now:
        tx.signal("targets")  # other replicas have slots as well
    changes = {
        "due_at": due_at,
        "tokens": plan.tokens,
        "tokens_at": tx.now,
        "last_sent_at": tx.now if sent else row.last_sent_at,
    }
    update(tx, targets, {"id": row.id}, changes)
    return _TargetClaims(jobs=jobs, died=plan.dead, needs=plan.needs)


def _waiting_front(tx: Tx, id_: int, target: Target, enough: int) -> Front:
    """The first deliveries that wait for a target, as many as the plan needs."""
    if target.disabled:
        threads = execute(tx, waiting_threads, {"target": id_, "most": enough}).scalars().all()
        return Front(pending=_of_threads(tx, threads))
    threads, more = _first_threads(tx, id_, enough)
    later = None if more else execute(tx, later_due, {"target": id_, "now": tx.now}).scalar()
    return Front(pending=_of_threads(tx, threads), more=more, later=later)


def _first_threads(tx: Tx, target: int, enough: int) -> tuple[Sequence[str], bool]:
    """The first `enough` threads with a due delivery, and whether there may be more."""
    most = enough
    while True:
        rows = execute(tx, first_threads, {"target": target, "now": tx.now, "most": most}).scalars().all()
        threads = list(dict.fromkeys(rows))
        if len(rows) < most or len(threads) >= enough:
            return threads, len(rows) == most
        most *= 4


def _of_threads(tx: Tx, threads: Sequence[str]) -> list[Pending]:
    """All waiting deliveries of the threads, in the order of the threads."""
    if not threads:
        return []
    place = {thread: number for number, thread in enumerate(dict.fromkeys(threads))}
    deliveries = waiting_of_threads(tx, threads=encode_values(place))
    return sorted(map(_pending, deliveries), key=lambda delivery: place[delivery.thread])


def _sends_for_digest(tx: Tx, id_: int, target: Target) -> tuple[Send, ...]:
    """The sends that go into a digest: all that are due and may be merged."""
    threads, _ = _first_threads(tx, id_, DIGESTED_AT_ONCE)
    return pacing.plan(target, Front(pending=_of_threads(tx, threads)), tx.now, 1).digest


def _pending(delivery: WaitingDelivery) -> Pending:
    return Pending(
        id=delivery.id,
        thread=delivery.thread,
        created_at=delivery.created_at,
        due_at=delivery.due_at,
        expires_at=delivery.expires_at,
        claims=delivery.claims,
        is_test=delivery.reason == Reason.TEST.value,
        never_digest=delivery.reason == Reason.DIGEST.value,
        frozen=bool(delivery.frozen),
    )


def _start(
    tx: Tx, rules: AlertingRules, target: DueTarget, channel: ChannelRules, sends: Sequence[Send]
) -> tuple[Job, ...]:
    """Freeze the messages, supersede the older deliveries that they merge, and mark the others as `sending`."""
    if not sends:
        return ()
    ids = encode_values(id_ for send in sends for id_ in (send.newest, *send.older))
    deliveries = {delivery.id: delivery for delivery in delivery_messages(tx, ids=ids)}
    older_of = {send.newest: [deliveries[id_] for id_ in send.older if id_ in deliveries] for send in sends}
    documents = {id_: _document(deliveries[id_], older) for id_, older in older_of.items()}
    superseded = [(older.id, id_) for id_, carried in older_of.items() for older in carried]
    if superseded:
        execute(tx, supersede, {"rows": encode_rows(superseded), "now": tx.now})
    rows = [
        (id_, json_text(documents[id_]), _fallback_at(deliveries[id_], older))
        for id_, older in older_of.items()
    ]
    execute(tx, begin_sending, {"rows": encode_rows(rows), "lease_until": tx.now + LEASE})
    return tuple(_job(tx, rules, target, channel, deliveries[id_], documents[id_]) for id_ in older_of)


def _fallback_at(delivery: DeliveryMessage, older: Sequence[DeliveryMessage]) -> int | None:
    """The earliest `fallback_at` of the merged deliveries, or the delivery's own if it merges none."""
    waited = (carried.fallback_at for carried in older)
    return min((at for at in waited if at is not None), default=delivery.fallback_at)


def _job(
    tx: Tx,
    rules: AlertingRules,
    target: DueTarget,
    channel: ChannelRules,
    delivery: DeliveryMessage,
    document: Mapping[str, Any],
) -> Job:
    message = Message.from_json(document, possible_repeat=bool(delivery.maybe_sent))
    if channel.action_links:
        links = tokens.links(tx, message, recipient=target.address, url=rules.url)
        message = replace(message, actions=links)
    return Job(
        id=delivery.id,
        fence=delivery.fence + 1,
        project=delivery.project,
        target=target.id,
        channel=target.channel,
        address=target.address,
        reason=Reason(delivery.reason),
        message=message,
        thread=Thread(id=delivery.thread, ref=delivery.thread_ref, previous_ref=delivery.previous_ref),
        created_at=delivery.created_at,
        claimed_at=tx.now,
        settings_hash=rules.settings_hashes.get(target.channel),
        needs_idle=pacing.idleness_needed(delivery.claims),
    )


def _document(delivery: DeliveryMessage, older: Sequence[DeliveryMessage]) -> Mapping[str, Any]:
    """The delivery's message in stored form, merged with the messages of the older deliveries."""
    document: dict[str, Any] = json_value(delivery.message or delivery.base)
    if delivery.message is None:
        document["form"] = FORM
    if older:
        message = Message.from_json(document)
        for earlier in sorted(older, key=lambda carried: carried.id, reverse=True):
            message = union(Message.from_json(json_value(earlier.message or earlier.base)), message)
        document = message.as_json()
    return document | {
        "id": delivery.id,
        "thread_id": delivery.thread,
        "previous_thread_id": delivery.previous_thread,
    }
