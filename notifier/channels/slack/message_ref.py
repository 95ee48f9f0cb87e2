"""A reference to a Slack message: its stored form, and the link to the message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TS = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")
_ID = re.compile(r"[A-Z0-9]{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """The location of a message in Slack. `team` and `channel` are ids, empty if unknown."""

    team: str = ""
    channel: str = ""
    ts: str

    def __str__(self) -> str:
        return f"{self.team}/{self.channel}/{self.ts}"


def parse(text: str | None) -> MessageRef | None:
    """Parses `team/channel/ts`, or a bare `ts` (stored before messages were edited). None if it is neither."""
    parts = (text or "").split("/")
    team, channel, ts = parts if len(parts) == 3 else ("", "", parts[-1])
    if len(parts) not in {1, 3} or not _TS.fullmatch(ts):
        return None
    return MessageRef(team=id_of(team), channel=id_of(channel), ts=ts)


def of_posted(answer: Mapping[str, Any]) -> MessageRef | None:
    """The reference of a message posted by `chat.postMessage`. None if the response has no `ts`."""
    ts, message = answer.get("ts"), answer.get("message")
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        return None
    team = (message.get("team") if isinstance(message, Mapping) else None) or answer.get("team")
    return MessageRef(team=id_of(team), channel=id_of(answer.get("channel")), ts=ts)


def link(ref: MessageRef, origin: str) -> str | None:
    """The message's URL, which Slack redirects to the workspace. None without the channel's id."""
    return f"{origin}/archives/{ref.channel}/p{ref.ts.replace('.', '')}" if ref.channel else None


def id_of(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""
