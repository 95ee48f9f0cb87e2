"""Claim due targets: mark what goes out as `sending` before any socket is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from notifier.delivery.digest import digest
from notifier.delivery.jobs import LEASE, ChannelRules, Claimed, Job, with_messages
from notifier.domain.delivery import Outcome, Thread
from notifier.domain.message import FORM, Message
from notifier.domain.notification import Reason
from notifier.policy import targets as pacing
from notifier.policy.merging import union
from notifier.policy.rules import AlertingRules
from notifier.policy.targets import Front, Pending, Quiet, Send, needed
from notifier.store import hold, tokens
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.json_rows import encode_rows, encode_values, json_text
from notifier.store.schema import targets
from notifier.store.statements import outbox as statements
from notifier.store.statements.outbox import due_targets, next_target
from notifier.wording import sentences

TARGETS_AT_ONCE = 20
DIGESTED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What was claimed of one target, what died instead, and how quiet it must be before more is."""

    jobs: tuple[Job, ...]
    died: tuple[tuple[str, Outcome], ...]
    needs: Quiet


def claim(tx: Tx, rules: AlertingRules, channels: Mapping[str, ChannelRules]) -> Claimed:
    """Claim due targets of channels with free slots, and mark as `sending` what goes out."""
    free = {name: channel.slots for name, channel in channels.items() if channel.slots > 0}
    if not free:
        return Claimed()
    channels_free = encode_values(sorted(free))
    due = execute(tx, due_targets, {"channels": channels_free, "now": tx.now, "most": TARGETS_AT_ONCE}).all()
    held = bool(due) and hold.current(tx) is not None
    jobs: list[Job] = []
    died: list[tuple[str, Outcome]] = []
    needs: dict[str, Quiet] = {}
    for row in due:
        if free[row.channel] <= 0:
            continue
        channel = _left(channels, row.channel, free[row.channel], jobs)
        taken = _claim_target(tx, rules, row, channel, held=held)
        free[row.channel] -= len(taken.jobs)
        jobs += taken.jobs
        died += taken.died
        if taken.needs:
            needs[row.channel] = taken.needs
        # Nobody joins what goes alone, or what waits for that.
        quiet = max([taken.needs, *(job.quiet for job in taken.jobs)])
        if quiet:
            free |= dict.fromkeys(free if quiet is Quiet.PROCESS else [row.channel], 0)
    left = [name for name, slots in free.items() if slots > 0]
    next_at = execute(tx, next_target, {"channels": encode_values(left)}).scalar() if left else None
    return Claimed(jobs=tuple(jobs), died=tuple(died), next_at=next_at, needs=needs)


def _left(channels: Mapping[str, ChannelRules], name: str, slots: int, jobs: Sequence[Job]) -> ChannelRules:
    """A channel's rules after what this claim has taken already."""
    quiet = channels[name].quiet
    if jobs:
        quiet = min(quiet, Quiet.NOWHERE if any(job.channel == name for job in jobs) else Quiet.CHANNEL)
    return replace(channels[name], slots=slots, quiet=quiet)


def _claim_target(
    tx: Tx, rules: AlertingRules, row: sa.Row[Any], channel: ChannelRules, *, held: bool
) -> _Taken:
    in_flight = execute(tx, statements.count_in_flight, {"target": row.id}).scalar_one()
    target = pacing.Target(
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
        quiet=channel.quiet,
    )
    slots = channel.slots if channel.share is None else min(channel.slots, channel.share - in_flight)
    sending = pacing.plan(target, _front(tx, row.id, target, needed(target, tx.now, slots)), tx.now, slots)
    for id_, outcome in sending.dead:
        mark_dead(tx, id_, outcome, sentences.DEAD[outcome])
    sends = list(sending.sends)
    if sending.digest:
        sends.append(digest(tx, rules, row, _digested(tx, row.id, target)))
    jobs = _start(tx, rules, row, channel, sends)
    sent = any(job.reason is not Reason.TEST for job in jobs)
    # What died may have been a digest that others waited for; who waits for quiet keeps its turn.
    due_at = tx.now if sending.dead else row.due_at if sending.needs else sending.next_at
    if due_at is not None and due_at <= tx.now:
        tx.signal("targets")  # other replicas have slots as well
    changes = {
        "due_at": due_at,
        "tokens": sending.tokens,
        "tokens_at": tx.now,
        "last_sent_at": tx.now if sent else row.last_sent_at,
    }
    update(tx, targets, {"id": row.id}, changes)
    return _Taken(jobs=jobs, died=sending.dead, needs=sending.needs)


def _front(tx: Tx, id_: int, target: pacing.Target, enough: int) -> Front:
    """What comes first at a target, and no more of what waits than decides."""
    if target.disabled:
        threads = execute(tx, statements.all_waiting, {"target": id_, "most": enough}).scalars().all()
        return Front(pending=_of_threads(tx, threads))
    threads, more = _first_threads(tx, id_, enough)
    wanted = {"target": id_, "now": tx.now}
    later = None if more else execute(tx, statements.later, wanted).scalar()
    return Front(pending=_of_threads(tx, threads), more=more, later=later)


def _first_threads(tx: Tx, target: int, enough: int) -> tuple[Sequence[str], bool]:
    """The first threads with something due, and whether there may be more; a thread may have many deliveries."""
    most = enough
    while True:
        rows = execute(tx, statements.front, {"target": target, "now": tx.now, "most": most}).scalars().all()
        threads = list(dict.fromkeys(rows))
        if len(rows) < most or len(threads) >= enough:
            return threads, len(rows) == most
        most *= 4


def _of_threads(tx: Tx, threads: Sequence[str]) -> list[Pending]:
    """All that waits of these threads, in their order."""
    if not threads:
        return []
    place = {thread: number for number, thread in enumerate(dict.fromkeys(threads))}
    rows = execute(tx, statements.of_threads, {"threads": encode_values(place)}).all()
    return sorted(map(_pending, rows), key=lambda one: place[one.thread])


def _digested(tx: Tx, id_: int, target: pacing.Target) -> tuple[Send, ...]:
    """All that a digest tells: what is due and may be merged."""
    threads, _ = _first_threads(tx, id_, DIGESTED_AT_ONCE)
    whole = Front(pending=_of_threads(tx, threads))
    return pacing.plan(target, whole, tx.now, 1).digest


def _pending(row: sa.Row[Any]) -> Pending:
    return Pending(
        id=row.id,
        thread=row.thread,
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        claims=row.claims,
        is_test=row.reason == Reason.TEST.value,
        never_digest=row.reason == Reason.DIGEST.value,
        frozen=bool(row.frozen),
    )


def _start(
    tx: Tx, rules: AlertingRules, target: sa.Row[Any], channel: ChannelRules, sends: Sequence[Send]
) -> tuple[Job, ...]:
    """Freeze the messages, supersede what they carry, and mark them as being sent."""
    if not sends:
        return ()
    found = with_messages(tx, [id_ for send in sends for id_ in (send.newest, *send.older)])
    messages = {send.newest: _message(found, send) for send in sends}
    carried = [(id_, send.newest) for send in sends for id_ in send.older if id_ in found]
    if carried:
        execute(tx, statements.supersede, {"rows": encode_rows(carried), "now": tx.now})
    rows = [
        (send.newest, json_text(messages[send.newest].as_json()), _fallback_at(found, send)) for send in sends
    ]
    execute(tx, statements.begin, {"rows": encode_rows(rows), "lease_until": tx.now + LEASE})
    return tuple(
        _job(tx, rules, target, channel, found[send.newest], messages[send.newest]) for send in sends
    )


def _fallback_at(found: Mapping[str, sa.Row[Any]], send: Send) -> int | None:
    """The earliest of those that it carries: they have waited longer."""
    own: int | None = found[send.newest].fallback_at
    waited = [found[id_].fallback_at for id_ in send.older if id_ in found]
    return min((at for at in waited if at is not None), default=own)


def _job(
    tx: Tx,
    rules: AlertingRules,
    target: sa.Row[Any],
    channel: ChannelRules,
    row: sa.Row[Any],
    message: Message,
) -> Job:
    links = tokens.links(tx, message, recipient=target.address, url=rules.url) if channel.action_links else ()
    return Job(
        id=row.id,
        fence=row.fence + 1,
        project=row.project,
        target=target.id,
        channel=target.channel,
        address=target.address,
        reason=Reason(row.reason),
        message=replace(message, possible_repeat=bool(row.maybe_sent), actions=links),
        thread=Thread(id=row.thread, ref=row.thread_ref, previous_ref=row.previous_ref),
        created_at=row.created_at,
        claimed_at=tx.now,
        settings_hash=rules.settings_hashes.get(target.channel),
        quiet=pacing.quiet_for(row.claims),
    )


def _message(found: Mapping[str, sa.Row[Any]], send: Send) -> Message:
    return _frozen(found[send.newest], [found[id_] for id_ in send.older if id_ in found])


def _frozen(row: sa.Row[Any], older: Sequence[sa.Row[Any]]) -> Message:
    message = Message.from_json(json.loads(row.message or row.base))
    if row.message is None:
        message = replace(message, form=FORM)
    for earlier in sorted(older, key=lambda one: one.id, reverse=True):
        message = union(Message.from_json(json.loads(earlier.message or earlier.base)), message)
    return replace(message, id=row.id, thread_id=row.thread, previous_thread_id=row.previous_thread)
