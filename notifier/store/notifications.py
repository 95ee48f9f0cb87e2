"""Notifications and their fan-out to one delivery per target, in the thread of the episode."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.time import Instant
from notifier.domain.value import replace
from notifier.policy.rules import AlertingRules
from notifier.store import ledger
from notifier.store.compiled import each, insert
from notifier.store.database import Tx
from notifier.store.json_rows import encode_values, json_text
from notifier.store.schema import deliveries, notifications, threads
from notifier.store.statements.targets import lock_targets, wake_targets
from notifier.store.statements.threads import ThreadRow, threads_at_targets

TESTS_FIRST = 100


def announce(
    tx: Tx,
    rules: AlertingRules,
    *,
    project: str,
    message: Message,
    group_id: str | None = None,
    episode: int = 0,
    rank: int = 0,
    fallback_of: str | None = None,
    id_: str | None = None,
) -> str:
    """Write a notification. Returns its id. `rank` is the highest severity rank among its incidents."""
    id_ = rules.new_id() if id_ is None else id_
    row = {
        "id": id_,
        "project": project,
        "group_id": group_id,
        "episode": episode,
        "reason": message.reason.value,
        "at": tx.now,
        "rank": rank,
        "message": json_text(message.as_json()),
        "fallback_of": fallback_of,
    }
    insert(tx, notifications, [row])
    return id_


def deliver(
    tx: Tx,
    rules: AlertingRules,
    *,
    notification: str,
    project: str,
    reason: Reason,
    group_id: str,
    episode: int,
    chosen: Sequence[int],
    rank: int = 0,
    first: bool = False,
    due_at: Instant | None = None,
) -> None:
    """Create one delivery per target in the episode's thread there.

    `rank` orders the deliveries of a target by severity; tests go first. `first` means that the group has no threads
    yet, which saves a lookup. `due_at` is when the deliveries are sent, None for now.
    """
    wanted = sorted(set(chosen))
    if not wanted:
        return
    thread_of = _threads(tx, rules, group_id, episode, wanted, first=first)
    lock_targets(tx, wanted)
    wait = rules.fallback_after
    rows = [
        {
            "id": rules.new_id(), "project": project, "notification": notification, "target": target,
            "channel": rules.channel_of[target], "thread": thread_of[target], "reason": reason.value,
            "rank": TESTS_FIRST if reason is Reason.TEST else rank, "state": "pending",
            "created_at": tx.now, "due_at": tx.now if due_at is None else due_at,
            "expires_at": tx.now + rules.expires_after,
            "fallback_at": None if wait is None else tx.now + wait,
        }
        for target in wanted
    ]  # fmt: skip
    insert(tx, deliveries, rows)
    each(tx, wake_targets, ([target] for target in wanted), now=tx.now)
    ledger.add(tx, {"created_deliveries": len(rows)})
    tx.signal("targets")


def _threads(
    tx: Tx, rules: AlertingRules, group_id: str, episode: int, chosen: Sequence[int], *, first: bool
) -> dict[int, str]:
    """The thread of the episode at each target. A new one refers to the group's newest thread there."""
    newest: dict[int, ThreadRow] = {}
    if not first:
        rows = threads_at_targets(tx, group=group_id, targets=encode_values(chosen))
        newest = {thread.target: thread for thread in rows}
    thread_of: dict[int, str] = {}
    new = []
    for target in chosen:
        last = newest.get(target)
        if last is not None and last.episode == episode:
            thread_of[target] = last.id
            continue
        thread_of[target] = rules.new_id()
        new.append(
            {
                "id": thread_of[target],
                "group_id": group_id,
                "episode": episode,
                "target": target,
                "previous_id": None if last is None else last.id,
                "created_at": tx.now,
            }
        )
    if new:
        insert(tx, threads, new)
    return thread_of


def enqueue_test(
    tx: Tx, rules: AlertingRules, *, project: str, channel: str, message: Message
) -> tuple[str, ...]:
    """Create test deliveries to every target of a channel. Returns their ids."""
    return enqueue(tx, replace(rules, fallback_after=None), project=project, channel=channel, message=message)


def enqueue(tx: Tx, rules: AlertingRules, *, project: str, channel: str, message: Message) -> tuple[str, ...]:
    """Send a message to every target of a channel, each in its own thread. Returns the delivery ids."""
    id_ = announce(tx, rules, project=project, message=message)
    deliver(
        tx,
        rules,
        notification=id_,
        project=project,
        reason=message.reason,
        group_id=f"{message.reason.value}:{id_}",
        episode=0,
        chosen=rules.targets.get(channel, ()),
        first=True,
        rank=Severity.CRITICAL.rank,  # The fallback does not repeat messages of the service about itself.
    )
    return tuple(
        tx.run(
            sa.select(deliveries.c.id).where(deliveries.c.notification == id_).order_by(deliveries.c.id)
        ).scalars()
    )
