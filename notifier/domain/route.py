"""A route: a node of the routing tree with everything inherited already filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from notifier.domain.matcher import Matcher
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """`notify_after`: tell once `events` have arrived `within` the window."""

    events: int
    within: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One node.

    `key` is stable over reloads: a hash of the matchers from the root down. `name` is those matchers in words
    (`default` for the root, else `severity="critical", environment=~"prod.*"`; levels joined by ` > `), `line` is
    its place (`notifier.yaml:12`), None for a built-in default. `group_by` of `("incident",)` is one group each.
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
    notify_after: Threshold | None = None
    continue_: bool = False
    routes: tuple[Route, ...] = ()

    def walk(self) -> Iterator[Route]:
        """This route and all below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()


AUTO_RESOLVE_DEFAULT: Duration = DAY
