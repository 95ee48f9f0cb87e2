"""Partial decoding of stored messages for lists, which skips most of their tens of kilobytes."""

from __future__ import annotations

import msgspec


class BriefIncident(msgspec.Struct):
    """An incident's title and id."""

    id: str
    title: str


class BriefTold(msgspec.Struct):
    """An incident in a message."""

    incident: BriefIncident


class BriefMessage(msgspec.Struct):
    """The part of a stored message that a list shows."""

    told: list[BriefTold]
    more: int = 0
    note: str | None = None


message_in_brief = msgspec.json.Decoder(BriefMessage).decode
