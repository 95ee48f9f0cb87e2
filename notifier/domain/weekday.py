"""The days of a week, by name; 0 is Monday."""

from __future__ import annotations

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTEST_NAME = 3


def weekday(text: str) -> int | None:
    """The number of a weekday's name, or of a prefix of at least three letters (`sat`)."""
    if len(text) < SHORTEST_NAME:
        return None
    return next((number for number, name in enumerate(WEEKDAYS) if name.startswith(text.lower())), None)
