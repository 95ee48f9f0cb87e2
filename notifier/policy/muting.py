"""Whether something holds what a route has to tell, and until when (DESIGN 5, Held)."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.notification import HeldBy
from notifier.domain.time import Instant

MUTES = frozenset({HeldBy.SNOOZED, HeldBy.SILENCED, HeldBy.INHIBITED, HeldBy.MUTE_TIME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """What holds it: `until` is when that ends by itself, None where nobody knows.

    `ref` is the id of the silence, or of the incident that inhibits.
    """

    held_by: HeldBy
    until: Instant | None
    ref: str | None = None
