"""What senders do to incidents that they know by a name of theirs, on both engines."""

from __future__ import annotations

import pytest

from notifier.oncall import actions, senders
from notifier.oncall.actor import Actor
from notifier.oncall.errors import Refused
from notifier.store import audit, incidents
from tests.store.conftest import Bench, new_id

pytestmark = pytest.mark.anyio

IDENTITY = {"environment": "production", "fingerprint": "pagerduty:1"}


def actor(name: str, project: str = "default") -> Actor:
    return Actor(name=name, key_name=name, project=project, project_scope=project, new_id=new_id)


async def test_an_incident_is_acknowledged_by_its_identity(bench: Bench) -> None:
    """The open one of the actor's project; where there is none, or another's, nothing changes."""
    (stored,) = await bench.post(bench.event(fingerprint=IDENTITY["fingerprint"]))
    write = bench.database.write
    stranger, other = actor("pd", "elsewhere"), {**IDENTITY, "fingerprint": "pagerduty:2"}
    assert await write(lambda tx: senders.acknowledge(tx, stranger, **IDENTITY)) is None
    assert await write(lambda tx: senders.acknowledge(tx, actor("pd"), **other)) is None
    for _ in range(2):
        assert await write(lambda tx: senders.acknowledge(tx, actor("pd"), **IDENTITY)) == stored.incident_id
    locked = await write(lambda tx: incidents.lock(tx, stored.incident_id or "", project=None))
    assert locked is not None
    assert locked.acknowledged_by == "pd"
    with pytest.raises(Refused):
        await write(lambda tx: senders.acknowledge(tx, actor("other"), **IDENTITY))
    await write(lambda tx: actions.resolve(tx, actor("ann"), stored.incident_id or ""))
    assert await write(lambda tx: senders.acknowledge(tx, actor("pd"), **IDENTITY)) is None


async def test_a_change_is_written_down(bench: Bench) -> None:
    """Under the service's name, with who told of it."""
    await bench.database.write(
        lambda tx: senders.record_change(tx, actor("ci"), service="billing", summary="deployed 1.4.2")
    )
    [entry] = await bench.database.read(lambda tx: audit.entries(tx, "billing"))
    assert (entry.actor, entry.action, entry.detail) == ("ci", senders.CHANGE, "deployed 1.4.2")
