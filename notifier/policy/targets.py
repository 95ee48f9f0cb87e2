"""Pacing: a due target sends single messages, one digest, or nothing until a moment (RULES.md#targets)."""

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
"""What would take a paced target longer than this to hear one by one goes as a digest."""
SEEN_AT_MOST = 2_000
DYING_AT_ONCE = 500
STALE: Duration = 60 * SECOND
"""Messages that have waited this long for their target are merged: it was away, or paced."""


class Quiet(IntEnum):
    """How far nothing is being sent by this process."""

    NOWHERE = 0
    CHANNEL = 1
    PROCESS = 2


def quiet_for(claims: int) -> Quiet:
    """How quiet it must be for a delivery whose claim was lost: it may have ended that worker, and may end the next.

    After the first loss its channel must be quiet, after further ones the process: then it takes nobody along.
    """
    return Quiet(min(claims, Quiet.PROCESS))


class Target(Value, frozen=True, kw_only=True):
    """One recipient of one channel, and the rules its channel sets. While it is `held`, nothing but tests goes out.

    `in_flight` counts its own sends. `quiet` says how far this process sends nothing: what was lost before goes alone.
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
    quiet: Quiet = Quiet.PROCESS


class Pending(Value, frozen=True, kw_only=True):
    """One pending delivery.

    `is_test`: sent whatever blocks the target. `never_digest`: never merged into a digest. `frozen`: sent before,
    so that the same body goes out on every retry.
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
    """The first of what waits for a target, in the order of its turn: enough to decide, however much there is.

    `pending` are deliveries of threads with none in flight, thread by thread, and of each thread all. `more` says that
    further threads have something due. `later` is when the first of what is not among them is due.
    """

    pending: Sequence[Pending] = ()
    more: bool = False
    later: Instant | None = None


class Send(Value, frozen=True, kw_only=True):
    """Send `newest`; it carries the `older` unsent ones of its thread."""

    newest: str
    older: tuple[str, ...]


class SendPlan(Value, frozen=True, kw_only=True):
    """A plan of sends. `digest` holds sends that go as one message, with all others that may be merged and are due.

    `tokens` is the bucket afterwards; `next_at` is when to look again, None: when something changes. `needs` is how
    quiet it must be before the next may go.
    """

    sends: tuple[Send, ...] = ()
    digest: tuple[Send, ...] = ()
    dead: tuple[tuple[str, Outcome], ...] = ()
    tokens: float | None = None
    next_at: Instant | None = None
    needs: Quiet = Quiet.NOWHERE


def tokens_now(
    limit: RateLimit | None, tokens: float | None, tokens_at: Instant | None, now: Instant
) -> float | None:
    """The tokens at `now` of a bucket that held `tokens` at `tokens_at`; None where nothing limits."""
    if limit is None:
        return None
    if tokens is None or tokens_at is None:
        return float(limit.burst)
    return _bucket(limit).refilled(tokens, tokens_at, now)


def _bucket(limit: RateLimit) -> TokenBucket:
    return TokenBucket(size=limit.burst, count=limit.messages, per=limit.per)


def needed(target: Target, now: Instant, slots: int) -> int:
    """How many threads with something due `plan` has to see: one more than it can send, or than are too many."""
    enough = max(slots, 1)
    if target.disabled:
        return max(enough, DYING_AT_ONCE)
    if target.digest:
        tokens = tokens_now(target.rate_limit, target.tokens, target.tokens_at, now)
        enough = max(enough, DIGEST_AT_LEAST, 0 if tokens is None else int(tokens))
        enough = max(enough, PACED_AT_MOST // target.pace if target.pace else 0)
    return min(enough, SEEN_AT_MOST) + 1


def plan(target: Target, front: Front, now: Instant, slots: int) -> SendPlan:
    """Decide for one target with `slots` sends at most."""
    tokens = tokens_now(target.rate_limit, target.tokens, target.tokens_at, now)
    if target.held:
        # Nothing expires either: the time counts from the release.
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
        # `blocked_until` of 0 means that every slot is taken: the send that ends looks again.
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
    """Per thread, in the order of their turn: when what goes first is due, and what it carries."""
    by_thread: dict[str, list[Pending]] = {}
    for delivery in pending:
        by_thread.setdefault(delivery.thread, []).append(delivery)
    return [
        (newest.due_at, Send(newest=newest.id, older=tuple(delivery.id for delivery in older)))
        for ones in by_thread.values()
        for *older, newest in [_first(ones)]
    ]


def _first(ones: list[Pending]) -> list[Pending]:
    """The deliveries of a thread that go first: all in one message, unless it is frozen and an older one came back."""
    while len(ones) > 1 and ones[-1].frozen:
        ones = ones[:-1]
    return ones


def _blocked_until(target: Target, now: Instant, slots: int) -> Instant | None:
    """Until when nothing may be sent (0: until a send in flight ends); None: go."""
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
    """The sends that may go now, in their order, and the deliveries behind them."""

    sends: list[Send]
    by_id: dict[str, Pending]

    def goes_alone(self, send: Send) -> bool:
        return self.by_id[send.newest].never_digest

    def is_stale(self, send: Send, now: Instant) -> bool:
        return self.by_id[send.newest].created_at + STALE <= now

    def quiet(self, send: Send) -> Quiet:
        return quiet_for(self.by_id[send.newest].claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    sends: Sequence[Send] = ()
    digest: Sequence[Send] = ()
    spent: int = 0
    wait: Instant | None = None
    needs: Quiet = Quiet.NOWHERE


def _choose(target: Target, ready: Ready, tokens: float | None, now: Instant, slots: int) -> _Chosen:
    """The sends that go now, the tokens spent, and when the rest may go."""
    probing = target.failures >= FAILURES_TO_COOL
    affordable = len(ready.sends) if tokens is None else int(tokens)
    merge = [send for send in ready.sends if not ready.goes_alone(send)]
    alone = [send for send in ready.sends if ready.goes_alone(send)]
    stale = sum(ready.is_stale(send, now) for send in merge)
    paced = len(merge) * target.pace > PACED_AT_MOST
    crowded = affordable < len(ready.sends) or probing or paced or stale >= DIGEST_AT_LEAST
    first = ready.sends
    if probing and alone:
        # A digest that failed before goes first: one message probes the target.
        first = alone[:1]
    elif target.digest and affordable and crowded and len(merge) >= DIGEST_AT_LEAST:
        return _Chosen(digest=merge, spent=1, wait=now)
    at_most = min(affordable, slots, 1 if probing or target.pace else slots)
    chosen, needs = _in_company(first[:at_most], ready, target.quiet)
    wait: Instant | None = now + target.pace if chosen else None
    if tokens is not None and len(chosen) >= affordable:
        wait = next_token(target, tokens - len(chosen), now)
    return _Chosen(sends=chosen, spent=len(chosen), wait=wait, needs=needs)


def _in_company(sends: list[Send], ready: Ready, quiet: Quiet) -> tuple[list[Send], Quiet]:
    """The sends that may go side by side, and how quiet it must be for the first, if that waits to go alone."""
    needs = [ready.quiet(send) for send in sends]
    if not sends or not needs[0]:
        return sends[: next((place for place, each in enumerate(needs) if each), len(sends))], Quiet.NOWHERE
    return (sends[:1], Quiet.NOWHERE) if needs[0] <= quiet else ([], needs[0])


def next_token(target: Target, tokens: float, now: Instant) -> Instant:
    """When the bucket holds a whole token again."""
    limit = target.rate_limit
    if limit is None or tokens >= 1:
        return now
    return now + _bucket(limit).earns(1 - tokens)


def _earliest(*moments: Instant | None) -> Instant | None:
    return min((moment for moment in moments if moment is not None), default=None)
