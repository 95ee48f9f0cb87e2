"""Mail over SMTP: one delivery per recipient, text and HTML, threads that hold without a stored reference."""

from __future__ import annotations

import hashlib
import re
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.utils import format_datetime
from functools import cache
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from jinja2 import PackageLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from notifier.channels import mime, wording
from notifier.channels.base import ChannelSettings, Kind, Toolbox
from notifier.channels.smtp import Session
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.message import Message
from notifier.domain.time import SECOND

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_SPEC = re.compile(rf"({_LOCAL})@({_DOMAIN})")
_NAMED = re.compile(r'"?([^"<>@,;:\\\x00-\x1f\x7f\ud800-\udfff]*?)"?\s*<([^<>]*)>')


def parse_address(text: str) -> Address:
    """One mailbox, `ann@example.com` or `Ann <ann@example.com>`. `ValueError` for none, several or an odd one.

    Stricter than RFC 5322: quoted local parts and comments are where injections hide.
    """
    named = _NAMED.fullmatch(text.strip(" "))
    name, spec = (named[1].strip(), named[2]) if named else ("", text.strip(" "))
    found = _SPEC.fullmatch(spec)
    if found is None or len(spec) > 254 or len(found[1]) > 64 or "=?" in spec:
        raise ValueError(
            "must be one address: ann@example.com or Ann <ann@example.com>, a domain in its xn-- form"
        )
    return Address(display_name=name, username=found[1], domain=found[2])


def _address(text: str) -> str:
    parse_address(text)
    return text


def _recipient(text: str) -> str:
    return parse_address(text).addr_spec


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class SmtpSettings(ChannelSettings):
    """`tls`: `starttls` unless the host is loopback, where it is `none`. Ports: 587, 465 and 25 by `tls`."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    tls: Literal["starttls", "implicit", "none"] | None = None
    username: str | None = None
    password: SecretStr | None = None

    @property
    def security(self) -> Literal["starttls", "implicit", "none"]:
        return self.tls or ("none" if _is_loopback(self.host) else "starttls")

    @property
    def dialled_port(self) -> int:
        return self.port or {"starttls": 587, "implicit": 465, "none": 25}[self.security]

    @model_validator(mode="after")
    def _sound(self) -> SmtpSettings:
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("`tls: none` is for loopback hosts only: use starttls or implicit")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` belong together: give both, or neither")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class EmailSettings(ChannelSettings):
    smtp: SmtpSettings
    sender: Annotated[str, AfterValidator(_address), Field(alias="from")]
    to: Annotated[
        tuple[Annotated[str, AfterValidator(_recipient)], ...],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        Field(min_length=1),
    ]

    @model_validator(mode="after")
    def _each_once(self) -> EmailSettings:
        if len({one.lower() for one in self.to}) != len(self.to):
            raise ValueError("`to` names an address twice: keep one")
        return self


def payload(message: Message, *, sender: Address, recipient: str, thread: Thread) -> bytes:
    """The whole mail. Its Message-ID is the delivery's, so a repeat is recognised as one."""
    told = wording.story(message)
    root = message_id(f"thread-{thread.id}", sender.domain)
    head = (
        ("From", mime.mailbox("From", sender)),
        ("To", mime.mailbox("To", parse_address(recipient))),
        ("Subject", mime.unstructured("Subject", told.subject)),
        ("Date", format_datetime(datetime.fromtimestamp(message.at // SECOND, UTC))),
        ("Message-ID", message_id(message.id, sender.domain)),
        ("In-Reply-To", root),
        ("References", root),
        # RFC 3834: keeps vacation responders silent.
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    )
    text = "\n".join(wording.lines(told)) + "\n"
    return mime.compose(head, text=text, html=_template().render(story=told))


def message_id(name: str, domain: str) -> str:
    """`<name@domain>`; a name that a Message-ID could not carry goes in by its hash."""
    safe = (
        name
        if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name)
        else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
    )
    return f"<{safe}@{domain}>"


@cache
def _template() -> Template:
    environment = SandboxedEnvironment(
        loader=PackageLoader("notifier.channels"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("email.html.j2")


class EmailChannel:
    """One SMTP session per delivery. `tls` replaces the system's trust, for tests and private authorities."""

    def __init__(self, settings: EmailSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._sender = parse_address(settings.sender)
        self._tls = ssl.create_default_context() if tls is None else tls

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:
        mail = payload(message, sender=self._sender, recipient=target, thread=thread)
        smtp = self._settings.smtp
        session = Session(
            host=smtp.host,
            port=smtp.dialled_port,
            security=smtp.security,
            tls=self._tls,
            username=smtp.username,
            password=None if smtp.password is None else smtp.password.get_secret_value(),
        )
        await session.deliver(mail, sender=self._sender.addr_spec, recipient=target)
        return Receipt(ref=message_id(message.id, self._sender.domain))

    async def aclose(self) -> None:
        return None


def _open(_name: str, settings: EmailSettings, _toolbox: Toolbox) -> EmailChannel:
    return EmailChannel(settings)


KIND = Kind(
    name="email",
    settings=EmailSettings,
    open=_open,
    targets=lambda settings: settings.to,
    concurrency=4,
    action_links=True,
    recipients=("to",),
)
