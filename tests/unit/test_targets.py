"""What a due target sends now (RULES.md#targets), rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.policy.targets import (
    STALE,
    Front,
    Pending,
    Send,
    SendPlan,
    Target,
    next_token,
    plan,
    tokens_now,
)

NOW = 1_000_000_000
FREE = Target(
    tokens=None,
    tokens_at=None,
    cool_until=None,
    failures=0,
    disabled=False,
    last_sent_at=None,
    in_flight=0,
    rate_limit=None,
    digest=True,
    pace=0,
)
TWO_AN_HOUR = RateLimit(messages=2, per=HOUR, burst=2)


def one(id_: str, thread: str | None = None, **values: Any) -> Pending:
    base: dict[str, Any] = {
        "id": id_, "thread": thread or f"thread of {id_}", "created_at": NOW, "due_at": NOW, "expires_at": NOW + DAY,
        "claims": 0,
    }  # fmt: skip
    return Pending(**(base | values))


def planned(
    target: Target, *pending: Pending, busy: frozenset[str] = frozenset(), slots: int = 8, now: int = NOW
) -> SendPlan:
    return plan(target, Front(pending=[each for each in pending if each.thread not in busy]), now, slots)


def ids(sends: tuple[Send, ...]) -> list[str]:
    return [send.newest for send in sends]


def limited(tokens: float, **values: Any) -> Target:
    return replace(FREE, rate_limit=TWO_AN_HOUR, tokens=tokens, tokens_at=NOW, **values)


def test_with_nothing_pending_there_is_nothing_to_do() -> None:
    assert planned(FREE) == SendPlan()


def test_threads_go_at_once_in_order() -> None:
    """Without a blocked_until each thread's message is sent, oldest first."""
    result = planned(FREE, one("a"), one("b"))
    assert (ids(result.sends), result.digest, result.next_at) == (["a", "b"], (), None)


def test_what_is_not_due_waits_for_its_moment() -> None:
    """The earliest of those that wait says when to look again."""
    result = planned(FREE, one("a", due_at=NOW + 7), one("b", due_at=NOW + 5), one("c"))
    assert (ids(result.sends), result.next_at) == (["c"], NOW + 5)


def test_the_newest_of_a_thread_carries_the_older_ones() -> None:
    """One message a thread; a backoff of an older one does not hold the newer."""
    result = planned(FREE, one("a", "t", due_at=NOW + MINUTE), one("b", "t"), one("c", "t"))
    assert result.sends == (Send(newest="c", older=("a", "b")),)


def test_a_message_that_was_sent_before_keeps_its_body() -> None:
    """An older one that a person brought back goes before it, not into it; a newer one carries both."""
    back, tried = one("a", "t"), one("b", "t", frozen=True)
    assert planned(FREE, back, tried).sends == (Send(newest="a", older=()),)
    assert planned(FREE, tried).sends == (Send(newest="b", older=()),)
    assert planned(FREE, back, tried, one("c", "t")).sends == (Send(newest="c", older=("a", "b")),)


def test_a_thread_with_a_message_in_flight_waits() -> None:
    """Whoever finishes looks again; other threads go on."""
    target = replace(FREE, in_flight=1)
    result = planned(target, one("a", "t"), one("b"), busy=frozenset({"t"}))
    assert (ids(result.sends), result.next_at) == (["b"], None)


def test_no_more_is_sent_than_slots_are_free() -> None:
    """The rest goes as soon as there is one."""
    result = planned(FREE, one("a"), one("b"), one("c"), slots=2)
    assert (ids(result.sends), result.next_at) == (["a", "b"], NOW)


# dying


def test_five_claims_without_an_outcome_are_quarantined() -> None:
    """Four are not; nor does a test escape."""
    result = planned(FREE, one("a", claims=4), one("b", claims=5), one("c", claims=5, is_test=True))
    assert (ids(result.sends), result.dead) == (
        ["a"],
        (("b", Outcome.QUARANTINED), ("c", Outcome.QUARANTINED)),
    )


def test_what_has_expired_is_dead() -> None:
    """At the moment itself, and not before."""
    result = planned(FREE, one("a", expires_at=NOW), one("b", expires_at=NOW + 1))
    assert (ids(result.sends), result.dead) == (["b"], (("a", Outcome.EXPIRED),))


def test_a_disabled_target_takes_only_a_test() -> None:
    """Its receiver said that it is gone; a successful test enables it again."""
    result = planned(replace(FREE, disabled=True), one("a"), one("b", is_test=True))
    assert (ids(result.sends), result.dead) == (["b"], (("a", Outcome.GONE),))


# brakes


@pytest.mark.parametrize(
    "target",
    [
        replace(FREE, cool_until=NOW + HOUR),
        replace(FREE, failures=9, in_flight=1),
        replace(FREE, pace=SECOND, last_sent_at=NOW),
        replace(FREE, disabled=True),
        limited(0.0),
    ],
    ids=["cooling", "probing", "paced", "disabled", "no token"],
)
def test_a_test_passes_every_brake_and_costs_nothing(target: Target) -> None:
    """A person waits for its outcome."""
    result = planned(target, one("a", is_test=True, due_at=NOW + HOUR))
    assert (ids(result.sends), result.tokens) == (["a"], target.tokens)


def test_a_cooling_target_sends_nothing() -> None:
    """It is looked at again when the cooling ends."""
    until = NOW + MINUTE
    target = replace(FREE, cool_until=until)
    result = planned(target, one("a"))
    assert (result.sends, result.next_at) == ((), until)
    assert ids(planned(target, one("a"), now=until).sends) == ["a"]


@pytest.mark.parametrize(("failures", "sent"), [(2, ["a", "b", "c"]), (3, ["a"]), (7, ["a"])])
def test_after_three_failures_one_message_probes(failures: int, sent: list[str]) -> None:
    """And nothing more while it is under way."""
    target = replace(FREE, failures=failures, digest=False)
    assert ids(planned(target, one("a"), one("b"), one("c")).sends) == sent
    if failures >= 3:
        assert planned(replace(target, in_flight=1), one("b")).sends == ()


def test_a_probe_of_many_threads_is_a_digest() -> None:
    """The target was away: when it is back it gets one message."""
    result = planned(replace(FREE, failures=3), one("a"), one("b"), one("c"))
    assert (result.sends, ids(result.digest)) == ((), ["a", "b", "c"])


def test_a_digest_that_failed_probes_alone() -> None:
    """It is not merged into another digest, and it goes first."""
    result = planned(replace(FREE, failures=3), one("a"), one("b"), one("d", never_digest=True))
    assert (ids(result.sends), result.digest) == (["d"], ())


def test_pace_spaces_the_messages() -> None:
    """One at a time, a second apart."""
    target = replace(FREE, pace=SECOND)
    result = planned(target, one("a"), one("b"))
    assert (ids(result.sends), result.next_at) == (["a"], NOW + SECOND)
    sent = replace(target, last_sent_at=NOW)
    assert planned(sent, one("b"), now=NOW + 999).next_at == NOW + SECOND
    assert ids(planned(sent, one("b"), now=NOW + SECOND).sends) == ["b"]
    assert planned(replace(sent, in_flight=1), one("b"), now=NOW + SECOND).sends == ()


# tokens


def test_without_a_rate_limit_there_are_no_tokens() -> None:
    """Nothing is held, whatever an earlier configuration left behind."""
    assert tokens_now(None, 0.0, NOW, NOW) is None


@pytest.mark.parametrize(
    ("tokens", "elapsed", "now"),
    [
        (None, 0, 2.0),
        (0.0, 0, 0.0),
        (0.0, 15 * MINUTE, 0.5),
        (1.5, DAY, 2.0),
        (9.0, 0, 2.0),
        (1.0, -HOUR, 1.0),
    ],
)
def test_the_bucket_starts_full_and_refills_to_its_burst(
    tokens: float | None, elapsed: int, now: float
) -> None:
    """Two an hour; a clock that steps back takes nothing away."""
    target = replace(FREE, rate_limit=TWO_AN_HOUR, tokens=tokens, tokens_at=None if tokens is None else NOW)
    assert tokens_now(target.rate_limit, target.tokens, target.tokens_at, NOW + elapsed) == now


def test_enough_tokens_send_each_thread_alone() -> None:
    """Two threads, two tokens, and none is left."""
    result = planned(limited(2.0), one("a"), one("b"))
    assert (ids(result.sends), result.tokens, result.digest) == (["a", "b"], 0.0, ())


def test_more_threads_than_tokens_go_as_one_digest() -> None:
    """One token pays for all of it; unsent older ones come along."""
    result = planned(limited(2.0), one("a", "t"), one("b"), one("c"), one("d", "t"))
    assert result.digest == (
        Send(newest="d", older=("a",)),
        Send(newest="b", older=()),
        Send(newest="c", older=()),
    )
    assert (result.sends, result.tokens) == ((), 1.0)


@pytest.mark.parametrize("digest", [True, False])
def test_without_a_token_all_wait_for_the_next(*, digest: bool) -> None:
    """Half a token now, the next whole one in a quarter of an hour."""
    result = planned(limited(0.5, digest=digest), one("a"), one("b"))
    assert (result.sends, result.digest, result.tokens) == ((), (), 0.5)
    assert result.next_at == NOW + 15 * MINUTE + 1


def test_one_thread_is_no_digest() -> None:
    """A single alert goes as itself."""
    result = planned(limited(1.0), one("a"))
    assert (ids(result.sends), result.digest) == (["a"], ())


def test_without_digest_the_target_is_paced_by_its_tokens() -> None:
    """Two now, the third with the next token."""
    result = planned(limited(2.0, digest=False), one("a"), one("b"), one("c"))
    assert (ids(result.sends), result.tokens, result.next_at) == (["a", "b"], 0.0, NOW + 30 * MINUTE + 1)


def test_messages_that_waited_long_are_merged() -> None:
    """Two that are a minute old: the target was away. One of them is not enough, nor without `digest`."""
    old = NOW - STALE
    pending = [one("a", created_at=old), one("b", created_at=old), one("c")]
    assert ids(planned(FREE, *pending).digest) == ["a", "b", "c"]
    assert planned(FREE, *pending[1:]).digest == ()
    assert planned(replace(FREE, digest=False), *pending).digest == ()


def test_the_next_token_is_there_at_its_moment() -> None:
    """Rounded up: looking a millisecond early would look twice."""
    limit = RateLimit(messages=3, per=10 * SECOND, burst=1)
    target = replace(FREE, rate_limit=limit, tokens=0.0, tokens_at=NOW)
    at = next_token(target, 0.0, NOW)
    assert at - NOW in {3334, 3335}
    assert (tokens_now(target.rate_limit, target.tokens, target.tokens_at, at) or 0) >= 1
    assert next_token(target, 1.0, NOW) == NOW
