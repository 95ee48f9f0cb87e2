"""Posts a signed JSON document (Standard Webhooks 1.0), in notifier's own format or one of other products.

The schema of notifier's own is `webhook.schema.json` beside this file; the bodies are made in `payloads/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from notifier.channels.addresses import allowed_networks
from notifier.channels.base import Capabilities, ChannelSettings, Kind, Toolbox
from notifier.channels.checks import reached
from notifier.channels.http import SecretUrl, name_of, parse_url
from notifier.channels.outcomes import failure
from notifier.channels.payloads import alertmanager, cloudevents, pagerduty
from notifier.channels.payloads.fitting import CAP, Document
from notifier.channels.payloads.native import payload
from notifier.channels.signing import signature, signing_key
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.message import Message
from notifier.domain.time import SECOND

__all__ = ["CAP", "KIND", "WebhookChannel", "WebhookSettings", "payload", "schema"]

Format = Literal["notifier", "alertmanager-v4", "pagerduty-v2", "cloudevents"]


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


def _routing_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{1,256}", key.get_secret_value()):
        raise ValueError("must be an integration's key, such as PagerDuty shows it: no spaces or line breaks")
    return key


_UNSEEN = SecretStr("...")


class WebhookSettings(ChannelSettings):
    """`url` may hold credentials, so it is a secret too. Without `secret`, requests are not signed.

    `format` is the form of the body; `pagerduty-v2` needs the `routing_key` of its integration.
    """

    url: SecretUrl
    secret: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_secret)], ...],
        BeforeValidator(_listed, json_schema_input_type=SecretStr | list[SecretStr]),
        Field(min_length=1, max_length=2),
    ] = ()
    allow_addresses: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    format: Format = "notifier"
    routing_key: Annotated[SecretStr, AfterValidator(_routing_key)] | None = None

    @model_validator(mode="after")
    def _check_secrets(self) -> WebhookSettings:
        if len(set(self.secret)) != len(self.secret):
            raise ValueError(
                "the two secrets are the same: a list of two is for changing from one to another"
            )
        return self

    @model_validator(mode="after")
    def _check_routing_key(self) -> WebhookSettings:
        if self.format == "pagerduty-v2" and self.routing_key is None:
            raise ValueError("has `format: pagerduty-v2`, so it needs the `routing_key` of an integration")
        if self.format != "pagerduty-v2" and self.routing_key is not None:
            raise ValueError(
                "has a `routing_key`, which only `format: pagerduty-v2` sends: add it, or remove the key"
            )
        return self


def schema() -> Document:
    """The published JSON Schema of the body."""
    document: Document = json.loads((files("notifier.channels") / "webhook.schema.json").read_text("utf-8"))
    return document


class WebhookChannel:
    """A channel with one target: its URL, as shown by `name_of`."""

    def __init__(self, settings: WebhookSettings, toolbox: Toolbox, *, name: str = "webhook") -> None:
        self._url = parse_url(settings.url.get_secret_value())
        self._keys = [signing_key(secret.get_secret_value()) for secret in settings.secret]
        self._allowed = allowed_networks(settings.allow_addresses)
        self._toolbox = toolbox
        self._payload = _payload_of(settings, name, toolbox.url)
        self._content_type = (
            cloudevents.CONTENT_TYPE if settings.format == "cloudevents" else "application/json"
        )

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:  # noqa: ARG002
        body = self._payload(message)
        reply = await self._toolbox.http.post(
            self._url, body, headers=self._headers(message.id, body), allow_addresses=self._allowed
        )
        error = failure(reply.status, reply.retry_after)
        if error is not None:
            raise error
        return Receipt(detail=f"the receiver answered {reply.status}")

    async def check(self, *, target: str) -> str:  # noqa: ARG002 - there is one
        return reached(
            await self._toolbox.http.reach(self._url, allow_addresses=self._allowed),
            self._toolbox.clock.now(),
        )

    async def aclose(self) -> None:
        return None

    def _headers(self, id_: str, body: bytes) -> dict[str, str]:
        seconds = self._toolbox.clock.now() // SECOND
        headers = {
            "Content-Type": self._content_type,
            "webhook-id": id_,
            "webhook-timestamp": str(seconds),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, id_=id_, seconds=seconds, body=body)
        return headers


def _payload_of(settings: WebhookSettings, name: str, url: str | None) -> Callable[[Message], bytes]:
    match settings.format:
        case "alertmanager-v4":
            return partial(alertmanager.payload, receiver=name, url=url)
        case "pagerduty-v2":
            key = settings.routing_key
            return partial(pagerduty.payload, routing_key="" if key is None else key.get_secret_value())
        case "cloudevents":
            return partial(cloudevents.payload, url=url)
        case "notifier":
            return payload


def _open(name: str, settings: WebhookSettings, toolbox: Toolbox) -> WebhookChannel:
    return WebhookChannel(settings, toolbox, name=name)


def _preview(name: str, settings: WebhookSettings, message: Message, url: str | None) -> str:
    shown = settings if settings.routing_key is None else settings.model_copy(update={"routing_key": _UNSEEN})
    return json.dumps(json.loads(_payload_of(shown, name, url)(message)), ensure_ascii=False, indent=2)


KIND = Kind(
    name="webhook",
    settings=WebhookSettings,
    open=_open,
    targets=lambda settings: (name_of(parse_url(settings.url.get_secret_value())),),
    digest=False,
    digestible=lambda settings: settings.format != "pagerduty-v2",
    preview=_preview,
    can=Capabilities(idempotent=True, max_bytes=CAP),
)
