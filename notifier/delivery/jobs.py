"""The values of delivery: what a channel allows, what was claimed, and what an attempt led to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Thread
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import Value
from notifier.policy.targets import Quiet
from notifier.store.compiled import insert
from notifier.store.database import Tx
from notifier.store.schema import attempts

LEASE: Duration = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """The rules that a channel sets for its deliveries. `slots` is how many more sends the channel may take now.

    `share` is how many one of its targets may have in flight, None: all. `quiet` says how far nothing is being sent.
    """

    name: str
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    slots: int
    action_links: bool = False
    share: int | None = None
    quiet: Quiet = Quiet.PROCESS


class Job(Value, frozen=True, kw_only=True):
    """One claimed delivery: what to send where, and the fence that its outcome must still hold.

    `settings_hash` is of the settings that it is sent with; `quiet` says how far nothing else may be sent meanwhile.
    """

    id: str
    fence: int
    project: str
    target: int
    channel: str
    address: str
    reason: Reason
    message: Message
    thread: Thread
    created_at: Instant
    claimed_at: Instant
    settings_hash: str | None = None
    quiet: Quiet = Quiet.NOWHERE


class Claimed(Value, frozen=True, kw_only=True):
    """The jobs of one claim, those that died in it, and when to claim again (None: on a signal).

    `needs` says for which channels nothing more may be claimed until it is so quiet.
    """

    jobs: tuple[Job, ...] = ()
    died: tuple[tuple[str, Outcome], ...] = ()
    next_at: Instant | None = None
    needs: Mapping[str, Quiet] = {}


class Result(Value, frozen=True, kw_only=True):
    """The record of an attempt: the delivery's new state and why."""

    state: DeliveryState
    outcome: Outcome
    again_at: Instant | None = None


def write_attempts(tx: Tx, ended: Sequence[tuple[Job, Outcome, str | None]]) -> None:
    """Write how these jobs ended, each under its fence, with the detail of the outcome."""
    rows = [
        {
            "delivery": job.id,
            "n": job.fence,
            "started_at": job.claimed_at,
            "finished_at": tx.now,
            "outcome": outcome.value,
            "detail": detail,
            "replica": tx.replica,
        }
        for job, outcome, detail in ended
    ]
    insert(tx, attempts, rows)
