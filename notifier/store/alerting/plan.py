"""What the alerting transactions are given, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifier.domain.event import Severity
from notifier.domain.incident import State
from notifier.domain.notification import HeldBy, Reason
from notifier.domain.route import Inhibition, Route
from notifier.domain.time import Duration, Instant
from notifier.policy.telling import Member
from notifier.store.silences import ActiveSilences


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the configuration says about telling: the routing tree, and each channel's target rows.

    `version` is the configuration's, kept with every decision. `settings_hashes` are of each channel's settings.
    `channel_of` names the channel of each target that it has.
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
    silences: ActiveSilences = field(default_factory=ActiveSilences, repr=False, compare=False)
    _routes: Mapping[str, Route] = field(init=False, repr=False, compare=False)
    channel_of: Mapping[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_routes", {route.key: route for route in self.tree.walk()})
        channel_of = {target: channel for channel, targets in self.targets.items() for target in targets}
        object.__setattr__(self, "channel_of", channel_of)

    def knows(self, key: str) -> bool:
        """Whether the tree has a route of this key."""
        return key in self._routes

    def route(self, key: str) -> Route:
        """The route of a stored group; one that has vanished is told by the root (alerting fails open)."""
        return self._routes.get(key, self.tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much was done, whether more is due now, and when the next is due (None: nothing is)."""

    done: int
    more: bool
    next_at: Instant | None = None
    told: tuple[tuple[str, Reason], ...] = ()


# Who an incident is resolved by where no person did it.
NOBODY = frozenset({"auto", "event", "recovered"})


def member_of(row: Any, told: Any | None) -> Member:
    return Member(
        incident=row.number,
        state=State(row.state),
        severity=Severity(row.severity),
        count=row.count,
        reopened=row.previous_id is not None,
        told_state=None if told is None or told.told_state is None else State(told.told_state),
        told_severity=None if told is None or told.told_severity is None else Severity(told.told_severity),
        told_count=0 if told is None else told.told_count,
        first_told_at=None if told is None else told.first_told_at,
        told_at=None if told is None else told.told_at,
        held_by=None if told is None or told.held_by is None else HeldBy(told.held_by),
        hold_ref=None if told is None else told.hold_ref,
        reopened_at=row.reopened_at,
        acknowledged_at=row.acknowledged_at,
        by_hand=row.resolved_by is not None and row.resolved_by not in NOBODY,
        escalated=0 if told is None else told.escalated,
        decided=None if told is None else told.decided,
        decided_at=None if told is None else told.decided_at,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
        critical_at=None if told is None else told.critical_at,
        returns=0 if told is None else told.returns,
    )
