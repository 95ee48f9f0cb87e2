"""How much room the database takes."""

from __future__ import annotations

from notifier.store import driver
from notifier.store.database import Tx

_BYTES_IN_USE = (
    "SELECT (page_count - freelist_count) * page_size "
    "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
)


def bytes_in_use(tx: Tx) -> int:
    """The bytes of a SQLite file's pages that hold something."""
    assert tx.driver is not None
    return int(driver.run(tx.driver, _BYTES_IN_USE, ()).scalar_one())
