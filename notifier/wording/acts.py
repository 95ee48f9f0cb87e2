"""Administrative acts in words, as the audit log keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from notifier.domain.incident_history import AuditEntry
from notifier.wording.credentials import credential
from notifier.wording.text import inline

DETAIL = 300

_ACTS: Mapping[str, str] = {
    "redeliver": "had it sent again",
    "discard": "discarded it",
    "replay": "asked for the run again",
    "silence": "made it",
    "change_silence": "changed it",
    "end_silence": "ended it",
    "test_channel": "tested it",
    "reload": "reloaded the configuration",
    "reload_failed": "tried to reload the configuration",
    "release": "released what was held",
}
_WITH_DETAIL = frozenset({"silence", "change_silence", "reload", "reload_failed", "release"})


def act_in_words(entry: AuditEntry) -> str:
    """`ann (key on-call) changed it: service="billing"; until 2026-11-22T09:00:00Z; moving`."""
    who, key = inline(entry.actor), inline(entry.key_name)
    named = who if who == key or not key else f"{who} ({credential(entry.key_name)})"
    did = _ACTS.get(entry.action, entry.action.replace("_", " "))
    detail = inline(entry.detail or "", DETAIL) if entry.action in _WITH_DETAIL else ""
    return f"{named} {did}: {detail}" if detail else f"{named} {did}"
