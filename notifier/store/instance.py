"""Values that are generated once for each database."""

from __future__ import annotations

from secrets import token_hex

import sqlalchemy as sa

from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.schema import instance

SETTINGS_KEY = "settings_key"


def settings_key(tx: Tx) -> str:
    """The key for hashing channel settings, 64 hex digits."""
    made = upsert(tx.dialect, instance).values(name=SETTINGS_KEY, value=token_hex(32), at=tx.now)
    tx.run(made.on_conflict_do_nothing())
    return str(tx.run(sa.select(instance.c.value).where(instance.c.name == SETTINGS_KEY)).scalar_one())
