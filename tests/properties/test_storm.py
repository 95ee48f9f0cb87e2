"""Grouping, timing and delivery for any order of posts, loops, outcomes, losses and restarts on SQLite."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from notifier import alerting
from notifier.delivery.jobs import LEASE, Job
from notifier.domain.delivery import Outcome, RateLimit
from notifier.domain.errors import SendError
from notifier.domain.matcher import Matcher
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.route import Route, Threshold
from notifier.domain.severity import Severity
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.store import dead_letters
from notifier.store.schema import deliveries, groups, incidents, notifications
from notifier.store.sqlite import SqliteDatabase
from notifier.testing import ManualClock
from tests.examples import examples
from tests.properties.empty_file import empty_file
from tests.properties.storm_model import Model
from tests.store.conftest import Bench

ENVIRONMENTS = ("production", "staging")
TERMINAL = {"delivered", "coalesced", "superseded", "dead"}

_timings = st.fixed_dictionaries(
    {
        "group_wait": st.sampled_from([0, 10 * SECOND]),
        "group_interval": st.sampled_from([0, 5 * MINUTE]),
        "repeat_interval": st.sampled_from([MINUTE, 4 * HOUR]),
        "send_resolved": st.sampled_from([True, True, False]),
        "notify_after": st.sampled_from([None, None, Threshold(events=3, within=10 * MINUTE)]),
    }
)
_events = st.fixed_dictionaries(
    {
        "fingerprint": st.sampled_from(["one", "two", "three"]),
        "environment": st.sampled_from(ENVIRONMENTS),
        "severity": st.sampled_from([Severity.WARNING, Severity.ERROR, Severity.CRITICAL]),
        "status": st.sampled_from(["firing", "firing", "firing", "resolved"]),
        "age": st.sampled_from([0, 0, 0, HOUR]),
    }
)
_often = st.sampled_from([True, True, True, False])
_waits = st.sampled_from([1, SECOND, 10 * SECOND, 61 * SECOND, 5 * MINUTE, 30 * MINUTE, 4 * HOUR])
_failures = st.sampled_from(
    [
        Outcome.TRANSIENT,
        Outcome.TRANSIENT,
        Outcome.TRANSIENT,
        Outcome.AMBIGUOUS,
        Outcome.THROTTLED,
        Outcome.PERMANENT,
        Outcome.GONE,
        Outcome.BLOCKED,
    ]
)
_limits = st.sampled_from([None, None, RateLimit(messages=6, per=HOUR, burst=2)])


class Storm(RuleBasedStateMachine):
    """The state machine: it drives every step from post to receiver, and compares with the model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="ntf-storm-")
        self.path = Path(self.folder.name) / "notifier.db"
        shutil.copy(empty_file(), self.path)
        self.clock = ManualClock()
        self.model = Model()
        self.jobs: list[Job] = []
        self.read_notifications = ""
        self.bodies: dict[str, Any] = {}
        self.seen: dict[str, dict[str, tuple[bool, int]]] = {}
        self.sent: dict[str, int] = {}
        self.redelivered: set[str] = set()
        self.started_at = self.clock.now()

    @initialize(
        log=_timings, each=st.booleans(), staging=_timings, production=_timings, limit=_limits, digest=st.booleans(),
        pace=st.sampled_from([0, 0, SECOND]),
    )  # fmt: skip
    def start(
        self,
        log: dict[str, Any],
        each: bool,
        staging: dict[str, Any],
        production: dict[str, Any],
        limit: RateLimit | None,
        digest: bool,
        pace: int,
    ) -> None:
        everything = Matcher(name="service", op="=", value="billing")
        log |= {"group_by": ("incident",)} if each else {}
        children = [
            Route(key="log", name="log", match=(everything,), channels=("chat",), continue_=True, **log)
        ]
        for environment, timing in (("staging", staging), ("production", production)):
            match = (Matcher(name="environment", op="=", value=environment),)
            children.append(
                Route(key=environment, name=environment, match=match, channels=("mail",), **timing)
            )
        self.bench = Bench(
            self._open(),
            self.clock,
            route=Route(key="root", name="default", channels=("mail",), routes=tuple(children)),
            channels={"mail": ("a@example.com", "b@example.com"), "chat": ("#ops",), "audit": ("hook",)},
            rate_limit=limit,
            digest=digest,
            pace=pace,
            fallback="audit",
            expires_after=6 * HOUR,
        )
        self.runner.run(self.bench.start())

    def _open(self) -> SqliteDatabase:
        async def opened() -> SqliteDatabase:
            return SqliteDatabase(self.path, clock=self.clock)

        return self.runner.run(opened())

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        return self.runner.run(self.bench.database.read(lambda tx: tx.run(query).all()))

    # Senders

    @rule(batch=st.lists(_events, min_size=1, max_size=8), times=st.sampled_from([1, 1, 7]), look=_often)
    def post(self, batch: list[dict[str, Any]], times: int, look: bool) -> None:
        now = self.clock.now()
        made = [
            self.bench.event(
                one["fingerprint"],
                environment=one["environment"],
                severity=one["severity"],
                status=one["status"],
                at=now - one["age"],
                more_labels={"environment": one["environment"]},
            )
            for one in batch
            for _ in range(times)
        ]
        answers = self.runner.run(self.bench.post(*made))
        for event, answer in zip(made, answers, strict=True):
            self.model.posted(event, answer.incident_id, now)

        if look:
            self.alert()

    @rule(by=_waits, look=st.booleans())
    def wait(self, by: int, look: bool) -> None:
        self.clock.advance(by)
        if look:
            self.alert()
            self.sweep()

    # The service

    @rule()
    def alert(self) -> None:
        now = self.clock.now()
        self.model.noticed(now, self.bench.route.routes)
        self.runner.run(self.bench.alert())
        query = (
            sa.select(notifications.c.id, notifications.c.message, groups.c.route, groups.c.labels)
            .join(groups, groups.c.id == notifications.c.group_id)
            .where(notifications.c.id > self.read_notifications)
            .order_by(notifications.c.id)
        )
        for row in self._read(query):
            self.read_notifications = row.id
            labels = json.loads(row.labels)
            own = labels.get("incident")
            value = labels["environment"] if own is None else self.model.incidents[own].identity
            self.model.told(row.route, value, Message.from_json(json.loads(row.message)))
        self.model.all_told(now)

    @rule()
    def auto_resolve(self) -> None:
        quiet = self.runner.run(self.bench.database.write(lambda tx: alerting.auto_resolve(tx, 8 * HOUR)))
        assert quiet.done == self.model.auto_resolved(self.clock.now(), 8 * HOUR)

    @rule(slots=st.sampled_from([1, 8]))
    def claim(self, slots: int) -> None:
        for job in self.runner.run(self.bench.claim(slots=slots)).jobs:
            self._sending(job)
            self.jobs.append(job)

    @rule(times=st.integers(1, 4), pause=_waits, outcome=_failures)
    def outage(self, times: int, pause: int, outcome: Outcome) -> None:
        """Let every send fail with this outcome for a while."""
        for _ in range(times):
            for job in self.runner.run(self.bench.claim()).jobs:
                self._sending(job)
                self._fail(job, outcome)
            self.clock.advance(pause)

    @rule()
    def catch_up(self) -> None:
        """Deliver everything that is due now."""
        self.sweep()
        while jobs := self.runner.run(self.bench.claim()).jobs:
            for job in jobs:
                self._sending(job)
                self._received(job)
                self.runner.run(self.bench.deliver(job, ref=f"ref-{job.id}"))

    @rule()
    def sweep(self) -> None:
        self.runner.run(self.bench.sweep())

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        job = self._pick(data)
        if self._too_late(job):
            return
        self._received(job)
        self.runner.run(self.bench.deliver(job, ref=f"ref-{job.id}"))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), outcome=_failures)
    def fail(self, data: st.DataObject, outcome: Outcome) -> None:
        job = self._pick(data)
        if outcome is Outcome.AMBIGUOUS and data.draw(st.booleans()):
            self._received(job)
        self._fail(job, outcome)

    def _fail(self, job: Job, outcome: Outcome) -> None:
        self.runner.run(self.bench.fail(job, SendError(outcome, "no", retry_after=90 * SECOND)))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), arrived=st.booleans())
    def lose_the_worker(self, data: st.DataObject, arrived: bool) -> None:
        job = self._pick(data)
        if arrived:
            self._received(job)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bench.database.aclose())
        self.jobs.clear()
        self.bench.database = self._open()
        self.runner.run(self.bench.start())
        self.runner.run(self.bench.sweep(restarted=True))

    @rule()
    def redeliver(self) -> None:
        dead = [row.id for row in self._read(sa.select(deliveries.c.id).where(deliveries.c.state == "dead"))]
        self.runner.run(
            self.bench.database.write(lambda tx: dead_letters.redeliver(tx, self.bench.rules, dead[:1]))
        )

    def _too_late(self, job: Job) -> bool:
        """Whether an attempt missed its deadline, half a lease; its worker then counts as lost."""
        return self.clock.now() >= job.claimed_at + LEASE

    def _pick(self, data: st.DataObject) -> Job:
        return self.jobs.pop(data.draw(st.integers(0, len(self.jobs) - 1)))

    # Invariants at each target

    def _sending(self, job: Job) -> None:
        """Every try has the same body; one message per thread is in flight; the rate limit holds."""
        body = job.message.as_json()
        assert self.bodies.setdefault(job.id, body) == body
        busy = [
            row.thread
            for row in self._read(sa.select(deliveries.c.thread).where(deliveries.c.state == "sending"))
        ]
        assert len(busy) == len(set(busy))
        self.sent[job.address] = self.sent.get(job.address, 0) + 1
        limit = self.bench.rate_limit
        if limit is not None:
            earned = (self.clock.now() - self.started_at) * limit.messages / limit.per
            assert self.sent[job.address] <= limit.burst + earned + 1e-6

    def _received(self, job: Job) -> None:
        """The states of an incident arrive in order: counts never shrink, and resolved ones do not reopen."""
        if job.channel == "audit" or self._too_late(job):
            return
        seen = self.seen.setdefault(job.address, {})
        # A redelivery that a person requested is sent, whatever was sent since.
        asked = not self.redelivered.isdisjoint(self._carried(job.id))
        new = f"received {job.id}" not in seen and not asked
        seen[f"received {job.id}"] = (True, 0)
        for message in self._contents(job):
            for one in message.told:
                state = (one.incident.resolved_at is not None, one.incident.count)
                before = seen.get(one.incident.id)
                assert not new or before is None or before <= state, (before, state)
                if one.reason is Reason.RESOLVED:
                    assert before is not None or self._dead(job, one.incident.id)
                seen[one.incident.id] = max(state, before or state)

    def _carried(self, id_: str) -> set[str]:
        """A delivery, the deliveries it carries, and theirs."""
        found = {id_}
        for row in self._read(sa.select(deliveries.c.id).where(deliveries.c.carried_by == id_)):
            found |= self._carried(row.id)
        return found

    def _contents(self, job: Job) -> list[Message]:
        """A digest contains the messages of all its members."""
        if job.reason is not Reason.DIGEST:
            return [job.message]
        query = (
            sa.select(deliveries.c.message, notifications.c.message.label("base"))
            .join(notifications, notifications.c.id == deliveries.c.notification)
            .where(deliveries.c.carried_by == job.id)
            .order_by(deliveries.c.id)
        )
        return [Message.from_json(json.loads(row.message or row.base)) for row in self._read(query)]

    def _dead(self, job: Job, incident: str) -> bool:
        """Whether the previous message about the incident is a dead letter at this target."""
        query = sa.select(notifications.c.message, deliveries.c.message.label("own")).join(
            deliveries, deliveries.c.notification == notifications.c.id
        ).where(deliveries.c.state == "dead", deliveries.c.channel == job.channel)  # fmt: skip
        return any(incident in (row.own or row.message) for row in self._read(query)) or self._dead_digest()

    def _dead_digest(self) -> bool:
        query = sa.select(deliveries.c.id).where(
            deliveries.c.state == "dead", deliveries.c.reason == Reason.DIGEST.value
        )
        return bool(self._read(query))

    # Invariants at the end

    def teardown(self) -> None:
        try:
            if hasattr(self, "bench"):
                self._settle()
                self.runner.run(self.bench.database.aclose())
        finally:
            self.runner.close()
            self.folder.cleanup()

    def _settle(self) -> None:
        """Answer all sends, run the loops, and let a day pass."""
        for _ in range(60):
            self.alert()
            for job in self.runner.run(self.bench.claim()).jobs:
                self._sending(job)
                self._received(job)
                self.runner.run(self.bench.deliver(job))
            self.sweep()
            self.clock.advance(30 * MINUTE)
        accounting = self.runner.run(self.bench.accounting())
        assert accounting.balanced, accounting
        assert accounting.accepted == self.model.accepted
        self._counts_are_exact()
        self._every_delivery_is_accounted_for()

    def _counts_are_exact(self) -> None:
        """The last message about an open incident has the exact count."""
        rows = {row.id: row for row in self._read(sa.select(incidents))}
        assert set(rows) == set(self.model.incidents)
        for one in self.model.incidents.values():
            row = rows[one.id]
            assert (row._mapping["count"], row.late, row.severity) == (
                one.count,
                one.late,
                one.severity.value,
            )
            assert (row.resolved_at is None) == (one.resolved_at is None)
            for group in self.model.groups.values():
                heard = group.heard.get(one.id)
                if heard and one.resolved_at is None:
                    assert heard[-1].count == one.count

    def _every_delivery_is_accounted_for(self) -> None:
        """Every delivery arrived, was merged into one that did, or is a dead letter known to the fallback."""
        rows = {row.id: row for row in self._read(sa.select(deliveries))}
        told_again = {row[0] for row in self._read(sa.select(notifications.c.fallback_of))}
        for row in rows.values():
            assert row.state in TERMINAL, (row.state, row.channel)
            if row.state in {"coalesced", "superseded"}:
                assert rows[row.carried_by].state in TERMINAL
            if row.state == "dead" and row.channel != "audit" and row.reason != Reason.DIGEST.value:
                assert row.notification in told_again, row
        pairs = {(row.notification, row.channel, row.target) for row in rows.values()}
        assert len(pairs) == len(rows)
        for group in self.model.groups.values():
            (channel,) = group.route.channels
            values = {one.id for one in self.model.incidents.values() if one.identity == group.shared}
            values |= {group.shared} - {""}
            expected = len(group.notified) * len(self.bench.channels[channel])
            found = self._read(
                sa.select(sa.func.count())
                .select_from(deliveries.join(notifications, notifications.c.id == deliveries.c.notification))
                .join(groups, groups.c.id == notifications.c.group_id)
                .where(groups.c.route == group.route.key, sa.or_(*map(groups.c.labels.contains, values)))
            )
            assert found[0][0] == expected


TestStorm = Storm.TestCase
TestStorm.settings = settings(
    max_examples=examples(6, 25),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[
        Phase.explicit,
        Phase.generate,
    ],  # shrinking takes minutes: failing steps are printed unshrunk
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
