"""Delivers one mail to one recipient over SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Literal

import aiosmtplib

from notifier.channels.ehlo import address_literal
from notifier.channels.lookups import stream_addresses
from notifier.channels.smtp_replies import At, connection_error, refusal
from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration

__all__ = ["DEADLINE", "QUIT", "SmtpSession", "connection_error", "refusal"]

# Together below the 30 s of an attempt, so that this session can still tell whether the mail was accepted.
DEADLINE: Duration = 25 * SECOND
QUIT: Duration = 2 * SECOND
# Short, because the first of several addresses may not respond.
CONNECT: Duration = 8 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSession:
    """The connection settings of a mail server. `password` is sent over TLS or to loopback only.

    `hello` is the name for EHLO. The default is the address of this end of the connection.
    """

    host: str
    port: int
    security: Literal["starttls", "implicit", "none"]
    tls: ssl.SSLContext
    hello: str | None = None
    username: str | None = None
    password: str | None = None
    deadline: Duration = DEADLINE
    quit_timeout: Duration = QUIT

    async def deliver(self, mail: bytes, *, sender: str, recipient: str) -> None:
        """Returns once the server has accepted the mail, else raises `SendError`. Later failures are ignored."""
        await self._run_session(mail, sender, recipient)

    async def verify(self, *, sender: str, recipient: str) -> None:
        """Returns if the server would accept mail to this recipient, without sending one, else raises `SendError`."""
        await self._run_session(None, sender, recipient)

    async def _run_session(self, mail: bytes | None, sender: str, recipient: str) -> None:
        stage = _Stage()
        client: aiosmtplib.SMTP | None = None
        try:
            async with asyncio.timeout(self.deadline / SECOND):
                connected = await _dial(self.host, self.port)
                client = self._client(connected)
                await self._deliver(client, stage, mail, sender, recipient)
            await self._quit(client)
        except aiosmtplib.SMTPResponseException as error:
            raise refusal(stage.at, error.code, error.message) from None
        except (OSError, EOFError, UnicodeError, aiosmtplib.SMTPException) as error:
            implicit = self.security == "implicit"
            raise connection_error(stage.at, error, host=self.host, implicit=implicit) from None
        finally:
            if client is not None:
                client.close()

    def _client(self, connected: socket.socket) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            sock=connected,
            use_tls=self.security == "implicit",
            start_tls=False,
            tls_context=self.tls if self.security != "none" else None,
            timeout=self.deadline / SECOND,
            local_hostname=self.hello or address_literal(str(connected.getsockname()[0])),
        )

    async def _deliver(
        self, client: aiosmtplib.SMTP, stage: _Stage, mail: bytes | None, sender: str, recipient: str
    ) -> None:
        stage.at = "greeting"
        await client.connect()
        stage.at = "hello"
        await self._greet(client)
        if self.security == "starttls":
            stage.at = "encryption"
            await self._encrypt(client)
            stage.at = "hello"
            await client.ehlo()
        if self.username is not None and self.password is not None:
            stage.at = "login"
            await client.login(self.username, self.password)
        stage.at = "sender"
        await client.mail(sender)
        stage.at = "recipient"
        await client.rcpt(recipient)
        if mail is None:
            await client.rset()
            return
        stage.at = "data"
        await client.data(mail)

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        """Sends EHLO, and HELO where a firewall or a small relay does not know that."""
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError as error:
            if error.code not in _NOT_IMPLEMENTED:
                raise
            await client.helo()

    async def _encrypt(self, client: aiosmtplib.SMTP) -> None:
        if not client.supports_extension("starttls"):
            raise SendError(
                Outcome.BLOCKED,
                "the mail server does not offer STARTTLS: nothing was sent in the clear; "
                "does it want implicit TLS (`tls: implicit`, usually on port 465)?",
            )
        await client.starttls(tls_context=self.tls)

    async def _quit(self, client: aiosmtplib.SMTP) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, aiosmtplib.SMTPException):
            await client.quit(timeout=self.quit_timeout / SECOND)


_NOT_IMPLEMENTED = frozenset({500, 502, 504})


@dataclass(slots=True)
class _Stage:
    at: At = "connection"


async def _dial(host: str, port: int) -> socket.socket:
    """A connection to the first address that accepts one."""
    last: OSError = OSError("no address")
    for family, kind, protocol, _, address in await stream_addresses(host, port):
        try:
            return await _connected(socket.socket(family, kind, protocol), address)
        except OSError as error:
            last = error
    raise last


async def _connected(end: socket.socket, address: tuple[object, ...]) -> socket.socket:
    end.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT / SECOND):
            await asyncio.get_running_loop().sock_connect(end, address)
    except BaseException:
        end.close()
        raise
    return end
