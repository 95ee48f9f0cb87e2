"""A notification and its fan-out: one delivery for each target, in the thread of the episode."""

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
    """Write down one decision to tell; its id. `rank` is the highest severity among its incidents."""
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
    """One delivery per target, all of them or none, in the thread of the episode at each target.

    `rank` is its turn there: the highest severity that it tells of; tests go first. `first`: nothing has ever been told
    of this group, so that there are no threads to look for. `due_at`: when it leaves, if not at once.
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
    """The thread of the episode at each target; a new one follows the newest that the group has there."""
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
    """A real delivery to every target of a channel, with reason `test`; returns the delivery ids."""
    return enqueue(tx, replace(rules, fallback_after=None), project=project, channel=channel, message=message)


def enqueue(tx: Tx, rules: AlertingRules, *, project: str, channel: str, message: Message) -> tuple[str, ...]:
    """A message to every target of a channel, in a thread of its own; returns the delivery ids."""
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
        rank=Severity.CRITICAL.rank,  # what it says of itself, nobody else says
    )
    return tuple(
        tx.run(
            sa.select(deliveries.c.id).where(deliveries.c.notification == id_).order_by(deliveries.c.id)
        ).scalars()
    )
