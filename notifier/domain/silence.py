"""A silence: what it matches is not told between two moments, or in a weekly window between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from notifier.domain.calendar import Weekly
from notifier.domain.matcher import Matcher
from notifier.domain.time import Instant

Phase = Literal["pending", "active", "expired"]
"""How a silence stands at a moment: on, still to come (or between two of its windows), or over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence of a project. `ends_at` is None only where it recurs without a last day; a deleted one ends then.

    `author` is who is named in it, `created_by` the key that made it.
    """

    id: str
    project: str
    matchers: tuple[Matcher, ...]
    starts_at: Instant
    ends_at: Instant | None
    recur: Weekly | None
    author: str
    comment: str
    created_at: Instant
    created_by: str
