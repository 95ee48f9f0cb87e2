"""Wires everything on one exit stack; the only importer of concrete stores and channels."""

from notifier.runtime.configuration import check, load, schema
from notifier.runtime.database import (
    NeedsUpgrade,
    create_key_offline,
    made_by,
    new_key,
    open_database,
    upgrade,
)
from notifier.runtime.running_service import ChannelTestOutcome, Reloaded, RunningService
from notifier.runtime.service import Runtime, running

__all__ = [
    "ChannelTestOutcome",
    "NeedsUpgrade",
    "Reloaded",
    "RunningService",
    "Runtime",
    "check",
    "create_key_offline",
    "load",
    "made_by",
    "new_key",
    "open_database",
    "running",
    "schema",
    "upgrade",
]
