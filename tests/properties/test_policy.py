"""The pure policies with large input spaces: an incident's events, the schedule, rate limits, and formats of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.event import Event
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339, rfc3339, words
from notifier.domain.value import replace
from notifier.policy.lifecycle import IncidentBefore, IncidentChange, apply_events, keeps_sample
from notifier.policy.notifying import Member, Notify, change_due, decide
from notifier.policy.retry import JITTER, SCHEDULE, Again, after, backoff, cool, throttle
from notifier.policy.targets import Front, Pending, Send, SendPlan, Target, plan, tokens_now
from tests.examples import examples

NOW = 1_795_323_600_000

# Events and their incident


@st.composite
def _events(draw: st.DrawFn, *, resolutions: bool = True) -> Event:
    severity = draw(st.sampled_from(Severity))
    at = NOW + draw(st.integers(-5, 5))
    labels = {"service": "billing", "severity": severity.value}
    for name in draw(st.sets(st.sampled_from(["host", "region"]))):
        labels[name] = draw(st.sampled_from(["a", "b"]))
    status = draw(st.sampled_from(["firing", "firing", "firing", "resolved"])) if resolutions else "firing"
    values: dict[str, Any] = {
        "project": "p", "id": "e", "id_given": False, "at": at, "received_at": NOW, "service": "billing",
        "environment": "production", "severity": severity, "fingerprint": "f", "title": "t", "labels": labels,
        "status": status, "document": "{}",
    }  # fmt: skip
    return Event(**values)


@dataclass
class _Identity:
    """The incidents of one identity; events are applied as intake does, until a batch is consumed."""

    incidents: list[IncidentBefore] = field(default_factory=list)
    samples: dict[int, set[int]] = field(default_factory=dict)

    def post(self, batch: Sequence[Event]) -> None:
        while batch:
            newest = self.incidents[-1] if self.incidents else None
            current = newest if newest is not None and newest.state is not State.RESOLVED else None
            result = apply_events(current, None if current else newest, batch)
            if result is None:
                return
            self._apply(result, newest)
            assert result.consumed > 0
            batch = batch[result.consumed :]

    def _apply(self, result: IncidentChange, newest: IncidentBefore | None) -> None:
        number = len(self.incidents) + 1 if result.incident is None else result.incident.number
        incident = IncidentBefore(
            number=number,
            id=f"i-{number}",
            state=result.state,
            severity=result.severity,
            labels=result.labels,
            varying=result.varying,
            count=result.count_before + len(result.counted),
            late=result.late + (result.incident.late if result.incident else 0),
            first_seen=result.first_seen,
            last_seen=result.last_seen,
            resolved_at=result.resolved_at,
            waiting=False,
        )
        if result.incident is None:
            assert result.previous_id == (newest.id if newest else None)
            self.incidents.append(incident)
        else:
            self.incidents[-1] = incident
        samples = self.samples.setdefault(number, set())
        if result.counted:
            if result.count_before and not keeps_sample(result.count_before):
                samples.remove(result.count_before)
            last = incident.count
            samples |= {
                seq for seq in range(result.count_before + 1, last + 1) if seq == last or keeps_sample(seq)
            }


def _split(events: Sequence[Event], cuts: set[int]) -> list[Sequence[Event]]:
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    return [events[a:b] for a, b in pairwise(edges) if a < b]


@given(st.lists(_events(), max_size=40), st.sets(st.integers(1, 39)))
def test_batching_changes_nothing(events: list[Event], cuts: set[int]) -> None:
    """Any division of events into batches gives the same incidents and samples."""
    whole, single, batched = _Identity(), _Identity(), _Identity()
    whole.post(events)
    for event in events:
        single.post([event])
    for batch in _split(events, cuts):
        batched.post(batch)
    assert whole == single == batched


@given(st.lists(_events(), max_size=60), st.sets(st.integers(1, 59)))
def test_every_event_is_counted_once_and_the_right_samples_stay(events: list[Event], cuts: set[int]) -> None:
    """Counts add up to the events that do not resolve.

    The first ten, powers of two and the newest are kept as samples.
    """
    identity = _Identity()
    for batch in _split(events, cuts):
        identity.post(batch)
    firing = sum(event.status == "firing" for event in events)
    assert sum(one.count for one in identity.incidents) == firing
    for one in identity.incidents:
        assert identity.samples[one.number] == {
            seq for seq in range(1, one.count + 1) if keeps_sample(seq) or seq == one.count
        }
    assert sum(one.state is not State.RESOLVED for one in identity.incidents) <= 1


@given(st.lists(_events(resolutions=False), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_what_follows_the_opening_does_not_matter(events: list[Event], random: Any) -> None:
    """Count, severity, labels, varying and times are the same in any order after the first event."""
    rest = list(events[1:])
    random.shuffle(rest)
    one, other = _Identity(), _Identity()
    one.post(events)
    other.post([events[0], *rest])
    assert one == other


@given(st.lists(_events(), max_size=40))
def test_a_label_is_either_shared_by_all_or_named_as_varying(events: list[Event]) -> None:
    """No incident keeps a label that one of its events contradicts."""
    identity = _Identity()
    for event in events:
        identity.post([event])
        if not identity.incidents or event.status == "resolved":
            continue
        last = identity.incidents[-1]
        if last.state is State.RESOLVED:
            continue
        for name, value in event.labels.items():
            if name != "severity" and name in last.labels:
                assert last.labels[name] == value
        assert not set(last.varying) & set(last.labels)
        assert last.labels["severity"] == last.severity.value


# The retry schedule


@given(st.integers(1, 50))
def test_backoff_never_shrinks_and_stays_in_the_schedule(attempts: int) -> None:
    """Without jitter the delay grows monotonically, from five seconds to two hours."""
    assert SCHEDULE[0] <= backoff(attempts, 0.0) <= backoff(attempts + 1, 0.0) <= SCHEDULE[-1]
    assert (cool(attempts, 0.0) or 0) <= backoff(attempts, 0.0)


@given(st.integers(-5, 1000), st.floats(allow_nan=False))
def test_jitter_is_bounded(attempts: int, jitter: float) -> None:
    """Jitter changes the delay by at most a fifth."""
    plain, moved = backoff(attempts, 0.0), backoff(attempts, jitter)
    assert abs(moved - plain) <= JITTER * plain + 1


@given(
    st.sampled_from([Outcome.TRANSIENT, Outcome.AMBIGUOUS, Outcome.PERMANENT, Outcome.THROTTLED]),
    st.integers(1, 30),
    st.integers(-HOUR, 3 * DAY),
    st.one_of(st.none(), st.integers(-DAY, 40 * DAY)),
    st.floats(-1, 1),
)
def test_what_goes_on_goes_on_later_and_before_it_expires(
    outcome: Outcome, attempts: int, left: int, retry_after: int | None, jitter: float
) -> None:
    """A retry is in the future and before the expiry; only a throttled attempt is not counted."""
    follows = after(
        outcome,
        attempts=attempts,
        now=NOW,
        expires_at=NOW + left,
        retry_after=retry_after,
        jitter=jitter,
    )
    assert SECOND <= throttle(retry_after) <= HOUR
    if isinstance(follows, Again):
        assert NOW < follows.at <= NOW + left
        assert follows.counts == (outcome is not Outcome.THROTTLED)
    elif follows.reason is Outcome.EXPIRED:
        assert left <= 0
    else:
        assert (follows.reason, attempts >= 3) == (Outcome.PERMANENT, True)


@given(st.integers(1, 8), st.floats(-1, 1))
def test_tries_reach_the_expiry(hours: int, jitter: float) -> None:
    """A delivery that always fails is tried until a second before its expiry, and dies then."""
    expires_at = NOW + hours * HOUR
    now, attempts, last_try = NOW, 0, NOW
    while now < expires_at:
        attempts, last_try = attempts + 1, now
        follows = after(Outcome.TRANSIENT, attempts=attempts, now=now, expires_at=expires_at, jitter=jitter)
        assert isinstance(follows, Again)
        now = follows.at
    assert last_try == expires_at - SECOND
    assert attempts < 20


# Targets

_limits = st.one_of(
    st.none(),
    st.builds(
        RateLimit,
        messages=st.integers(1, 50),
        per=st.sampled_from([SECOND, MINUTE, HOUR]),
        burst=st.integers(1, 10),
    ),
)


@st.composite
def _targets(draw: st.DrawFn) -> Target:
    limit = draw(_limits)
    known = draw(st.booleans())
    return Target(
        tokens=draw(st.floats(0, 10)) if limit and known else None,
        tokens_at=NOW - draw(st.integers(0, DAY)) if limit and known else None,
        cool_until=draw(st.one_of(st.none(), st.integers(NOW - HOUR, NOW + HOUR))),
        failures=draw(st.integers(0, 5)),
        disabled=draw(st.booleans()) and draw(st.booleans()),
        last_sent_at=draw(st.one_of(st.none(), st.integers(NOW - 2 * SECOND, NOW))),
        in_flight=draw(st.integers(0, 2)),
        rate_limit=limit,
        digest=draw(st.booleans()),
        pace=draw(st.sampled_from([0, SECOND])),
    )


@st.composite
def _pendings(draw: st.DrawFn) -> list[Pending]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["plain", "plain", "plain", "test", "digest"]))
        thread = f"t-{draw(st.integers(0, 3))}" if kind == "plain" else f"own-{number}"
        found.append(
            Pending(
                id=f"d-{number}",
                thread=thread,
                created_at=NOW - draw(st.sampled_from([0, MINUTE, HOUR])),
                due_at=NOW + draw(st.sampled_from([-HOUR, 0, 0, 5, MINUTE])),
                expires_at=NOW + draw(st.sampled_from([-1, 0, 1, DAY, DAY])),
                claims=draw(st.sampled_from([0, 0, 1, 4, 5])),
                is_test=kind == "test",
                never_digest=kind == "digest",
                frozen=draw(st.booleans()),
            )
        )
    return found


def _ids(sends: Sequence[Send]) -> list[str]:
    return [id_ for send in sends for id_ in (*send.older, send.newest)]


@given(_targets(), _pendings(), st.sets(st.integers(0, 3)), st.integers(1, 5))
@settings(max_examples=examples(150, 400))
def test_a_plan_loses_nothing_and_sends_nothing_twice(
    target: Target, pending: list[Pending], in_flight: set[int], slots: int
) -> None:
    """Every pending delivery is sent, merged, dead, or waits for a time or a send in flight; one message per thread."""
    busy = frozenset(f"t-{n}" for n in in_flight)
    target = replace(target, in_flight=max(target.in_flight, len(busy)))
    pending = [one for one in pending if one.thread not in busy]
    result = plan(target, Front(pending=pending), NOW, slots)
    by_id = {one.id: one for one in pending}
    named = [*_ids(result.sends), *_ids(result.digest), *(id_ for id_, _ in result.dead)]
    assert len(named) == len(set(named))
    left = set(by_id) - set(named)
    threads = [by_id[send.newest].thread for send in (*result.sends, *result.digest)]
    assert len(threads) == len(set(threads))
    assert not busy & set(threads)
    assert not any(by_id[send.newest].frozen and send.older for send in (*result.sends, *result.digest))
    for one in left:
        assert not by_id[one].is_test
        waits_for_a_send = (
            by_id[one].thread in {*busy, *threads} or target.in_flight or len(result.sends) >= slots
        )
        assert result.next_at is not None or waits_for_a_send
    _within_bounds(target, result, by_id, slots)


def _within_bounds(target: Target, result: SendPlan, by_id: dict[str, Pending], slots: int) -> None:
    messages = sum(not by_id[send.newest].is_test for send in result.sends) + bool(result.digest)
    tests = len(result.sends) + bool(result.digest) - messages
    assert messages <= max(0, slots - tests)
    if target.pace or target.failures >= 3:
        assert messages <= 1
    if target.cool_until is not None and target.cool_until > NOW:
        assert messages == 0
    if result.digest:
        assert target.digest
        assert not any(by_id[send.newest].never_digest for send in result.digest)
        assert len(result.digest) >= 2
    tokens = tokens_now(target.rate_limit, target.tokens, target.tokens_at, NOW)
    if tokens is None:
        assert result.tokens is None
    else:
        assert result.tokens == tokens - messages
        assert result.tokens >= 0


@given(
    _limits,
    st.booleans(),
    st.lists(st.tuples(st.integers(0, DAY), st.integers(0, 20)), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_a_day_of_alerts_stays_within_the_bucket_and_ends_empty(
    limit: RateLimit | None, digest: bool, arrivals: list[tuple[int, int]]
) -> None:
    """The messages never exceed burst + rate x time, and everything is sent in the end."""
    target = Target(
        tokens=None, tokens_at=None, cool_until=None, failures=0, disabled=False, last_sent_at=None, in_flight=0,
        rate_limit=limit, digest=digest, pace=0,
    )  # fmt: skip
    waiting: list[Pending] = []
    coming = [
        Pending(
            id=f"d-{n}", thread=f"t-{thread}", created_at=NOW + at, due_at=NOW + at, expires_at=NOW + 99 * DAY, claims=0
        )
        for n, (at, thread) in enumerate(sorted(arrivals))
    ]  # fmt: skip
    now, sent, turns = NOW, 0, 0
    while coming or waiting:
        turns += 1
        assert turns < 1000
        while coming and coming[0].due_at <= now:
            waiting.append(coming.pop(0))
        result = plan(target, Front(pending=waiting), now, 8)
        sent += len(result.sends) + bool(result.digest)
        if limit is not None:
            allowed = limit.burst + (now - NOW) * limit.messages / limit.per
            assert sent <= allowed + 1e-6
            assert (result.tokens or 0) <= limit.burst
        target = replace(target, tokens=result.tokens, tokens_at=now)
        gone = {*_ids(result.sends), *_ids(result.digest)}
        waiting = [one for one in waiting if one.id not in gone]
        moments = [coming[0].due_at] if coming else []
        if result.next_at is not None:
            moments.append(result.next_at)
        assert moments or not waiting
        now = max(now, min(moments, default=now))


# Notifying


@st.composite
def _members(draw: st.DrawFn) -> Member:
    told = draw(st.booleans())
    count = draw(st.integers(1, 20))
    return Member(
        incident=1,
        state=draw(st.sampled_from(State)),
        severity=draw(st.sampled_from(Severity)),
        count=count,
        reopened=draw(st.booleans()),
        told_state=draw(st.sampled_from([State.OPEN, State.RESOLVED])) if told else None,
        told_severity=draw(st.sampled_from(Severity)) if told else None,
        told_count=draw(st.integers(1, count)) if told else 0,
        first_told_at=NOW - DAY if told else None,
        told_at=NOW - draw(st.integers(0, DAY)) if told else None,
    )


_routes = st.builds(
    Route,
    key=st.just("r"),
    name=st.just("r"),
    group_wait=st.integers(0, MINUTE),
    group_interval=st.integers(0, HOUR),
    repeat_interval=st.integers(1, DAY),
    send_resolved=st.booleans(),
)


@given(_members(), _routes)
def test_what_was_told_is_not_told_again_before_repeat_interval(member: Member, route: Route) -> None:
    """Right after a message, an unchanged member is settled: level-triggered decisions come to rest."""
    verdict = decide(member, route, NOW)
    if not isinstance(verdict, Notify):
        return
    assert verdict.suppressed >= 0
    told = replace(
        member,
        told_state=member.state,
        told_severity=member.severity,
        told_count=member.count,
        told_at=NOW,
        first_told_at=member.first_told_at or NOW,
    )
    assert not isinstance(decide(told, route, NOW), Notify)
    more = replace(told, count=told.count + 1)
    assert not isinstance(decide(more, route, NOW + route.repeat_interval - 1), Notify)


@given(_members(), _routes, st.integers(0, DAY))
def test_a_change_is_never_due_before_it_happened_nor_for_ever(
    member: Member, route: Route, ago: int
) -> None:
    """A change is due after it happened, and within the sum of a route's timers."""
    due = change_due(member, route, changed_at=NOW, last_told_at=NOW - ago)
    assert NOW <= due <= NOW + route.group_wait + route.group_interval + route.repeat_interval


# Time


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_an_instant_survives_its_text(at: int) -> None:
    """Every millisecond of the years 1 to 9999 survives formatting and parsing."""
    assert parse_rfc3339(rfc3339(at)) == at


@given(st.text(max_size=40))
def test_reading_time_is_total(text: str) -> None:
    """Any text is parsed to an instant or refused with ValueError."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        return
    assume(-62_135_596_800_000 <= at <= 253_402_300_799_999)
    assert parse_rfc3339(rfc3339(at)) == at


@given(st.integers(0, 400 * DAY))
def test_durations_in_words_lose_less_than_an_hour(duration: int) -> None:
    """Parsed back, `3h 5m` is never more than the duration; below a day the difference is at most a minute."""
    sizes = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
    parts = words(duration).split()
    read = sum(int(part[:-1]) * sizes[part[-1]] for part in parts)
    assert len(parts) <= 2
    assert 0 <= duration - read < (HOUR if duration >= DAY else MINUTE)
