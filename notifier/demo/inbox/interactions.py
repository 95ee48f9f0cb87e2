"""The signed request that Slack sends for a press of a button. Pure except for the clock.

https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from notifier.demo.inbox.blocks import Action
from notifier.demo.inbox.messages import SlackPost

TEAM: Final = "T0DEMO"
CHANNEL: Final = "C0DEMO"
USER: Final = {"id": "U0DEMO", "username": "you", "name": "you", "team_id": TEAM}


def payload(message: SlackPost, action: Action, value: str, *, response_url: str) -> dict[str, Any]:
    """The `block_actions` payload for a press of one element of a message."""
    where = {"type": "message", "message_ts": message.ts, "channel_id": CHANNEL, "is_ephemeral": False}
    pressed: dict[str, Any] = {
        "type": action.type,
        "action_id": action.action_id,
        "block_id": action.block_id,
        "action_ts": f"{time.time():.6f}",
    }
    if action.choices:
        text = next((choice.label for choice in action.choices if choice.value == value), "")
        pressed["selected_option"] = {"text": {"type": "plain_text", "text": text}, "value": value}
    else:
        pressed |= {"text": {"type": "plain_text", "text": action.label}, "value": value}
    return {
        "type": "block_actions",
        "user": dict(USER),
        "api_app_id": "A0DEMO",
        "team": {"id": TEAM, "domain": "demo"},
        "enterprise": None,
        "is_enterprise_install": False,
        "container": where if message.thread_ts is None else {**where, "thread_ts": message.thread_ts},
        "channel": {"id": CHANNEL, "name": message.channel.lstrip("#")},
        "message": {"type": "message", "ts": message.ts, "text": message.text},
        "trigger_id": f"{time.time_ns()}.demo",
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [pressed],
    }


def signed(document: Mapping[str, Any], secret: str) -> tuple[bytes, dict[str, str]]:
    """The request's body and headers: https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    body, stamp = urlencode({"payload": json.dumps(document)}).encode(), str(int(time.time()))
    made = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={made}",
    }


def reply_text(status: int, body: bytes) -> str | None:
    """The text for the person who pressed, in an answer or a call of the `response_url`; None if there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    words = document.get("text") or document.get("detail") if isinstance(document, dict) else None
    if words:
        return str(words)
    return None if status < 300 else f"The service answered {status}."
