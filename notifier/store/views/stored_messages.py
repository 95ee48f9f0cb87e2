"""Stored messages as lists show them: the rest of each, tens of kilobytes, is skipped and never built."""

from __future__ import annotations

import msgspec


class BriefIncident(msgspec.Struct):
    """An incident as far as a list names it."""

    id: str
    title: str


class BriefTold(msgspec.Struct):
    """One thing that a message tells."""

    incident: BriefIncident


class BriefMessage(msgspec.Struct):
    """The part of a stored message that a list shows."""

    told: list[BriefTold]
    more: int = 0
    note: str | None = None


message_in_brief = msgspec.json.Decoder(BriefMessage).decode
