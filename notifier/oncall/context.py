"""The parts of the running service that queries and commands need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from notifier.policy.rules import AlertingRules
from notifier.store.database import Database


class OncallContext(Protocol):
    """The database and the current rules, which a reload replaces. `new_id` makes ids of rows."""

    @property
    def database(self) -> Database: ...
    @property
    def rules(self) -> AlertingRules: ...
    @property
    def new_id(self) -> Callable[[], str]: ...
