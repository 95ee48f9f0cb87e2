"""Pacing: a due target sends single messages, one digest, or nothing until later (RULES.md#targets)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.time import SECOND, Duration, Instant
from notifier.domain.value import Value
from notifier.policy.bucket import TokenBucket
from notifier.policy.retry import CLAIMS_AT_MOST, FAILURES_TO_COOL

DIGEST_AT_LEAST = 2
PACED_AT_MOST: Duration = 30 * SECOND
"""If sending one by one to a paced target would take longer than this, a digest is sent."""
SEEN_AT_MOST = 2_000
DYING_AT_ONCE = 500
STALE: Duration = 60 * SECOND
"""Messages that have waited this long for their target are merged."""


class Idleness(IntEnum):
    """How much of this process is idle, i.e. has no claimed deliveries."""

    NONE = 0
    CHANNEL = 1
    PROCESS = 2


def idleness_needed(claims: int) -> Idleness:
    """The idleness needed for a delivery whose claim was lost before, since sending it may have crashed the worker.

    After the first loss its channel must be idle, after further losses the whole process, so that it affects nothing
    else.
    """
    return Idleness(min(claims, Idleness.PROCESS))


class Target(Value, frozen=True, kw_only=True):
    """One recipient of one channel, and the rules of its channel. While `held` is set, only tests are sent.

    `in_flight` counts the target's own sends. `idle` is the current idleness: a delivery lost before is sent alone.
    """

    tokens: float | None
    tokens_at: Instant | None
    cool_until: Instant | None
    failures: int
    disabled: bool
    last_sent_at: Instant | None
    in_flight: int
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    held: bool = False
    idle: Idleness = Idleness.PROCESS


class Pending(Value, frozen=True, kw_only=True):
    """One pending delivery.

    `is_test` means that it is sent even if the target is blocked, `never_digest` that no digest may carry it, and
    `frozen` that it was sent before, so that each retry sends the same body.
    """

    id: str
    thread: str
    created_at: Instant
    due_at: Instant
    expires_at: Instant
    claims: int
    is_test: bool = False
    never_digest: bool = False
    frozen: bool = False


class Front(Value, frozen=True, kw_only=True):
    """The first deliveries that wait for a target, in order of their turn: as many as a decision needs.

    `pending` holds all deliveries of each thread that has none in flight. `more` says that further threads have a due
    delivery. `later` is the earliest due time of the deliveries left out.
    """

    pending: Sequence[Pending] = ()
    more: bool = False
    later: Instant | None = None


class Send(Value, frozen=True, kw_only=True):
    """Send the delivery `newest`, merged with the `older` unsent ones of its thread."""

    newest: str
    older: tuple[str, ...]


class SendPlan(Value, frozen=True, kw_only=True):
    """The sends to one target now.

    `digest` holds sends to be merged into one message, together with all others that are due and may be merged.
    `tokens` is the content of the bucket afterwards. `next_at` is when to plan again, or None to wait for a change.
    `needs` is the idleness needed before the next send.
    """

    sends: tuple[Send, ...] = ()
    digest: tuple[Send, ...] = ()
    dead: tuple[tuple[str, Outcome], ...] = ()
    tokens: float | None = None
    next_at: Instant | None = None
    needs: Idleness = Idleness.NONE


def tokens_now(
    limit: RateLimit | None, tokens: float | None, tokens_at: Instant | None, now: Instant
) -> float | None:
    """The tokens at `now` of a bucket that held `tokens` at `tokens_at`; None without a rate limit."""
    if limit is None:
        return None
    if tokens is None or tokens_at is None:
        return float(limit.burst)
    return _bucket(limit).refilled(tokens, tokens_at, now)


def _bucket(limit: RateLimit) -> TokenBucket:
    return TokenBucket(size=limit.burst, count=limit.messages, per=limit.per)


def needed(target: Target, now: Instant, slots: int) -> int:
    """How many threads with a due delivery `plan` needs: one more than it can send, or than lead to a digest."""
    enough = max(slots, 1)
    if target.disabled:
        return max(enough, DYING_AT_ONCE)
    if target.digest:
        tokens = tokens_now(target.rate_limit, target.tokens, target.tokens_at, now)
        enough = max(enough, DIGEST_AT_LEAST, 0 if tokens is None else int(tokens))
        enough = max(enough, PACED_AT_MOST // target.pace if target.pace else 0)
    return min(enough, SEEN_AT_MOST) + 1


def plan(target: Target, front: Front, now: Instant, slots: int) -> SendPlan:
    """Plan up to `slots` sends to one target."""
    tokens = tokens_now(target.rate_limit, target.tokens, target.tokens_at, now)
    if target.held:
        # During a hold nothing expires either: the time counts from the release.
        passing = tuple(Send(newest=delivery.id, older=()) for delivery in front.pending if delivery.is_test)
        return SendPlan(sends=passing, tokens=tokens)
    dead, alive = _dying(target, front.pending, now)
    tests = [Send(newest=delivery.id, older=()) for delivery in alive if delivery.is_test]
    threads = _threads([delivery for delivery in alive if not delivery.is_test])
    ready = [send for due, send in threads if due <= now]
    later = _earliest(front.later, min((due for due, _ in threads if due > now), default=None))
    slots -= len(tests)
    blocked_until = _blocked_until(target, now, slots)
    if not ready or blocked_until is not None:
        # A `blocked_until` of 0 means that every slot is taken: the end of a send triggers the next plan.
        at = later if not ready else _earliest(later, blocked_until or None)
        return SendPlan(sends=tuple(tests), dead=dead, tokens=tokens, next_at=at)
    chosen = _choose(
        target, Ready(sends=ready, by_id={delivery.id: delivery for delivery in alive}), tokens, now, slots
    )
    left = front.more or len(ready) > len(chosen.sends) + len(chosen.digest)
    return SendPlan(
        sends=(*tests, *chosen.sends),
        digest=tuple(chosen.digest),
        dead=dead,
        tokens=None if tokens is None else tokens - chosen.spent,
        next_at=_earliest(later, chosen.wait if left else None),
        needs=chosen.needs,
    )


def _dying(
    target: Target, pending: Sequence[Pending], now: Instant
) -> tuple[tuple[tuple[str, Outcome], ...], list[Pending]]:
    dead: list[tuple[str, Outcome]] = []
    alive: list[Pending] = []
    for delivery in pending:
        if delivery.claims >= CLAIMS_AT_MOST:
            dead.append((delivery.id, Outcome.QUARANTINED))
        elif delivery.expires_at <= now:
            dead.append((delivery.id, Outcome.EXPIRED))
        elif target.disabled and not delivery.is_test:
            dead.append((delivery.id, Outcome.GONE))
        else:
            alive.append(delivery)
    return tuple(dead), alive


def _threads(pending: Sequence[Pending]) -> list[tuple[Instant, Send]]:
    """For each thread, in order of its turn: when its first message is due, and what that merges."""
    by_thread: dict[str, list[Pending]] = {}
    for delivery in pending:
        by_thread.setdefault(delivery.thread, []).append(delivery)
    return [
        (newest.due_at, Send(newest=newest.id, older=tuple(delivery.id for delivery in older)))
        for ones in by_thread.values()
        for *older, newest in [_first(ones)]
    ]


def _first(ones: list[Pending]) -> list[Pending]:
    """The deliveries of a thread to merge into the next message; a frozen one that returned is sent by itself."""
    while len(ones) > 1 and ones[-1].frozen:
        ones = ones[:-1]
    return ones


def _blocked_until(target: Target, now: Instant, slots: int) -> Instant | None:
    """Until when nothing may be sent, 0 until a send in flight ends, or None if nothing blocks the target."""
    if target.cool_until is not None and target.cool_until > now:
        return target.cool_until
    probing = target.failures >= FAILURES_TO_COOL
    if slots <= 0 or (target.in_flight and (probing or target.pace)):
        return 0
    if target.pace and target.last_sent_at is not None and target.last_sent_at + target.pace > now:
        return target.last_sent_at + target.pace
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The sends that may go now, in order, and the deliveries by id."""

    sends: list[Send]
    by_id: dict[str, Pending]

    def never_digest(self, send: Send) -> bool:
        return self.by_id[send.newest].never_digest

    def is_stale(self, send: Send, now: Instant) -> bool:
        return self.by_id[send.newest].created_at + STALE <= now

    def idleness_needed(self, send: Send) -> Idleness:
        return idleness_needed(self.by_id[send.newest].claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    sends: Sequence[Send] = ()
    digest: Sequence[Send] = ()
    spent: int = 0
    wait: Instant | None = None
    needs: Idleness = Idleness.NONE


def _choose(target: Target, ready: Ready, tokens: float | None, now: Instant, slots: int) -> _Chosen:
    """Choose what to send now, the tokens spent, and when the rest may be sent."""
    probing = target.failures >= FAILURES_TO_COOL
    affordable = len(ready.sends) if tokens is None else int(tokens)
    merge = [send for send in ready.sends if not ready.never_digest(send)]
    alone = [send for send in ready.sends if ready.never_digest(send)]
    stale = sum(ready.is_stale(send, now) for send in merge)
    paced = len(merge) * target.pace > PACED_AT_MOST
    crowded = affordable < len(ready.sends) or probing or paced or stale >= DIGEST_AT_LEAST
    first = ready.sends
    if probing and alone:
        # A failed digest goes first: one message probes the target.
        first = alone[:1]
    elif target.digest and affordable and crowded and len(merge) >= DIGEST_AT_LEAST:
        return _Chosen(digest=merge, spent=1, wait=now)
    at_most = min(affordable, slots, 1 if probing or target.pace else slots)
    chosen, needs = _concurrent(first[:at_most], ready, target.idle)
    wait: Instant | None = now + target.pace if chosen else None
    if tokens is not None and len(chosen) >= affordable:
        wait = next_token(target, tokens - len(chosen), now)
    return _Chosen(sends=chosen, spent=len(chosen), wait=wait, needs=needs)


def _concurrent(sends: list[Send], ready: Ready, idle: Idleness) -> tuple[list[Send], Idleness]:
    """The sends that may run concurrently, and the idleness needed if the first of them must be sent alone."""
    needs = [ready.idleness_needed(send) for send in sends]
    if not sends or not needs[0]:
        return sends[: next((place for place, each in enumerate(needs) if each), len(sends))], Idleness.NONE
    return (sends[:1], Idleness.NONE) if needs[0] <= idle else ([], needs[0])


def next_token(target: Target, tokens: float, now: Instant) -> Instant:
    """When the bucket holds a whole token again."""
    limit = target.rate_limit
    if limit is None or tokens >= 1:
        return now
    return now + _bucket(limit).earns(1 - tokens)


def _earliest(*moments: Instant | None) -> Instant | None:
    return min((moment for moment in moments if moment is not None), default=None)
