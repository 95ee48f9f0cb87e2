"""Tokens of the links in mails, on both engines: for one thing, one person and one time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from notifier.domain.message import Message
from notifier.domain.state import State
from notifier.domain.time import DAY
from notifier.domain.value import replace
from notifier.policy.acts import LINKED_AT_MOST
from notifier.store import tokens
from notifier.store.database import Database
from notifier.store.schema import action_tokens
from notifier.store.tokens import LIFETIME, Token
from notifier.testing.messages import incident, message, several

pytestmark = pytest.mark.anyio

URL = "https://notifier.example.com"


async def mint(database: Database, **changes: Any) -> str:
    values = {"project": "shop", "incident": 142, "action": "acknowledge", "recipient": "ann@example.com"}
    expires_at = database.now() + LIFETIME
    return await database.write(lambda tx: tokens.mint(tx, **{**values, "expires_at": expires_at, **changes}))


async def spend(database: Database, token: str) -> Token | None:
    return await database.write(lambda tx: tokens.spend(tx, token))


async def look(database: Database, token: str) -> Token | None:
    return await database.read(lambda tx: tokens.look(tx, token))


async def links(
    database: Database, told: Message, url: str | None = URL
) -> list[tuple[str, str, Token | None]]:
    made = await database.write(lambda tx: tokens.links(tx, told, recipient="ann@example.com", url=url))
    assert all(one.url.startswith(f"{URL}/actions/") for one in made)
    return [(one.incident_id, one.action, await look(database, one.url.rpartition("/")[2])) for one in made]


async def test_a_token_is_spent_once(database: Database, clock: Any) -> None:
    """Looking changes nothing; the first to spend it has it, and it is known afterwards as spent."""
    token = await mint(database)
    seen = await look(database, token)
    assert await look(database, token) == seen
    assert seen is not None
    assert (seen.project, seen.incident, seen.action, seen.recipient, seen.spent_at) == (
        "shop", 142, "acknowledge", "ann@example.com", None,
    )  # fmt: skip
    clock.advance(1_000)
    assert await spend(database, token) == replace(seen, spent_at=database.now())
    clock.advance(1_000)
    assert await spend(database, token) is None
    assert await look(database, token) == replace(seen, spent_at=database.now() - 1_000)


async def test_of_two_at_a_time_one_wins(database: Database) -> None:
    """A double click, or two people behind one address."""
    token = await mint(database)
    spent = await asyncio.gather(*(spend(database, token) for _ in range(2)))
    assert [one is None for one in spent].count(True) == 1


async def test_what_is_rolled_back_is_not_spent(database: Database) -> None:
    """A refused action costs no token."""
    token = await mint(database)

    def refused(tx: Any) -> None:
        assert tokens.spend(tx, token) is not None
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(refused)
    assert await spend(database, token) is not None


async def test_a_token_expires(database: Database, clock: Any) -> None:
    """To the millisecond; it is known as expired until it is forgotten."""
    token = await mint(database)
    clock.advance(LIFETIME)
    assert await spend(database, token) is None
    assert await look(database, token) is not None
    assert await database.write(lambda tx: tokens.forget(tx, tx.now, 10)) == 0
    clock.advance(1)
    assert await database.write(lambda tx: tokens.forget(tx, tx.now, 10)) == 1
    assert await look(database, token) is None


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "A" * 44, "ä" * 43, "\x00" * 43, "\ud800" * 43, "A" * 42 + "\n"]
)
async def test_what_is_no_token_is_none(database: Database, token: str) -> None:
    """Whatever a caller sends, it is looked up or not, and never an error."""
    await mint(database)
    assert await look(database, token) is None
    assert await spend(database, token) is None


async def test_only_a_hash_is_stored(database: Database) -> None:
    """Who reads the database, or a copy of it, can follow no link."""
    token = await mint(database)
    assert len(token) == 43
    assert token != await mint(database)
    rows = await database.read(lambda tx: tx.run(sa.select(action_tokens)).all())
    assert len(rows) == 2
    assert token not in str(rows)


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (State.OPEN, ["acknowledge", "snooze", "resolve"]),
        (State.ACKNOWLEDGED, ["snooze", "resolve"]),
        (State.RESOLVED, []),
    ],
)
async def test_links_shrink_with_the_state(database: Database, state: State, actions: list[str]) -> None:
    """Nothing that is done already is offered; each link is bound to its incident, action and recipient."""
    told = replace(message().told[0], incident=incident(state=state))
    made = await links(database, message(told=(told,)))
    assert [action for _, action, _ in made] == actions
    for id_, action, token in made:
        assert token is not None
        assert (id_, token.incident, token.action) == ("0192f0c1", 142, action)
        assert (token.project, token.recipient) == ("shop", "ann@example.com")
        assert token.expires_at - token.created_at == 7 * DAY


async def test_the_first_five_that_are_not_resolved_have_links(database: Database) -> None:
    """A mail of twenty does not become a wall of links; one that is shown twice has them once."""
    told = several(8).told
    over = replace(told[0], incident=replace(told[0].incident, state=State.RESOLVED))
    made = await links(database, message(told=(over, *told[1:], told[1])))
    assert [id_ for id_, _, _ in made[::3]] == [f"i-{n}" for n in range(1, LINKED_AT_MOST + 1)]


async def test_every_attempt_makes_its_own_and_earlier_ones_stay_good(database: Database) -> None:
    """An attempt without an answer may have arrived: its links work like those of the next."""
    made = [*await links(database, message()), *await links(database, message())]
    assert [action for _, action, _ in made] == ["acknowledge", "snooze", "resolve"] * 2
    assert all(token is not None and token.spent_at is None for _, _, token in made)


async def test_without_a_base_or_an_incident_there_are_no_links(database: Database) -> None:
    """`server.url` is where they lead; a test of a channel is about no incident."""
    assert await links(database, message(), url=None) == []
    test = replace(message().told[0], incident=incident(number=0))
    assert await links(database, message(told=(test,))) == []
    assert await database.read(lambda tx: tx.run(sa.select(action_tokens)).all()) == []
