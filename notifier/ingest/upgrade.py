"""Continues incidents that an earlier version of the fingerprint opened, so that an upgrade notifies nobody again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from notifier.domain.event import Event
from notifier.domain.time import MINUTE, Duration, Instant
from notifier.policy.fingerprint.upgrade import earlier_versions
from notifier.policy.lifecycle import IncidentBefore
from notifier.store.database import Tx
from notifier.store.statements import intake as statements
from notifier.store.statements.intake import Identity

EXAMPLES = 20
"""The number of an identity's events whose earlier fingerprints are computed, to bound the work in a storm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Incidents of earlier fingerprints exist: unresolved, or resolved after `since`."""

    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvents:
    """An identity that has no incident, and its events."""

    identity: Identity
    events: Sequence[Event]


class UpgradeWatch:
    """Checks once a minute, within a commit, whether incidents of earlier fingerprints are left."""

    def __init__(self, auto_resolve: Callable[[], Duration]) -> None:
        self._auto_resolve = auto_resolve
        self._looked: Instant | None = None
        self._is_under_way = False

    def look(self, tx: Tx) -> Upgrade | None:
        """The upgrade that the commit takes part in. None if there is none."""
        if self._looked is None or tx.now - self._looked >= MINUTE:
            self._is_under_way = statements.has_earlier_version(tx, self._since(tx))
            self._looked = tx.now
        return Upgrade(since=self._since(tx)) if self._is_under_way else None

    def _since(self, tx: Tx) -> Instant:
        return tx.now - self._auto_resolve()


def taken_over(tx: Tx, unknown: Sequence[IdentityEvents], upgrade: Upgrade) -> dict[Identity, IncidentBefore]:
    """The earlier incident that each identity continues, if it has one. Each incident is continued once."""
    former = {each.identity: set(_former(each)) for each in unknown}
    identities = sorted(set().union(*former.values()))
    if not identities:
        return {}
    # In order of preference, by the earlier identities.
    incidents = statements.find_earlier_version(tx, identities, upgrade.since)
    places: dict[Identity, list[int]] = {}
    for place, (identity, _) in enumerate(incidents):
        places.setdefault(identity, []).append(place)
    taken: dict[Identity, IncidentBefore] = {}
    for identity, by_earlier_rules in former.items():
        queues = [places[each] for each in by_earlier_rules if places.get(each)]
        if queues:
            taken[identity] = incidents[min(queues, key=lambda queue: queue[0]).pop(0)][1]
    if taken:
        numbers = sorted((incident.number, identity[2]) for identity, incident in taken.items())
        statements.take_over(tx, numbers)
    return taken


def _former(identity_events: IdentityEvents) -> list[Identity]:
    """The identities that earlier versions would have given to the events."""
    project, environment, _ = identity_events.identity
    fingerprints = dict.fromkeys(
        fingerprint
        for event in identity_events.events[:EXAMPLES]
        for fingerprint in earlier_versions(event.document)
    )
    return [(project, environment, fingerprint) for fingerprint in fingerprints]
