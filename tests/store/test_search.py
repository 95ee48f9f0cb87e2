"""Searches and orders equal a full scan, whatever part of the index exists."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import pytest
import sqlalchemy as sa

from notifier.domain.event import Event
from notifier.domain.incident import Incident
from notifier.domain.matcher import match_all, parse
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.oncall import actions
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.policy import searching
from notifier.runtime.housekeeper import Housekeeper
from notifier.settings.sections import RetentionSettings
from notifier.store import search_index, views
from notifier.store.schema import incident_order, incident_terms, incidents
from notifier.store.views import IncidentSearch, PageKey, Sort
from notifier.store.views.incident_search import ACTIVE_AT_MOST
from tests.world import World

pytestmark = pytest.mark.anyio

WORDS = ("upstream", "timed", "out", "DiskFull", "order 77", "grün", "%", "replica_set")
SORTS: tuple[Sort, ...] = ("newest", "severity", "count", "last_seen")
CAUSES = 600


async def catch_up(world: World) -> None:
    world.clock.advance(MINUTE)
    while await world.database.write(search_index.catch_up):
        pass


async def found(world: World, search: IncidentSearch, limit: int) -> list[Incident]:
    """All pages, concatenated."""
    after: PageKey | None = None
    items: list[Incident] = []
    while True:
        page = await world.database.read(
            lambda tx, after=after: views.find_incidents(tx, search, after=after, limit=limit, url=None)  # type: ignore[misc]
        )
        items += page.items
        after = page.next_key
        if after is None:
            return items


def expected(everything: Sequence[Incident], search: IncidentSearch) -> list[int]:
    """The expected numbers, in order."""
    keys = {
        "newest": lambda one: (one.number,),
        "severity": lambda one: (one.severity.rank, one.number),
        "count": lambda one: (one.count, one.number),
        "last_seen": lambda one: (one.last_seen, one.number),
    }
    meant = [
        one
        for one in everything
        if search.state in {None, one.state}
        and not (search.unresolved and one.state is State.RESOLVED)
        and match_all(search.matchers, one.labels)
        and searching.meets(search.words, one.title)
    ]
    return [one.number for one in sorted(meant, key=keys[search.sort], reverse=True)]


def searches(dice: random.Random) -> IncidentSearch:
    matchers = dice.choice([(), (), ('service="s1"',), ('service="s1"', 'host!="h2"'), ('severity="error"',)])
    state = dice.choice([None, None, None, *State])
    return IncidentSearch(
        project="shop",
        state=state,
        unresolved=state is None and dice.random() < 0.5,
        matchers=tuple(map(parse, matchers)),
        words=tuple(dice.sample(WORDS, dice.choice([0, 1, 1, 2]))),
        sort=dice.choice(SORTS),
    )


async def disturb(world: World, dice: random.Random) -> None:
    """Random new and known causes, varying labels, resolutions, acknowledgements and reopenings."""
    world.clock.advance(dice.randrange(30) * SECOND)
    await world.post_all([cause(world, dice, dice.randrange(CAUSES + 20)) for _ in range(30)])
    unresolved = sa.select(incidents.c.id, incidents.c.state).where(incidents.c.project == "shop")
    rows = dice.sample(await world.database.read(lambda tx: tx.run(unresolved).all()), 20)
    actor = Actor(name="ann", key_name="ann", project="shop", project_scope=None, new_id=world.new_id)
    for row in rows:
        act = (
            actions.reopen if row.state == "resolved" else dice.choice([actions.resolve, actions.acknowledge])
        )
        with suppress(Refused):  # a newer incident of its identity may be open
            await world.database.write(partial(act, actor=actor, name=row.id))


def cause(world: World, dice: random.Random, number: int) -> Event:
    own = random.Random(number)
    return world.event(
        f"{' '.join(own.sample(WORDS, 3))} {number}",
        service=f"s{number % 3}",
        severity=dice.choice([Severity.ERROR, Severity.ERROR, Severity.CRITICAL]).value,
        labels={"host": f"h{dice.randrange(2) + number % 2}"},
    )


async def test_searches_find_what_reading_everything_finds(world: World) -> None:
    """The result equals the full scan, with all, some or none indexed, by page and order."""
    dice = random.Random(4)
    await world.post_all([cause(world, dice, number) for number in range(CAUSES)])
    for turn in range(4):
        if turn % 2:
            await catch_up(world)
        await disturb(world, dice)
        everything = await found(world, IncidentSearch(project="shop"), 1_000)
        assert len(everything) >= CAUSES
        for _ in range(8):
            search = searches(dice)
            numbers = [one.number for one in await found(world, search, dice.choice([7, 100, 1_000]))]
            assert numbers == expected(everything, search), search


async def test_a_word_of_nobody_reads_no_incident(world: World) -> None:
    """Once indexed, a search for an unknown word reads only newer incidents."""
    await world.post_all([world.event(f"cause {number}") for number in range(300)])
    await catch_up(world)
    for words in (("zyzzyva",), ("cause", "zyzzyva")):
        search = IncidentSearch(project="shop", words=words)
        page = await world.database.read(
            lambda tx, search=search: views.find_incidents(tx, search, after=None, limit=10, url=None)  # type: ignore[misc]
        )
        assert (page.items, page.next_key) == ((), None)


async def test_what_is_gone_leaves_no_terms_and_no_order(world: World) -> None:
    """Housekeeping removes the terms and order of deleted incidents."""
    await world.post("gone for good")
    await world.post("gone for good", status="resolved")
    await world.alert()
    await catch_up(world)
    world.clock.advance(400 * DAY)
    keeper = Housekeeper(retention=RetentionSettings(), max_size=10**12)
    for _ in range(2):
        while await world.database.write(keeper.turn):
            pass
        world.clock.advance(2 * HOUR)
    left = await world.database.read(
        lambda tx: [
            tx.run(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in (incidents, incident_order, incident_terms)
        ]
    )
    assert left == [0, 0, 0]


async def test_a_storm_that_no_order_knows_is_listed_whole(world: World) -> None:
    """Unresolved incidents without an order are listed newest first, over all pages."""
    causes = [world.event(f"storm {number}", severity="warning") for number in range(ACTIVE_AT_MOST + 100)]
    await world.post_all([world.event("vault is sealed", severity="critical"), *causes])
    listed = await found(world, IncidentSearch(project="shop", unresolved=True), 2_000)
    assert [one.number for one in listed] == list(range(len(causes) + 1, 0, -1))
    for words in ((), ("vault",)):
        worst = IncidentSearch(project="shop", unresolved=True, sort="severity", words=words)
        page = await world.database.read(
            partial(views.find_incidents, search=worst, after=None, limit=9, url=None)
        )
        assert page.items[0].title == "vault is sealed"
