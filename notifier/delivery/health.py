"""What is known of a target belongs to the settings that it was learnt under."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from secrets import token_hex

import sqlalchemy as sa

from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.schema import deliveries, instance, targets
from notifier.store.statements.outbox import PENDING

KEY = "settings_key"
_UNKNOWN: Mapping[str, object] = {
    "failures": 0,
    "cool_until": None,
    "disabled_at": None,
    "disabled_why": None,
    "gone_at": None,
    "gone_in_a_row": 0,
    "last_error": None,
    "last_error_at": None,
}


def settings_hashes(tx: Tx, settings: Mapping[str, str]) -> dict[str, str]:
    """Each channel's settings, given as text with secrets in clear, as 32 hex digits of a hash with our own key.

    Without the key, which is made once for each database, whoever sees the rows could try passwords on them.
    """
    made = upsert(tx.dialect, instance).values(name=KEY, value=token_hex(32), at=tx.now)
    tx.run(made.on_conflict_do_nothing())
    key = tx.run(sa.select(instance.c.value).where(instance.c.name == KEY)).scalar_one()
    return {
        channel: blake2b(
            text.encode("utf-8", "surrogatepass"), key=bytes.fromhex(key), digest_size=16
        ).hexdigest()
        for channel, text in settings.items()
    }


def forget_health(tx: Tx, hashes: Mapping[str, str]) -> None:
    """Targets of channels with other settings than before count as unknown: what waits for them is tried."""
    for channel, settings_hash in sorted(hashes.items()):
        others = sa.or_(targets.c.settings_hash.is_(None), targets.c.settings_hash != settings_hash)
        changed = tx.run(
            sa.update(targets)
            .where(targets.c.channel == channel, others)
            .values(settings_hash=settings_hash, **_UNKNOWN)
            .returning(targets.c.id)
        ).scalars()
        ids = changed.all()
        if ids:
            waits = (deliveries.c.target.in_(ids), deliveries.c.state == PENDING)
            tx.run(sa.update(deliveries).where(*waits, deliveries.c.due_at > tx.now).values(due_at=tx.now))
            pending = sa.select(deliveries.c.target).where(*waits)
            tx.run(sa.update(targets).where(targets.c.id.in_(pending)).values(due_at=tx.now))
            tx.signal("targets")
