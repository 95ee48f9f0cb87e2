"""What mutes the members of a group that is being flushed."""

from __future__ import annotations

import json
from typing import Any

from notifier.alerting.inhibition import Sources
from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.policy import muting
from notifier.policy.muting import Mute, SilenceIndex
from notifier.policy.rules import AlertingRules
from notifier.store.database import Tx
from notifier.store.silences import ActiveSilences


class Mutes:
    """Everything that may hold a member, read once in a transaction and only if somebody asks."""

    def __init__(self, tx: Tx, rules: AlertingRules, silences: ActiveSilences) -> None:
        self._tx = tx
        self._sources = Sources(tx, rules.inhibit)
        self._labelled = bool(rules.inhibit)
        self._active = silences
        self._silences: SilenceIndex | None = None
        self._times: dict[str, Mute | None] = {}

    def of(self, row: Any, route: Route) -> Mute | None:
        """What mutes this member, its incident's columns included: a person's word before the configuration's."""
        now = self._tx.now
        if row.snoozed_until is not None and row.snoozed_until > now:
            return Mute(held_by=HeldBy.SNOOZED, until=row.snoozed_until)
        if self._silences is None:
            self._silences = self._active.index(self._tx)
        if self._silences or self._labelled:
            labels = json.loads(row.labels)
            found = self._silences.mute(row.project, labels, now)
            found = found or self._sources.mute(row.project, row.number, labels)
            if found is not None:
                return found
        if route.key not in self._times:
            self._times[route.key] = muting.mute_time(route, now)
        return self._times[route.key]
