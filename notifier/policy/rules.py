"""The alerting rules of a configuration, as one value that is passed to every transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from notifier.domain.route import Inhibition, Route
from notifier.domain.time import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertingRules:
    """The routing tree, and the target rows of each channel.

    `version` is the configuration's and is stored with every decision. `settings_hashes` holds the hash of each
    channel's settings, `channel_of` the channel of each target. `new_id` generates ids.
    """

    tree: Route
    targets: Mapping[str, tuple[int, ...]]
    url: str | None
    expires_after: Duration
    fallback_after: Duration | None
    new_id: Callable[[], str]
    inhibit: tuple[Inhibition, ...] = ()
    version: str = ""
    settings_hashes: Mapping[str, str] = field(default_factory=dict)
    _routes: Mapping[str, Route] = field(init=False, repr=False, compare=False)
    channel_of: Mapping[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_routes", {route.key: route for route in self.tree.walk()})
        channel_of = {target: channel for channel, targets in self.targets.items() for target in targets}
        object.__setattr__(self, "channel_of", channel_of)

    def has_route(self, key: str) -> bool:
        """Whether the tree has a route with this key."""
        return key in self._routes

    def route(self, key: str) -> Route:
        """The route with this key, or the root if it was removed: alerting fails open."""
        return self._routes.get(key, self.tree)
