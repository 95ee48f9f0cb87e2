"""A silence: suppresses notifications about matching incidents between two times, or in weekly windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from notifier.domain.calendar import Weekly
from notifier.domain.matcher import Matcher
from notifier.domain.time import Instant

Phase = Literal["pending", "active", "expired"]
"""The phase of a silence: active, still to come (or between two windows), or over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence of a project. `ends_at` is None only if it recurs without a last day; deleting it sets the end.

    `author` is the person named in it, `created_by` the key with which it was made.
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
