"""Values of delivery: the rules of channels, claimed jobs, and results of attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Thread
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import Value
from notifier.policy.targets import Idleness
from notifier.store.compiled import insert
from notifier.store.database import Tx
from notifier.store.schema import attempts

LEASE: Duration = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """The rules that a channel sets for its deliveries. `slots` is how many more sends it can take now.

    `share` is how many sends one of its targets may have in flight, None for no limit of its own. `idle` is the
    current idleness of the channel and the process.
    """

    name: str
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    slots: int
    action_links: bool = False
    share: int | None = None
    idle: Idleness = Idleness.PROCESS


class Job(Value, frozen=True, kw_only=True):
    """A claimed delivery: what to send to whom, and the fence under which its outcome is recorded.

    `settings_hash` identifies the channel settings in use; `needs_idle` says what must be idle while it is sent.
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
    needs_idle: Idleness = Idleness.NONE


class Claimed(Value, frozen=True, kw_only=True):
    """The result of one claim: its jobs, the deliveries that died, and when to claim again (None: on a signal).

    `needs` maps channels to the idleness that must be reached before the next claim.
    """

    jobs: tuple[Job, ...] = ()
    died: tuple[tuple[str, Outcome], ...] = ()
    next_at: Instant | None = None
    needs: Mapping[str, Idleness] = {}


class Result(Value, frozen=True, kw_only=True):
    """The recorded result of an attempt: the delivery's new state and the reason."""

    state: DeliveryState
    outcome: Outcome
    again_at: Instant | None = None


def write_attempts(tx: Tx, ended: Sequence[tuple[Job, Outcome, str | None]]) -> None:
    """Write one attempt for each job, with its outcome and detail."""
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
