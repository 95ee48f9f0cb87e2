"""API keys: list, create, revoke."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.domain.key import DoorName, Key
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Unknown
from notifier.oncall.names import exact_id
from notifier.oncall.paging import Listing, PageRequest, listing
from notifier.store import keys
from notifier.store.database import Database, Tx
from notifier.store.views import Page


async def find(database: Database, *, project: str | None, page_request: PageRequest) -> Listing[Key]:
    """The keys of a project, or of all if it is None, newest first. All are read, because there are few."""
    after = page_request.after("keys")
    remaining = [
        key
        for key in await database.read(keys.listing)
        if project in {None, key.project} and (after is None or (key.created_at, key.id) < after)
    ]
    items = tuple(remaining[: page_request.limit])
    next_key = (items[-1].created_at, items[-1].id) if len(remaining) > page_request.limit else None
    return listing("keys", Page(items=items, next_key=next_key))


async def create(
    database: Database,
    actor: Actor,
    *,
    project: str,
    name: str,
    scopes: Sequence[str],
    door: DoorName | None = None,
    service: str | None = None,
) -> tuple[Key, str]:
    """A new key and its secret, which is not shown again. `door` and `service` are those of `Key`."""
    secret = keys.make_secret()

    def work(tx: Tx) -> Key:
        key = keys.create(
            tx,
            id_=actor.new_id(),
            secret=secret,
            project=project,
            name=name,
            scopes=scopes,
            door=door,
            service=service,
        )
        detail = f"{name} of {project}: {' '.join(sorted(scopes))}"
        actor.record(tx, "create_key", key.id, detail if door is None else f"{detail}, for {door}")
        return key

    return await database.write(work), secret


async def revoke(database: Database, actor: Actor, id_: str) -> Key:
    """Revokes a key for good. Repeating it changes nothing. Raises `Unknown` if there is none with that id."""

    def work(tx: Tx) -> Key:
        key = keys.revoke(tx, exact_id(tx, "key", id_, None))
        if key is None:
            raise Unknown("key")
        actor.record(tx, "revoke_key", key.id)
        return key

    return await database.write(work)
