"""Notifications for any order of events, time, silences, acts, reloads and restarts on SQLite."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from notifier.alerting import rerouting
from notifier.alerting.acknowledgements import end_acknowledgements
from notifier.alerting.inhibition import backfill
from notifier.alerting.replanning import replan_after_reload
from notifier.domain.calendar import Hours, Weekly
from notifier.domain.matcher import parse
from notifier.domain.message import Message
from notifier.domain.route import Inhibition, Route, Step, TimeInterval
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, Instant
from notifier.domain.value import replace
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store import silences as rows
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import audit, deliveries, groups, incidents, members, notifications, targets
from notifier.store.silences import release
from notifier.store.sqlite import SqliteDatabase
from notifier.testing import ManualClock
from tests.examples import DEEP
from tests.properties.empty_file import empty_file
from tests.properties.oncall_model import Config, Model, Problem, Silence
from tests.store.conftest import Bench, new_id

CHANNELS = {name: (name,) for name in ("mail", "chat", "desk", "boss", "director")}
INHIBITION = Inhibition(
    key="rule",
    source=(parse('severity="critical"'),),
    target=(parse('severity="warning"'),),
    equal=("service",),
)

_configs = st.builds(
    Config,
    routes=st.sampled_from([("billing", "shop"), ("billing", "shop"), ("shop",), ("billing",), ()]).map(
        frozenset
    ),
    group_wait=st.sampled_from([0, 10 * SECOND]),
    group_interval=st.sampled_from([0, MINUTE, 5 * MINUTE]),
    repeat_interval=st.sampled_from([30 * MINUTE, 4 * HOUR]),
    steps=st.sampled_from([(), (15 * MINUTE,), (15 * MINUTE, HOUR), (5 * MINUTE, 30 * MINUTE)]),
    quiet=st.sampled_from([None, None, (6 * 60, 8 * 60), (5 * 60, 5 * 60 + 30)]),
    inhibits=st.sampled_from([True, True, False]),
)
_events = st.fixed_dictionaries(
    {
        "which": st.sampled_from(
            [("billing", "one"), ("billing", "two"), ("shop", "one"), ("shop", "two"), ("desk", "one")]
        ),
        "severity": st.sampled_from([Severity.WARNING, Severity.ERROR, Severity.CRITICAL]),
        "status": st.sampled_from(["firing", "firing", "firing", "resolved"]),
        "region": st.sampled_from(["eu", "eu", "eu", "us"]),
    }
)
_batches = st.lists(_events, min_size=1, max_size=4, unique_by=lambda event: event["which"])
_waits = st.sampled_from(
    [SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY]
)
_often = st.sampled_from([True, True, True, False])
_lasts = st.sampled_from([10 * MINUTE, 30 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR])
_labels = st.sampled_from(
    [
        ("service", "billing"),
        ("service", "shop"),
        ("severity", "error"),
        ("severity", "critical"),
        ("region", "eu"),
    ]
)
_daily = st.sampled_from([None, None, None, (6 * 60, 7 * 60), (5 * 60, 6 * 60)])
_actors = st.sampled_from(["ann", "ann", "bo"])
_picks = st.integers(0, 9)


def tree(config: Config, *, each: bool) -> Route:
    """The routing tree of a configuration; with `each`, the root has one group per incident."""
    steps = tuple(
        Step(after=after, channels=(channel,), line=f"step {number}")
        for number, (after, channel) in enumerate(zip(config.steps, ("boss", "director"), strict=False))
    )
    timing: dict[str, Any] = {
        name: getattr(config, name) for name in ("group_wait", "group_interval", "repeat_interval")
    }
    mute: tuple[TimeInterval, ...] = ()
    if config.quiet is not None:
        mute = (
            TimeInterval(
                name="quiet", windows=(Weekly(times=(Hours(start=config.quiet[0], end=config.quiet[1]),)),)
            ),
        )
    own: dict[str, Any] = {"escalate": steps, "mute_times": mute, **timing}
    billing = (parse('service="billing"'),)
    children = [
        Route(
            key="log",
            name="log",
            match=billing,
            channels=("chat",),
            group_by=("incident",),
            continue_=True,
            **timing,
        )
    ]
    if "billing" in config.routes:
        children.append(
            Route(
                key="billing", name="billing", match=billing, channels=("mail",), group_by=("service",), **own
            )
        )
    if "shop" in config.routes:
        match = (parse('service="shop"'),)
        children.append(
            Route(key="shop", name="shop", match=match, channels=("desk",), group_by=("service",), **own)
        )
    return Route(
        key="root",
        name="root",
        channels=("mail",),
        group_by=("incident",) if each else ("environment",),
        routes=tuple(children),
        **own,
    )


class OnCall(RuleBasedStateMachine):
    """The state machine: events, time, people and operators drive the service; notifications go to the model."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="ntf-oncall-")
        self.path = Path(self.folder.name) / "notifier.db"
        shutil.copy(empty_file(), self.path)
        self.clock = ManualClock()
        self.read_notifications = ""
        self.resting = True

    @initialize(config=_configs, each=st.booleans())
    def start(self, config: Config, each: bool) -> None:
        self.each = each
        self.model = Model(config, each, self.seen)
        self.bench = Bench(
            self._open(), self.clock, route=tree(config, each=each), channels=CHANNELS, inhibit=_rules(config)
        )
        self.runner.run(self.bench.start())

    def _open(self) -> SqliteDatabase:
        async def opened() -> SqliteDatabase:
            return SqliteDatabase(self.path, clock=self.clock)

        return self.runner.run(opened())

    def _write(self, work: Callable[[Tx], Any]) -> Any:
        return self.runner.run(self.bench.database.write(work))

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        return self.runner.run(self.bench.database.read(lambda tx: tx.run(query).all()))

    def _tick(self) -> Instant:
        """Advance the clock, so that no two steps share a millisecond."""
        return self.clock.advance(1)

    # Senders and time

    @rule(batch=_batches, times=st.sampled_from([1, 1, 3]), look=_often)
    def post(self, batch: list[dict[str, Any]], times: int, look: bool) -> None:
        self._tick()
        for one in batch * times:
            service, name = one["which"]
            event = self.bench.event(
                f"{service} {name}",
                service=service,
                severity=one["severity"],
                status=one["status"],
                more_labels={"service": service, "region": one["region"]},
            )
            (stored,) = self.runner.run(self.bench.post(event))
            self.model.posted(
                service,
                name,
                one["severity"],
                one["region"],
                one["status"] == "resolved",
                stored.incident_id,
                self.clock.now(),
            )
            self._tick()
        if look:
            self.run()

    @rule(service=st.sampled_from(["billing", "shop"]), over=st.booleans())
    def cascade(self, service: str, over: bool) -> None:
        """Open, or resolve, a critical incident and those that it inhibits."""
        base = {"region": "eu", "status": "resolved" if over else "firing"}
        self.post([{**base, "which": (service, "one"), "severity": Severity.CRITICAL}], 1, look=True)
        if not over:
            self.post([{**base, "which": (service, "two"), "severity": Severity.WARNING}], 1, look=True)

    @precondition(lambda self: any(one.state is not State.RESOLVED for one in self.model.newest.values()))
    @rule(pick=_picks, severity=st.sampled_from([Severity.ERROR, Severity.CRITICAL]), look=_often)
    def worsen(self, pick: int, severity: Severity, look: bool) -> None:
        known = [which for which, one in self.model.newest.items() if one.state is not State.RESOLVED]
        which = known[pick % len(known)]
        self.post([{"which": which, "severity": severity, "region": "eu", "status": "firing"}], 1, look)

    @precondition(lambda self: any(one.state is not State.RESOLVED for one in self.model.newest.values()))
    @rule(pick=_picks, times=st.integers(1, 2), looks=st.booleans())
    def flap(self, pick: int, times: int, looks: bool) -> None:
        """Resolve a problem, open it again at once, and repeat that."""
        known = [which for which, one in self.model.newest.items() if one.state is not State.RESOLVED]
        which = known[pick % len(known)]
        base = {"which": which, "severity": Severity.ERROR, "region": "eu"}
        for _ in range(times):
            self.post([{**base, "status": "resolved"}], 1, look=looks)
            self.post([{**base, "status": "firing"}], 1, look=False)
        self.run()

    @rule(by=_waits, look=_often)
    def wait(self, by: int, look: bool) -> None:
        self.clock.advance(by)
        if look:
            self.run()

    @rule(look=_often)
    def wait_for_what_is_next(self, look: bool) -> None:
        """Advance to the time that the service says is next."""
        moment = self._read(sa.select(sa.func.min(groups.c.due_at)))[0][0]
        if moment is not None and moment > self.clock.now():
            self.clock.advance(moment - self.clock.now())
        if look:
            self.run()

    # People

    @precondition(lambda self: self.model.problems)
    @rule(pick=_picks, actor=_actors, lasts=st.sampled_from([None, None, 10 * MINUTE, 5 * HOUR]), look=_often)
    def acknowledge(self, pick: int, actor: str, lasts: int | None, look: bool) -> None:
        now = self._tick()
        until = None if lasts is None else now + lasts
        self._act(
            "acknowledge",
            pick,
            lambda tx, one: actions.acknowledge(tx, _actor(actor), one.id, until=until),
            lambda one: self.model.acknowledge(one, actor, until, now),
            look,
        )

    @precondition(lambda self: self.model.problems)
    @rule(pick=_picks, actor=_actors, lasts=_lasts, look=_often)
    def snooze(self, pick: int, actor: str, lasts: int, look: bool) -> None:
        now = self._tick()
        self._act(
            "snooze",
            pick,
            lambda tx, one: actions.snooze(tx, _actor(actor), one.id, until=now + lasts),
            lambda one: self.model.snooze(one, actor, now + lasts, now),
            look,
        )

    @precondition(lambda self: self.model.problems)
    @rule(pick=_picks, actor=_actors, look=_often)
    def resolve(self, pick: int, actor: str, look: bool) -> None:
        self._tick()
        self._act(
            "resolve",
            pick,
            lambda tx, one: actions.resolve(tx, _actor(actor), one.id),
            lambda one: self.model.resolve(one, actor),
            look,
        )

    @precondition(lambda self: self.model.problems)
    @rule(pick=_picks, actor=_actors, look=_often)
    def reopen(self, pick: int, actor: str, look: bool) -> None:
        now = self._tick()
        self._act(
            "reopen",
            pick,
            lambda tx, one: actions.reopen(tx, _actor(actor), one.id),
            lambda one: self.model.reopen(one, actor, now),
            look,
        )

    def _act(
        self,
        name: str,
        pick: int,
        act: Callable[[Tx, Problem], str],
        expect: Callable[[Problem], str],
        look: bool,
    ) -> None:
        """Perform an act on one of the newest incidents; a refused or repeated act changes nothing."""
        known = list(self.model.problems.values())
        one = known[-1 - pick % len(known)]
        self.model.lapse(self.clock.now())
        before, state = self._everything(), one.state
        expected = expect(one)
        try:
            self._write(lambda tx: act(tx, one))
            answer = "done" if self._everything() != before else "same"
        except Refused as error:
            answer = error.state
            assert self._everything() == before
        assert answer == expected
        if answer == "done" and name != "snooze":
            self.model.acted(one, self.clock.now())
        one.urged = one.urged or (one.state is not state and one.routed >= 0)
        self.seen[f"{name}: {answer}"] += 1
        self._tick()
        if look:
            self.run()

    def _everything(self) -> list[Sequence[sa.Row[Any]]]:
        return [
            self._read(sa.select(table).order_by(*table.primary_key.columns))
            for table in (incidents, groups, members, audit)
        ]

    @rule(label=_labels, delay=st.sampled_from([0, 0, 10 * MINUTE]), lasts=_lasts, daily=_daily, look=_often)
    def silence(self, label: tuple[str, str], delay: int, lasts: int, daily: Any, look: bool) -> None:
        now = self._tick()
        ends_at = now + delay + lasts + (DAY if daily else 0)
        made = Silence(new_id(), label, now + delay, ends_at, daily)
        row = {
            "id": made.id, "project": "default", "matchers": json_text([f'{label[0]}="{label[1]}"']),
            "starts_at": made.starts_at, "ends_at": made.ends_at,
            "recur": daily and json_text({"weekdays": list(range(7)), "times": [list(daily)], "location": "UTC"}),
            "author": "ann", "comment": "maintenance", "created_at": now, "created_by": "key",
        }  # fmt: skip
        self._write(lambda tx: rows.add(tx, rows.silence_of(SimpleNamespace(**row))))
        self.model.silences[made.id] = made
        if look:
            self.run()

    @precondition(lambda self: self.model.silences)
    @rule(pick=_picks, lasts=st.sampled_from([0, 0, 5 * MINUTE, 2 * HOUR]), look=_often)
    def change_silence(self, pick: int, lasts: int, look: bool) -> None:
        """End a silence early, or move its end."""
        now = self._tick()
        known = [one for one in self.model.silences.values() if one.ends_at > now]
        if not known:
            return
        one = known[-1 - pick % len(known)]
        ends_at, sooner = now + lasts, now + lasts < one.ends_at

        def change(tx: Tx) -> None:
            known = rows.lock(tx, one.id)
            assert known is not None
            rows.change(tx, replace(known, ends_at=ends_at))
            if sooner:
                release(tx, one.id)

        self._write(change)
        one.ends_at = ends_at
        self.seen["a silence ended early" if lasts == 0 else "a silence changed"] += 1
        self._tick()
        if look:
            self.run()

    # Operators

    @rule(config=_configs, look=_often)
    def reload(self, config: Config, look: bool) -> None:
        now = self._tick()
        added = config.inhibits and not self.model.config.inhibits
        self.model.configs.append((now, config))
        self.bench.route, self.bench.inhibit = tree(config, each=self.each), _rules(config)
        if added:
            assert self._write(lambda tx: backfill(tx, self.bench.inhibit, 0)) is None
        keys = tuple(route.key for route in self.bench.route.walk())
        assert self._write(lambda tx: rerouting.make_orphaned_groups_due(tx, keys)) is None
        assert self._write(lambda tx: replan_after_reload(tx, tuple(self.bench.route.walk()))) is None
        if look:
            self.run()

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bench.database.aclose())
        self.bench.database = self._open()
        self.runner.run(self.bench.start())
        self.seen["a restart"] += 1

    # The service

    @rule()
    def run(self) -> None:
        """Run the loops until nothing is due, then compare with the model."""
        now, self.resting = self.clock.now(), False
        self.model.begins(now)
        self._write(end_acknowledgements)
        for _ in range(12):
            self.runner.run(self.bench.alert())
            due = self._read(sa.select(sa.func.min(groups.c.due_at)))[0][0]
            if due is None or due > now:
                break
        else:
            raise AssertionError("the loops do not come to rest")
        self._compare()
        self.model.ends(now)
        self.resting = True

    def _compare(self) -> None:
        query = (
            sa.select(notifications.c.id, notifications.c.message, groups.c.route, groups.c.labels)
            .join(groups, groups.c.id == notifications.c.group_id)
            .where(notifications.c.id > self.read_notifications)
            .order_by(notifications.c.id)
        )
        for row in self._read(query):
            self.read_notifications = row.id
            sent = sa.select(targets.c.address).join(deliveries, deliveries.c.target == targets.c.id)
            told = {one.address for one in self._read(sent.where(deliveries.c.notification == row.id))}
            own = json.loads(row.labels).get("incident")
            key = (row.route, "" if own is None else self.model.problems[own].identity)
            self.model.told(key, Message.from_json(json.loads(row.message)), told)

    @invariant()
    def balances(self) -> None:
        """Events are counted; each member is told, held by a named reason, or in a group that is due."""
        accounting = self.runner.run(self.bench.accounting())
        assert accounting.balanced, accounting
        assert accounting.accepted == self.model.accepted

    def teardown(self) -> None:
        try:
            if hasattr(self, "bench") and self.resting:
                self._settle()
        finally:
            if hasattr(self, "bench"):
                self.runner.run(self.bench.database.aclose())
            self.runner.close()
            self.folder.cleanup()

    def _settle(self) -> None:
        """Let two days pass; afterwards nothing is held or left to tell."""
        for by in (0, *[15 * MINUTE] * 8, *[4 * HOUR] * 12):
            self.clock.advance(by)
            self.run()


def _rules(config: Config) -> tuple[Inhibition, ...]:
    return (INHIBITION,) if config.inhibits else ()


def _actor(name: str) -> Actor:
    return Actor(name=name, key_name="key", project="default", project_scope=None, new_id=new_id)


# Situations that a run must reach.
REACHED = (
    *(f"told {reason}" for reason in (
        "opened", "reopened", "severity_raised", "unmuted", "escalated", "acknowledged", "resolved", "repeated",
    )),
    *(f"unmuted after {hold}" for hold in (
        "silence", "recurring silence", "snooze", "inhibition", "mute time",
    )),
    *(f"held, {news}" for news in (
        "opened", "reopened", "severity_raised", "acknowledged", "repeated", "no news",
    )),
    *(f"{action}: {answer}" for action, answer in (
        ("acknowledge", "done"), ("acknowledge", "acknowledged"), ("acknowledge", "resolved"), ("acknowledge", "same"),
        ("snooze", "done"), ("snooze", "open"), ("snooze", "resolved"),
        ("resolve", "done"), ("resolve", "resolved"), ("resolve", "same"),
        ("reopen", "done"), ("reopen", "open"), ("reopen", "resolved"), ("reopen", "same"),
    )),
    "escalated step 0", "escalated step 1", "escalated when a hold ended", "an escalation began anew",
    "an escalation went on", "an act was gathered", "back before the all-clear", "an all-clear that waited",
    "opened and resolved while held", "told resolved though it is held", "an acknowledgement ran out",
    "moved, told", "moved, held", "moved, not told", "a silence ended early", "a silence changed", "a restart",
)  # fmt: skip


# The examples also depend on loaded modules, so a single run may miss situations.
ROUNDS = (120, 60, 60, 60, 60, 60, 60) if DEEP else (12, 8, 8, 8, 8)
MISSED = 0 if DEEP else len(REACHED) // 5


def test_oncall() -> None:
    """Every required notification is sent, and none that is held, early or repeated.

    Quick runs reach most situations.
    """
    OnCall.seen.clear()
    missing: list[str] = []
    for number, examples in enumerate(ROUNDS):
        _run(number, examples)
        missing = [name for name in REACHED if not OnCall.seen[name]]
        if len(missing) <= MISSED:
            return
    pytest.fail(f"never reached: {missing}")


def _run(number: int, examples: int) -> None:
    run_state_machine_as_test(
        seed(number)(OnCall),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],  # as in test_storm: shrinking takes minutes
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
