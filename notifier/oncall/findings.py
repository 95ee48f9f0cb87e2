"""The findings of an examination of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence on a part of the service (`area`, `subject`), how bad it is, and what to do; empty: nothing."""

    area: str
    subject: str
    level: Literal["ok", "warning", "problem"]
    text: str
    action: str = ""
