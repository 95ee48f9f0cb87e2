"""What people do with silences, where it meets flushes, other people, crowds and time. On both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from notifier.domain.matcher import parse
from notifier.domain.silence import Silence
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, rfc3339
from notifier.domain.value import replace
from notifier.oncall import silences
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.oncall.silences import Draft
from notifier.policy.muting import Mute, SilenceIndex
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import silences as rows
from notifier.store import views
from notifier.store.database import Database, Tx
from notifier.store.schema import groups, members
from notifier.store.schema import silences as table
from notifier.store.silences import ActiveSilences
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

T = TypeVar("T")

ANN = Actor(name="ann", key_name="key", project="default", project_scope="default", new_id=new_id)
BILLING = ['service="billing"']


async def silence(bench: Bench, *, lasts: int = HOUR, **changes: Any) -> Silence:
    ends_at = rfc3339(bench.clock.now() + lasts)
    usual: dict[str, Any] = {"matchers": BILLING, "ends_at": ends_at, "comment": "moving the database"}
    return await bench.database.write(lambda tx: silences.create(tx, ANN, Draft(**{**usual, **changes})))


async def change(bench: Bench, id_: str, **changes: Any) -> Silence:
    return await bench.database.write(lambda tx: silences.change(tx, ANN, id_, Draft(**changes)))


async def read(database: Database, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    return await database.read(lambda tx: tx.run(query).all())


async def told(bench: Bench) -> list[str]:
    return [reason for _, reason in await bench.alert()]


async def at_once(
    database: Database, first: Callable[[Tx], object], second: Callable[[Tx], T], then: Callable[[Tx], object]
) -> tuple[T, list[int]]:
    """`second` begins while the other transaction is between `first` and `then`; and the races that both lost."""
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    attempts: list[int] = []

    def slow(tx: Tx) -> None:
        attempts.append(tx.attempt)
        first(tx)
        loop.call_soon_threadsafe(begun.set)
        if tx.dialect == "postgresql":
            tx.run(sa.text("SELECT pg_sleep(0.3)"))
        then(tx)

    def quick(tx: Tx) -> T:
        attempts.append(tx.attempt)
        return second(tx)

    running = asyncio.create_task(database.write(slow))
    await begun.wait()
    try:
        return await database.write(quick), attempts
    finally:
        await running


async def test_what_was_ended_is_not_revived_by_who_changes_it_meanwhile(bench: Bench) -> None:
    """Given one who ends it and one who extends it at once, then the second sees that it is over."""
    made = await silence(bench)
    later = Draft(ends_at=rfc3339(bench.clock.now() + DAY))
    with pytest.raises(Refused) as refused:
        await at_once(
            bench.database,
            lambda tx: silences.end(tx, ANN, made.id),
            lambda tx: silences.change(tx, ANN, made.id, later),
            lambda _tx: None,
        )
    assert refused.value.state == "expired"
    (row,) = await read(bench.database, sa.select(table))
    assert row.ends_at == bench.clock.now()


async def test_two_changes_at_once_are_both_kept(bench: Bench) -> None:
    """The second begins with what the first has written."""
    made = await silence(bench)
    after, _ = await at_once(
        bench.database,
        lambda tx: silences.change(tx, ANN, made.id, Draft(comment="moving it back")),
        lambda tx: silences.change(tx, ANN, made.id, Draft(matchers=['service="shop"'])),
        lambda _tx: None,
    )
    assert (after.comment, after.matchers) == ("moving it back", (parse('service="shop"'),))
    assert await bench.database.read(lambda tx: rows.get(tx, made.id)) == after


async def test_who_ends_a_silence_waits_for_a_flush_that_goes_by_it(bench: Bench) -> None:
    """Given a flush that has a group and then asks for silences, then neither waits for the other for ever.

    What the flush has held because of it is found.
    """
    made = await silence(bench)
    await bench.post(bench.event())
    assert await told(bench) == []
    await bench.database.write(lambda tx: tx.run(sa.update(members).values(repeat_at=None)))
    mutes: list[Mute | None] = []

    def ask(tx: Tx) -> None:
        mutes.append(bench.silences.index(tx).mute("default", {"service": "billing"}, tx.now))

    _, attempts = await at_once(
        bench.database,
        lambda tx: tx.run(sa.select(groups).with_for_update()).all(),
        lambda tx: silences.end(tx, ANN, made.id),
        ask,
    )
    assert attempts == [0, 0]
    assert [mute and mute.ref for mute in mutes] == [made.id]
    assert await told(bench) == ["unmuted"]


async def test_a_silence_may_hold_more_groups_than_a_statement_takes_parameters(database: Database) -> None:
    """All of them are due at once when it ends, and what another holds is not."""
    many = 33_000
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many + 1}) "

    def fill(tx: Tx) -> None:
        tx.run(
            sa.text(
                "INSERT INTO groups (id, project, route, labels, created_at) "
                f"{numbers} SELECT 'g' || i, 'default', 'root', '{{}}', 0 FROM n"
            )
        )
        tx.run(
            sa.text(
                "INSERT INTO members (group_id, incident, joined_at, hold_ref) "
                f"{numbers} SELECT 'g' || i, i, 0, CASE WHEN i = 1 THEN 'other' ELSE 'big' END FROM n"
            )
        )

    await database.write(fill)
    assert await database.write(lambda tx: rows.release(tx, "big")) == many
    due = sa.select(sa.func.count()).select_from(groups).where(groups.c.due_at == database.now())
    assert (await read(database, due))[0][0] == many
    (other,) = await read(database, sa.select(members).where(members.c.hold_ref == "other"))
    assert other.repeat_at is None


async def test_a_change_of_words_wakes_nobody(bench: Bench) -> None:
    """Who is named and why change nothing about what is held; the audit has it all the same."""
    made = await silence(bench)
    await bench.post(bench.event())
    await bench.alert()
    (before,) = await read(bench.database, sa.select(members))
    bench.clock.advance(MINUTE)
    await change(bench, made.id, comment="moving it back", author="bo")
    assert await read(bench.database, sa.select(members)) == [before]
    assert (await read(bench.database, sa.select(groups)))[0].due_at == before.repeat_at


async def test_one_that_is_shortened_ends_then(bench: Bench) -> None:
    """What it holds is told at its new end, not at the old one and not at once."""
    made = await silence(bench, lasts=DAY)
    await bench.post(bench.event())
    assert await told(bench) == []
    await change(bench, made.id, ends_at=rfc3339(bench.clock.now() + HOUR))
    assert await told(bench) == []
    bench.clock.advance(HOUR - SECOND)
    assert await told(bench) == []
    bench.clock.advance(SECOND)
    assert await told(bench) == ["unmuted"]


async def test_what_a_narrower_silence_lets_go_is_not_said_to_be_over(bench: Bench) -> None:
    """It goes on for others: the message says that it no longer applies, whose it is and why."""
    made = await silence(bench)
    await bench.post(bench.event())
    await bench.alert()
    await change(bench, made.id, matchers=['service="shop"'])
    assert await told(bench) == ["unmuted"]
    (job,) = (await bench.claim()).jobs
    assert job.message.note == "The silence of ann no longer applies: moving the database."


async def test_a_preview_judges_the_newest_where_there_are_too_many(bench: Bench) -> None:
    """With three that are not resolved and room for two, it says so; what is resolved is not counted."""
    await bench.post(*(bench.event(f"fp-{number}") for number in range(4)))
    await bench.post(bench.event("fp-0", status="resolved"))
    await bench.post(bench.event("far", project="other", more_labels={"project": "other"}))
    await bench.alert()
    for most, expected in ((2, (2, 2, False)), (3, (3, 3, True)), (100, (3, 3, True))):
        met = await bench.database.read(
            lambda tx, most=most: views.met(  # type: ignore[misc]
                tx, "default", [parse('service=~"bill.*"')], most=most, shown=1, url=None
            )
        )
        assert (met.matching, met.unresolved, met.counted_all) == expected
        assert [one.fingerprint for one in met.incidents] == ["fp-3"]


async def test_a_preview_counts_what_was_resolved_within_the_last_day(bench: Bench) -> None:
    """A silence would have held it; what ended earlier, or is another project's, is not counted."""
    await bench.post(*(bench.event(f"fp-{number}") for number in range(3)))
    await bench.post(bench.event("fp-0", status="resolved"))
    bench.clock.advance(DAY + HOUR)
    await bench.post(bench.event("fp-1", status="resolved"))
    await bench.alert()
    for matchers, expected in ((BILLING, 1), (['service="shop"'], 0)):
        seen = await silences.preview(bench.database, project="default", matchers=matchers, url=None)
        assert (seen.lately, seen.counted_lately, seen.met.unresolved) == (expected, True, 1)
    some = await bench.database.read(
        lambda tx: views.count_resolved_matches(tx, "default", [parse('service="billing"')], since=0, most=1)
    )
    assert some == (1, False)


async def test_silences_leave_as_long_after_their_end_as_incidents_do(bench: Bench) -> None:
    """One that goes on stays, and so does one whose end is still to be told."""
    ended = await silence(bench)
    recurs = await silence(bench, ends_at=None, recur={"weekdays": ["sunday"]})
    lasting = await silence(bench, lasts=2 * DAY)
    holding = await silence(bench, matchers=['service="held"'])
    await bench.database.write(
        lambda tx: tx.run(
            sa.insert(members).values(group_id="g", incident=9, joined_at=0, hold_ref=holding.id)
        )
    )
    keeper = Housekeeper(
        retention=RetentionSettings(events=DAY, incidents=DAY, deliveries=DAY), max_size=1_000_000_000
    )

    async def kept() -> set[str]:
        while await bench.database.write(keeper.turn, housekeeping=True):
            pass
        return {row.id for row in await read(bench.database, sa.select(table))}

    bench.clock.advance(DAY + HOUR)
    assert await kept() == {ended.id, recurs.id, lasting.id, holding.id}
    bench.clock.advance(SECOND)
    assert await kept() == {recurs.id, lasting.id, holding.id}
    await bench.database.write(lambda tx: tx.run(sa.delete(members)))
    assert await kept() == {recurs.id, lasting.id}


async def test_standing_silences_are_read_once_for_each_change(bench: Bench) -> None:
    """Beside many a flush reads a number; whoever makes, changes or ends one is heeded by the very next."""
    for number in range(50):
        await silence(bench, matchers=[f'service="other-{number}"', 'region=~"eu-.*"'])
    await bench.post(bench.event("one"))
    assert await told(bench) == ["opened"]
    index = await bench.database.write(bench.silences.index)
    bench.clock.advance(10 * MINUTE)
    await bench.post(bench.event("two"))
    assert await told(bench) == ["opened"]
    assert await bench.database.write(bench.silences.index) is index
    made = await silence(bench)
    bench.clock.advance(10 * MINUTE)
    await bench.post(bench.event("three"))
    assert await told(bench) == []
    assert await bench.database.write(bench.silences.index) is not index
    await bench.database.write(lambda tx: silences.end(tx, ANN, made.id))
    assert await told(bench) == ["unmuted"]


async def test_another_replica_heeds_a_silence(bench: Bench) -> None:
    """What one process has read is no longer true once another has changed a silence."""
    await bench.post(bench.event("one"))
    assert await told(bench) == ["opened"]
    other = replace(bench, silences=ActiveSilences())
    await silence(other)
    bench.clock.advance(10 * MINUTE)
    await bench.post(bench.event("two"))
    assert await told(bench) == []


def test_one_of_many_is_found_without_asking_the_others() -> None:
    """An incident is compared with the silences that ask for one of its labels, and with those that ask for none."""
    asked: list[str] = []

    class Asked(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            asked.append(name)
            return super().get(name, default)

    many = [
        Silence(
            id=f"s{number}",
            project="default",
            matchers=(parse(f'service="s{number}"'), parse('environment="production"')),
            starts_at=0,
            ends_at=None,
            recur=None,
            author="ann",
            comment="-",
            created_at=0,
            created_by="key",
        )
        for number in range(5_000)
    ]
    labels = Asked(service="s42", environment="production")
    mute = SilenceIndex(many).mute("default", labels, 1)
    assert mute is not None
    assert mute.ref == "s42"
    assert len(asked) == 2
