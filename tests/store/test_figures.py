"""Running statistics equal those counted row by row, after any sequence of steps."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import pytest
import sqlalchemy as sa

from notifier.domain.delivery import Outcome
from notifier.domain.task_run import RunState, TaskRun
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.domain.value import replace
from notifier.ingest import run_intake
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import dead_letters, keys, ledger, views
from notifier.store.database import Database, Tx
from notifier.store.schema import (
    deliveries,
    delivery_figures,
    event_figures,
    incidents,
    run_durations,
    run_figures,
    tallies,
    task_runs,
)
from notifier.store.schema.triggers import DURATION_STEPS, STEPS, bucket, middle
from notifier.store.views.spans import bucket_percentile, segments
from notifier.store.views.task_figures import EXACT_AT_MOST
from tests.world import World

pytestmark = pytest.mark.anyio

STEPS_TAKEN = 50
RETENTION = RetentionSettings(incidents=3 * DAY, deliveries=2 * DAY, task_runs=2 * DAY)
TYPES = ("TimeoutError", "KeyError", "")


@dataclass
class Walk:
    """Random steps of senders, people, receivers and time."""

    world: World
    dice: random.Random
    runs: list[TaskRun] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.world.database

    async def post(self) -> None:
        """Post a few events, some of a known cause with another type."""
        await self.world.post_all(
            [
                self.world.event(
                    f"cause {self.dice.randrange(6)}",
                    labels={"exception": self.dice.choice(TYPES)},
                    project=self.dice.choice(("shop", "shop", "other")),
                )
                for _ in range(self.dice.randrange(1, 6))
            ]
        )

    async def tell(self) -> None:
        await self.world.alert(self.dice.randrange(1, 20) * MINUTE)

    async def send(self) -> None:
        """Claim deliveries, and let each succeed or fail, permanently or not."""
        for job in await self.world.claim():
            self.world.clock.advance(self.dice.randrange(5_000))
            match self.dice.randrange(4):
                case 0:
                    await self.world.fail(job, self.dice.choice([Outcome.BLOCKED, Outcome.TRANSIENT]))
                case _:
                    await self.world.deliver(job)

    async def decide(self) -> None:
        """Resolve and reopen incidents, redeliver and discard dead letters."""
        rows = await self.database.read(lambda tx: tx.run(sa.select(incidents.c.id, incidents.c.state)).all())
        dead = await self.database.read(
            lambda tx: list(tx.run(sa.select(deliveries.c.id).where(deliveries.c.state == "dead")).scalars())
        )
        chosen = self.dice.sample(dead, len(dead) // 2)
        if self.dice.random() < 0.5:
            await self.database.write(lambda tx: dead_letters.discard(tx, chosen))
        else:
            await self.database.write(lambda tx: dead_letters.redeliver(tx, self.world.rules, chosen))
        for row in rows:
            if row.state != "resolved" and self.dice.random() < 0.5:
                await self.database.write(partial(actions.resolve, actor=self.actor, name=row.id))

    @property
    def actor(self) -> Actor:
        return Actor(name="ann", key_name="ann", project="shop", project_scope=None, new_id=self.world.new_id)

    async def run(self) -> None:
        """Start, continue and end task runs."""
        now = self.world.clock.now()
        for _ in range(3):
            begun = TaskRun(
                project="shop",
                id=self.world.new_id(),
                task=f"task {self.dice.randrange(3)}",
                service="billing",
                environment="production",
                state=RunState.PENDING,
                attempt=1,
                created_at=now - self.dice.randrange(3 * HOUR),
            )
            self.runs.append(begun)
        changed = self.dice.choices(self.runs, k=4)
        moved = [
            replace(
                run,
                state=self.dice.choice(list(RunState)),
                attempt=self.dice.randrange(1, 5),
                duration_ms=self.dice.choice([None, 0.0, 0.4, 12.5, 900.0, 1e17]),
            )
            for run in changed
        ]
        await self.database.write(lambda tx: run_intake.store(tx, [*self.runs[-3:], *moved]))

    async def wait(self) -> None:
        self.world.clock.advance(self.dice.randrange(12 * HOUR))
        keeper = Housekeeper(retention=RETENTION, max_size=10**12)
        while await self.database.write(keeper.turn):
            pass

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        return [self.post, self.post, self.tell, self.send, self.decide, self.run, self.wait]


def _events(tx: Tx) -> dict[str | None, int]:
    """Events by type, counted from the incidents' tallies."""
    rows = tx.run(
        sa.select(incidents.c.labels, sa.func.sum(tallies.c.n).label("n"))
        .select_from(incidents.join(tallies, tallies.c.incident == incidents.c.number))
        .where(incidents.c.project == "shop")
        .group_by(incidents.c.number, incidents.c.labels)
    )
    counted: Counter[str | None] = Counter()
    for row in rows:
        labels: dict[str, str] = json.loads(row.labels)
        counted[labels.get("exception") or None] += int(row.n)
    return dict(counted)


def _runs(tx: Tx) -> dict[str, tuple[int, int, int, int]]:
    rows = tx.run(sa.select(task_runs).where(task_runs.c.project == "shop")).all()
    return {
        task: (
            len(own),
            sum(row.state == "completed" for row in own),
            sum(row.state in {"failed", "lost"} for row in own),
            sum(row.attempt - 1 for row in own),
        )
        for task in {row.task for row in rows}
        for own in [[row for row in rows if row.task == task]]
    }


def _channels(tx: Tx) -> dict[str, tuple[int, int]]:
    counts: dict[str, list[int]] = {}
    rows = tx.run(
        sa.select(deliveries.c.channel, deliveries.c.state).where(
            deliveries.c.project == "shop", deliveries.c.state.in_(["delivered", "dead"])
        )
    )
    for row in rows:
        counts.setdefault(row.channel, [0, 0])[row.state == "dead"] += 1
    return {channel: (delivered, dead) for channel, (delivered, dead) in counts.items()}


def _by_step(tx: Tx, table: sa.Table, value: str) -> dict[int, int]:
    query = sa.select(table.c.step, sa.func.sum(table.c[value]).label("n")).group_by(table.c.step)
    return {row.step: int(row.n) for row in tx.run(query)}


def _equal(tx: Tx) -> None:
    """Assert that the statistics equal the counted values."""
    errors = views.error_figures(tx, project="shop", since=0)
    assert {one.type: one.count for one in errors} == _events(tx)
    tasks = views.task_figures(tx, project="shop", since=0)
    assert {one.task: (one.runs, one.completed, one.failed, one.retries) for one in tasks} == _runs(tx)
    channels = views.channel_figures(tx, project="shop", since=0)
    assert {one.channel: (one.delivered, one.dead) for one in channels} == _channels(tx)
    runs = tx.run(sa.select(sa.func.count()).select_from(task_runs)).scalar_one()
    timed = task_runs.c.state.in_(["completed", "failed"]) & task_runs.c.duration_ms.is_not(None)
    timed_runs = tx.run(sa.select(sa.func.count()).where(timed)).scalar_one()
    over = tx.run(sa.select(sa.func.count()).where(deliveries.c.finished_at.is_not(None))).scalar_one()
    for table, value, steps, count in (
        (run_figures, "runs", STEPS, runs),
        (run_durations, "n", DURATION_STEPS, timed_runs),
        (delivery_figures, "n", STEPS, over),
    ):
        assert set(_by_step(tx, table, value).values()) <= {count}, (table, steps)


async def test_figures_equal_what_is_counted(world: World) -> None:
    """Posts, acts, outcomes, runs and retention keep the sums equal and the ledger balanced."""
    walk = Walk(world, random.Random(1))
    for _ in range(STEPS_TAKEN):
        await walk.dice.choice(walk.acts)()
        check = await world.database.read(ledger.check)
        assert check.sound, check
        await world.database.read(_equal)


async def test_a_lost_row_is_a_difference(world: World) -> None:
    """Rows deleted behind the service's back are found by counting, and not corrected."""
    await world.post_all([world.event(f"cause {n}") for n in range(5)])
    await world.database.write(
        lambda tx: tx.run(sa.delete(incidents).where(incidents.c.number == 3)).rowcount
    )
    for _ in range(2):
        check = await world.database.read(ledger.check)
        assert [(one.term, one.running, one.exact) for one in check.differences] == [("counted", 5, 4)]
        assert not check.sound
        assert not check.exact.balanced


async def test_a_delivery_lost_without_a_word_is_seen_at_once(world: World) -> None:
    """A deleted pending delivery unbalances the running counters at once."""
    await world.post()
    await world.alert()
    await world.database.write(lambda tx: tx.run(sa.delete(deliveries)).rowcount)
    assert not (await world.database.read(ledger.running)).balanced


async def test_figures_that_count_nothing_go(world: World) -> None:
    """Housekeeping deletes statistics whose rows are gone, and minutes of events after two days."""
    await world.database.write(
        lambda tx: keys.create(
            tx, id_="k", secret=keys.make_secret(), project="shop", name="k", scopes=["read"]
        )
    )
    await world.post()
    await world.ran({"duration_ms": 1.0})
    world.clock.advance(40 * DAY)
    await world.post("another")
    keeper = Housekeeper(retention=RETENTION, max_size=10**12)
    while await world.database.write(keeper.turn):
        pass
    left = await world.database.read(
        lambda tx: [
            sorted(tx.run(sa.select(table.c.step)).scalars())
            for table in (run_figures, run_durations, event_figures)
        ]
    )
    assert left == [[], [], [MINUTE, HOUR, HOUR, DAY, DAY]]


class TestPercentiles:
    async def test_of_many_runs_they_are_within_three_per_cent(self, world: World) -> None:
        """Above a thousand runs of a task the durations are estimated, and marked as such."""
        dice = random.Random(3)
        took = sorted(dice.lognormvariate(4, 2) for _ in range(EXACT_AT_MOST + 200))
        begin = world.clock.now()
        await world.ran(
            *({"created_at": begin - dice.randrange(30 * HOUR), "duration_ms": one} for one in took),
            {"task": "few", "duration_ms": 7.25},
        )
        busy, few = await world.database.read(lambda tx: views.task_figures(tx, project="shop", since=0))
        assert busy.approximate
        assert busy.p50_ms == pytest.approx(took[(len(took) * 50 + 99) // 100 - 1], rel=0.03)
        assert busy.p95_ms == pytest.approx(took[(len(took) * 95 + 99) // 100 - 1], rel=0.03)
        assert (few.p50_ms, few.approximate) == (7.25, False)
        for figures in (busy, few):
            alone = await world.database.read(
                lambda tx, task=figures.task: views.task_figures(tx, project="shop", since=0, task=task)  # type: ignore[misc]
            )
            assert alone == (figures,)

    async def test_a_part_of_a_step_is_read_run_by_run(self, world: World) -> None:
        """A span that starts within a step is estimated from its own runs."""
        begin = world.clock.now() // DAY * DAY + 5 * HOUR + 7 * MINUTE
        before = [{"created_at": begin - SECOND, "duration_ms": 10.0} for _ in range(EXACT_AT_MOST)]
        after = [{"created_at": begin + SECOND, "duration_ms": 1_000.0} for _ in range(EXACT_AT_MOST + 1)]
        await world.ran(*before, *after)
        (found,) = await world.database.read(lambda tx: views.task_figures(tx, project="shop", since=begin))
        assert found.approximate
        assert found.p50_ms == pytest.approx(1_000, rel=0.03)

    def test_the_middle_of_a_bucket_is_near(self) -> None:
        """Every value in a bucket, as SQL computes it, is within 3 % of the bucket's middle."""
        statement = f"SELECT {bucket('?1')}"
        with closing(sqlite3.connect(":memory:")) as connection:
            for value in (*range(400), 12_345, 999_999, 10**9 + 7, 10**14):
                least = int(connection.execute(statement, (value,)).fetchone()[0])
                assert least <= value
                assert abs(middle(least) - value) <= 0.03 * value

    def test_ranks(self) -> None:
        """The smallest bucket that covers the percentile."""
        buckets = [(1, 1), (2, 1), (3, 2)]
        assert [bucket_percentile(buckets, percent) for percent in (25, 50, 51, 100)] == [1, 2, 3, 3]


def test_a_span_is_covered_once() -> None:
    """Steps of all sizes cover the span without gaps, with the coarsest last."""
    for begin in (0, MINUTE, HOUR - MINUTE, 5 * DAY + 7 * HOUR + 3 * MINUTE):
        parts = segments(begin)
        assert parts[0].begin == begin
        assert [part.end for part in parts] == [*(part.begin for part in parts[1:]), None]
        assert all(part.begin % part.step == 0 for part in parts)
