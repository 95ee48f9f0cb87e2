"""The reference model of the on-call state machine: a literal, slow reading of the rules, independent of the code.

See RULES.md#timing and RULES.md#held.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from notifier.domain.message import Message, Told
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration, Instant
from notifier.domain.value import replace

GATHERED: Duration = 3 * SECOND
ACKNOWLEDGED, OPEN, RESOLVED = State.ACKNOWLEDGED, State.OPEN, State.RESOLVED


@dataclass(frozen=True)
class Config:
    """The part of the configuration that reloads change.

    The root and `log` always exist; `log` neither escalates nor mutes.
    """

    routes: frozenset[str]
    group_wait: Duration
    group_interval: Duration
    repeat_interval: Duration
    steps: tuple[Duration, ...]
    quiet: tuple[int, int] | None
    inhibits: bool

    def of(self, service: str) -> tuple[str, ...]:
        """The routes that match a service. Billing has two if both exist, because `log` continues."""
        if service == "billing":
            return ("log", "billing") if "billing" in self.routes else ("log",)
        return (service,) if service in self.routes else ("root",)

    def steps_of(self, route: str) -> tuple[Duration, ...]:
        return () if route == "log" else self.steps


@dataclass
class Silence:
    """A silence; with `daily`, only between these minutes of each UTC day."""

    id: str
    label: tuple[str, str]
    starts_at: Instant
    ends_at: Instant
    daily: tuple[int, int] | None

    def on(self, one: Problem, now: Instant) -> bool:
        return self.lasts(now) and self.label in one.labels

    def lasts(self, now: Instant) -> bool:
        return self.starts_at <= now < self.ends_at and within(self.daily, now)

    @property
    def name(self) -> str:
        return f"{'recurring ' if self.daily else ''}silence {self.id}"


@dataclass
class Problem:
    """An incident, as events and people change it. `urged` is set by an act since the loops last ran."""

    id: str
    service: str
    name: str
    severity: Severity
    opened_at: Instant
    previous: Problem | None
    state: State = OPEN
    resolved_at: Instant = -1
    count: int = 0
    region: bool = True
    routed: int = -1
    acknowledged_by: str | None = None
    acknowledged_at: Instant = -1
    acknowledged_until: Instant | None = None
    snoozed_by: str | None = None
    snoozed_until: Instant = -1
    snoozed_at: Instant = -1
    resolved_by: str | None = None
    reopened_by: str | None = None
    reopened_at: Instant = -1
    urged: bool = False

    @property
    def reopened(self) -> bool:
        return self.previous is not None

    @property
    def identity(self) -> str:
        return f"{self.service} {self.name}"

    @property
    def flaps(self) -> bool:
        """Whether the service resolved it within an hour of a return, so that its resolution is delayed."""
        lately = self.resolved_at - self.opened_at <= HOUR
        return self.state is RESOLVED and self.resolved_by == "event" and self.reopened and lately

    @property
    def labels(self) -> set[tuple[str, str]]:
        found = {("service", self.service), ("severity", self.severity.value)}
        return found | {("region", "eu")} if self.region else found


@dataclass(frozen=True)
class Heard:
    """The part of a notification about one incident."""

    at: Instant
    reason: Reason
    state: State
    severity: Severity
    count: int


@dataclass
class Group:
    """The messages of one route to one group. `last` counts those from before its members moved here.

    Acts of people are collected until `acts_until`.
    """

    own: Instant | None = None
    last: Instant | None = None
    acts_until: Instant = -1


@dataclass(eq=False)
class Member:
    """An incident in one route's group.

    `noticed` is when the loops first saw its current `news`, and `critical` that it is critical. `held` is set if a
    mute has certainly held something, `perhaps` if it may have. `muted_by` is the latest mute, `free` the time since
    when there is none, `muted_at` the last time of one. `moved` is when it came to this group, `began` when it was
    first told since it was resolved, `steps` the number of escalation steps since. `critical_told` is when its identity
    was last told as critical here; `slow` is set if it therefore waits. `act_due` is when the latest act must be told.
    """

    problem: Problem
    route: str
    group: Group
    moved: Instant
    heard: list[Heard] = field(default_factory=list)
    news: Reason | None = None
    noticed: Instant | None = None
    critical: Instant | None = None
    held: bool = False
    perhaps: bool = False
    muted_by: frozenset[str] = frozenset()
    free: Instant | None = None
    began: Instant | None = None
    steps: int = 0
    targets: set[str] = field(default_factory=set)
    critical_told: Instant | None = None
    slow: bool = False
    muted_at: Instant = -1
    act_due: Instant = -1

    @property
    def last(self) -> Heard | None:
        return self.heard[-1] if self.heard else None

    @property
    def is_going_on(self) -> bool:
        return self.last is not None and self.last.reason is not Reason.RESOLVED

    @property
    def is_critical_news(self) -> bool:
        told = self.last is not None and self.last.severity is Severity.CRITICAL
        return self.problem.severity is Severity.CRITICAL and self.problem.state is not RESOLVED and not told

    def newly_critical(self, now: Instant, interval: Duration) -> bool:
        """Whether it became critical, and its identity was not told as critical within the interval."""
        lately = self.critical_told is not None and now < self.critical_told + interval
        return self.is_critical_news and not lately


class Model:
    """Follows events and notifications, and checks what must and must not have been sent. `seen` counts both."""

    def __init__(self, config: Config, each: bool, seen: Counter[str]) -> None:
        self.configs: list[tuple[Instant, Config]] = [(0, config)]
        self.each = each
        self.seen = seen
        self.problems: dict[str, Problem] = {}
        self.newest: dict[tuple[str, str], Problem] = {}
        self.silences: dict[str, Silence] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.members: dict[tuple[str, str], Member] = {}
        self.accepted = 0

    @property
    def config(self) -> Config:
        return self.configs[-1][1]

    def slowest(self, name: str, since: Instant) -> Duration:
        """The longest value of a timing that was in force at any time since `since`."""
        longest: Duration = max(self._values(name, since))
        return longest

    def fastest(self, name: str, since: Instant) -> Duration:
        shortest: Duration = min(self._values(name, since))
        return shortest

    def _values(self, name: str, since: Instant) -> list[Any]:
        ends = [at for at, _ in self.configs[1:]] + [None]
        return [
            getattr(config, name)
            for (_, config), end in zip(self.configs, ends, strict=True)
            if end is None or end >= since
        ]

    # Input

    def posted(
        self,
        service: str,
        name: str,
        severity: Severity,
        region: str,
        over: bool,
        answer: str | None,
        now: Instant,
    ) -> None:
        """Apply an event; `answer` is the incident that the service named."""
        known = self.newest.get((service, name))
        if over:
            if known is not None and known.state is not RESOLVED:
                known.state, known.resolved_by, known.urged = RESOLVED, "event", False
                known.resolved_at = now
            return
        self.accepted += 1
        if known is None or known.state is RESOLVED:
            assert answer is not None
            assert answer not in self.problems
            known = Problem(answer, service, name, severity, now, known, region=region == "eu")
            self.problems[answer] = self.newest[service, name] = known
        assert answer == known.id
        known.count += 1
        known.region = known.region and region == "eu"
        known.severity = max(known.severity, severity, key=lambda one: one.rank)

    def lapse(self, now: Instant) -> None:
        """Expire acknowledgements."""
        for one in self.problems.values():
            until = one.acknowledged_until
            if one.state is ACKNOWLEDGED and until is not None and until <= now:
                one.state, one.acknowledged_by, one.acknowledged_until = OPEN, None, None
                self.seen["an acknowledgement ran out"] += 1

    def acted(self, one: Problem, now: Instant) -> None:
        """Record an act. A group's first act is told at once, and those of the next three seconds together."""
        if one.state is RESOLVED:
            one.resolved_at = now
        for member in self.members.values():
            if member.problem is one:
                gathered = now < member.group.acts_until
                member.act_due = member.group.acts_until if gathered else now
                self.seen["an act was gathered"] += gathered
                member.group.acts_until = member.group.acts_until if gathered else now + GATHERED

    def acknowledge(self, one: Problem, actor: str, until: Instant | None, now: Instant) -> str:
        """Acknowledge, and return `done`, `same`, or the state that refuses it."""
        if one.state is RESOLVED:
            return "resolved"
        if one.state is ACKNOWLEDGED and one.acknowledged_by != actor:
            return "acknowledged"
        if one.state is ACKNOWLEDGED and one.acknowledged_until == until:
            return "same"
        if one.state is OPEN:
            one.acknowledged_at = now
        one.state, one.acknowledged_by, one.acknowledged_until = ACKNOWLEDGED, actor, until
        return "done"

    def snooze(self, one: Problem, actor: str, until: Instant, now: Instant) -> str:
        snoozed = one.snoozed_until > now
        if one.state is RESOLVED or (snoozed and one.snoozed_by != actor):
            return one.state.value
        if snoozed and one.snoozed_until == until:
            return "same"
        one.snoozed_by, one.snoozed_until, one.snoozed_at = actor, until, now
        return "done"

    def resolve(self, one: Problem, actor: str) -> str:
        if one.state is RESOLVED:
            return "same" if one.resolved_by == actor else "resolved"
        one.state, one.resolved_by, one.snoozed_until = RESOLVED, actor, -1
        return "done"

    def reopen(self, one: Problem, actor: str, now: Instant) -> str:
        if one.state is OPEN and one.snoozed_until <= now:
            return "same" if one.reopened_by == actor else "open"
        if one.state is RESOLVED and one not in self.newest.values():
            return "resolved"
        one.state, one.acknowledged_by, one.acknowledged_until = OPEN, None, None
        one.snoozed_until, one.reopened_at, one.reopened_by = -1, now, actor
        # When it is told depends on what holds it, but as an act it delays others.
        for member in self.members.values():
            if member.problem is one and now >= member.group.acts_until:
                member.group.acts_until = now + GATHERED
        return "done"

    # Mutes

    def mutes(self, member: Member, now: Instant) -> frozenset[str]:
        """Everything that holds a member now; for inhibition, the source incidents."""
        one = member.problem
        found = {"snooze"} if one.snoozed_until > now else set()
        found |= {it.name for it in self.silences.values() if it.on(one, now)}
        if self.config.inhibits and one.severity is Severity.WARNING:
            found |= {f"inhibition {source.id}" for source in self._sources(one)}
        quiet = self.config.quiet
        if quiet is not None and member.route != "log" and within(quiet, now):
            found.add("mute time")
        return frozenset(found)

    def _sources(self, one: Problem) -> list[Problem]:
        return [
            other
            for other in self.problems.values()
            if other.state is not RESOLVED
            and other.severity is Severity.CRITICAL
            and other.service == one.service
        ]

    # Pending news

    def news(self, member: Member, now: Instant) -> Reason | None:
        """The reason to notify about the member, if nothing held it."""
        one, last = member.problem, member.last
        if one.state is RESOLVED:
            return Reason.RESOLVED if last is not None and last.reason is not Reason.RESOLVED else None
        if last is None or last.reason is Reason.RESOLVED:
            return Reason.REOPENED if one.reopened or last is not None else Reason.OPENED
        if one.severity.rank > last.severity.rank:
            return Reason.SEVERITY_RAISED
        if one.state is ACKNOWLEDGED:
            told = last.state is ACKNOWLEDGED and one.acknowledged_at <= last.at
            return None if told else Reason.ACKNOWLEDGED
        if last.state is ACKNOWLEDGED and one.reopened_at > last.at and one.reopened_at > one.acknowledged_at:
            return Reason.REOPENED
        over = now >= last.at + self.slowest("repeat_interval", last.at)
        return Reason.REPEATED if over and one.count > last.count else None

    def _by_hand(self, member: Member, news: Reason | None) -> bool:
        """Whether the news comes from an act of a person."""
        last = member.last
        differs = last is None or last.state is not member.problem.state or news is Reason.ACKNOWLEDGED
        return member.problem.urged and member.act_due >= 0 and differs

    def _due(self, member: Member, news: Reason | None, now: Instant) -> bool:
        """Whether the news must have been told by now."""
        group = member.group
        if news is None or member.noticed is None:
            return False
        # News that was held waits for its group's timers, and a member that moved starts over.
        if self._by_hand(member, news) and not member.perhaps and member.moved != now:
            return now >= member.act_due
        one = member.problem
        if one.flaps and now < one.resolved_at + self.slowest("group_interval", one.resolved_at):
            return False
        noticed = max(member.noticed, member.moved)
        wait = 0 if news is Reason.REPEATED else self.slowest("group_wait", member.noticed)
        if self._urgent(member, now) and now >= max(member.critical or 0, member.moved) + wait:
            return True
        if group.last is not None and now < group.last + self.slowest("group_interval", group.last):
            return False
        return now >= noticed + wait

    def _urgent(self, member: Member, now: Instant) -> bool:
        """Whether it became critical, and its identity was not told as critical within any interval in force."""
        interval = self.slowest("group_interval", member.critical_told or 0)
        return member.critical is not None and member.newly_critical(now, interval)

    # Runs of the loops

    def begins(self, now: Instant) -> None:
        """Notice all changes, before the loops run."""
        self.lapse(now)
        for one in self.problems.values():
            if one.routed < 0 or (one.state is not RESOLVED and one.severity.rank > one.routed):
                one.routed = max(one.routed, one.severity.rank)
                for route in self.config.of(one.service):
                    if (one.id, route) not in self.members:
                        self._carry(self._join(one, route, now))
        self._follow(now)
        for member in self.members.values():
            news = self.news(member, now)
            if news is not member.news or member.noticed is None:
                member.news, member.noticed = news, None if news is None else now
            interval = self.slowest("group_interval", member.critical_told or 0)
            if not member.is_critical_news:
                member.critical, member.slow = None, False
            elif member.critical is None and not member.newly_critical(now, interval):
                member.slow = True
            elif not member.slow:
                member.critical = member.critical or now

    def _join(self, one: Problem, route: str, now: Instant) -> Member:
        each = route == "log" or (route == "root" and self.each)
        group = self.groups.setdefault((route, one.identity if each else ""), Group())
        return self.members.setdefault((one.id, route), Member(one, route, group, moved=now))

    def _carry(self, member: Member) -> None:
        """Give a returned incident the state of its predecessor in the same group."""
        one, before = member.problem, member.problem.previous
        last = None if before is None else self.members.get((before.id, member.route))
        if before is None or last is None or last.group is not member.group:
            return
        member.critical_told = last.critical_told
        kept = max(HOUR, 4 * self.config.group_interval)
        if one.opened_at - before.resolved_at > kept:
            return
        own = member.route == "log" or (member.route == "root" and self.each)
        if own or any(other.group is member.group and other.is_going_on for other in self.members.values()):
            member.began, member.steps = last.began, last.steps
            self.seen["an escalation went on"] += member.began is not None

    def _follow(self, now: Instant) -> None:
        """Move the members of removed routes to where the current tree sends them, with what was told."""
        there = {*self.config.routes, "log", "root"}
        for (id_, route), old in list(self.members.items()):
            if route in there or (old.problem.state is RESOLVED and self.news(old, now) is None):
                continue
            del self.members[id_, route]
            self.seen["moved, told" if old.heard else "moved, held" if old.held else "moved, not told"] += 1
            for home in self.config.of(old.problem.service):
                self._merge(old, home, now)

    def _merge(self, old: Member, home: str, now: Instant) -> None:
        known = (old.problem.id, home) in self.members
        new = self._join(old.problem, home, now)
        perhaps = old.perhaps or new.perhaps
        if not known or (old.heard and not new.heard):
            new.heard, new.began, new.steps = list(old.heard), old.began, old.steps
            new.news, new.noticed, new.critical, new.held = old.news, old.noticed, old.critical, old.held
            new.muted_by, new.free = old.muted_by, old.free
            new.critical_told, new.muted_at = old.critical_told, old.muted_at
        if old.heard and old.heard[-1].reason is not Reason.RESOLVED:
            new.targets |= old.targets
        new.moved, new.perhaps = now, perhaps
        new.group.last = max(new.group.last or -1, old.group.last or -1)

    def told(self, key: tuple[str, str], message: Message, targets: set[str]) -> None:
        """Check that a notification was allowed."""
        group = self.groups[key]
        told = [(self.members[one.incident.id, key[0]], one) for one in message.told]
        assert told
        assert message.more == 0
        assert {id(member.group) for member, _ in told} == {id(group)}
        self.seen[f"told {message.reason.value}"] += 1
        if message.reason is Reason.ESCALATED:
            for member, _ in told:
                self._escalated(member, message, targets)
            return
        self._spaced(group, message, told)
        group.own = group.last = message.at
        back = {member.problem.identity for member, _ in told if member.problem.state is not RESOLVED}
        for member, one in told:
            self._allowed(member, one, message.at, targets)
            self._waited(member, back, message.at)
            self._remember(member, one, message.at, targets)

    def _spaced(self, group: Group, message: Message, told: list[tuple[Member, Told]]) -> None:
        """Check group_interval between notifications, which critical news, repeats and acts may ignore."""
        if group.own is None or message.at >= group.own + self.fastest("group_interval", group.own):
            return
        hurried = [
            one.reason in {Reason.REPEATED, Reason.ACKNOWLEDGED}
            or member.newly_critical(
                message.at, self.fastest("group_interval", member.critical_told or group.own)
            )
            or member.problem.urged
            for member, one in told
        ]
        assert any(hurried), "told again within group_interval"

    def _allowed(self, member: Member, one: Told, now: Instant, targets: set[str]) -> None:
        problem, last, reason = member.problem, member.last, one.reason
        assert (one.incident.state, one.incident.severity, one.incident.count) == (
            problem.state,
            problem.severity,
            problem.count,
        )
        news = self.news(member, now)
        if reason is not Reason.RESOLVED:
            assert not self.mutes(member, now), "told though it is held"
        if reason is Reason.UNMUTED:
            assert member.perhaps, "unmuted, but nothing held it"
            assert problem.state is OPEN or last is None
            self.seen.update(f"unmuted after {kind.split(' id-')[0]}" for kind in member.muted_by)
        elif reason is Reason.REPEATED:
            assert self._may_repeat(member, now), "repeated too early, or without news"
        else:
            assert reason is news
        if member.held and problem.state is OPEN and problem.reopened_at < member.muted_at:
            assert reason is Reason.UNMUTED
        if last is None or last.reason is Reason.RESOLVED:
            return
        acknowledged = problem.state is ACKNOWLEDGED and last.at < problem.acknowledged_at
        if reason is Reason.RESOLVED or acknowledged:
            assert targets >= member.targets, "somebody who has heard of it was not told"

    def _waited(self, member: Member, back: set[str], now: Instant) -> None:
        """Check that the resolution of a flapping incident was delayed, unless it has opened again."""
        one = member.problem
        if not one.flaps:
            return
        if one.identity in back:
            self.seen["back before the all-clear"] += 1
        else:
            assert now >= one.resolved_at + self.fastest("group_interval", one.resolved_at)
            self.seen["an all-clear that waited"] += 1

    def _remember(self, member: Member, one: Told, now: Instant, targets: set[str]) -> None:
        if member.last is None or member.last.reason is Reason.RESOLVED:
            if member.last is not None and self.config.steps_of(member.route):
                self.seen["an escalation began anew"] += 1
            if member.last is not None or member.began is None:
                member.began, member.steps = now, 0
            member.targets = set()
        if one.incident.severity is Severity.CRITICAL:
            self._told_critical(member, now)
        if one.reason is Reason.RESOLVED and self.mutes(member, now):
            self.seen["told resolved though it is held"] += 1
        member.targets |= targets
        member.heard.append(
            Heard(now, one.reason, one.incident.state, one.incident.severity, one.incident.count)
        )
        member.held = member.perhaps = False
        member.noticed = member.critical = None

    def _told_critical(self, member: Member, now: Instant) -> None:
        for other in self.members.values():
            same = other.group is member.group and other.problem.identity == member.problem.identity
            if same and other.problem.opened_at >= member.problem.opened_at:
                other.critical_told = now

    def _escalated(self, member: Member, message: Message, targets: set[str]) -> None:
        steps = self.config.steps_of(member.route)
        assert message.origin is not None
        assert message.origin.line == f"step {member.steps}", "a step was fired twice, or one was left out"
        assert member.problem.state is OPEN
        assert not self.mutes(member, message.at), "escalated though it is held"
        assert member.began is not None
        late = message.at - member.began - steps[member.steps]
        assert late >= 0
        if late > MINUTE:  # it was held, so the next message keeps its distance
            member.began += late
        assert targets == {"boss" if member.steps == 0 else "director"}
        self.seen[f"escalated step {member.steps}"] += 1
        if member.muted_by and member.free is None:
            self.seen["escalated when a hold ended"] += 1
        member.steps += 1
        member.targets |= targets

    # Required notifications

    def ends(self, now: Instant) -> None:
        """Check that nothing is due after the loops have run."""
        for member in self.members.values():
            mutes = frozenset[str]() if member.problem.state is RESOLVED else self.mutes(member, now)
            if mutes:
                self._is_held(member, mutes, now)
            else:
                self._is_told(member, now)
            last, open_again = member.last, member.problem.state is OPEN and not member.held
            if (
                last is not None
                and last.state is ACKNOWLEDGED
                and open_again
                and self.news(member, now) is None
            ):
                # The expiry of the acknowledgement was known in advance.
                member.heard[-1] = replace(last, state=OPEN)
        waiting = {member.problem.id for member in self.members.values() if member.act_due > now}
        for one in self.problems.values():
            one.urged = one.urged and one.id in waiting

    def _is_held(self, member: Member, mutes: frozenset[str], now: Instant) -> None:
        news = self.news(member, now)
        member.muted_by, member.free, member.muted_at = mutes, None, now
        if news is not None or "snooze" in mutes or self._may_repeat(member, now):
            member.perhaps = True
            self.seen[f"held, {news.value if news else 'no news'}"] += 1
        # A member that joined while snoozed is held once it would have been told.
        snoozed = "snooze" in mutes and (member.last is not None or member.problem.snoozed_at > member.moved)
        if snoozed or self._due(member, news, now):
            member.held = True

    def _may_repeat(self, member: Member, now: Instant) -> bool:
        """Whether one of the timings in force since the last message would repeat it by now."""
        one, last = member.problem, member.last
        if last is None or one.state is not OPEN or one.count <= last.count:
            return False
        return now >= last.at + self.fastest("repeat_interval", last.at)

    def _is_told(self, member: Member, now: Instant) -> None:
        problem, news = member.problem, self.news(member, now)
        if member.free is None:
            member.free = now
        if problem.state is RESOLVED:
            if member.held and not member.heard:
                self.seen["opened and resolved while held"] += 1
            assert not self._due(member, news, now), f"{news} was not told"
            return
        if member.held and problem.state is ACKNOWLEDGED and member.heard and news is None:
            if now >= self._released(member):
                member.held = member.perhaps = False
        elif member.held:
            assert not self._unmuted(member, now), (
                f"what held it is over, and it was not told: {member} {now}"
            )
        else:
            assert not self._due(member, news, now), f"{news} was not told"
        self._is_escalated(member, now)

    def _unmuted(self, member: Member, now: Instant) -> bool:
        last = member.group.last
        spaced = last is None or now >= last + self.slowest("group_interval", last)
        critical = member.critical or 0
        if self._urgent(member, now) and now >= critical + self.slowest("group_wait", critical):
            spaced = True
        return now >= max(self._released(member), member.act_due) and spaced

    def _released(self, member: Member) -> Instant:
        """The time since when it counts as free of mutes."""
        free = member.free if member.free is not None else -1
        # The end of an inhibition is unknown unless its source resolves.
        sources = [kind.split()[1] for kind in member.muted_by if kind.startswith("inhibition")]
        going_on = [source for source in sources if self.problems[source].state is not RESOLVED]
        if going_on or (sources and not all(self._values("inhibits", free))):
            free += max(self.slowest("group_interval", free - DAY), MINUTE)
        elif any(it.name in member.muted_by and it.lasts(free) for it in self.silences.values()):
            # The source still inhibits, but not this incident, whose labels have changed.
            free += self.slowest("group_wait", free)
            if member.group.last is not None:
                free = max(free, member.group.last + self.slowest("group_interval", member.group.last))
        return max(free, member.moved + self.slowest("group_wait", member.moved))

    def _is_escalated(self, member: Member, now: Instant) -> None:
        steps = self.config.steps_of(member.route)
        if member.problem.state is not OPEN or member.began is None or member.steps >= len(steps):
            return
        if not member.is_going_on:
            return
        due = max(member.began + steps[member.steps], self._released(member), member.act_due)
        assert now < due, "a step was not fired"


def within(daily: tuple[int, int] | None, now: Instant) -> bool:
    """Whether the UTC minute of the day is within the range; true without a range."""
    return daily is None or daily[0] <= now % DAY // MINUTE < daily[1]
