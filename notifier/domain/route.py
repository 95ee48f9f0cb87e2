"""A route: a node of the routing tree, with inherited settings filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from notifier.domain.calendar import Weekly
from notifier.domain.matcher import Matcher, Patterns
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """`notify_after`: notify once there were `events` events `within` the window."""

    events: int
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of `escalate`: notify these channels if an incident is still open `after` it was first notified."""

    after: Duration
    channels: tuple[str, ...]
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInterval:
    """Named times as in Alertmanager's `time_intervals`, active while any window is."""

    name: str
    windows: tuple[Weekly, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """An inhibition rule: an unresolved incident that matches `source` holds those that match `target`.

    Both must be of the same project and have equal values for the labels `equal` (an absent one counts as empty).
    `key` is a hash of the three and stable over reloads.
    """

    key: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    line: str | None = None


LOOKED_AT = 8
"""Up to this many children are tried one by one."""


class _Children:
    """An index of routes by one label value that each requires; routes that require none are always candidates."""

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
                places += [of_pattern[number] for number in patterns.matching_patterns(value)]
        return (self._routes[place] for place in sorted(places))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A node of the routing tree.

    `key` is a hash of the matchers from the root down and stable over reloads. `name` shows those matchers (`default`
    for the root, otherwise `severity="critical", environment=~"prod.*"` with levels joined by ` > `). `line` is its
    place in the file (`notifier.yaml:12`), None for a built-in default. A `group_by` of `("incident",)` makes a group
    for each problem. `resolve_after` is how long a resolution waits for the problem to recur; None delays only
    problems that recurred recently. The route is muted while one of `mute_times` is active, or while `active_times`
    are set and none of them is.
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
        """The children that may match these labels, in order."""
        return self.routes if self._index is None else self._index.find(labels)

    def walk(self) -> Iterator[Route]:
        """The route and all routes below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()


AUTO_RESOLVE_DEFAULT: Duration = DAY
RESOLVE_TIMEOUT_DEFAULT: Duration = 5 * MINUTE
