"""A mail server with scripted refusals, delays and authentication. It needs aiosmtpd, a development dependency."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

_FULL_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|\[[0-9A-Za-z.:]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One accepted mail."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return "" if part is None else str(part.get_content())


class SmtpServer:
    """A mail server.

    `refuse` maps a recipient to the reply for it (`550 5.1.1 no such user`), `after_data` is the reply after
    the final dot (None accepts the mail), and `hang` delays that reply by seconds. `tls` offers STARTTLS,
    `login` requires this user and password, and `implicit` starts TLS with the connection. `strict_hello`
    refuses recipients, as postfix does, unless the client's HELO name is a full host name or an address in
    brackets; `hellos` holds all HELO names. `peak` is the highest number of sessions open at once.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        implicit: bool = False,
        strict_hello: bool = False,
    ) -> None:
        self.refuse: dict[str, str] = {}
        self.refuse_sender: str | None = None
        self.after_data: str | None = None
        self.hang = 0.0
        self.peak = 0
        self.strict_hello = strict_hello
        self.hellos: list[str] = []
        self._tls = tls
        self._login = login
        self._implicit = implicit
        self._open: set[int] = set()
        self._mails: list[Mail] = []
        self._arrived = threading.Condition()

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    @property
    def mails(self) -> list[Mail]:
        """The mails accepted so far, oldest first."""
        with self._arrived:
            return list(self._mails)

    def wait_for(self, count: int, timeout: float = 30.0) -> list[Mail]:
        """The first `count` mails. `TimeoutError` is raised if fewer have arrived after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._mails) >= count, timeout):
                raise TimeoutError(f"{len(self._mails)} of {count} mails came within {timeout} s")
            return list(self._mails[:count])

    def start(self) -> Self:
        self._controller = _controller(self, self._tls, self._login, implicit=self._implicit)
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd finds its hooks by name
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.hellos.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self,
        _server: Any,
        session: Any,
        envelope: Any,
        address: str,
        _options: list[str],
    ) -> str:
        if self._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if self.refuse_sender is not None:
            return self.refuse_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        _server: Any,
        session: Any,
        envelope: Any,
        address: str,
        _options: list[str],
    ) -> str:
        if self.strict_hello and not _FULL_NAME.fullmatch(session.host_name):
            return f"504 5.5.2 <{session.host_name}>: Helo command rejected: need fully-qualified hostname"
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.hang)
        if self.after_data is not None:
            return self.after_data
        mail = Mail(sender=envelope.mail_from, recipients=tuple(envelope.rcpt_tos), raw=envelope.content)
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return "250 OK"

    def _opened(self, session: int) -> None:
        self._open.add(session)
        self.peak = max(self.peak, len(self._open))


def _controller(
    server: SmtpServer, tls: ssl.SSLContext | None, login: tuple[str, str] | None, *, implicit: bool
) -> Any:
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - a development dependency
    from aiosmtpd.smtp import SMTP, AuthResult  # noqa: PLC0415

    class Counted(SMTP):
        """One session. STARTTLS calls `connection_made` again, so sessions are counted by identity."""

        def connection_made(self, transport: Any) -> None:
            server._opened(id(self))  # noqa: SLF001 - a part of the server
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            server._open.discard(id(self))  # noqa: SLF001
            super().connection_lost(error)

    class Listening(Controller):
        def factory(self) -> SMTP:
            return Counted(self.handler, **self.SMTP_kwargs)

        def _trigger_server(self) -> None:
            # The base class connects to the configured port, which is 0.
            listening: Any = self.server
            self.port = listening.sockets[0].getsockname()[1]
            super()._trigger_server()  # type: ignore[no-untyped-call]

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    options: dict[str, Any] = {"ssl_context" if implicit else "tls_context": tls}
    if login is not None:
        # aiosmtpd does not count implicit TLS as TLS: `handle_MAIL` checks the login instead.
        secured = {"auth_required": True, "auth_require_tls": tls is not None}
        options |= {"authenticator": check} | ({"auth_require_tls": False} if implicit else secured)
    return Listening(server, hostname="127.0.0.1", port=0, **options)
