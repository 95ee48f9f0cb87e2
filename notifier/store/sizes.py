"""The size of the database."""

from __future__ import annotations

from notifier.store import driver
from notifier.store.database import Tx

_BYTES_IN_USE = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)


def bytes_in_use(tx: Tx) -> int:
    """The bytes in used pages of a SQLite file."""
    assert tx.driver is not None
    return int(driver.run(tx.driver, _BYTES_IN_USE, ()).scalar_one())
