"""The time zone of a channel's readers, as a setting."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError("is no time zone of the IANA database: write one such as Europe/Berlin") from None
    return text


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_zone)]
