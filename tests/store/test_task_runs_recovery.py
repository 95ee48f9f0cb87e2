"""Replays, and incidents that resolve themselves once every run of theirs has been made good."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import SECOND
from notifier.ingest import heartbeats, run_intake
from notifier.ingest.heartbeats import ProcessHeartbeat, Replay
from notifier.ingest.processes import end_silent
from notifier.oncall import task_runs as replays
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store.database import Database
from notifier.store.postgres import PostgresDatabase
from notifier.store.schema import incidents
from notifier.store.schema import task_runs as table
from notifier.store.statements import task_runs
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

RUNNING, COMPLETED = RunState.PROCESSING, RunState.COMPLETED
FAILED, LOST = RunState.FAILED, RunState.LOST
KEPT: dict[str, Any] = {"arguments": {"args": [1], "kwargs": {}}, "replayable": Replayable.YES}


def run(id_: str, state: RunState, at: int = 5_000, **fields: Any) -> TaskRun:
    usual = {"attempt": 1, "created_at": 1_000, "finished_at": at if state.final else None}
    names = {
        "project": "default",
        "task": "billing.charge",
        "service": "billing",
        "environment": "production",
    }
    return TaskRun(id=id_, state=state, **(names | usual | fields))


async def tell(bench: Bench, *changes: TaskRun) -> None:
    await bench.database.write(lambda tx: run_intake.store(tx, changes))


async def broke(bench: Bench, id_: str, fingerprint: str = "fp") -> None:
    """The event that a failed run sends."""
    await bench.post(bench.event(fingerprint, run=id_))


async def state(bench: Bench, fingerprint: str = "fp") -> tuple[str, str | None]:
    query = sa.select(incidents.c.state, incidents.c.resolved_by).where(
        incidents.c.fingerprint == fingerprint
    )
    row = (await bench.database.read(lambda tx: tx.run(query.order_by(incidents.c.number.desc())).all()))[0]
    return row.state, row.resolved_by


async def letters(bench: Bench) -> dict[str, str | None]:
    query = sa.select(table.c.id, table.c.letter)
    return {row.id: row.letter for row in await bench.database.read(lambda tx: tx.run(query).all())}


async def ask(bench: Bench, id_: str) -> str | None:
    ids = iter([f"{id_}-again", new_id()])
    return await bench.database.write(lambda tx: replays.request_replay(tx, id_, actor(lambda: next(ids))))


def actor(ids: Callable[[], str], project_scope: str | None = "default") -> Actor:
    return Actor(name="ann", key_name="k", project="default", project_scope=project_scope, new_id=ids)


async def beat(
    bench: Bench,
    *running: str,
    process: str = "host",
    ended: bool = False,
    tasks: Sequence[str] = ("billing.charge",),
) -> tuple[Replay, ...]:
    one = ProcessHeartbeat(
        project="default",
        process=process,
        service="billing",
        running=running,
        tasks=tasks,
        reports=None,
        ended=ended,
    )
    return await bench.database.write(lambda tx: heartbeats.record(tx, one))


OPEN, RECOVERED = ("open", None), ("resolved", "recovered")


class TestRecovery:
    async def test_a_later_run_of_the_same_key_recovers(self, bench: Bench) -> None:
        """The incident is resolved, and that is told like any other resolution."""
        await tell(bench, run("a", FAILED, key="42"))
        await broke(bench, "a")
        assert [reason for _, reason in await bench.alert()] == ["opened"]
        await tell(bench, run("b", COMPLETED, 6_000, key="42"))
        assert await state(bench) == RECOVERED
        assert await letters(bench) == {"a": "recovered", "b": None}
        bench.clock.advance(600 * SECOND)
        assert [reason for _, reason in await bench.alert()] == ["resolved"]

    async def test_only_the_same_key_task_service_and_project_later(self, bench: Bench) -> None:
        """An earlier success, another key, task, service or project makes nothing good."""
        await tell(bench, run("a", FAILED, key="42"))
        await broke(bench, "a")
        await tell(
            bench,
            run("early", COMPLETED, 4_999, key="42"),
            run("key", COMPLETED, 6_000, key="43"),
            run("none", COMPLETED, 6_000),
            run("task", COMPLETED, 6_000, key="42", task="billing.refund"),
            run("service", COMPLETED, 6_000, key="42", service="mail"),
            run("project", COMPLETED, 6_000, key="42", project="other"),
            run("failed", FAILED, 6_000, key="42"),
        )
        assert await state(bench) == OPEN
        assert (await letters(bench))["a"] == "waiting"

    async def test_every_run_must_have_been_made_good(self, bench: Bench) -> None:
        """One without a key keeps the incident open; so does one that still runs, or of which nothing is known."""
        await tell(bench, run("a", FAILED, key="1"), run("b", FAILED), run("c", RUNNING))
        for id_ in ("a", "b", "c", "d"):
            await broke(bench, id_)
        await tell(bench, run("a2", COMPLETED, 6_000, key="1"))
        assert await state(bench) == OPEN
        await tell(bench, run("c", COMPLETED, 6_000))
        await tell(bench, run("d", COMPLETED, 6_000))
        assert await state(bench) == OPEN
        await tell(bench, run("b2", COMPLETED, 7_000, replay_of="b"))
        assert await state(bench) == RECOVERED

    async def test_an_event_of_anybody_else_keeps_it_open(self, bench: Bench) -> None:
        """Nobody knows whether that has been made good."""
        await tell(bench, run("a", FAILED, key="1"))
        await broke(bench, "a")
        await bench.post(bench.event())
        await tell(bench, run("b", COMPLETED, 6_000, key="1"))
        assert await state(bench) == OPEN

    async def test_replays_of_replays_recover_the_first(self, bench: Bench) -> None:
        """However long the chain, and also where a link was made good by its key."""
        await tell(bench, run("a", FAILED), run("b", LOST, 6_000, replay_of="a", key="1"))
        await broke(bench, "a", "first")
        await broke(bench, "b", "second")
        await tell(bench, run("c", FAILED, 7_000, replay_of="b"))
        assert await state(bench, "first") == OPEN
        await tell(bench, run("d", COMPLETED, 8_000, key="1"))
        assert await state(bench, "first") == RECOVERED
        assert await state(bench, "second") == RECOVERED
        assert await letters(bench) == {"a": "recovered", "b": "recovered", "c": "waiting", "d": None}

    async def test_runs_that_replay_each_other_end(self, bench: Bench) -> None:
        """What no client sends does not hang the service."""
        await tell(bench, run("a", FAILED, replay_of="b"), run("b", FAILED, replay_of="a"))
        await broke(bench, "a")
        await tell(bench, run("c", COMPLETED, 9_000, replay_of="a"))
        assert await state(bench) == RECOVERED

    @pytest.mark.parametrize("order", list(itertools.permutations(["failed", "event", "completed"])))
    async def test_the_order_of_arrival_does_not_matter(self, bench: Bench, order: tuple[str, ...]) -> None:
        """The failure, its event and the success come in any order."""
        steps = {
            "failed": lambda: tell(bench, run("a", FAILED, key="1")),
            "event": lambda: broke(bench, "a"),
            "completed": lambda: tell(bench, run("b", COMPLETED, 6_000, key="1")),
        }
        for step in order:
            await steps[step]()
        assert await state(bench) == RECOVERED
        await bench.alert()

    async def test_a_run_that_completes_after_failed_attempts_has_ended_well(self, bench: Bench) -> None:
        """So has one that was taken for lost and comes back."""
        await tell(bench, run("a", RunState.RETRYING))
        await broke(bench, "a")
        await tell(bench, run("a", RUNNING, attempt=2))
        assert await state(bench) == OPEN
        await tell(bench, run("a", COMPLETED, attempt=2))
        assert await state(bench) == RECOVERED

    async def test_a_new_failure_opens_a_new_incident(self, bench: Bench) -> None:
        """Recovered is resolved: what happens later is `reopened`, and recovers on its own."""
        await tell(bench, run("a", FAILED, key="1"))
        await broke(bench, "a")
        await tell(bench, run("b", COMPLETED, 6_000, key="1"))
        bench.clock.advance(SECOND)
        await tell(bench, run("c", FAILED, 7_000, key="1"))
        await broke(bench, "c")
        assert await state(bench) == OPEN
        assert (await letters(bench))["c"] == "waiting"
        await tell(bench, run("d", COMPLETED, 8_000, key="1"))
        assert await state(bench) == RECOVERED

    async def test_a_run_that_fails_once_more_waits_again(self, bench: Bench) -> None:
        """What was made good is so only until the run itself goes on and fails later."""
        await tell(bench, run("a", LOST, key="1", error={"type": "TaskLost", "reason": "cancelled"}))
        await tell(bench, run("b", COMPLETED, 6_000, key="1"))
        assert (await letters(bench))["a"] == "recovered"
        await tell(bench, run("a", FAILED, 7_000, key="1", attempt=2))
        assert (await letters(bench))["a"] == "waiting"

    async def test_what_was_discarded_or_replayed_counts_as_well(self, bench: Bench) -> None:
        """A person's word ends the letter, not the question whether the run was made good."""
        await tell(bench, run("a", FAILED, key="1"), run("b", FAILED, **KEPT))
        await broke(bench, "a")
        await broke(bench, "b")
        await bench.database.write(lambda tx: task_runs.discard(tx, ["a"], project="default"))
        await ask(bench, "b")
        assert await letters(bench) == {"a": "discarded", "b": "replayed", "b-again": None}
        await tell(bench, run("c", COMPLETED, 6_000, key="1"))
        assert await state(bench) == OPEN
        await tell(bench, run("b-again", COMPLETED, 7_000, replay_of="b"))
        assert await state(bench) == RECOVERED

    async def test_an_acknowledged_incident_recovers_too(self, bench: Bench) -> None:
        """Whoever took it on need not end it."""
        await tell(bench, run("a", FAILED, key="1"))
        await broke(bench, "a")
        await bench.database.write(
            lambda tx: tx.run(sa.update(incidents).values(state="acknowledged", acknowledged_by="ada"))
        )
        await tell(bench, run("b", COMPLETED, 6_000, key="1"))
        assert await state(bench) == RECOVERED

    async def test_replicas_that_hear_of_both_at_once(self, postgres_url: str, clock: Any) -> None:
        """The failure, its event and the success are committed by different replicas at the same time."""
        replicas: list[Database] = [
            await PostgresDatabase.open(postgres_url, replica=str(n), clock=clock, pool_size=8)
            for n in range(3)
        ]
        benches = [Bench(replica, clock) for replica in replicas]
        await benches[0].start()
        for bench in benches[1:]:
            bench.targets = benches[0].targets
        for number in range(40):
            one, two, three, key = f"a{number}", f"b{number}", f"fp{number}", str(number)
            await asyncio.gather(
                tell(benches[0], run(one, FAILED, key=key)),
                tell(benches[1], run(two, COMPLETED, 6_000, key=key)),
                broke(benches[2], one, three),
            )
            assert await state(benches[0], three) == RECOVERED, number
        for replica in replicas:
            await replica.aclose()


def succeeded_runs(run_: TaskRun, runs: list[TaskRun]) -> bool:
    """The rule, read aloud: completed; or a later run of its key was; or one that replays it has ended well."""
    if run_.state is COMPLETED:
        return True
    by_key = any(
        one.state is COMPLETED and one.key == run_.key and (one.finished_at or 0) >= (run_.finished_at or 0)
        for one in runs
    )
    return (run_.key is not None and by_key) or any(
        succeeded_runs(one, runs) for one in runs if one.replay_of == run_.id
    )


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_comes_in_whatever_order_the_rule_holds(bench: Bench, seed: int) -> None:
    """Random runs with keys and replays, in random batches: letters and incidents are what the rule says."""
    dice = random.Random(seed)
    runs = [
        run(
            f"r{number}",
            dice.choice([COMPLETED, FAILED, LOST]),
            dice.randrange(5_000, 5_010),
            key=dice.choice([None, "1", "2", "3"]),
            replay_of=f"r{dice.randrange(number)}" if number and dice.random() < 0.4 else None,
            error={"type": "TaskLost", "reason": "cancelled"},
        )
        for number in range(14)
    ]
    linked = {one.id: f"fp{dice.randrange(6)}" for one in runs if dice.random() < 0.6}
    first = [] if seed % 2 else list(linked)
    for id_ in first:
        await broke(bench, id_, linked[id_])
    steps: list[Any] = [*runs, *(id_ for id_ in linked if id_ not in first)]
    dice.shuffle(steps)
    while steps:
        size = dice.randrange(1, 4)
        batch, steps = steps[:size], steps[size:]
        for id_ in batch:
            if isinstance(id_, str):
                await broke(bench, id_, linked[id_])
        if changes := [one for one in batch if isinstance(one, TaskRun)]:
            await tell(bench, *changes)
    well = {one.id: succeeded_runs(one, runs) for one in runs}
    assert await letters(bench) == {
        one.id: None if one.state is COMPLETED else "recovered" if well[one.id] else "waiting" for one in runs
    }
    for fingerprint in set(linked.values()):
        over = all(well[id_] for id_, each in linked.items() if each == fingerprint)
        if over or first:
            assert await state(bench, fingerprint) == (RECOVERED if over else OPEN)


class TestReplay:
    async def test_a_replay_that_dies_before_it_began_goes_elsewhere(self, bench: Bench) -> None:
        """It stays with the process that it was handed to while that one lives; then another gets it."""
        await tell(bench, run("a", FAILED, **KEPT))
        await ask(bench, "a")
        assert [one.id for one in await beat(bench)] == ["a-again"]
        assert await beat(bench, process="other") == ()
        bench.clock.advance(30 * SECOND)
        gone = await bench.database.write(end_silent)
        assert gone.lost == ()
        assert [one.id for one in await beat(bench, process="other")] == ["a-again"]
        assert await beat(bench) == ()

    @pytest.mark.parametrize("seen", ["running", "told"])
    async def test_a_replay_that_has_begun_never_runs_twice(self, bench: Bench, seen: str) -> None:
        """Once its process has been seen with it, it is lost with that process, and may be asked for anew."""
        await tell(bench, run("a", FAILED, **KEPT))
        await ask(bench, "a")
        await beat(bench)
        if seen == "running":
            await beat(bench, "a-again")
        else:
            await tell(bench, run("a-again", RunState.PENDING, process="host", replay_of="a"))
        await beat(bench)
        bench.clock.advance(30 * SECOND)
        gone = await bench.database.write(end_silent)
        assert [one.id for one in gone.lost] == ["a-again"]
        assert await beat(bench, process="other") == ()
        assert await ask(bench, "a") is not None

    async def test_a_goodbye_is_asked_for_nothing(self, bench: Bench) -> None:
        """A process that ends gets no run."""
        await tell(bench, run("a", FAILED, **KEPT))
        await ask(bench, "a")
        assert await beat(bench, ended=True) == ()
        assert len(await beat(bench, process="other")) == 1

    async def test_two_replicas_hand_a_replay_to_one_process(self, postgres_url: str, clock: Any) -> None:
        """A run that another replica hands out, while one looks for what waits, is not handed out twice."""
        async with AsyncExitStack() as opened:
            replicas: list[Database] = []
            for n in range(2):
                replica = await PostgresDatabase.open(postgres_url, replica=str(n), clock=clock, pool_size=8)
                opened.push_async_callback(replica.aclose)
                replicas.append(replica)
            first, second = (Bench(replica, clock) for replica in replicas)
            await tell(first, *(run(f"r{n}", FAILED, task=f"task-{n}", **KEPT) for n in range(60)))
            for n in range(60):
                await ask(first, f"r{n}")
            # So many names that others hand runs out between the slow look's beginning and its end.
            slow = asyncio.create_task(
                beat(second, process="slow", tasks=[f"task-{n}" for n in range(300_000)])
            )
            handed: list[Replay] = []
            for n in range(60):
                handed += await beat(first, process=f"quick-{n}", tasks=[f"task-{n}"])
                await asyncio.sleep(0.01)
            handed += await slow
            assert len({one.id for one in handed}) == len(handed) == 60

    async def test_two_people_ask_at_once(self, bench: Bench) -> None:
        """One new run; the other is told that there is one."""
        await tell(bench, run("a", FAILED, **KEPT))
        asked = await asyncio.gather(
            *(
                bench.database.write(
                    lambda tx: replays.request_replay(tx, "a", actor(new_id, project_scope="default"))
                )
                for _ in range(3)
            ),
            return_exceptions=True,
        )
        refused = [answer for answer in asked if isinstance(answer, Refused)]
        assert len(refused) == 2
        assert all("asked for again already" in str(refusal) for refusal in refused)
        assert len(await letters(bench)) == 2
