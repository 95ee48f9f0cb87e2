"""The `smtp` section of an email channel: the mail server and how to log in."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from notifier.channels.base import ChannelSettings
from notifier.channels.ca_file import CaFile
from notifier.channels.ehlo import validated

Security = Literal["starttls", "implicit", "none"]
IMPLICIT_PORT = 465
_PORTS: dict[Security, int] = {"starttls": 587, "implicit": IMPLICIT_PORT, "none": 25}


def _host(text: str) -> str:
    if ":" in text and not _is_address(text):
        raise ValueError("must be a name or an address alone: its port goes into `smtp.port`")
    return text


class SmtpSettings(ChannelSettings):
    """`tls` defaults to `implicit` for port 465, else to `none` for loopback and `starttls` for any other host.

    `port` defaults to 587, 465 or 25 by `tls`. `hello` is the name for EHLO; the default is the host of `server.url`,
    this machine's full name, or its address. `ca_file` is trusted instead of the system's authorities.
    """

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$"), AfterValidator(_host)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    tls: Security | None = None
    username: str | None = None
    password: SecretStr | None = None
    hello: Annotated[str, AfterValidator(validated)] | None = None
    ca_file: CaFile | None = None

    @property
    def security(self) -> Security:
        if self.tls is None and self.port == IMPLICIT_PORT:
            return "implicit"
        return self.tls or ("none" if _is_loopback(self.host) else "starttls")

    @property
    def dialled_port(self) -> int:
        return self.port or _PORTS[self.security]

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context() if self.ca_file is None else self.ca_file.context()

    @model_validator(mode="after")
    def _check_consistency(self) -> SmtpSettings:
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("`tls: none` is for loopback hosts only: use starttls or implicit")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` belong together: give both, or neither")
        return self


def warnings(settings: SmtpSettings) -> Iterator[str]:
    """Sentences about settings that are allowed but probably a mistake."""
    if settings.port == IMPLICIT_PORT and settings.security == "starttls":
        yield "smtp: port 465 wants `tls: implicit` on most servers: `tls: starttls` goes with port 587"
    if settings.port in {25, 587} and settings.security == "implicit":
        yield f"smtp: port {settings.port} wants `tls: starttls` on most servers: `tls: implicit` goes with port 465"
    if settings.security == "none" and settings.ca_file is not None:
        yield "smtp: `ca_file` is not used, for nothing is encrypted: set `tls: starttls` or `tls: implicit`"


def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback if _is_address(host) else host.lower() == "localhost"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
