"""Posts a signed JSON document (Standard Webhooks 1.0); its schema is `webhook.schema.json` beside this file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from notifier import wording
from notifier.channels.addresses import allowed_networks
from notifier.channels.base import Capabilities, ChannelSettings, Kind, Toolbox
from notifier.channels.http import SecretUrl, name_of, parse_url
from notifier.channels.outcomes import failure
from notifier.channels.signing import signature, signing_key
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.message import Message
from notifier.domain.time import SECOND, rfc3339

Document = dict[str, Any]
Shrink = Callable[[Document], Document]

CAP = 20_000  # bytes: under 20 KB by either count


def _secret(secret: SecretStr) -> SecretStr:
    signing_key(secret.get_secret_value())
    return secret


def _network(text: str) -> str:
    try:
        allowed_networks([text])
    except ValueError:
        raise ValueError("must be a network such as 10.20.0.0/16, without host bits, or an address") from None
    return text


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) or value is None else [value]


class WebhookSettings(ChannelSettings):
    """`url` may hold credentials in its userinfo or query, so it is a secret too; without `secret`, unsigned."""

    url: SecretUrl
    secret: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_secret)], ...],
        BeforeValidator(_listed, json_schema_input_type=SecretStr | list[SecretStr]),
        Field(min_length=0, max_length=2),
    ] = ()
    allow_addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()

    @model_validator(mode="after")
    def _two_differ(self) -> WebhookSettings:
        if len(set(self.secret)) != len(self.secret):
            raise ValueError(
                "the two secrets are the same: a list of two is for changing from one to another"
            )
        return self


def schema() -> Document:
    """The published JSON Schema of the body."""
    document: Document = json.loads((files("notifier.channels") / "webhook.schema.json").read_text("utf-8"))
    return document


def payload(message: Message) -> bytes:
    """The body: the same bytes for the same message, always under 20 KB.

    What does not fit goes in this order: the newest event's context and outer frames, then more of it, then all of
    it; long texts are cut; at last incidents are left out and counted in `truncated`.
    """
    incidents = [{**told.incident.as_json(), "reason": told.reason.value} for told in message.told]
    for step in _STEPS:
        incidents = list(map(step, incidents))
        body = _encode(_document(message, incidents))
        if len(body) < CAP:
            return body
    return _encode(_document(message, list(_fitting(message, incidents))))


def _document(message: Message, incidents: list[Document]) -> Document:
    left_out = message.more + len(message.told) - len(incidents)
    # A body of the older form may have been sent before: its repeats are the same bytes.
    note = {} if message.form < 2 else {"note": _cut(message.note, wording.NOTE)}
    return {
        "type": f"incident.{message.reason.value}",
        "version": 1,
        "timestamp": rfc3339(message.at),
        "data": {
            "group": message.group,
            "reason": message.reason.value,
            "incidents": incidents,
            "truncated": {"incidents": left_out},
            "suppressed": message.suppressed,
            "thread_id": message.thread_id,
            "previous_thread_id": message.previous_thread_id,
            **note,
        },
    }


def _encode(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _fitting(message: Message, incidents: list[Document]) -> Iterator[Document]:
    room = CAP - len(_encode(_document(message, []))) - 32
    for incident in incidents:
        room -= len(_encode(incident)) + 1
        if room <= 0:
            return
        yield incident


def _event(change: Callable[[Mapping[str, Any]], Document | None]) -> Shrink:
    def step(incident: Document) -> Document:
        event = incident["latest_event"]
        return incident if event is None else {**incident, "latest_event": change(event)}

    return step


def _inner_frames(kept: int) -> Callable[[Mapping[str, Any]], Document]:
    def change(event: Mapping[str, Any]) -> Document:
        slim = {name: value for name, value in event.items() if name != "context"}
        exception = slim.get("exception")
        if isinstance(exception, Mapping) and isinstance(exception.get("frames"), list):
            frames = exception["frames"][-kept:] if kept else []
            slim["exception"] = {**exception, "frames": frames}
        return slim

    return change


def _told_once(event: Mapping[str, Any]) -> Document:
    """The event without what its incident says already, cut to what a person reads."""
    exception = event.get("exception")
    names = ("id", "timestamp", "release", "host", "message", "trace_id")
    slim: Document = {name: _cut(event[name], 500) for name in names if name in event}
    if isinstance(exception, Mapping):
        slim["exception"] = {
            name: _cut(exception[name], 500) for name in ("type", "message") if name in exception
        }
    return slim


def _cut(value: Any, limit: int) -> Any:
    return value[: limit - 1] + "…" if isinstance(value, str) and len(value) > limit else value


def _short(incident: Document) -> Document:
    slim = {name: _cut(value, 300) for name, value in incident.items()}
    labels = list(incident["labels"].items())[:20]
    slim["labels"] = {_cut(name, 64): _cut(value, 100) for name, value in labels}
    slim["varying"] = [_cut(name, 64) for name in incident["varying"][:20]]
    return slim


_STEPS: tuple[Shrink, ...] = (
    lambda incident: incident,
    _event(_inner_frames(10)),
    _event(_inner_frames(1)),
    _event(_told_once),
    _event(lambda _event: None),
    _short,
)


class WebhookChannel:
    """One target: the URL without its userinfo, query and fragment."""

    def __init__(self, settings: WebhookSettings, toolbox: Toolbox) -> None:
        self._url = parse_url(settings.url.get_secret_value())
        self._keys = [signing_key(secret.get_secret_value()) for secret in settings.secret]
        self._allowed = allowed_networks(settings.allow_addresses)
        self._toolbox = toolbox

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        body = payload(message)
        reply = await self._toolbox.http.post(
            self._url, body, headers=self._headers(message.id, body), allow_addresses=self._allowed
        )
        error = failure(reply.status, reply.retry_after)
        if error is not None:
            raise error
        return Receipt(detail=f"the receiver answered {reply.status}")

    async def aclose(self) -> None:
        return None

    def _headers(self, id_: str, body: bytes) -> dict[str, str]:
        seconds = self._toolbox.clock.now() // SECOND
        headers = {
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(seconds),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, id_=id_, seconds=seconds, body=body)
        return headers


def _open(_name: str, settings: WebhookSettings, toolbox: Toolbox) -> WebhookChannel:
    return WebhookChannel(settings, toolbox)


KIND = Kind(
    name="webhook",
    settings=WebhookSettings,
    open=_open,
    targets=lambda settings: (name_of(parse_url(settings.url.get_secret_value())),),
    digest=False,
    can=Capabilities(idempotent=True, max_bytes=CAP),
)
