"""A route: a node of the routing tree with everything inherited already filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from notifier.domain.calendar import Weekly
from notifier.domain.matcher import Matcher, Patterns
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


LOOKED_AT = 8
"""Up to so many children are asked one by one."""


class _Children:
    """Routes found by the one label and value that each must have; those that name none are always asked."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._by_label: dict[tuple[str, str], list[int]] = {}
        by_pattern: dict[str, list[tuple[str, int]]] = {}
        self._others: list[int] = []
        for place, route in enumerate(routes):
            exact = next((matcher for matcher in route.match if matcher.op == "=" and matcher.value), None)
            pattern = next(
                (matcher for matcher in route.match if matcher.op == "=~" and not matcher.matches({})), None
            )
            if exact is not None:
                self._by_label.setdefault((exact.name, exact.value), []).append(place)
            elif pattern is not None:
                by_pattern.setdefault(pattern.name, []).append((pattern.value, place))
            else:
                self._others.append(place)
        self._by_pattern = {
            name: (Patterns([value for value, _ in asks]), [place for _, place in asks])
            for name, asks in by_pattern.items()
        }

    def find(self, labels: Mapping[str, str]) -> Iterator[Route]:
        places = list(self._others)
        for name, value in labels.items():
            places += self._by_label.get((name, value), ())
            if name in self._by_pattern:
                patterns, of_pattern = self._by_pattern[name]
                places += [of_pattern[number] for number in patterns.met_by(value)]
        return (self._routes[place] for place in sorted(places))


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
    _index: _Children | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = _Children(self.routes) if len(self.routes) > LOOKED_AT else None
        object.__setattr__(self, "_index", index)

    def candidates(self, labels: Mapping[str, str]) -> Iterable[Route]:
        """The children that may match these labels, in order: of very many, those that ask for no other value."""
        return self.routes if self._index is None else self._index.find(labels)

    def walk(self) -> Iterator[Route]:
        """The route and all routes below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()


AUTO_RESOLVE_DEFAULT: Duration = DAY
RESOLVE_TIMEOUT_DEFAULT: Duration = 5 * MINUTE
