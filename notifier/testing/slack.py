"""A fake Slack that enforces Slack's limits, stores messages, and produces signed button presses."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from notifier.testing.http import Answer, Request, Server
from notifier.testing.slack_limits import slack_complaint

__all__ = ["FakeSlack", "SlackMessage", "slack_complaint"]

BURST = 4
_HOOK = "/services/T000/B000/s3cr3t"
_RESPONSES = "/actions/T000/1/r3sp0nse"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """The current state of a message: `document` is the last posted or edited body, `edits` the number of edits."""

    ts: str
    channel: str
    document: Mapping[str, Any]
    thread_ts: str | None = None
    edits: int = 0

    @property
    def text(self) -> str:
        """The text that a person sees, without the buttons."""
        shown = [str(self.document.get("text", ""))]
        for block in self.document.get("blocks", ()):
            elements = [] if block["type"] == "actions" else block.get("elements", [])
            parts = [block.get("text"), *block.get("fields", []), *elements]
            shown += [part["text"] for part in parts if part]
        return "\n".join(shown)

    @property
    def buttons(self) -> dict[str, Mapping[str, Any]]:
        """The interactive elements, by `action_id`."""
        blocks = [block for block in self.document.get("blocks", ()) if block["type"] == "actions"]
        return {element["action_id"]: element for block in blocks for element in block["elements"]}


class FakeSlack(Server):
    """Slack's Web API and an incoming webhook, with their limits and their authentication.

    `posted` and `edited` hold every body received, `messages` the current messages by `ts`, and `whispers`
    what was sent to a `response_url`. `fail` answers the next calls with Slack error codes, `script` with any
    answers. With `paced`, each channel takes one message a second after a burst of four. `enterprise` is the
    id of the Enterprise Grid organisation, and `org_wide` means that the app is installed for all of it.
    `archived` and `uninvited` hold ids of channels that are archived, or that the bot is no member of.
    `scopes` are the token's.
    """

    def __init__(
        self,
        *,
        token: str = "xoxb-test",  # noqa: S107
        channels: tuple[str, ...] = ("#oncall",),
        team: str = "T000",
        signing_secret: str = "8f742231b10e8888abcd99yyyzzz85a5",  # noqa: S107 - the one of Slack's documentation
        paced: bool = False,
        enterprise: str | None = None,
        org_wide: bool = False,
    ) -> None:
        super().__init__()
        self.enterprise = enterprise
        self.org_wide = org_wide
        self.token = token
        self.channels = channels
        self.team = team
        self.signing_secret = signing_secret
        self.paced = paced
        self.posted: list[dict[str, Any]] = []
        self.edited: list[dict[str, Any]] = []
        self.whispers: list[dict[str, Any]] = []
        self.messages: dict[str, SlackMessage] = {}
        self.archived: set[str] = set()
        self.uninvited: set[str] = set()
        self.scopes = ["chat:write", "channels:read", "groups:read"]
        self._script: deque[Answer] = deque()
        self._tokens: dict[str, tuple[float, float]] = {}

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/"

    @property
    def webhook_url(self) -> str:
        return f"{self.origin}{_HOOK}"

    @property
    def response_url(self) -> str:
        return f"{self.origin}{_RESPONSES}"

    @property
    def roots(self) -> list[SlackMessage]:
        """The messages that are no replies, oldest first."""
        return [message for message in list(self.messages.values()) if message.thread_ts is None]

    def replies(self, ts: str) -> list[SlackMessage]:
        """The replies in the thread of a message, oldest first."""
        return [message for message in list(self.messages.values()) if message.thread_ts == ts]

    def delete(self, ts: str) -> None:
        """Delete a message, as a person can in Slack."""
        del self.messages[ts]

    def script(self, *answers: Answer) -> None:
        self._script.extend(answers)

    def fail(self, *codes: str, headers: Mapping[str, str] | None = None) -> None:
        self.script(*(_slack(ok=False, error=code, headers=headers or {}) for code in codes))

    def press(
        self,
        ts: str,
        action: str,
        *,
        choice: str | None = None,
        user: Mapping[str, Any] | None = None,
        at: float | None = None,
        **changes: Any,
    ) -> tuple[dict[str, str], bytes]:
        """The headers and body that Slack sends when a person presses the button `action`.

        `choice` is the end of the selected option's value, `at` the time of the request in seconds since 1970
        (now by default). `changes` replace members of the payload.
        """
        payload = self._payload(self.messages[ts], action, choice, user or self.person("ann"))
        body = urlencode({"payload": json.dumps({**payload, **changes})}).encode()
        return self.signed(body, at=at), body

    def person(self, name: str, **changes: Any) -> dict[str, Any]:
        """A user as payloads contain it; in an organisation, `team_id` is the organisation's id."""
        return {
            "id": f"U{name.upper()}",
            "username": name,
            "name": name,
            "team_id": self.enterprise or self.team,
            **changes,
        }

    def signed(self, body: bytes, *, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        """The headers with which Slack sends a body: https://docs.slack.dev/authentication/verifying-requests-from-slack."""
        stamp = str(int(time.time() if at is None else at))
        key = (self.signing_secret if secret is None else secret).encode()
        digest = hmac.new(key, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }

    def handle(self, request: Request) -> Answer:
        if request.path == _RESPONSES:
            self.whispers.append(request.json())
            return Answer(body=b"ok")
        if self._script:
            return self._script.popleft()
        if request.path == _HOOK:
            return self._hook(request)
        method = request.path.removeprefix("/api/")
        known = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "auth.test": self._auth,
            "conversations.info": self._info,
        }
        if method not in known or method == request.path:
            return Answer(status=404, body=b"no_service")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _slack(ok=False, error="invalid_auth")
        return known[method](request.json())

    def _post(self, document: dict[str, Any]) -> Answer:
        channel = self._channel(document.get("channel"))
        if channel is None:
            return _slack(ok=False, error="channel_not_found")
        if slack_complaint(document) is not None:
            return _slack(ok=False, error="invalid_blocks")
        if self.paced and not self._take_token(channel):
            headers = {"Retry-After": "1"}
            return _slack(ok=False, error="ratelimited", headers=headers, status=429)
        self.posted.append(document)
        ts = f"1700000000.{len(self.posted):06d}"
        self.messages[ts] = SlackMessage(
            ts=ts, channel=channel, document=document, thread_ts=document.get("thread_ts")
        )
        message = {"type": "message", "text": document["text"], "ts": ts, "team": self.team}
        return _slack(ok=True, channel=channel, ts=ts, message=message)

    def _update(self, document: dict[str, Any]) -> Answer:
        known = self.messages.get(str(document.get("ts")))
        # `chat.update` takes the id of a channel, not its name.
        if document.get("channel") not in self._ids().values():
            return _slack(ok=False, error="channel_not_found")
        if known is None or known.channel != document["channel"]:
            return _slack(ok=False, error="message_not_found")
        if slack_complaint(document) is not None:
            return _slack(ok=False, error="invalid_blocks")
        self.edited.append(document)
        # An edit without blocks keeps the existing ones.
        kept = {} if "blocks" in document else {"blocks": known.document.get("blocks", [])}
        self.messages[known.ts] = SlackMessage(
            ts=known.ts,
            channel=known.channel,
            document={**document, **kept},
            thread_ts=known.thread_ts,
            edits=known.edits + 1,
        )
        return _slack(ok=True, channel=known.channel, ts=known.ts, text=document.get("text", ""))

    def _auth(self, _document: dict[str, Any]) -> Answer:
        headers = {"x-oauth-scopes": ",".join(self.scopes)}
        return _slack(
            headers=headers, ok=True, team="Example", team_id=self.team, user="notifier", user_id="UBOT"
        )

    def _info(self, document: dict[str, Any]) -> Answer:
        if "channels:read" not in self.scopes:
            return _slack(ok=False, error="missing_scope", needed="channels:read")
        id_ = document.get("channel")
        if id_ not in self._ids().values():
            return _slack(ok=False, error="channel_not_found")
        about = {"id": id_, "is_archived": id_ in self.archived, "is_member": id_ not in self.uninvited}
        return _slack(ok=True, channel=about)

    def _hook(self, request: Request) -> Answer:
        document = request.json()
        if slack_complaint(document) is not None:
            return Answer(status=400, body=b"invalid_blocks")
        self.posted.append(document)
        return Answer(headers={"Content-Type": "text/html"}, body=b"ok")

    def _ids(self) -> dict[str, str]:
        return {name: f"C{index:03}" for index, name in enumerate(self.channels)}

    def _channel(self, wanted: Any) -> str | None:
        ids = self._ids()
        return wanted if wanted in ids.values() else ids.get(wanted)

    def _take_token(self, channel: str) -> bool:
        now = time.monotonic()
        tokens, since = self._tokens.get(channel, (float(BURST), now))
        tokens = min(float(BURST), tokens + now - since)
        self._tokens[channel] = (tokens - 1 if tokens >= 1 else tokens, now)
        return tokens >= 1

    def _workspace(self) -> dict[str, Any]:
        team: dict[str, Any] = {"id": self.team, "domain": "example"}
        if self.enterprise is None:
            return {"team": team, "enterprise": None, "is_enterprise_install": False}
        return {
            "team": None
            if self.org_wide
            else {**team, "enterprise_id": self.enterprise, "enterprise_name": "Org"},
            "enterprise": {"id": self.enterprise, "name": "Org"},
            "is_enterprise_install": self.org_wide,
        }

    def _payload(
        self, message: SlackMessage, action: str, choice: str | None, user: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A `block_actions` payload: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload."""
        names = {id_: name.removeprefix("#") for name, id_ in self._ids().items()}
        return {
            "type": "block_actions",
            "user": dict(user),
            "api_app_id": "A000",
            "token": "the-verification-token-of-old",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
            **self._workspace(),
            "channel": {"id": message.channel, "name": names[message.channel]},
            "message": {
                "type": "message",
                "user": "UBOT",
                "bot_id": "B000",
                "app_id": "A000",
                "team": self.team,
                "ts": message.ts,
                "text": message.document.get("text", ""),
                "blocks": message.document.get("blocks", []),
            },
            "state": {"values": {}},
            "response_url": self.response_url,
            "actions": [_pressed(message.buttons[action], choice)],
        }


def _pressed(element: Mapping[str, Any], choice: str | None) -> dict[str, Any]:
    """The pressed element as a payload contains it."""
    used = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": "b1",
        "action_ts": "1700000001.000001",
    }
    if element["type"] == "button":
        return {
            **used,
            **{name: element[name] for name in ("text", "value", "style", "url") if name in element},
        }
    [option] = [option for option in element["options"] if option["value"].endswith(f":{choice}")]
    return {**used, "placeholder": element.get("placeholder"), "selected_option": option}


def _slack(*, headers: Mapping[str, str] | None = None, status: int = 200, **document: Any) -> Answer:
    return Answer(
        status=status,
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        body=json.dumps(document).encode(),
    )
