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

SAMPLED_EVENTS = 20
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
        self._checked_at: Instant | None = None
        self._is_active = False

    def current(self, tx: Tx) -> Upgrade | None:
        """The upgrade that the commit takes part in. None if there is none."""
        if self._checked_at is None or tx.now - self._checked_at >= MINUTE:
            self._is_active = statements.has_earlier_version(tx, self._since(tx))
            self._checked_at = tx.now
        return Upgrade(since=self._since(tx)) if self._is_active else None

    def _since(self, tx: Tx) -> Instant:
        return tx.now - self._auto_resolve()


def find_continued(
    tx: Tx, unmatched: Sequence[IdentityEvents], upgrade: Upgrade
) -> dict[Identity, IncidentBefore]:
    """The earlier incident that each identity continues, if it has one. Each incident is continued once."""
    earlier_identities = {each.identity: set(_earlier_identities(each)) for each in unmatched}
    identities = sorted(set().union(*earlier_identities.values()))
    if not identities:
        return {}
    # In order of preference, by the earlier identities.
    incidents = statements.find_earlier_version(tx, identities, upgrade.since)
    positions: dict[Identity, list[int]] = {}
    for position, (identity, _) in enumerate(incidents):
        positions.setdefault(identity, []).append(position)
    continued: dict[Identity, IncidentBefore] = {}
    for identity, candidates in earlier_identities.items():
        queues = [positions[each] for each in candidates if positions.get(each)]
        if queues:
            continued[identity] = incidents[min(queues, key=lambda queue: queue[0]).pop(0)][1]
    if continued:
        numbers = sorted((incident.number, identity[2]) for identity, incident in continued.items())
        statements.take_over(tx, numbers)
    return continued


def _earlier_identities(identity_events: IdentityEvents) -> list[Identity]:
    """The identities that earlier versions would have given to the events."""
    project, environment, _ = identity_events.identity
    fingerprints = dict.fromkeys(
        fingerprint
        for event in identity_events.events[:SAMPLED_EVENTS]
        for fingerprint in earlier_versions(event.document)
    )
    return [(project, environment, fingerprint) for fingerprint in fingerprints]
