"""Mutes of the members of groups that are being flushed."""

from __future__ import annotations

from notifier.alerting.inhibition import Sources
from notifier.domain.notification import HeldBy
from notifier.domain.route import Route
from notifier.policy import muting
from notifier.policy.muting import Mute, SilenceIndex
from notifier.policy.rules import AlertingRules
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.silences import ActiveSilences
from notifier.store.statements.members import MemberRow


class Mutes:
    """Finds what mutes a member: a snooze, a silence, an inhibition or a mute time.

    Data is read when needed.
    """

    def __init__(self, tx: Tx, rules: AlertingRules, silences: ActiveSilences) -> None:
        self._tx = tx
        self._sources = Sources(tx, rules.inhibit)
        self._labelled = bool(rules.inhibit)
        self._active = silences
        self._silences: SilenceIndex | None = None
        self._times: dict[str, Mute | None] = {}

    def of(self, member: MemberRow, route: Route) -> Mute | None:
        """The mute of a member, or None. Snoozes and silences take precedence over the configuration."""
        now = self._tx.now
        if member.snoozed_until is not None and member.snoozed_until > now:
            return Mute(held_by=HeldBy.SNOOZED, until=member.snoozed_until)
        if self._silences is None:
            self._silences = self._active.index(self._tx)
        if self._silences or self._labelled:
            labels = json_value(member.labels)
            mute = self._silences.mute(member.project, labels, now)
            mute = mute or self._sources.mute(member.project, member.number, labels)
            if mute is not None:
                return mute
        if route.key not in self._times:
            self._times[route.key] = muting.mute_time(route, now)
        return self._times[route.key]
