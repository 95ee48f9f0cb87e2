"""The reference model of the storm state machine: a literal, slow reading of the rules, independent of the code.

See RULES.md#timing, RULES.md#targets and RULES.md#outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from notifier.domain.event import Event
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.route import Route
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, Duration, Instant


@dataclass
class Known:
    """An incident, as the events make it; `*_noticed` is when the alerting loops first ran after the change."""

    id: str
    environment: str
    fingerprint: str
    reopened: bool
    opened_at: Instant
    severity: Severity
    resolved_at: Instant | None = None
    last_seen: Instant = 0
    arrivals: list[Instant] = field(default_factory=list)
    late: int = 0
    opened_noticed: Instant | None = None
    raised_noticed: dict[Severity, Instant] = field(default_factory=dict)
    event_noticed: Instant | None = None
    resolved_noticed: Instant | None = None

    @property
    def count(self) -> int:
        return len(self.arrivals) + self.late

    @property
    def identity(self) -> str:
        return f"{self.environment} {self.fingerprint}"

    def cleared_at(self, interval: Duration) -> Instant:
        """When its resolution may be told: it is delayed if the incident returned within the last hour."""
        assert self.resolved_at is not None
        flaps = self.reopened and self.resolved_at - self.opened_at <= HOUR
        return self.resolved_at + interval if flaps else self.resolved_at

    def recent(self, now: Instant, within: int) -> int:
        """The count of recent events. Counts are kept per minute, so the window starts at a full minute."""
        since = (now - within) // MINUTE * MINUTE
        return sum(at >= since for at in self.arrivals)


@dataclass(frozen=True)
class Heard:
    """The part of a group's notification about one incident."""

    at: Instant
    reason: Reason
    severity: Severity
    count: int
    over: bool


@dataclass
class Group:
    """The messages of one route about one environment, or about one identity."""

    route: Route
    shared: str
    notified: list[Instant] = field(default_factory=list)
    heard: dict[str, list[Heard]] = field(default_factory=dict)
    noticed: list[Instant] = field(default_factory=list)

    def last(self) -> Instant | None:
        return self.notified[-1] if self.notified else None

    def holds(self, one: Known) -> bool:
        return covers(self.route, one.environment) and shared(self.route, one) == self.shared


class Model:
    """Follows posts, runs of the loops and notifications, and checks what must and must not have been sent."""

    def __init__(self) -> None:
        self.incidents: dict[str, Known] = {}
        self.newest: dict[tuple[str, str], Known] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.accepted = 0

    # Input

    def posted(self, event: Event, answer: str | None, now: Instant) -> None:
        """Apply an event; `answer` is the incident that the service named."""
        identity = (event.environment, event.fingerprint)
        known = self.newest.get(identity)
        if event.status == "resolved":
            if known is not None and known.resolved_at is None:
                assert answer == known.id
                known.resolved_at = event.at
            return
        self.accepted += 1
        if known is not None and known.resolved_at is None:
            assert answer == known.id
        elif known is not None and known.resolved_at is not None and event.at <= known.resolved_at:
            assert answer == known.id
            known.late += 1
            return
        else:
            assert answer is not None
            assert answer not in self.incidents
            known = Known(
                answer, event.environment, event.fingerprint, known is not None, now, event.severity
            )
            self.incidents[answer] = self.newest[identity] = known
        known.arrivals.append(now)
        known.last_seen = max(known.last_seen, event.at)
        known.event_noticed = None
        if event.severity.rank > known.severity.rank:
            known.severity = event.severity

    def auto_resolved(self, now: Instant, quiet: int) -> int:
        """The number of incidents that `auto_resolve` ends now."""
        over = [
            one
            for one in self.incidents.values()
            if one.resolved_at is None and max(one.last_seen, one.opened_at) <= now - quiet
        ]
        for one in over:
            one.resolved_at = now
        return len(over)

    def noticed(self, now: Instant, routes: Iterable[Route]) -> None:
        """Notice all changes, before the loops run."""
        for one in self.incidents.values():
            if one.opened_noticed is None:
                one.opened_noticed = now
                for route in routes:
                    if covers(route, one.environment):
                        key = (route.key, shared(route, one))
                        self.groups.setdefault(key, Group(route, key[1])).noticed.append(now)
            one.raised_noticed.setdefault(one.severity, now)
            if one.event_noticed is None:
                one.event_noticed = now
            if one.resolved_at is not None and one.resolved_noticed is None:
                one.resolved_noticed = now

    def told(self, route: str, value: str, message: Message) -> None:
        """Check that a notification was allowed."""
        group = self.groups[route, value]
        self._spaced(group, message)
        group.notified.append(message.at)
        assert message.more == 0
        for one in message.told:
            incident = self.incidents[one.incident.id]
            assert group.holds(incident)
            history = group.heard.setdefault(incident.id, [])
            now = Heard(
                at=message.at,
                reason=one.reason,
                severity=one.incident.severity,
                count=one.incident.count,
                over=one.incident.resolved_at is not None,
            )
            self._allowed(group, incident, history, now)
            history.append(now)

    # Forbidden notifications

    def _allowed(self, group: Group, incident: Known, history: list[Heard], now: Heard) -> None:
        assert now.count == incident.count
        assert now.severity is incident.severity
        assert now.over == (incident.resolved_at is not None)
        if not history:
            assert now.reason is (Reason.REOPENED if incident.reopened else Reason.OPENED)
            assert not now.over
            threshold = group.route.notify_after
            assert threshold is None or incident.recent(now.at, threshold.within) >= threshold.events
            return
        before = history[-1]
        assert before.reason is not Reason.RESOLVED
        if now.reason is Reason.REPEATED:
            assert now.at >= before.at + group.route.repeat_interval
            assert now.count > before.count
            assert not now.over
        elif now.reason is Reason.SEVERITY_RAISED:
            assert now.severity.rank > before.severity.rank
        else:
            assert now.reason is Reason.RESOLVED
            assert now.over
            assert group.route.send_resolved

    def _spaced(self, group: Group, message: Message) -> None:
        """Check group_wait and group_interval, which critical news and repeats may ignore."""
        last = group.last()
        route = group.route
        if last is None:
            assert message.at >= min(group.noticed) + route.group_wait
            return
        if message.at >= last + route.group_interval:
            return
        hurried = any(
            group.holds(one) and one.raised_noticed.get(Severity.CRITICAL, -1) + route.group_wait >= last
            for one in self.incidents.values()
        )
        repeating = any(
            heard and not heard[-1].over and heard[-1].at + route.repeat_interval <= message.at
            for heard in group.heard.values()
        )
        assert hurried or repeating

    # Required notifications

    def all_told(self, now: Instant) -> None:
        """Check that nothing is due after the loops have run at `now`."""
        for group in self.groups.values():
            for one in self.incidents.values():
                if group.holds(one):
                    self._told_by_now(group, one, group.heard.get(one.id, []), now)

    def _told_by_now(self, group: Group, one: Known, history: list[Heard], now: Instant) -> None:
        assert one.opened_noticed is not None
        if not history:
            if one.resolved_at is None:
                self._opened_by_now(group, one, now)
            return
        if one.resolved_at is not None:
            assert one.resolved_noticed is not None
            waits = now < one.cleared_at(group.route.group_interval)
            if group.route.send_resolved and not waits and _due(group, one.resolved_noticed, now):
                assert history[-1].over
            return
        if history[-1].severity is not one.severity:
            raised = one.raised_noticed[one.severity]
            assert not _due(group, raised, now)
            assert not self._is_urgent(group, one, raised) or now < raised + group.route.group_wait
        elif one.count > history[-1].count and now >= history[-1].at + group.route.repeat_interval:
            assert now < group.notified[-1] + group.route.group_interval

    def _opened_by_now(self, group: Group, one: Known, now: Instant) -> None:
        threshold = group.route.notify_after
        noticed = one.opened_noticed
        if threshold is not None:
            if one.recent(now, threshold.within) < threshold.events:
                return
            noticed = one.event_noticed
        assert noticed is not None
        assert not _due(group, noticed, now)
        if one.severity is Severity.CRITICAL:
            raised = max(one.raised_noticed[Severity.CRITICAL], noticed)
            assert not self._is_urgent(group, one, raised) or now < raised + group.route.group_wait

    def _is_urgent(self, group: Group, one: Known, raised: Instant) -> bool:
        """Whether it is critical, and its identity was not told as critical within the interval."""
        told = [
            heard.at
            for id_, history in group.heard.items()
            if self.incidents[id_].identity == one.identity
            for heard in history
            if heard.severity is Severity.CRITICAL
        ]
        lately = any(at > raised - group.route.group_interval for at in told)
        return one.severity is Severity.CRITICAL and not lately


def _due(group: Group, noticed: Instant, now: Instant) -> bool:
    """Whether max(change + group_wait, last told + group_interval) has passed."""
    last = group.last()
    waited = now >= noticed + group.route.group_wait
    return waited and (last is None or now >= last + group.route.group_interval)


def covers(route: Route, environment: str) -> bool:
    """Whether the route matches an environment; without matchers, it matches all."""
    wanted = [matcher.value for matcher in route.match if matcher.name == "environment"]
    return not wanted or wanted == [environment]


def shared(route: Route, one: Known) -> str:
    """The key that distinguishes a route's groups: the incident's identity, or the environment."""
    return one.identity if route.group_by == ("incident",) else one.environment
