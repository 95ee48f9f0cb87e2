"""Mail over SMTP: one delivery per recipient, text and HTML, threading without stored references."""

from __future__ import annotations

import ssl
from email.headerregistry import Address
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from notifier import wording
from notifier.channels import ehlo, mail_headers, mime
from notifier.channels.base import Capabilities, ChannelSettings, Kind, Toolbox
from notifier.channels.mailbox import parse_address
from notifier.channels.smtp import SmtpSession
from notifier.channels.smtp_settings import SmtpSettings, warnings
from notifier.channels.time_zone import TimeZone
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.message import Message
from notifier.wording import RenderOptions

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["KIND", "EmailChannel", "EmailSettings", "SmtpSettings", "parse_address", "payload"]


def _address(text: str) -> str:
    parse_address(text)
    return text


def _recipient(text: str) -> str:
    return parse_address(text).addr_spec


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class EmailSettings(ChannelSettings):
    smtp: SmtpSettings
    sender: Annotated[str, AfterValidator(_address), Field(alias="from")]
    to: Annotated[
        tuple[Annotated[str, AfterValidator(_recipient)], ...],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        Field(min_length=1),
    ]

    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _check_duplicates(self) -> EmailSettings:
        if len({address.lower() for address in self.to}) != len(self.to):
            raise ValueError("`to` names an address twice: keep one")
        return self


def payload(
    message: Message,
    *,
    sender: Address,
    recipient: str,
    thread: Thread,
    options: RenderOptions | None = None,
) -> bytes:
    """The whole mail. Its Message-ID is made of the delivery's id, so a repeat can be recognised."""
    rendered = wording.render(message, options)
    head = (
        ("From", mime.mailbox("From", sender)),
        ("To", mime.mailbox("To", parse_address(recipient))),
        ("Subject", mime.unstructured("Subject", rendered.subject)),
        *mail_headers.headers(
            message, scope=rendered.scope, severity=rendered.severity, thread=thread, domain=sender.domain
        ),
    )
    text = "\n".join(wording.lines(rendered)) + "\n"
    return mime.compose(head, text=text, html=_template().render(story=rendered))


@cache
def _template() -> Template:
    from jinja2 import PackageLoader, StrictUndefined  # noqa: PLC0415 - not needed to validate settings
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

    environment = SandboxedEnvironment(
        loader=PackageLoader("notifier.channels"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("email.html.j2")


class EmailChannel:
    """One SMTP session per delivery. `tls` replaces the trusted authorities, for tests; `url` is the base of links."""

    def __init__(
        self, settings: EmailSettings, *, tls: ssl.SSLContext | None = None, url: str | None = None
    ) -> None:
        self._settings = settings
        self._sender = parse_address(settings.sender)
        self._options = RenderOptions(zone=ZoneInfo(settings.time_zone))
        self._tls = settings.smtp.trust() if tls is None else tls
        self._hello = settings.smtp.hello or ehlo.name_of_url(url)
        self._asked = False

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:
        mail = payload(message, sender=self._sender, recipient=target, thread=thread, options=self._options)
        await (await self._session()).deliver(mail, sender=self._sender.addr_spec, recipient=target)
        return Receipt(ref=mail_headers.message_id(message.id, self._sender.domain))

    async def check(self, *, target: str) -> str:
        smtp = self._settings.smtp
        await (await self._session()).verify(sender=self._sender.addr_spec, recipient=target)
        logged_in = "" if smtp.username is None else ", took the login"
        server = f"the mail server {smtp.host} port {smtp.dialled_port}"
        return f"{server} answered{logged_in} and would take mail to the target"

    async def _session(self) -> SmtpSession:
        smtp = self._settings.smtp
        return SmtpSession(
            host=smtp.host,
            port=smtp.dialled_port,
            security=smtp.security,
            tls=self._tls,
            hello=await self._name(),
            username=smtp.username,
            password=None if smtp.password is None else smtp.password.get_secret_value(),
        )

    async def aclose(self) -> None:
        return None

    async def _name(self) -> str | None:
        """The name for EHLO. The machine's own name is looked up once."""
        if self._hello is None and not self._asked:
            self._hello = await ehlo.own_name()
            self._asked = True
        return self._hello


def _open(_name: str, settings: EmailSettings, toolbox: Toolbox) -> EmailChannel:
    return EmailChannel(settings, url=toolbox.url)


def _preview(_name: str, settings: EmailSettings, message: Message, _url: str | None) -> str:
    rendered = wording.render(message, RenderOptions(zone=ZoneInfo(settings.time_zone)))
    return "\n".join([f"Subject: {rendered.subject}", "", *wording.lines(rendered)])


KIND = Kind(
    name="email",
    settings=EmailSettings,
    open=_open,
    targets=lambda settings: settings.to,
    warnings=lambda settings: warnings(settings.smtp),
    concurrency=4,
    can=Capabilities(threads=True, links=True, idempotent=True, max_bytes=1_000_000),
    recipients=("to",),
    preview=_preview,
)
