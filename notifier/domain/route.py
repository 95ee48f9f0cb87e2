"""A route: a node of the routing tree with everything inherited already filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from notifier.domain.calendar import Weekly
from notifier.domain.matcher import Matcher
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """`notify_after`: tell once `events` have arrived `within` the window."""

    events: int
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of `escalate`: tell these channels of what is still open `after` it was first told."""

    after: Duration
    channels: tuple[str, ...]
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInterval:
    """Named times, as Alertmanager's `time_intervals`: it is on while any of its windows is."""

    name: str
    windows: tuple[Weekly, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an incident that meets `source` is not resolved, those that meet `target` are held.

    Both are of one project, and have the same values of the labels `equal` (a missing one counts as empty). `key`
    hashes the three, so that it is stable over reloads.
    """

    key: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One node.

    `key` is stable over reloads: a hash of the matchers from the root down. `name` is those matchers in words
    (`default` for the root, else `severity="critical", environment=~"prod.*"`; levels joined by ` > `), `line` is
    its place (`notifier.yaml:12`), None for a built-in default. `group_by` of `("incident",)` is one group each.
    `resolve_after` is how long an all-clear waits for the problem to come back, None: only where it has done so lately.
    While one of `mute_times` is on, or `active_times` are named and none of them is, the route holds what it has to
    tell.
    """

    key: str
    name: str
    line: str | None = None
    match: tuple[Matcher, ...] = ()
    channels: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ("service", "environment")
    group_wait: Duration = 10 * SECOND
    group_interval: Duration = 5 * MINUTE
    repeat_interval: Duration = 4 * HOUR
    send_resolved: bool = True
    resolve_after: Duration | None = None
    notify_after: Threshold | None = None
    escalate: tuple[Step, ...] = ()
    mute_times: tuple[TimeInterval, ...] = ()
    active_times: tuple[TimeInterval, ...] = ()
    continue_: bool = False
    routes: tuple[Route, ...] = ()

    def walk(self) -> Iterator[Route]:
        """The route and all routes below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()


AUTO_RESOLVE_DEFAULT: Duration = DAY
RESOLVE_TIMEOUT_DEFAULT: Duration = 5 * MINUTE
