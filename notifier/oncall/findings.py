"""The findings of an examination of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding about a part of the service (`area`, `subject`). `action` is empty if there is nothing to do."""

    area: str
    subject: str
    level: Literal["ok", "warning", "problem"]
    text: str
    action: str = ""
