"""What people and programs look at, on both engines."""

from __future__ import annotations

from functools import partial

import pytest

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.matcher import parse
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE
from notifier.domain.value import replace
from notifier.store import audit, notifications, views
from notifier.store.database import Database
from notifier.store.views import DeliverySearch, IncidentSearch, PageKey, incident_search
from tests.plans import read_whole, statements_of
from tests.world import World

pytestmark = pytest.mark.anyio


async def titles(world: World, *, limit: int = 100, **search: object) -> list[str]:
    """Titles of every page of a search, in order."""
    found: list[str] = []
    after: PageKey | None = None
    query = IncidentSearch(project="shop", **search)  # type: ignore[arg-type]
    while True:
        page = await world.database.read(
            lambda tx, after=after: views.find_incidents(tx, query, after=after, limit=limit, url=None)  # type: ignore[misc]
        )
        found += [one.title for one in page.items]
        if page.next_key is None:
            return found
        after = page.next_key


class TestIncidents:
    async def test_newest_first_and_only_of_the_project(self, world: World) -> None:
        """Lists show one project's incidents, newest first."""
        for message, project in (("first", "shop"), ("theirs", "other"), ("second", "shop")):
            await world.post(message, project=project)
        assert await titles(world) == ["second", "first"]

    async def test_pages_are_stable_under_inserts(self, world: World) -> None:
        """What comes between two pages appears in neither, and nothing is shown twice or left out."""
        for number in range(5):
            await world.post(f"e{number}")
        query = IncidentSearch(project="shop")
        first = await world.database.read(
            lambda tx: views.find_incidents(tx, query, after=None, limit=2, url=None)
        )
        await world.post("late")
        rest = await world.database.read(
            lambda tx: views.find_incidents(tx, query, after=first.next_key, limit=10, url=None)
        )
        assert [one.title for one in (*first.items, *rest.items)] == ["e4", "e3", "e2", "e1", "e0"]
        assert rest.next_key is None

    async def test_a_full_last_page_has_no_next(self, world: World) -> None:
        """Pages of every size add up to the whole; the end is known without an empty page."""
        await world.post_all([world.event(f"e{number}") for number in range(4)])
        for limit in (1, 2, 3, 4):
            assert await titles(world, limit=limit) == ["e3", "e2", "e1", "e0"]
        query = IncidentSearch(project="shop")
        page = await world.database.read(
            lambda tx: views.find_incidents(tx, query, after=None, limit=4, url=None)
        )
        assert page.next_key is None

    async def test_matchers_mean_what_alertmanager_means(self, world: World) -> None:
        """A missing label is the empty string; regular expressions are anchored; any name may be asked for."""
        await world.post("a1", labels={"region": "eu"})
        await world.post("b1", labels={'we ird"name': "x"})
        await world.post("c1", service="shipping")
        cases = {
            ('service="billing"',): ["b1", "a1"],
            ('service!="billing"',): ["c1"],
            ('region="eu"',): ["a1"],
            ('region=""',): ["c1", "b1"],
            ('region!=""',): ["a1"],
            ('service=~"bill.*"',): ["b1", "a1"],
            ('service=~"bill"',): [],
            ('service!~"bill.*"',): ["c1"],
            ('service="billing"', 'region=~"eu|us"'): ["a1"],
            ('"we ird\\"name"="x"',): ["b1"],
            ('"we ird\\"name"!="x"',): ["c1", "a1"],
            ('service="bil\\"ling"',): [],
        }
        found = {case: await titles(world, matchers=tuple(map(parse, case))) for case in cases}
        assert found == cases

    async def test_words_are_found_in_titles_whatever_their_case(self, world: World) -> None:
        """All words must be there; wildcards of SQL mean themselves; letters beyond ASCII have cases, too."""
        for title in ("Gateway timed out", "disk 100% full", "Ampel GRÜN"):
            await world.post(title)
        cases = {
            ("TIMED",): ["Gateway timed out"],
            ("out", "gateway"): ["Gateway timed out"],
            ("100%",): ["disk 100% full"],
            ("%",): ["disk 100% full"],
            ("_",): [],
            ("grün",): ["Ampel GRÜN"],
            ("ampel", "grün"): ["Ampel GRÜN"],
            ("nothing",): [],
        }
        assert {words: await titles(world, words=words) for words in cases} == cases

    async def test_states_filter(self, world: World) -> None:
        """A state shows only its own; none shows all."""
        await world.post("over")
        await world.post("over", status="resolved")
        await world.post("on")
        assert await titles(world, state=State.OPEN) == ["on"]
        assert await titles(world, state=State.RESOLVED) == ["over"]
        assert await titles(world) == ["on", "over"]

    async def test_a_long_scan_goes_on_with_the_next_page(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where only the program can judge, a page reads a bounded number of rows and says where it stopped."""
        monkeypatch.setattr(incident_search, "READ_AT_ONCE", 3)
        monkeypatch.setattr(incident_search, "READ_AT_MOST", 6)
        await world.post_all([world.event(f"e{n}", labels={"n": str(n)}) for n in range(20)])
        query = IncidentSearch(project="shop", matchers=(parse('n=~"1"'),))
        page = await world.database.read(
            lambda tx: views.find_incidents(tx, query, after=None, limit=5, url=None)
        )
        assert page.items == ()
        assert page.next_key is not None
        assert await titles(world, limit=5, matchers=(parse('n=~"1|0|17"'),)) == ["e17", "e1", "e0"]

    async def test_one_by_id_or_number_with_its_latest_event(self, world: World) -> None:
        """The newest sample comes along; another project's incident is not there."""
        id_ = await world.post("it broke")
        await world.post("it broke")
        by_id = await world.database.read(lambda tx: views.incident(tx, id_, project="shop", url="https://n"))
        assert by_id is not None
        assert by_id.count == 2
        assert by_id.url == f"https://n/incidents/{by_id.number}?id={by_id.id}"
        assert by_id.latest_event is not None
        assert by_id.latest_event["message"] == "it broke"
        by_number = await world.database.read(
            lambda tx: views.incident(tx, by_id.number, project=None, url="https://n")
        )
        assert by_number == by_id
        for name in (id_, by_id.number):
            assert not await world.database.read(
                lambda tx, name=name: views.incident(tx, name, project="other", url=None)  # type: ignore[misc]
            )

    async def test_samples_are_paged_newest_first(self, world: World) -> None:
        """The samples that are kept, by count, the newest first."""
        id_ = await world.post("it broke")
        for _ in range(4):
            await world.post("it broke")
        found = await world.database.read(lambda tx: views.incident(tx, id_, project=None, url=None))
        assert found is not None
        number = found.number
        first = await world.database.read(lambda tx: views.find_events(tx, number, after=None, limit=2))
        rest = await world.database.read(
            lambda tx: views.find_events(tx, number, after=first.next_key, limit=9)
        )
        ids = [event["id"] for event in (*first.items, *rest.items)]
        assert len(ids) == 5
        assert ids == sorted(ids, reverse=True)


class TestDeliveries:
    async def test_a_delivery_says_what_became_of_it(self, world: World) -> None:
        """Pending with its title; delivered with its outcome and attempt; only of its project."""
        incident = await world.post("it broke")
        await world.alert()
        page = await world.database.read(
            lambda tx: views.find_deliveries(tx, DeliverySearch(project="shop"), after=None, limit=10)
        )
        assert {(one.channel, one.target, one.state.value) for one in page.items} == {
            ("mail", "ada@example.com", "pending"),
            ("mail", "bo@example.com", "pending"),
        }
        assert {(one.title, one.incidents, one.reason.value) for one in page.items} == {
            ("it broke", (incident,), "opened")
        }
        job = (await world.claim())[0]
        await world.deliver(job)
        one = await world.database.read(lambda tx: views.delivery(tx, job.id, project="shop"))
        assert one is not None
        assert (one.state, one.outcome, one.attempts, one.due_at) == (
            DeliveryState.DELIVERED,
            Outcome.DELIVERED,
            1,
            None,
        )
        tries = await world.database.read(lambda tx: views.attempts_of(tx, job.id))
        assert [(attempt.n, attempt.outcome.value, attempt.detail) for attempt in tries] == [
            (1, "delivered", "250 ok")
        ]
        assert not await world.database.read(lambda tx: views.delivery(tx, job.id, project="other"))

    async def test_filters_and_pages(self, world: World) -> None:
        """State and channel narrow the list; pages follow each other by id, newest first."""
        await world.post("bad", severity="critical")
        await world.alert()
        await world.post("worse", severity="critical", service="shipping")
        await world.alert()
        search = DeliverySearch(project="shop", channel="mail")
        first = await world.database.read(lambda tx: views.find_deliveries(tx, search, after=None, limit=3))
        rest = await world.database.read(
            lambda tx: views.find_deliveries(tx, search, after=first.next_key, limit=3)
        )
        ids = [one.id for one in (*first.items, *rest.items)]
        assert len(ids) == 4
        assert ids == sorted(ids, reverse=True)
        assert rest.next_key is None
        sent = DeliverySearch(project="shop", state=DeliveryState.DELIVERED)
        assert not (
            await world.database.read(lambda tx: views.find_deliveries(tx, sent, after=None, limit=3))
        ).items

    @pytest.mark.parametrize("state", [None, DeliveryState.DEAD, DeliveryState.DELIVERED])
    async def test_a_list_reads_no_table_whole(self, world: World, state: DeliveryState | None) -> None:
        """Of a channel with few deliveries among very many, the few are found by an index."""
        await world.post("bad", severity="critical")
        await world.alert()
        search = DeliverySearch(project="shop", channel="mail", state=state)
        statements = await statements_of(
            world.database.read(lambda tx: views.find_deliveries(tx, search, after=None, limit=3))
        )
        assert await world.database.read(partial(read_whole, statements=statements)) == set()

    async def test_dead_letters_are_listed_by_their_death(self, world: World) -> None:
        """The latest death first, and in pages."""
        earlier = await world.mark_dead("one")
        later = await world.mark_dead("two", service="shipping")
        pages = []
        after: PageKey | None = None
        while True:
            page = await world.database.read(
                lambda tx, after=after: views.find_dead_letters(tx, project="shop", after=after, limit=3)  # type: ignore[misc]
            )
            pages.append([one.id for one in page.items])
            if page.next_key is None:
                break
            after = page.next_key
        assert [len(page) for page in pages] == [3, 1]
        shown = [id_ for page in pages for id_ in page]
        assert set(shown[:2]) == set(later)
        assert set(shown[2:]) == set(earlier)

    async def test_a_message_of_many_incidents_says_how_many(self, world: World) -> None:
        """The title names the first and counts the others; at most twenty ids are shown."""
        await world.post_all([world.event(f"e{n}") for n in range(25)])
        await world.alert()
        page = await world.database.read(
            lambda tx: views.find_deliveries(tx, DeliverySearch(project="shop"), after=None, limit=1)
        )
        assert page.items[0].title.endswith("(and 24 more)")
        assert len(page.items[0].incidents) == 20

    async def test_a_channel_test_shows_no_incident(self, world: World) -> None:
        """What a test shows is made up; its delivery says what it is."""
        await world.post("it broke")
        await world.alert()
        job = (await world.claim())[0]
        message = replace(job.message, reason=Reason.TEST)
        (id_, _) = await world.database.write(
            lambda tx: notifications.enqueue_test(
                tx, world.rules, project="shop", channel="mail", message=message
            )
        )
        found = await world.database.read(lambda tx: views.delivery(tx, id_, project="shop"))
        assert found is not None
        assert (found.reason, found.incidents) == (Reason.TEST, ())


class TestGroups:
    async def test_a_group_waits_for_its_moment(self, world: World) -> None:
        """Before it is due it shows its incidents; after it has told, only its repeat is waited for."""
        await world.post("it broke")
        await world.attend()
        page = await world.database.read(
            lambda tx: views.find_groups(tx, project="shop", after=None, limit=10)
        )
        (group,) = page.items
        assert (group.route, group.members, group.changed, group.held) == ("root", 1, 1, {})
        assert group.due_at == world.clock.now() + 10_000
        assert [(one.title, one.held_by) for one in group.waiting] == [("it broke", None)]
        await world.alert()
        page = await world.database.read(
            lambda tx: views.find_groups(tx, project="shop", after=None, limit=10)
        )
        (group,) = page.items
        assert (group.changed, group.waiting) == (0, ())
        assert group.last_told_at == world.clock.now()
        assert group.due_at == world.clock.now() + 4 * HOUR
        assert not (
            await world.database.read(lambda tx: views.find_groups(tx, project="other", after=None, limit=9))
        ).items

    async def test_what_is_held_is_shown_with_its_reason(self, world: World) -> None:
        """After a repeat found no new event, the group waits for one: held by `waiting`, due at no moment."""
        await world.post("it broke")
        await world.alert()
        await world.alert(wait=4 * HOUR + MINUTE)
        page = await world.database.read(
            lambda tx: views.find_groups(tx, project="shop", after=None, limit=10)
        )
        (group,) = page.items
        assert (group.due_at, group.held) == (None, {"waiting": 1})
        assert [one.held_by for one in group.waiting] == ["waiting"]

    async def test_pages_of_groups(self, world: World) -> None:
        """Groups made in one moment are told apart by their ids: pages neither repeat nor skip."""
        await world.post_all([world.event("x", service=f"s{n}") for n in range(5)])
        await world.attend()
        seen: list[str] = []
        after: PageKey | None = None
        for _ in range(3):
            page = await world.database.read(
                lambda tx, after=after: views.find_groups(tx, project="shop", after=after, limit=2)  # type: ignore[misc]
            )
            seen += [group.id for group in page.items]
            after = page.next_key
        assert after is None
        assert len(set(seen)) == len(seen) == 5


async def test_targets_and_what_waits_for_them(world: World) -> None:
    """Rows come by id; pending counts can be one project's or everybody's."""
    await world.post("it broke")
    await world.post("theirs", project="other")
    await world.alert()
    ids = world.rules.targets["mail"]
    rows = await world.database.read(lambda tx: views.target_rows(tx, ids))
    assert [row.address for row in rows] == ["ada@example.com", "bo@example.com"]
    own = await world.database.read(lambda tx: views.pending_by_target(tx, ids, project="shop"))
    everybody = await world.database.read(lambda tx: views.pending_by_target(tx, ids, project=None))
    assert own == dict.fromkeys(ids, 1)
    assert everybody == dict.fromkeys(ids, 2)


async def test_an_audit_row_names_the_actor_and_the_key(database: Database) -> None:
    """What was done to a thing can be read back, oldest first."""
    for id_, action in (("a", "redeliver"), ("b", "discard")):
        await database.write(
            lambda tx, id_=id_, action=action: audit.add(  # type: ignore[misc]
                tx, id_=id_, project="shop", actor="ada", key_name="cli", action=action, subject="d1"
            )
        )
    found = await database.read(lambda tx: audit.entries(tx, "d1"))
    assert [(entry.actor, entry.key_name, entry.action) for entry in found] == [
        ("ada", "cli", "redeliver"),
        ("ada", "cli", "discard"),
    ]
