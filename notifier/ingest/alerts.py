"""Alerts that their sender repeats while they fire: one event when an alert starts, one when it ends.

The stored state of an alert is read, and extended while it keeps firing, in a transaction of its own. An alert that
opens or ends an incident becomes an event and is stored like any other; its new state is written last. The id of the
opening event is made of the previous incident's number and the minute, so that two replicas, or a restart in between,
produce one event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from notifier.domain.event import Rejection
from notifier.domain.state import RESOLVED_BY_NOBODY
from notifier.domain.time import MINUTE, SECOND, Duration, Instant
from notifier.domain.value import Value, replace
from notifier.ingest.acceptance import Acceptance, AcceptanceResult, Busy, EventSource, Full
from notifier.ingest.formats.prometheus.alert import Alert
from notifier.ingest.formats.prometheus.event import identity, resolution, tree
from notifier.ingest.scrub import scrub, suspicious
from notifier.policy.alerts import AlertIncident, AlertVerdict, KnownAlert, PostedAlert, firing_until, judge
from notifier.store import ledger
from notifier.store.database import INGEST, Database, Tx
from notifier.store.json_rows import json_text
from notifier.store.statements import alerts as statements
from notifier.store.statements.alerts import AlertRow, NewestIncident
from notifier.store.statements.intake import Identity

NAME: Final = "prometheus"
BATCH_SIZE: Final = 1_000
MAX_WAITING: Final = 64
"""Requests that may wait for the lock. While the database is away, senders soon have newer alerts."""
_STALE: Final = "lies more than a day in the past, and no such alert is known: is the sender's clock right?"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsResult:
    """One sentence per rejected alert."""

    faults: Sequence[str]


class JudgedAlert(Value, frozen=True, kw_only=True):
    """An alert with its verdict. `opens_id` is the id of the event that would open an incident."""

    position: int
    alert: Alert
    verdict: AlertVerdict
    row: AlertRow
    opens_id: str


class AlertIntake:
    """Stores alerts, one request at a time. `resolve_timeout` is how long an alert without an end keeps firing."""

    def __init__(
        self, database: Database, acceptance: Acceptance, *, resolve_timeout: Callable[[], Duration]
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._resolve_timeout = resolve_timeout
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def take(
        self, source: EventSource, alerts: Sequence[tuple[int, Alert]], *, service: str | None
    ) -> AlertsResult | Busy | Full:
        """Returns once all alerts are committed. Raises `StoreError` if that fails; repeating the request is safe."""
        if self._waiting >= MAX_WAITING:
            return Busy(reason="backlog", retry_after=SECOND)
        faults: list[str] = []
        self._waiting += 1
        try:
            for start in range(0, len(alerts), BATCH_SIZE):
                async with self._lock:
                    outcome = await self._take(source, alerts[start : start + BATCH_SIZE], service)
                if not isinstance(outcome, AlertsResult):
                    return outcome
                faults += outcome.faults
        finally:
            self._waiting -= 1
        return AlertsResult(faults=faults)

    async def _take(
        self, source: EventSource, alerts: Sequence[tuple[int, Alert]], service: str | None
    ) -> AlertsResult | Busy | Full:
        # Alerts that differ only in their replica label are one; the last wins.
        by_identity = {identity(alert[1], project=source.project, service=service): alert for alert in alerts}
        timeout = self._resolve_timeout()
        judgements = await self._database.write(
            lambda tx: judge_alerts(tx, by_identity, timeout), limit=INGEST
        )
        faults = [
            f"[{judgement.position}].endsAt: {_STALE}"
            for judgement in judgements
            if judgement.verdict == "stale"
        ]
        changed = [judgement for judgement in judgements if judgement.verdict in {"opens", "ends"}]
        if not changed:
            return AlertsResult(faults=faults)
        trees = [
            tree(judgement.alert, service=service, id_=judgement.opens_id)
            if judgement.verdict == "opens"
            else resolution(judgement.alert, service=service)
            for judgement in changed
        ]
        outcome = await self._acceptance.take(source, trees, self._database.now(), format_=NAME)
        if not isinstance(outcome, AcceptanceResult):
            return outcome
        stored: list[AlertRow] = []
        for judgement, result in zip(changed, outcome.results, strict=True):
            if isinstance(result, Rejection):
                faults.append(f"[{judgement.position}]: {result.message}")
            else:
                stored.append(judgement.row)
        await self._database.write(lambda tx: statements.write(tx, stored), limit=INGEST)
        return AlertsResult(faults=faults)


def judge_alerts(
    tx: Tx, posted: Mapping[Identity, tuple[int, Alert]], timeout: Duration
) -> tuple[JudgedAlert, ...]:
    """Judges alerts by the stored state, and extends those that keep firing."""
    identities = list(posted)
    by_identity = statements.known(tx, identities)
    newest = statements.newest(tx, identities)
    judgements = tuple(
        _judge(identity, *posted[identity], by_identity.get(identity), newest.get(identity), tx.now, timeout)
        for identity in identities
    )
    continuing = [judgement for judgement in judgements if judgement.verdict in {"goes_on", "stays_closed"}]
    if continuing:
        statements.write(tx, [judgement.row for judgement in continuing])
        still_firing = [
            newest[_identity(judgement.row)] for judgement in continuing if judgement.verdict == "goes_on"
        ]
        statements.refresh(tx, [row.number for row in still_firing])
        if any(row.waiting for row in still_firing):
            tx.signal("attention")
        ledger.add(tx, {"refreshed": len(continuing)})
    return judgements


def _judge(
    identity: Identity,
    position: int,
    alert: Alert,
    stored: AlertRow | None,
    newest: NewestIncident | None,
    now: Instant,
    timeout: Duration,
) -> JudgedAlert:
    posted = PostedAlert(starts_at=alert.starts_at, ends_at=alert.ends_at)
    before = (
        None
        if stored is None
        else KnownAlert(starts_at=stored.starts_at, ends_at=stored.ends_at, ended_at=stored.ended_at)
    )
    incident = (
        None
        if newest is None
        else AlertIncident(
            resolved=newest.resolved, by_hand=(newest.resolved_by or "event") not in RESOLVED_BY_NOBODY
        )
    )
    verdict = judge(posted, before, incident, now, timeout)
    row = _row(identity, alert, stored, now, firing_until(posted, now, timeout))
    if verdict in {"goes_on", "stays_closed"} and stored is not None:
        row = replace(
            row,
            starts_at=max(stored.starts_at, row.starts_at if alert.starts_at is not None else 0),
            ends_at=max(stored.ends_at or 0, row.ends_at or 0),
        )
    # Simultaneous requests make one event. If that event opened nothing (late, or over the limit of new incidents),
    # the next minute gives another id.
    after = 0 if newest is None else newest.number
    return JudgedAlert(
        position=position,
        alert=alert,
        verdict=verdict,
        row=row,
        opens_id=f"alert-{identity[2]}-{after}-{now // MINUTE}",
    )


def _row(
    identity: Identity, alert: Alert, stored: AlertRow | None, now: Instant, ends_at: Instant | None
) -> AlertRow:
    """The row to store for this alert."""
    ended_at = None if stored is None else stored.ended_at
    if ends_at is None:
        ended_at = max(ended_at or 0, now if alert.ends_at is None else alert.ends_at)
    return AlertRow(*identity, alert.starts_at or now, ends_at, ended_at, now, _document(alert))


def _document(alert: Alert) -> str:
    """The alert as posted, without secrets."""
    posted = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "generatorURL": alert.generator_url,
    }
    text = json_text(posted)
    return json_text(scrub(posted)) if suspicious(text.encode()) else text


def _identity(row: AlertRow) -> Identity:
    return row.project, row.environment, row.fingerprint
