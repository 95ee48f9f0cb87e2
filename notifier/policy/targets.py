"""What a due target sends now: single messages, one digest, or nothing until a moment (DESIGN 5, Targets)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.time import SECOND, Duration, Instant
from notifier.policy.retry import CLAIMS_AT_MOST, FAILURES_TO_COOL

DIGEST_AT_LEAST = 2
PACED_AT_MOST: Duration = 30 * SECOND
"""What would take a paced target longer than this to hear one by one goes as a digest."""
STALE: Duration = 60 * SECOND
"""Messages that have waited this long for their target are merged: it was away, or paced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One recipient of one channel, and the rules its channel sets. While it is `held`, nothing but tests goes out."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """One pending delivery.

    `is_test` ones pass every brake, `alone` ones are never merged into a digest, and `frozen` ones have been sent
    before: the same body goes out on every retry.
    """

    id: str
    thread: str
    created_at: Instant
    due_at: Instant
    expires_at: Instant
    claims: int
    is_test: bool = False
    alone: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send `newest`; it carries the `older` unsent ones of its thread."""

    newest: str
    older: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now. `digest` holds the sends that go as one message; `tokens` is the bucket afterwards.

    `next_at` is when to look again, None: when something changes.
    """

    sends: tuple[Send, ...] = ()
    digest: tuple[Send, ...] = ()
    dead: tuple[tuple[str, Outcome], ...] = ()
    tokens: float | None = None
    next_at: Instant | None = None


def refill(target: Target, now: Instant) -> float | None:
    """The bucket's tokens at `now`; None where nothing limits."""
    limit = target.rate_limit
    if limit is None:
        return None
    if target.tokens is None or target.tokens_at is None:
        return float(limit.burst)
    earned = max(0, now - target.tokens_at) * limit.messages / limit.per
    return min(float(limit.burst), target.tokens + earned)


def plan(target: Target, pending: Sequence[Pending], busy: frozenset[str], now: Instant, slots: int) -> Plan:
    """Decide for one target. `pending` oldest first; `busy`: threads in flight; `slots`: sends at most."""
    tokens = refill(target, now)
    if target.held:
        # Nothing expires either: the time counts from the release.
        passing = tuple(Send(newest=one.id, older=()) for one in pending if one.is_test)
        return Plan(sends=passing, tokens=tokens)
    dead, alive = _dying(target, pending, now)
    tests = [Send(newest=one.id, older=()) for one in alive if one.is_test]
    threads = _threads([one for one in alive if not one.is_test])
    ready = [send for due, send, thread in threads if due <= now and thread not in busy]
    later = min((due for due, _, thread in threads if due > now and thread not in busy), default=None)
    slots -= len(tests)
    brake = _brake(target, now, slots)
    if not ready or brake is not None:
        # A brake of 0 is a full house: whoever finishes looks again.
        at = later if not ready else _earliest(later, brake or None)
        return Plan(sends=tuple(tests), dead=dead, tokens=tokens, next_at=at)
    mergeable = {one.id: one.created_at + STALE <= now for one in alive if not one.alone}
    sends, digest, spent, wait = _choose(target, ready, tokens, now, slots, mergeable)
    left = len(ready) - len(sends) - len(digest)
    next_at = _earliest(later, wait if left else None)
    return Plan(
        sends=(*tests, *sends),
        digest=tuple(digest),
        dead=dead,
        tokens=None if tokens is None else tokens - spent,
        next_at=next_at,
    )


def _dying(
    target: Target, pending: Sequence[Pending], now: Instant
) -> tuple[tuple[tuple[str, Outcome], ...], list[Pending]]:
    dead: list[tuple[str, Outcome]] = []
    alive: list[Pending] = []
    for one in pending:
        if one.claims >= CLAIMS_AT_MOST:
            dead.append((one.id, Outcome.QUARANTINED))
        elif one.expires_at <= now:
            dead.append((one.id, Outcome.EXPIRED))
        elif target.disabled and not one.is_test:
            dead.append((one.id, Outcome.GONE))
        else:
            alive.append(one)
    return tuple(dead), alive


def _threads(pending: Sequence[Pending]) -> list[tuple[Instant, Send, str]]:
    """Per thread, in order of its oldest: when its newest is due, and what it carries."""
    by_thread: dict[str, list[Pending]] = {}
    for one in pending:
        by_thread.setdefault(one.thread, []).append(one)
    return [
        (newest.due_at, Send(newest=newest.id, older=tuple(one.id for one in older)), thread)
        for thread, ones in by_thread.items()
        for *older, newest in [_first(ones)]
    ]


def _first(ones: list[Pending]) -> list[Pending]:
    """What goes first of a thread: all in one message, unless that one is frozen and an older one came back."""
    while len(ones) > 1 and ones[-1].frozen:
        ones = ones[:-1]
    return ones


def _brake(target: Target, now: Instant, slots: int) -> Instant | None:
    """Until when nothing may be sent (0: until a send in flight ends); None: go."""
    if target.cool_until is not None and target.cool_until > now:
        return target.cool_until
    probing = target.failures >= FAILURES_TO_COOL
    if slots <= 0 or (target.in_flight and (probing or target.pace)):
        return 0
    if target.pace and target.last_sent_at is not None and target.last_sent_at + target.pace > now:
        return target.last_sent_at + target.pace
    return None


def _choose(
    target: Target,
    ready: list[Send],
    tokens: float | None,
    now: Instant,
    slots: int,
    mergeable: dict[str, bool],
) -> tuple[list[Send], list[Send], int, Instant | None]:
    """(single sends, digest, tokens spent, when the rest may go). `mergeable` says which are stale."""
    probing = target.failures >= FAILURES_TO_COOL
    affordable = len(ready) if tokens is None else int(tokens)
    merge = [send for send in ready if send.newest in mergeable]
    alone = [send for send in ready if send.newest not in mergeable]
    stale = sum(mergeable[send.newest] for send in merge)
    paced = len(merge) * target.pace > PACED_AT_MOST
    crowded = affordable < len(ready) or probing or paced or stale >= DIGEST_AT_LEAST
    if probing and alone:
        # A digest that failed before goes first: one message probes the target.
        ready = alone[:1]
    elif target.digest and affordable and crowded and len(merge) >= DIGEST_AT_LEAST:
        return [], merge, 1, now
    at_most = min(affordable, slots, 1 if probing or target.pace else slots)
    chosen = ready[:at_most]
    wait: Instant | None = now + target.pace if chosen else None
    if tokens is not None and len(chosen) >= affordable:
        wait = next_token(target, tokens - len(chosen), now)
    return chosen, [], len(chosen), wait


def next_token(target: Target, tokens: float, now: Instant) -> Instant:
    """When the bucket holds a whole token again."""
    limit = target.rate_limit
    if limit is None or tokens >= 1:
        return now
    return now + int((1 - tokens) * limit.per / limit.messages) + 1


def _earliest(*moments: Instant | None) -> Instant | None:
    return min((moment for moment in moments if moment is not None), default=None)
