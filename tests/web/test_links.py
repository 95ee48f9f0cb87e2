"""The pages behind the links in mails: GET changes nothing, and the POST of its form acts once."""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from notifier.domain.errors import StoreUnavailable
from notifier.domain.incident import Incident
from notifier.domain.time import HOUR, SECOND
from notifier.oncall import actions, mail_links
from notifier.oncall.actor import Actor
from notifier.store import audit, tokens, views
from notifier.store.schema import incidents, members
from notifier.store.tokens import LIFETIME
from notifier.web.links import LinkPages
from tests.world import World

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
BUTTON = re.compile(r"<button[^>]*>([^<]*)</button>")


class Reader:
    """A person with a mail and a browser."""

    def __init__(self, http: httpx.AsyncClient, world: World) -> None:
        self.http = http
        self.world = world
        self.number = 0

    async def link(self, action: str = "acknowledge", recipient: str = ANN, **changes: Any) -> str:
        """The path of a link in a mail."""
        expires_at = self.world.clock.now() + LIFETIME
        values = {"project": "shop", "incident": self.number, "expires_at": expires_at, **changes}
        token = await self.world.database.write(
            lambda tx: tokens.mint(tx, action=action, recipient=recipient, **values)
        )
        return f"/actions/{token}"

    async def opens(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def presses(self, path: str, **parts: Any) -> httpx.Response:
        """Send the form of the page."""
        parts = parts or {"headers": {"content-type": "application/x-www-form-urlencoded"}}
        return await self.http.post(path, **parts)

    async def incident(self) -> Incident:
        found = await self.world.database.read(
            lambda tx: views.incident(tx, self.number, project=None, url=None)
        )
        assert found is not None
        return found

    async def row(self) -> sa.Row[Any]:
        query = sa.select(incidents).where(incidents.c.number == self.number)
        return await self.world.database.read(lambda tx: tx.run(query).one())

    async def does(self, action: Callable[..., str], who: str, **more: Any) -> None:
        """Perform an act by another interface."""
        actor = Actor(
            name=who, key_name="cli", project="shop", project_scope="shop", new_id=self.world.new_id
        )
        await self.world.database.write(lambda tx: action(tx, actor, str(self.number), **more))


@pytest.fixture
async def reader(world: World) -> AsyncIterator[Reader]:
    """A person who was notified of one open incident."""
    transport = httpx.ASGITransport(LinkPages(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as http:
        made = Reader(http, world)
        id_ = await world.post("TimeoutError: upstream")
        await world.alert()
        found = await world.database.read(lambda tx: views.incident(tx, id_, project=None, url=None))
        assert found is not None
        made.number = found.number
        yield made


async def everything(world: World) -> str:
    """All rows of all tables, as text."""

    def read(tx: Any) -> str:
        return str([tx.run(sa.select(table)).all() for table in incidents.metadata.sorted_tables])

    return await world.database.read(read)


@pytest.mark.parametrize(
    ("action", "button"),
    [("acknowledge", "Acknowledge"), ("snooze", "Snooze for 4 hours"), ("resolve", "Resolve")],
)
async def test_a_get_asks_and_changes_nothing(reader: Reader, action: str, button: str) -> None:
    """GET, as from mail scanners and prefetches, shows what would be done and in whose name."""
    link = await reader.link(action)
    before = await everything(reader.world)
    page = await reader.opens(link)
    head = await reader.http.head(link)
    await reader.http.get(link, headers={"sec-purpose": "prefetch;prerender", "purpose": "prefetch"})
    assert (page.status_code, head.status_code) == (200, 200)
    assert BUTTON.findall(page.text) == [button]
    for fact in (
        "TimeoutError: upstream",
        f"incident {reader.number}",
        ">open<",
        "billing",
        "production",
        ANN,
    ):
        assert fact in page.text
    assert head.content == b""
    assert head.headers == page.headers
    assert await everything(reader.world) == before


async def test_the_page_keeps_its_address_to_itself(reader: Reader) -> None:
    """Every answer forbids foreign content, scripts, frames, caching, referrers and indexing."""
    for path in (await reader.link(), "/actions/unknown"):
        page = await reader.opens(path)
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-robots-tag"] == "noindex"
        assert page.headers["x-content-type-options"] == "nosniff"
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert page.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert not re.search(r"<script|<link|<img|<a |style=|src=|href=|https?://", page.text)


@pytest.mark.parametrize(
    ("action", "state", "by"),
    [("acknowledge", "acknowledged", "acknowledged_by"), ("resolve", "resolved", "resolved_by")],
)
async def test_the_button_acts_in_the_recipients_name(
    reader: Reader, action: str, state: str, by: str
) -> None:
    """The act is in the recipient's name on the page, in the incident and in the audit trail, and is notified."""
    link = await reader.link(action)
    page = await reader.presses(link)
    assert page.status_code == 200
    assert f"You have {state} it, as {ANN}." in page.text
    assert not BUTTON.search(page.text)
    row = await reader.row()
    assert (row.state, row._mapping[by]) == (state, ANN)
    (entry,) = await reader.world.database.read(lambda tx: audit.entries(tx, row.id))
    assert (entry.actor, entry.key_name, entry.action, entry.project) == (ANN, "mail link", action, "shop")
    changed = sa.select(members.c.changed_at).where(members.c.incident == reader.number)
    assert await reader.world.database.read(lambda tx: tx.run(changed).scalar()) is not None


async def test_snooze_is_for_the_hours_that_its_button_says(reader: Reader) -> None:
    """The end of a snooze counts from the press, not from the mail."""
    link = await reader.link("snooze")
    reader.world.clock.advance(HOUR)
    assert (await reader.presses(link)).status_code == 200
    row = await reader.row()
    assert (row.snoozed_by, row.snoozed_until) == (ANN, reader.world.clock.now() + 4 * HOUR)
    assert mail_links.SNOOZE == 4 * HOUR


async def test_a_link_works_once(reader: Reader) -> None:
    """A second press changes nothing, and says when the link was used and what to do instead."""
    link = await reader.link()
    assert (await reader.presses(link)).status_code == 200
    await reader.does(actions.reopen, "bo")
    before = await everything(reader.world)
    for page in (await reader.presses(link), await reader.opens(link)):
        assert page.status_code == 410
        assert "This link was used" in page.text
        assert f"notifier incidents acknowledge {reader.number}" in page.text
        assert not BUTTON.search(page.text)
    assert await everything(reader.world) == before


async def test_of_two_presses_at_a_time_one_acts(reader: Reader) -> None:
    """Of two concurrent presses one acts, the other finds the link used; the audit trail has one entry."""
    link = await reader.link()
    pages = await asyncio.gather(*(reader.presses(link) for _ in range(2)))
    assert sorted(page.status_code for page in pages) == [200, 410]
    id_ = (await reader.incident()).id
    assert len(await reader.world.database.read(lambda tx: audit.entries(tx, id_))) == 1


async def test_who_comes_too_late_is_told_who_was_faster(reader: Reader) -> None:
    """A conflict is a 409 with the name and state; the link stays valid, and works once the incident is open again."""
    link = await reader.link()
    await reader.does(actions.acknowledge, "bo")
    asked = await reader.opens(link)
    assert (asked.status_code, BUTTON.findall(asked.text)) == (200, [])
    assert "acknowledged by bo already" in asked.text
    late = await reader.presses(link)
    assert late.status_code == 409
    assert "It was acknowledged by bo at " in late.text
    assert "<dd>acknowledged by bo</dd>" in late.text
    assert (await reader.row()).acknowledged_by == "bo"
    await reader.does(actions.reopen, "bo")
    assert (await reader.presses(link)).status_code == 200
    assert (await reader.row()).acknowledged_by == ANN


async def test_two_people_press_at_once(reader: Reader) -> None:
    """Of two people who press at once, one acts and the other is told so."""
    links = [await reader.link(recipient=who) for who in (ANN, "bo@example.com")]
    pages = await asyncio.gather(*map(reader.presses, links))
    assert sorted(page.status_code for page in pages) == [200, 409]
    winner = (await reader.row()).acknowledged_by
    (late,) = [page for page in pages if page.status_code == 409]
    assert f"acknowledged by {winner} at" in late.text


@pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
async def test_what_is_over_needs_no_button(reader: Reader, action: str) -> None:
    """The link of an old mail shows that the incident is resolved, without a button."""
    link = await reader.link(action)
    await reader.does(actions.resolve, "bo")
    page = await reader.opens(link)
    assert (page.status_code, BUTTON.findall(page.text)) == (200, [])
    assert "resolved already" in page.text
    assert (await reader.presses(link)).status_code == 409


async def test_two_mails_are_one_persons(reader: Reader) -> None:
    """A second link of the same person for the same act is no conflict."""
    first, second = await reader.link(), await reader.link()
    assert (await reader.presses(first)).status_code == 200
    assert (await reader.presses(second)).status_code == 200


async def test_an_expired_link_says_no_more_than_what_to_do(reader: Reader) -> None:
    """An expired link shows the incident's number, and neither title nor state."""
    link = await reader.link()
    reader.world.clock.advance(LIFETIME)
    for page in (await reader.opens(link), await reader.presses(link)):
        assert page.status_code == 410
        assert "This link has expired" in page.text
        assert f"notifier incidents show {reader.number}" in page.text
        assert "TimeoutError" not in page.text
        assert not BUTTON.search(page.text)
    assert (await reader.row()).state == "open"


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "A" * 5_000, "%00", "%ff", "../v1/events", "a/b", "%F0%9F%98%80" * 43]
)
async def test_what_is_no_link_is_not_found(reader: Reader, token: str) -> None:
    """An invalid token is a 404 for GET, HEAD and POST, without an echo."""
    path = f"/actions/{token}"
    page = await reader.opens(path)
    assert page.status_code == 404
    assert "There is no such link" in page.text
    assert "AAAA" not in page.text
    assert (await reader.http.head(path)).status_code == 404
    assert (await reader.presses(path)).status_code == 404


async def test_guessing_costs_reads_alone(world: World) -> None:
    """Invalid tokens cause no write transaction."""

    class Counting:
        rules, new_id = world.rules, world.new_id
        reads = 0

        @property
        def database(self) -> Any:
            return self

        async def read(self, work: Any) -> Any:
            self.reads += 1
            return await world.database.read(work)

    service = Counting()
    transport = httpx.ASGITransport(LinkPages(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as http:
        for n in range(3):
            assert (await http.post(f"/actions/{n:043}")).status_code == 404
    assert service.reads == 3


async def test_a_link_of_an_incident_that_is_gone(reader: Reader) -> None:
    """The link of a deleted incident is a 404."""
    link = await reader.link(incident=reader.number + 1)
    assert (await reader.opens(link)).status_code == 404
    assert (await reader.presses(link)).status_code == 404


async def test_a_link_reaches_its_project_only(reader: Reader) -> None:
    """A link works only in its project, whatever the incident's number."""
    link = await reader.link(project="other")
    assert (await reader.opens(link)).status_code == 404
    assert (await reader.presses(link)).status_code == 404
    assert (await reader.row()).state == "open"


async def test_other_methods_do_nothing(reader: Reader) -> None:
    """Other methods are 405 with the allowed ones."""
    link = await reader.link()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        page = await reader.http.request(method, link)
        assert page.status_code == 405
        assert page.headers["allow"] == "GET, HEAD, POST"
    assert (await reader.row()).state == "open"


async def test_a_body_is_bounded(reader: Reader) -> None:
    """A body of more than a little is refused, and nothing is done."""
    link = await reader.link()
    assert (await reader.presses(link, content=b"x" * 16_385)).status_code == 413
    assert (await reader.row()).state == "open"
    assert (await reader.presses(link, content=b"x" * 16_384)).status_code == 200


async def test_what_an_event_says_stays_text(reader: Reader) -> None:
    """Text of events does not change the tags of the page."""
    nasty = "<script>alert(1)</script>{{ 7*7 }}\u202e"
    id_ = await reader.world.post(nasty)
    await reader.world.alert()
    found = await reader.world.database.read(lambda tx: views.incident(tx, id_, project=None, url=None))
    assert found is not None
    link = await reader.link(incident=found.number, recipient='"><b>@example.com')
    page = await reader.opens(link)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in page.text
    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert "\u202e" not in page.text


async def test_while_the_database_is_away_the_link_stays_good(world: World) -> None:
    """If the database is unavailable the page is a 503 with `Retry-After`, and the link stays valid."""

    class Away:
        rules = world.rules
        new_id = world.new_id

        class database:  # noqa: N801
            @staticmethod
            async def read(_: Any) -> Any:
                raise StoreUnavailable("away")

            write = read

    transport = httpx.ASGITransport(LinkPages(Away()))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as http:
        for page in (await http.get("/actions/x"), await http.post("/actions/x")):
            assert page.status_code == 503
            assert page.headers["retry-after"] == str(2 * SECOND // 1_000)
            assert "The link stays good" in page.text
