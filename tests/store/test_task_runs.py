"""Task runs in the store, on both engines: changes, links, heartbeats, and processes that die."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.errors import StoreFull
from notifier.domain.task_run import Replayable, RunState, TaskRun
from notifier.domain.time import DAY, HOUR, SECOND
from notifier.domain.value import replace
from notifier.ingest import heartbeats, intake, run_intake
from notifier.ingest.heartbeats import ProcessHeartbeat
from notifier.ingest.intake import Intake
from notifier.ingest.processes import (
    OTHERS,
    EndedRuns,
    ProcessWatch,
    end_silent,
    living_processes,
    reports_by_service,
)
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import views
from notifier.store.database import Database
from notifier.store.postgres import PostgresDatabase
from notifier.store.schema import incidents, processes, run_incidents
from notifier.store.schema import task_runs as table
from notifier.telemetry.metrics import Metrics
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

RUNNING, RETRYING = RunState.PROCESSING, RunState.RETRYING
COMPLETED, FAILED, LOST = RunState.COMPLETED, RunState.FAILED, RunState.LOST
CANCELLED = {"type": "TaskLost", "reason": "cancelled"}


def run(id_: str = "run", state: RunState = RunState.PENDING, **fields: Any) -> TaskRun:
    finished_at = 5_000 if state.final else None
    usual = {"attempt": 1, "created_at": 1_000, "finished_at": finished_at, "process": "host"}
    return TaskRun(
        project="default", id=id_, task="billing.charge", service="billing", environment="production", state=state,
        **(usual | fields),
    )  # fmt: skip


async def tell(bench: Bench, *changes: TaskRun) -> run_intake.StoredChanges:
    return await bench.database.write(lambda tx: run_intake.store(tx, changes))


async def beat(bench: Bench, *running: str, **fields: Any) -> tuple[str, ...]:
    """A heartbeat; the ids of the runs that are asked for."""
    usual: dict[str, Any] = {
        "project": "default", "process": "host", "service": "billing", "tasks": ["billing.charge"], "reports": None,
        "ended": False,
    }  # fmt: skip
    one = ProcessHeartbeat(running=running, **(usual | fields))
    return tuple(each.id for each in await bench.database.write(lambda tx: heartbeats.record(tx, one)))


async def check(bench: Bench) -> EndedRuns:
    return await bench.database.write(end_silent)


async def get(bench: Bench, id_: str = "run") -> TaskRun:
    found = await bench.database.read(lambda tx: views.task_run(tx, id_, project="default"))
    assert found is not None
    return found


async def row(bench: Bench, id_: str = "run") -> Any:
    return (await bench.database.read(lambda tx: tx.run(sa.select(table).where(table.c.id == id_)))).one()


async def everything(bench: Bench) -> list[Any]:
    query = sa.select(table).order_by(table.c.id)
    return [tuple(one) for one in await bench.database.read(lambda tx: tx.run(query).all())]


LIFE = (
    run(),
    run(state=RUNNING, started_at=1_100, key="k", max_attempts=3),
    run(state=RETRYING, error={"type": "E"}, finished_at=1_200, duration_ms=0.1),
    run(state=RUNNING, attempt=2, started_at=1_300, process="other"),
    run(state=LOST, attempt=2, error=CANCELLED, process="other"),
    run(state=COMPLETED, attempt=2, result={"ok": [1, None]}, duration_ms=2.5, process="other"),
)


class TestChanges:
    async def test_any_order_and_any_number_of_times_give_the_same_row(self, bench: Bench) -> None:
        """One by one, in one batch, backwards, twice: the row is the same."""
        orders = [*itertools.islice(itertools.permutations(LIFE), 0, 720, 71), LIFE + LIFE]
        for number, order in enumerate(orders):
            for change in order:
                await tell(bench, replace(change, id=f"run-{number:02}"))
        for number, order in enumerate(orders, len(orders)):
            await tell(bench, *(replace(change, id=f"run-{number:02}") for change in order))
        rows = await everything(bench)
        assert len(rows) == 2 * len(orders)
        assert len({one[2:] for one in rows}) == 1
        found = await get(bench, "run-00")
        assert (found.state, found.attempt, found.result) == (COMPLETED, 2, {"ok": [1, None]})
        assert (found.created_at, found.started_at, found.finished_at) == (1_000, 1_300, 5_000)
        assert (found.key, found.max_attempts, found.duration_ms, found.error) == ("k", 3, 2.5, None)

    async def test_what_ended_is_told_once(self, bench: Bench) -> None:
        """A batch names the runs that have come to their end by it; a repeat names none."""
        assert (await tell(bench, run(state=RUNNING))).ended == ()
        ended = (await tell(bench, run(state=FAILED), run("b", COMPLETED))).ended
        assert [(one.id, one.state) for one in ended] == [("b", COMPLETED), ("run", FAILED)]
        assert (await tell(bench, run(state=FAILED), run("b", RUNNING))).ended == ()
        assert [one.id for one in (await tell(bench, run(state=COMPLETED))).ended] == ["run"]

    async def test_failed_and_lost_runs_are_dead_letters(self, bench: Bench) -> None:
        """They wait until the run goes on after all; `completed` is none."""
        await tell(bench, run(state=LOST, error=CANCELLED), run("b", FAILED), run("c", COMPLETED))
        assert [(await row(bench, id_)).letter for id_ in ("run", "b", "c")] == ["waiting", "waiting", None]
        await tell(bench, run(state=RUNNING, attempt=2), run("b", COMPLETED))
        assert [(await row(bench, id_)).letter for id_ in ("run", "b")] == [None, None]
        await tell(bench, run(state=FAILED, attempt=2))
        assert (await row(bench)).letter == "waiting"

    async def test_a_full_database_takes_no_more(self, bench: Bench) -> None:
        """Changes are refused as events are, so that their client keeps them."""
        if bench.database.dialect == "postgresql":
            pytest.skip("max_size bounds a SQLite file; PostgreSQL's disk is its operator's")
        with pytest.raises(StoreFull):
            await bench.database.write(lambda tx: run_intake.store(tx, [run()], max_size=1))

    async def test_replicas_race_for_the_same_runs(self, postgres_url: str, clock: Any) -> None:
        """Two replicas are told of the same runs at once, in either order: no change is lost."""
        replicas = [
            await PostgresDatabase.open(postgres_url, replica=name, clock=clock, pool_size=4)
            for name in ("one", "two")
        ]
        ids = [f"run-{number}" for number in range(20)]
        batches = [[replace(change, id=id_) for id_ in ids] for change in LIFE]
        await asyncio.gather(
            *(
                replica.write(lambda tx, batch=batch: run_intake.store(tx, batch))  # type: ignore[misc]
                for batch in batches
                for replica in replicas
            )
        )
        found = await replicas[0].read(lambda tx: tx.run(sa.select(table)).all())
        assert {(one.state, one.attempt, one.started_at, one.key) for one in found} == {
            ("completed", 2, 1_300, "k")
        }
        assert len(found) == 20
        for replica in replicas:
            await replica.aclose()


class TestLinks:
    async def test_the_newest_incident_of_a_run_is_shown(self, bench: Bench) -> None:
        """Whichever comes first, the run or its event; a duplicate does not count."""
        first = (await bench.post(bench.event("fp-1", run="run", id="e")))[0].incident_id
        await tell(bench, run(state=RUNNING))
        assert (await get(bench)).incident_id == first
        second = (await bench.post(bench.event("fp-2", run="run"), bench.event("fp-2", run="run")))[0]
        await bench.post(bench.event("fp-1", run="run", id="e"), bench.event("fp-1"))
        assert (await get(bench)).incident_id == second.incident_id
        links = await bench.database.read(lambda tx: tx.run(sa.select(run_incidents)).all())
        assert sorted((one.run, one.n) for one in links) == [("run", 1), ("run", 2)]

    async def test_a_resolution_is_no_event_of_a_run(self, bench: Bench) -> None:
        """Nothing is counted for it."""
        await bench.post(bench.event(), bench.event(run="run", status="resolved"))
        assert await bench.database.read(lambda tx: tx.run(sa.select(run_incidents)).all()) == []

    async def test_links_go_with_their_incident(self, bench: Bench) -> None:
        """Retention leaves none behind."""
        await bench.post(bench.event(run="run"), bench.event(status="resolved"))
        await bench.alert()
        bench.clock.advance(400 * DAY)
        await keep(bench)
        assert await bench.database.read(lambda tx: tx.run(sa.select(run_incidents)).all()) == []


class TestHeartbeats:
    async def test_a_process_owns_what_it_runs(self, bench: Bench) -> None:
        """Runs that it names and that have not ended are its own, whatever their changes said."""
        await tell(
            bench, run(process=None), run("b", RUNNING, process="old"), run("c", COMPLETED, process="old")
        )
        await beat(
            bench, "run", "b", "c", "nobody", reports={"captured": 3, "sent": 2, "dropped": {"full": 1}}
        )
        assert [(await get(bench, id_)).process for id_ in ("run", "b", "c")] == ["host", "host", "old"]
        await beat(bench, process="second", reports={"captured": 4})
        await beat(bench)
        alive = await bench.database.read(living_processes)
        assert alive.processes == 2
        assert alive.reports == {
            ("billing", "captured"): 7,
            ("billing", "sent"): 2,
            ("billing", "dropped"): 1,
        }

    async def test_reports_have_at_most_a_hundred_services(self) -> None:
        """What more there are is one."""
        shown = reports_by_service({(f"s{number:03}", "sent"): 1 for number in range(150)})
        assert len(shown) == 101
        assert shown[OTHERS, "sent"] == 50

    async def test_silence_loses_what_was_running(self, bench: Bench) -> None:
        """After three intervals: unfinished runs end at the last sign of life, as dead letters; others stay."""
        await tell(bench, run(state=RUNNING), run("b", RETRYING, attempt=2), run("c", COMPLETED))
        await tell(bench, run("stranger", RUNNING, process="unknown"), run("none", RUNNING, process=None))
        await beat(bench)
        seen = bench.clock.now()
        bench.clock.advance(30 * SECOND - 1)
        assert (await check(bench)).lost == ()
        bench.clock.advance(1)
        gone = await check(bench)
        assert [one.id for one in gone.lost] == ["b", "run"]
        found = await get(bench)
        assert (found.state, found.finished_at) == (LOST, seen)
        assert found.error == {
            "type": "TaskLost",
            "module": "notifier",
            "message": "its process was killed or stopped responding",
            "reason": "killed",
        }
        assert (await row(bench)).letter == "waiting"
        assert [(await get(bench, id_)).state for id_ in ("c", "stranger", "none")] == [
            COMPLETED, RUNNING, RUNNING,
        ]  # fmt: skip
        assert (await check(bench)).lost == ()
        assert (await bench.database.read(living_processes)).processes == 0

    async def test_a_goodbye_has_half_a_minute_too(self, bench: Bench) -> None:
        """What it left unfinished is lost as `interrupted`, once its last words have had time to come."""
        await tell(bench, run(state=RUNNING), run("b", RUNNING))
        await beat(bench, ended=True)
        bench.clock.advance(20 * SECOND)
        assert (await check(bench)).lost == ()
        await tell(bench, run("b", FAILED))
        bench.clock.advance(10 * SECOND)
        assert [one.id for one in (await check(bench)).lost] == ["run"]
        error = (await get(bench)).error
        assert error is not None
        assert error["reason"] == "interrupted"

    async def test_a_client_knows_better_than_a_guess(self, bench: Bench) -> None:
        """A process that was only cut off goes on with its runs; what it says itself of a loss stays."""
        await tell(bench, run(state=RETRYING, attempt=2), run("b", LOST, error=CANCELLED))
        await beat(bench)
        bench.clock.advance(30 * SECOND)
        await check(bench)
        await beat(bench, "run", "b")
        found = await get(bench)
        assert (found.state, found.attempt, found.error, found.finished_at) == (RUNNING, 2, None, None)
        assert (await row(bench)).letter is None
        assert (await get(bench, "b")).state is LOST
        assert (await bench.database.read(living_processes)).processes == 1
        await tell(bench, run(state=RETRYING, attempt=2))
        assert (await get(bench)).state is RETRYING
        bench.clock.advance(30 * SECOND)
        assert [one.id for one in (await check(bench)).lost] == ["run"]
        await tell(bench, run(state=COMPLETED, attempt=2))
        assert (await get(bench)).state is COMPLETED

    async def test_runs_of_an_ended_process_that_come_late(self, bench: Bench) -> None:
        """A spool that is read after its process died leaves no run unfinished for ever."""
        await beat(bench)
        bench.clock.advance(30 * SECOND)
        await check(bench)
        await tell(bench, run(state=RUNNING))
        assert [one.id for one in (await check(bench)).lost] == ["run"]


class TestWatch:
    async def test_each_lost_run_is_told_once_and_of_one_task_as_one_incident(self, bench: Bench) -> None:
        """Events with their task, committed with the loss; a second loss of a run is no second event."""
        watch = ProcessWatch(bench.database, new_id=new_id, metrics=Metrics())
        await tell(bench, run("a", RUNNING), run("b", RUNNING), run("x" * 128, RUNNING))
        await beat(bench)
        await advance(watch, bench)
        events, state, title, id_ = await counted(bench)
        assert (events, state) == (3, "open")
        assert title == "TaskLost: billing.charge was lost: its process was killed or stopped responding"
        assert (await get(bench, "a")).incident_id == id_
        assert [reason for _, reason in await bench.alert()] == ["opened"]
        await beat(bench, "a", "b")
        await advance(watch, bench)
        assert (await get(bench, "a")).state is LOST
        assert (await counted(bench))[0] == 3

    async def test_nobody_is_judged_while_nobody_could_be_heard(self, bench: Bench) -> None:
        """After a start, and after the service or its database was away, processes have half a minute to beat."""
        await tell(bench, run(state=RUNNING))
        await beat(bench)
        bench.clock.advance(HOUR)
        watch = ProcessWatch(bench.database, new_id=new_id, metrics=Metrics())
        await watch.check()
        assert (await get(bench)).state is RUNNING
        bench.clock.advance(HOUR)
        await watch.check()
        assert (await get(bench)).state is RUNNING
        await beat(bench)
        await advance(watch, bench, seconds=30)
        assert (await get(bench)).state is LOST

    async def test_many_go_in_small_batches(self, bench: Bench) -> None:
        """A host that dies with a thousand runs costs several short transactions; each run is lost and told."""
        metrics = Metrics()
        watch = ProcessWatch(bench.database, new_id=new_id, metrics=metrics)
        await tell(bench, *(run(f"run-{number:04}", RUNNING) for number in range(450)))
        await beat(bench)
        await advance(watch, bench)
        assert {one[5] for one in await everything(bench)} == {"lost"}
        assert (await counted(bench))[0] == 450
        assert b'notifier_task_runs_total{state="lost"} 450.0' in metrics.render()

    async def test_what_is_seen_is_shown(self, bench: Bench) -> None:
        """The gauges say how many processes live and what became of their reports."""
        metrics = Metrics()
        watch = ProcessWatch(bench.database, new_id=new_id, metrics=metrics)
        await beat(bench, reports={"captured": 3, "sent": 1, "spooled": 0, "dropped": {"a": 1, "b": 1}})
        watch._set_metrics(await bench.database.read(living_processes))
        assert b"notifier_processes 1.0" in metrics.render()
        assert b'notifier_client_reports{outcome="dropped",service="billing"} 2.0' in metrics.render()

    async def test_replicas_lose_a_run_once(self, postgres_url: str, clock: Any) -> None:
        """Both watch; the events of the loss are counted once, and the books balance."""
        replicas: list[Database] = [
            await PostgresDatabase.open(postgres_url, replica=name, clock=clock, pool_size=4)
            for name in ("one", "two")
        ]
        bench = Bench(replicas[0], clock)
        await bench.start()
        watches = [ProcessWatch(replica, new_id=new_id, metrics=Metrics()) for replica in replicas]
        for number in range(5):
            process = f"host-{number}"
            await tell(bench, *(run(f"{process}-{n}", RUNNING, process=process) for n in range(30)))
            await beat(bench, process=process)
        for _ in range(4):
            clock.advance(10 * SECOND)
            await asyncio.gather(*(watch.check() for watch in watches))
        assert (await counted(bench))[0] == 150
        accounting = await bench.accounting()
        assert (accounting.accepted, accounting.duplicates) == (150, 0)
        for replica in replicas:
            await replica.aclose()


async def counted(bench: Bench) -> tuple[int, str, str, str]:
    """Count, state, title and id of the one incident."""
    columns = (incidents.c.count.label("events"), incidents.c.state, incidents.c.title, incidents.c.id)
    (found,) = await bench.database.read(lambda tx: tx.run(sa.select(*columns)).all())
    return tuple(found)


async def advance(watch: ProcessWatch, bench: Bench, *, seconds: int = 40) -> None:
    """Let time pass, with the watch's turns in it."""
    for _ in range(seconds // 10):
        bench.clock.advance(10 * SECOND)
        await watch.check()


class TestRetention:
    async def test_runs_go_by_age_and_ended_processes_after_a_day(self, bench: Bench) -> None:
        """Whether or not they ended; what a living process runs stays, however old."""
        now = bench.clock.now()
        await tell(
            bench,
            run("old", COMPLETED, created_at=now - 15 * DAY),
            run("stuck", RUNNING, created_at=now - 15 * DAY, process=None),
            run("long", RUNNING, created_at=now - 15 * DAY),
            run("young", FAILED, created_at=now - 12 * DAY),
        )
        await beat(bench)
        await beat(bench, process="gone", ended=True)
        await keep(bench)
        assert [one[1] for one in await everything(bench)] == ["long", "young"]
        bench.clock.advance(DAY + HOUR)
        await beat(bench)
        await keep(bench)
        names = await bench.database.read(lambda tx: tx.run(sa.select(processes.c.id)).scalars().all())
        assert names == ["host"]
        assert [one[1] for one in await everything(bench)] == ["long", "young"]

    async def test_an_ended_process_stays_until_its_runs_are_lost(self, bench: Bench) -> None:
        """Else nobody would know that they are."""
        await tell(bench, run(state=RUNNING, created_at=bench.clock.now()))
        await beat(bench, ended=True)
        bench.clock.advance(2 * DAY)
        await keep(bench)
        assert [one.id for one in (await check(bench)).lost] == ["run"]

    async def test_near_the_bound_completed_runs_go_early(self, bench: Bench) -> None:
        """Counted; what a person may still decide about stays."""
        if bench.database.dialect == "postgresql":
            pytest.skip("max_size bounds a SQLite file; PostgreSQL's disk is its operator's")
        young = {"created_at": bench.clock.now() - SECOND}
        await tell(bench, run("a", COMPLETED, **young), run("b", FAILED, **young), run("c", RUNNING, **young))
        await keep(bench, max_size=1)
        assert [one[1] for one in await everything(bench)] == ["b", "c"]
        assert (await bench.accounting()).shed_task_runs == 1


async def keep(bench: Bench, *, max_size: int = 10**12) -> None:
    keeper = Housekeeper(retention=RetentionSettings(), max_size=max_size)
    for _ in range(50):
        if not await bench.database.write(keeper.turn, housekeeping=True):
            return


async def test_overflowing_events_keep_their_run(bench: Bench) -> None:
    """Beyond `new_incidents` a run's event is counted on the service's one incident, and linked to it."""
    work = Intake(events=[bench.event(run="run")], keys=["key"], remaining={"key": 0}, new_id=new_id)
    (stored,) = (await bench.database.write(lambda tx: intake.commit(tx, work))).stored
    await tell(bench, run(replayable=Replayable.NO))
    assert (await get(bench)).incident_id == stored.incident_id
