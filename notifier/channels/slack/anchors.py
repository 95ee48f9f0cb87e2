"""Where a thread's root stands in Slack: how it is kept, and the link that leads there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TS = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")
_ID = re.compile(r"[A-Z0-9]{2,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A message of Slack's. `team` and `channel` are ids; empty where nobody knows them."""

    team: str = ""
    channel: str = ""
    ts: str

    def __str__(self) -> str:
        return f"{self.team}/{self.channel}/{self.ts}"


def read(ref: str | None) -> Anchor | None:
    """The anchor that `team/channel/ts` is; a bare `ts` was kept before there were edits. None: it is no such thing."""
    parts = (ref or "").split("/")
    team, channel, ts = parts if len(parts) == 3 else ("", "", parts[-1])
    if len(parts) not in {1, 3} or not _TS.fullmatch(ts):
        return None
    return Anchor(team=id_of(team), channel=id_of(channel), ts=ts)


def posted(answer: Mapping[str, Any]) -> Anchor | None:
    """Where the message is that `chat.postMessage` has answered for; None where it does not say."""
    ts, message = answer.get("ts"), answer.get("message")
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        return None
    team = (message.get("team") if isinstance(message, Mapping) else None) or answer.get("team")
    return Anchor(team=id_of(team), channel=id_of(answer.get("channel")), ts=ts)


def link(anchor: Anchor, origin: str) -> str | None:
    """The address of a message. Slack leads from there to the workspace; without the channel's id there is none."""
    return f"{origin}/archives/{anchor.channel}/p{anchor.ts.replace('.', '')}" if anchor.channel else None


def id_of(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""
