"""Button presses in Slack: verifies a callback, parses its payload, and makes the reply.

https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from notifier.channels.base import Callback, CallbackRefusal, CallbackReply
from notifier.channels.http import parse_url
from notifier.channels.slack import message_ref, signature
from notifier.channels.slack.encoding import encoded, escaped
from notifier.channels.slack.settings import SlackSettings
from notifier.domain import button as buttons
from notifier.domain.button import Button
from notifier.domain.interaction import Person, Press
from notifier.domain.time import SECOND, Instant
from notifier.wording import interactions

if TYPE_CHECKING:
    import httpx

KIND = "slack"
ORGANISATION = "E"  # the first letter of organisations' ids
STRANGER = (
    "Only members of the workspace that this message was posted to, or of its organisation, may do that: "
    "nothing was done."
)
TEXT = 2_000
_HOSTS = ("slack.com", "slack-gov.com")


class SlackInbound:
    """Parses callbacks of Slack apps. Each channel with a `signing_secret` belongs to an app."""

    receiver = "Slack"

    def read(
        self, callback: Callback, channels: Mapping[str, SlackSettings], *, now: Instant
    ) -> Press | CallbackReply | CallbackRefusal:
        """The press, or an empty reply if no button with an action was pressed. Never raises."""
        form = _form(callback.body)
        if form.get("ssl_check") == "1" and "payload" not in form:
            return CallbackReply()
        stamp, signed = (
            callback.headers.get(f"x-slack-{name}") for name in ("request-timestamp", "signature")
        )
        complaint = signature.complaint(stamp, signed, now=now)
        if complaint is not None or stamp is None or signed is None:
            return CallbackRefusal(detail=complaint or signature.UNSIGNED)
        zones = {name: channels[name].time_zone for name in _signers(channels, stamp, signed, callback.body)}
        if not zones:
            return CallbackRefusal(detail=signature.FORGED)
        payload = _payload(form)
        if payload is None:
            detail = "send a form with `payload`, which is a JSON object"
            return CallbackRefusal(detail=detail, authentic=True)
        action = _action(payload)
        if action is None:
            return CallbackReply()
        button, (thread, span) = action
        return Press(
            id=hashlib.sha256(signed.encode()).hexdigest(),
            at=int(stamp) * SECOND,
            kind=KIND,
            receiver=self.receiver,
            channels=zones,
            button=button,
            thread=thread,
            span=span,
            person=_person(payload),
            origin=_origin(payload),
            reply_url=_reply_url(payload, channels),
        )

    def reply(self, text: str | None) -> CallbackReply:
        """A message that only the person who pressed sees."""
        if text is None:
            return CallbackReply()
        document = {"response_type": "ephemeral", "replace_original": False, "text": escaped(text, TEXT)}
        return CallbackReply(body=encoded(document), content_type="application/json; charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackOrigin:
    """The place of a press, as the payload reports it. Unknown values are empty.

    `team` is the workspace of the press, empty if the app is installed for a whole organisation; `orgs` are the
    organisation's ids. `home` is the workspace that the message was posted to. `user_team` is the workspace or
    organisation of the person.
    """

    team: str
    channel: str
    ts: str
    user_team: str
    orgs: frozenset[str] = frozenset()
    home: str = ""

    def refusal(self, refs: AbstractSet[str]) -> str | None:
        """Why the press is refused, or None. It must come from the workspace, channel and message of the thread.

        Guests of a shared channel are refused too.
        """
        if not (self.channel and self.ts):
            return interactions.FOREIGN
        homes = {self._home(ref) for ref in refs} - {None} if refs else {self.home}
        if not homes or not (self.team or self.orgs):
            return interactions.FOREIGN
        return None if self.user_team in self._members(homes) else STRANGER

    def _home(self, text: str) -> str | None:
        """The workspace of a stored message reference, or None if it is another message.

        References without a workspace (a bare `ts`, from before messages were edited) get the payload's.
        """
        ref = message_ref.parse(text)
        if ref is None or ref.ts != self.ts or ref.channel not in {"", self.channel}:
            return None
        home = ref.team or self.home
        # Payloads of an organisation-wide app lack the workspace, so only the organisation can be compared.
        untold = not self.team and not home.startswith(ORGANISATION)
        return home if untold or home in {"", self.team, *self.orgs} else None

    def _members(self, homes: AbstractSet[str | None]) -> AbstractSet[str | None]:
        """The ids of members: those of their workspace, or of its organisation."""
        teams = {self.team} if self.team else homes
        return (teams | self.orgs) - {"", None}


def _signers(channels: Mapping[str, SlackSettings], stamp: str, signed: str, body: bytes) -> frozenset[str]:
    secrets = {
        name: settings.signing_secret.get_secret_value()
        for name, settings in channels.items()
        if settings.signing_secret is not None
    }
    return signature.signers(secrets, stamp, signed, body)


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=16, errors="replace")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _payload(form: Mapping[str, str]) -> Mapping[str, Any] | None:
    try:
        payload = json.loads(form.get("payload", ""))
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _action(payload: Mapping[str, Any]) -> tuple[Button, tuple[str, buttons.Span | None]] | None:
    """The button and its value. None if it is not one of ours, or only a link."""
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    if payload.get("type") != "block_actions" or not isinstance(action, dict):
        return None
    name = _text(action, "action_id")
    carried = buttons.read(_text(action, "value") or _text(action, "selected_option", "value"))
    if name not in set(Button) or name == Button.OPEN or carried is None:
        return None
    return Button(name), carried


def _person(payload: Mapping[str, Any]) -> Person:
    name = _text(payload, "user", "username") or _text(payload, "user", "name")
    return Person(id=_text(payload, "user", "id"), name=name)


def _origin(payload: Mapping[str, Any]) -> SlackOrigin:
    team = _text(payload, "team", "id")
    return SlackOrigin(
        team="" if team.startswith(ORGANISATION) else team,
        channel=_text(payload, "container", "channel_id"),
        ts=_text(payload, "container", "message_ts"),
        user_team=_text(payload, "user", "team_id") if _text(payload, "user", "id") else "",
        orgs=_organisations(payload),
        home=_text(payload, "message", "team"),
    )


def _organisations(payload: Mapping[str, Any]) -> frozenset[str]:
    """The organisation's ids. In an Enterprise organisation the ids of users belong to it."""
    paths = (("enterprise", "id"), ("team", "enterprise_id"), ("team", "id"))
    ids = (_text(payload, *path) for path in paths)
    return frozenset(id_ for id_ in ids if id_.startswith(ORGANISATION))


def _reply_url(payload: Mapping[str, Any], channels: Mapping[str, SlackSettings]) -> str | None:
    """The `response_url`. None if it is on another host than Slack's or a configured `base_url`'s."""
    text = _text(payload, "response_url")
    try:
        url = parse_url(text)
    except ValueError:
        return None
    bases = {_server(parse_url(settings.base_url)) for settings in channels.values()}
    return text if _is_slack(url) or _server(url) in bases else None


def _is_slack(url: httpx.URL) -> bool:
    own = any(url.host == host or url.host.endswith(f".{host}") for host in _HOSTS)
    return own and url.scheme == "https" and url.port is None and not url.userinfo


def _server(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _text(document: Mapping[str, Any], *path: str) -> str:
    """The text at this path, empty if there is none."""
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
